//! What a ProviderModule asks for: which module serves a type, where it is, and what it may have.
//!
//! It must not know how a module is fetched or loaded.

use std::time::Duration;

use crate::rollout::Rollout;

/// How often a tag is looked up when nobody says otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(300);
/// The shortest time between two lookups: registries count them.
pub const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// A module for a type, as an object says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderModule {
    /// The object's name.
    pub name: String,
    /// The provider type that it serves.
    pub kind: String,
    /// Where the component is.
    pub source: ModuleSource,
    /// The digest that the component must have.
    pub digest: Option<String>,
    /// What it may have beyond secrets in headers and signatures.
    pub grants: Vec<String>,
    /// What a new revision goes through before every delivery is its.
    pub rollout: Rollout,
    /// The namespaces whose Providers may use it; empty for all.
    pub namespaces: Vec<String>,
    /// How often its source is asked again.
    pub interval: Duration,
    /// The memory that a call of it may take, if that is less than others may.
    pub memory_bytes: Option<usize>,
    /// How long a call of it may run, if that is less than others may.
    pub running: Option<Duration>,
}

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleSource {
    /// In an OCI registry.
    Oci {
        /// `registry/repository:tag`, or with a digest.
        reference: String,
        /// Who must have signed it.
        signer: Signer,
    },
    /// In an object that holds it.
    Object,
}

/// Who must have signed an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Nobody.
    Anybody,
    /// Whoever has the key to the one that comes with it.
    Key,
    /// One of these, as the authorities and the log that come with it say.
    Keyless(Vec<Identity>),
}

/// Somebody who may sign, as regular expressions in the syntax of Go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches for the subject, such as the URL of an OpenID Connect issuer.
    pub issuer: String,
    /// A mail address or a URI, such as that of a workflow.
    pub subject: String,
}

/// What its source needs or holds, read from Secrets and ConfigMaps.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Materials {
    /// The logins for registries, as a `.dockerconfigjson`.
    pub logins: Option<String>,
    /// The authority that signed the registry's certificate, as PEM.
    pub ca: Option<String>,
    /// The key that must have signed the artifact, as PEM.
    pub key: Option<String>,
    /// The authorities whose certificates count for signatures without a key, as PEM.
    pub fulcio: Option<String>,
    /// The key of the transparency log that such signatures are entered in, as PEM.
    pub rekor: Option<String>,
    /// The component itself.
    pub component: Option<Vec<u8>>,
}

/// What became of a ProviderModule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// The step that failed and why, for people.
    pub failure: Option<Failure>,
    /// The digest of the artifact in its registry.
    pub artifact: Option<String>,
    /// What the newest module of it asks for, as one would grant it.
    pub asks: Vec<String>,
    /// The revisions of its type, the newest first.
    pub revisions: Vec<RevisionSeen>,
    /// How the last call of it failed, with the functions that were running.
    pub last_trap: Option<String>,
}

impl Installed {
    /// Nothing, for this reason.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One word of a closed list, such as `CasesFailed`.
    pub reason: &'static str,
    /// What to change.
    pub message: String,
    /// Whether only a change of the object can help.
    pub is_final: bool,
}

/// A revision, as a status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionSeen {
    /// The digest of the component.
    pub digest: String,
    /// What it is to its type, such as `active`.
    pub state: String,
    /// Since when.
    pub since: String,
    /// Why, where that is not plain.
    pub reason: String,
}
