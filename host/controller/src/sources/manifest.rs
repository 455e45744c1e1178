//! The user's objects as they were read: checked one by one, their references not yet followed.
//!
//! Every source fills these types, so nothing here knows YAML, files or a cluster's client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use herald_core::alert::Alert;
use herald_core::object_json::ObjectJson;
use herald_core::provider::Fallback;
use herald_core::secret::{SecretBytes, SecretText};
use uuid::Uuid;

use super::Mistake;
use super::cluster::crds::ProviderModuleSpec;

/// What names an object among all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    /// `Provider`, `Alert`, `Secret` or `ProviderModule`.
    pub(crate) kind: &'static str,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// Where an object and its fields were written.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The file, relative to the folder.
    pub(crate) file: Arc<str>,
    /// The line where the object begins.
    pub(crate) line: Option<u64>,
    /// The lines of the fields that were read, by path.
    pub(crate) fields: BTreeMap<String, u64>,
}

/// A Provider.
pub(crate) struct ProviderObject {
    /// Its name.
    pub(crate) id: ObjectId,
    /// Where it was written.
    pub(crate) origin: Origin,
    /// Its own uid, or one that follows from its name.
    pub(crate) uid: String,
    /// `spec.type`.
    pub(crate) kind: String,
    /// `spec.channel`.
    pub(crate) channel: String,
    /// `spec.username`.
    pub(crate) username: String,
    /// `spec.address`.
    pub(crate) address: String,
    /// `spec.proxy`.
    pub(crate) proxy: String,
    /// `spec.timeout` or the default.
    pub(crate) timeout: Duration,
    /// The annotation `herald.dev/concurrency`.
    pub(crate) concurrency: Option<u8>,
    /// The annotation `herald.dev/fallback`.
    pub(crate) fallback: Option<Fallback>,
    /// `spec.suspend`.
    pub(crate) suspend: bool,
    /// `spec.secretRef.name`.
    pub(crate) secret: Option<String>,
    /// `spec.certSecretRef.name`.
    pub(crate) cert_secret: Option<String>,
    /// `spec.proxySecretRef.name`.
    pub(crate) proxy_secret: Option<String>,
    /// `spec.serviceAccountName`, unless it is empty.
    pub(crate) service_account: Option<String>,
    /// `spec.commitStatusExpr`, known to compile.
    pub(crate) commit_status_expr: Option<String>,
    /// `spec.config`, an object.
    pub(crate) config: serde_json::Value,
    /// The object as expressions see it.
    pub(crate) json: ObjectJson,
    /// Why it cannot be used, as far as it shows in the object itself.
    pub(crate) problems: Vec<String>,
}

/// An Alert. It refers to nothing that it needs to be complete, so it is built once, when it is read.
pub(crate) struct AlertObject {
    /// Its name.
    pub(crate) id: ObjectId,
    /// Where it was written.
    pub(crate) origin: Origin,
    /// The Alert itself.
    pub(crate) alert: Arc<Alert>,
}

/// A Secret.
pub(crate) struct SecretObject {
    /// Its name.
    pub(crate) id: ObjectId,
    /// Where it was written.
    pub(crate) origin: Origin,
    /// Its values by key.
    pub(crate) values: BTreeMap<String, SecretValue>,
    /// Why a Provider that refers to it cannot be used.
    pub(crate) problems: Vec<String>,
}

/// A value of a Secret.
pub(crate) struct SecretValue {
    /// The path of its field, such as `stringData.token`.
    pub(crate) field: String,
    /// The value; its bytes when they are no UTF-8 text.
    pub(crate) text: Result<SecretText, SecretBytes>,
}

/// A ProviderModule.
pub(crate) struct ModuleObject {
    /// Its name.
    pub(crate) id: ObjectId,
    /// Where it was written.
    pub(crate) origin: Origin,
    /// What it asks for.
    pub(crate) spec: Box<ProviderModuleSpec>,
}

/// A ConfigMap, of which only a module is ever looked at.
pub(crate) struct ConfigMapObject {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its `binaryData`, in base64.
    pub(crate) binary: BTreeMap<String, String>,
}

/// Any other object: only `matchLabels` asks for it.
pub(crate) struct LabelledObject {
    /// Its kind.
    pub(crate) kind: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
}

/// All that was read from one place.
#[derive(Default)]
pub(crate) struct Objects {
    /// The Providers in the order of the text.
    pub(crate) providers: Vec<ProviderObject>,
    /// The Alerts in the order of the text.
    pub(crate) alerts: Vec<AlertObject>,
    /// The Secrets in the order of the text.
    pub(crate) secrets: Vec<SecretObject>,
    /// The ProviderModules in the order of the text.
    pub(crate) modules: Vec<ModuleObject>,
    /// The ConfigMaps with binary data.
    pub(crate) config_maps: Vec<ConfigMapObject>,
    /// Everything else.
    pub(crate) labelled: Vec<LabelledObject>,
}

/// What all objects have that must be there once.
pub(crate) trait Declared {
    /// Its name.
    fn id(&self) -> &ObjectId;
    /// Where it was written.
    fn origin(&self) -> &Origin;
}

impl ObjectId {
    /// The uid of an object that has none: the same as long as it keeps its name.
    #[must_use]
    pub(crate) fn derived_uid(&self) -> String {
        let name = format!("https://herald.dev/{}/{}/{}", self.kind, self.namespace, self.name);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }
}

/// Such as `Provider default/slack`.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

impl Origin {
    /// The line of a field, or of the nearest thing around it that was written.
    #[must_use]
    pub(crate) fn line_of(&self, field: &str) -> Option<u64> {
        let mut path = field;
        loop {
            if let Some(line) = self.fields.get(path) {
                return Some(*line);
            }
            match path.rsplit_once(['.', '[']) {
                Some((parent, _)) => path = parent,
                None => return self.line,
            }
        }
    }

    /// A mistake in a field of the object that was written here.
    #[must_use]
    pub(crate) fn mistake(&self, id: &ObjectId, field: &str, message: String) -> Mistake {
        Mistake {
            file: self.file.as_ref().to_owned(),
            line: self.line_of(field),
            field: field.to_owned(),
            object: id.to_string(),
            message,
            tolerated: false,
        }
    }
}

/// Such as `slack.yaml:3`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

impl Declared for ProviderObject {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Declared for AlertObject {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Declared for ModuleObject {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Declared for SecretObject {
    fn id(&self) -> &ObjectId {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}
