//! The custom resource ProviderModule, Herald's own.

use std::time::Duration;

use herald_core::patterns::Patterns;
use herald_core::provider_module::{
    DEFAULT_INTERVAL, Identity, MIN_INTERVAL, Materials, ModuleSource, ProviderModule as Wish,
    Signer,
};
use herald_core::rollout::{Canary, Rollout, RolloutError};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::status::{Condition, conditions, unobserved};
use crate::telemetry::report;

/// Which module serves a provider type, where it is, and what it may have.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "herald.dev",
    version = "v1alpha1",
    kind = "ProviderModule",
    doc = "A module that decides what is sent to the Providers of one type.",
    status = "ProviderModuleStatus",
    shortname = "pmod",
    category = "herald",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    printcolumn = r#"{"name":"Active","type":"string","jsonPath":".status.activeRevision"}"#
)]
#[kube(crates(kube_core = "kube::core"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderModuleSpec {
    /// The provider type that it serves: a new one, or one that Herald has a module for, which is replaced.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub r#type: String,
    /// Where the component is.
    pub source: SourceSpec,
    /// The SHA-256 that the component itself must have, wherever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<String>,
    /// What it may have beyond secrets in headers and signatures: `full-address`, `secret-values`, `secrets-in-path`,
    /// `secrets-in-query`, `secrets-in-body`, `host:NAME`, `credential:NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// What a new revision goes through before every delivery is its.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSpec>,
    /// The namespaces whose Providers may use it; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_namespaces: Vec<String>,
    /// What a call of it may take, where that is less than others may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSpec>,
    /// How often the source is asked again, such as `5m`; that is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

/// Where a component is: exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSpec {
    /// In an OCI registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci: Option<OciSpec>,
    /// In a ConfigMap's `binaryData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<KeyReference>,
}

/// An artifact in an OCI registry, in the layout of the CNCF for WebAssembly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OciSpec {
    /// `registry/repository:tag` or `registry/repository@sha256:…`.
    pub reference: String,
    /// A Secret of the type `kubernetes.io/dockerconfigjson`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret_ref: Option<ObjectReference>,
    /// A Secret whose key `ca.crt` is the authority that signed the registry's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<ObjectReference>,
    /// A Secret whose key `cosign.pub` is the key that must have signed the artifact. Without a right signature it does
    /// not serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_secret_ref: Option<ObjectReference>,
    /// Who must have signed the artifact without a key, by a certificate of Fulcio and an entry of Rekor. Without a right
    /// signature it does not serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_keyless: Option<KeylessSpec>,
}

/// Who may sign, and who is believed to say who signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeylessSpec {
    /// A Secret whose key `fulcio.crt.pem` has the certificates of Fulcio, at least a root, and whose key `rekor.pub` is
    /// the public key of Rekor.
    pub trust_root_secret_ref: ObjectReference,
    /// Who may sign: one of these is enough.
    #[serde(rename = "matchOIDCIdentity")]
    #[schemars(length(min = 1))]
    pub match_oidc_identity: Vec<IdentitySpec>,
}

/// Somebody who may sign. Both are regular expressions that are sought anywhere in the text: `^` and `$` hold its ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentitySpec {
    /// Who vouched for the subject, such as `^https://token\.actions\.githubusercontent\.com$`.
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// The mail address or URI of who signed, such as
    /// `^https://github\.com/acme/modules/\.github/workflows/release\.yml@refs/tags/.*$`.
    #[schemars(length(min = 1))]
    pub subject: String,
}

/// An object of some namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A key of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyReference {
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The key.
    pub key: String,
}

/// What a call may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsSpec {
    /// Its memory in MiB; 64 at most, which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub memory_mib: Option<u16>,
    /// How long it may run in milliseconds; 250 at most, which is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 250))]
    pub running_millis: Option<u16>,
}

/// How a new revision takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolloutSpec {
    /// For so many deliveries it only shows what it would have sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<u32>,
    /// Then it makes a share of the deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanarySpec>,
}

/// A share of the deliveries for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanarySpec {
    /// Of a hundred deliveries.
    #[schemars(range(min = 1, max = 99))]
    pub percent: u8,
    /// After so many that went well all deliveries are its.
    #[schemars(range(min = 1))]
    pub deliveries: u32,
}

/// What Herald says of a ProviderModule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = unobserved)]
pub struct ProviderModuleStatus {
    /// Ready, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The digest of the component that serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_revision: Option<String>,
    /// The digest of the artifact in its registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// What the newest module of it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<String>,
    /// The revisions of the type, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<RevisionStatus>,
    /// How a call of it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_trap: Option<String>,
}

/// One revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionStatus {
    /// The digest of the component.
    pub digest: String,
    /// `active`, `shadow`, `canary`, `previous`, `held`, `rolled-back` or `withdrawn`.
    pub state: String,
    /// Since when.
    pub since: String,
    /// Why, where that is not plain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A spec that cannot be followed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadSpec {
    /// It names no source, or several.
    #[error("spec.source: give exactly one of oci and configMap")]
    Source,
    /// A signature is asked for in two ways.
    #[error("spec.source.oci: give one of verifySecretRef and verifyKeyless, or none")]
    Signers,
    /// Nobody may sign.
    #[error(
        "spec.source.oci.verifyKeyless.matchOIDCIdentity: give at least one entry, each with an issuer and a subject"
    )]
    Nobody,
    /// An expression cannot be used.
    #[error("spec.source.oci.verifyKeyless.matchOIDCIdentity: {0}")]
    Identity(String),
    /// A rollout makes no sense.
    #[error("spec.{0}")]
    Rollout(#[from] RolloutError),
    /// The interval is none.
    #[error("spec.interval: {0:?} is no duration of at least 10s, such as 5m")]
    Interval(String),
}

impl OciSpec {
    fn signer(&self) -> Result<Signer, BadSpec> {
        let keyless = match (&self.verify_secret_ref, &self.verify_keyless) {
            (None, None) => return Ok(Signer::Anybody),
            (Some(_), None) => return Ok(Signer::Key),
            (Some(_), Some(_)) => return Err(BadSpec::Signers),
            (None, Some(keyless)) => keyless,
        };
        let entries = &keyless.match_oidc_identity;
        // An empty expression is found in every text.
        if entries.is_empty()
            || entries.iter().any(|entry| entry.issuer.is_empty() || entry.subject.is_empty())
        {
            return Err(BadSpec::Nobody);
        }
        for list in [
            entries.iter().map(|entry| entry.issuer.clone()).collect::<Vec<_>>(),
            entries.iter().map(|entry| entry.subject.clone()).collect(),
        ] {
            if let Some(err) = Patterns::compile(&list).1.first() {
                return Err(BadSpec::Identity(report(err)));
            }
        }
        let identity = |entry: &IdentitySpec| Identity {
            issuer: entry.issuer.clone(),
            subject: entry.subject.clone(),
        };
        Ok(Signer::Keyless(entries.iter().map(identity).collect()))
    }

    /// The Secrets that it names, each with a key that must be there and where its value belongs.
    pub(crate) fn secrets<'a>(
        &'a self,
        into: &'a mut Materials,
    ) -> Vec<(&'a ObjectReference, &'static str, &'a mut Option<String>)> {
        let root = self.verify_keyless.as_ref().map(|keyless| &keyless.trust_root_secret_ref);
        let all = [
            (self.pull_secret_ref.as_ref(), ".dockerconfigjson", &mut into.logins),
            (self.cert_secret_ref.as_ref(), "ca.crt", &mut into.ca),
            (self.verify_secret_ref.as_ref(), "cosign.pub", &mut into.key),
            (root, "fulcio.crt.pem", &mut into.fulcio),
            (root, "rekor.pub", &mut into.rekor),
        ];
        all.into_iter().filter_map(|(at, key, place)| Some((at?, key, place))).collect()
    }
}

impl ProviderModuleSpec {
    /// What it asks for, under the object's name.
    ///
    /// # Errors
    /// Names the field that makes no sense.
    pub fn wish(&self, name: &str) -> Result<Wish, BadSpec> {
        let source = match (&self.source.oci, &self.source.config_map) {
            (Some(oci), None) => {
                ModuleSource::Oci { reference: oci.reference.clone(), signer: oci.signer()? }
            }
            (None, Some(_)) => ModuleSource::Object,
            (Some(_), Some(_)) | (None, None) => return Err(BadSpec::Source),
        };
        let rollout = self.rollout.clone().unwrap_or_default();
        let canary = rollout.canary;
        let canary =
            canary.map(|CanarySpec { percent, deliveries }| Canary { percent, deliveries });
        let rollout = Rollout { shadow: rollout.shadow.unwrap_or(0), canary }.validate()?;
        let interval = match &self.interval {
            None => DEFAULT_INTERVAL,
            Some(text) => herald_core::provider::parse_timeout(text)
                .ok()
                .filter(|interval| *interval >= MIN_INTERVAL)
                .ok_or_else(|| BadSpec::Interval(text.clone()))?,
        };
        let limits = self.limits.clone().unwrap_or_default();
        Ok(Wish {
            memory_bytes: limits.memory_mib.map(|mib| usize::from(mib) << 20),
            running: limits.running_millis.map(|millis| Duration::from_millis(millis.into())),
            name: name.to_owned(),
            kind: self.r#type.clone(),
            source,
            digest: self.digest.clone(),
            grants: self.grants.clone(),
            rollout,
            namespaces: self.allowed_namespaces.clone(),
            interval,
        })
    }
}
