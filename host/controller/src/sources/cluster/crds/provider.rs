//! The custom resource Provider.

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::status::{Condition, LastDelivery, conditions, unobserved};

/// Where events are sent, and what that needs.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1beta3",
    kind = "Provider",
    namespaced,
    doc = "A receiver of events: a chat, a forge, a system for alerts.",
    status = "ProviderStatus",
    shortname = "nprov",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    printcolumn = r#"{"name":"Last","type":"string","description":"How the last delivery ended","jsonPath":".status.lastDelivery.outcome"}"#,
    printcolumn = r#"{"name":"Waiting","type":"integer","priority":1,"jsonPath":".status.waiting"}"#,
    printcolumn = r#"{"name":"Dead","type":"integer","priority":1,"jsonPath":".status.dead"}"#
)]
#[kube(crates(kube_core = "kube::core"))]
#[serde(rename_all = "camelCase")]
pub struct ProviderSpec {
    /// The type of receiver, such as `slack`: the name of the module that decides what is sent.
    #[schemars(length(min = 1))]
    pub r#type: String,
    /// The channel, room or topic, as far as the type has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The name under which messages are posted, or with which Herald logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The receiver's address. The key `address` of the Secret beats it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How long one attempt may take, such as `15s`; that is also the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The address of an HTTP proxy. Deprecated: `proxySecretRef` keeps its password out of sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(http|https)://"))]
    pub proxy: Option<String>,
    /// A Secret of this namespace with the proxy's `address`, and `username` and `password` if it wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<SecretReference>,
    /// A Secret of this namespace with `address`, `token`, `username`, `password`, `headers` or what else the type needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// A Secret of this namespace with `ca.crt`, or `tls.crt` and `tls.key`, or all three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretReference>,
    /// A ServiceAccount of this namespace whose identity is shown to the cloud, for the types that know one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// A CEL expression over `event`, `alert` and `provider` that yields the id of a commit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_status_expr: Option<String>,
    /// Sends nothing while it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Without effect; kept for objects that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Options of the type's module, checked against its schema. Flux has no such field and drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Names a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SecretReference {
    /// Its name.
    pub name: String,
}

/// What Herald says of a Provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = unobserved)]
pub struct ProviderStatus {
    /// Ready, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The value of the annotation `reconcile.fluxcd.io/requestedAt` that was last obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The latest delivery that ended or was put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<LastDelivery>,
    /// How many deliveries wait for another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<i64>,
    /// How many deliveries were given up, as far back as the journal reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<i64>,
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
