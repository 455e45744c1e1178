//! The custom resources that Herald serves, as Rust types and as the definitions that are installed in a cluster.
//!
//! One schema for all three versions, the union of what the peer has had: whatever was valid in one of them is valid here,
//! as objects are stored once and read as any version. What a field means is judged where objects are read, so that a
//! wrong one gets a reason in its status instead of being refused to somebody else's pipeline.

mod alert;
mod provider;
mod provider_module;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt as _;

pub use alert::{Alert, AlertStatus};
pub use provider::{Provider, ProviderStatus};
pub use provider_module::{
    BadSpec, CanarySpec, IdentitySpec, KeyReference, KeylessSpec, LimitsSpec, ObjectReference,
    OciSpec, ProviderModule, ProviderModuleSpec, ProviderModuleStatus, RevisionStatus, RolloutSpec,
    SourceSpec,
};
pub use status::{Condition, LastDelivery};

/// The group of Providers and Alerts.
pub const GROUP: &str = "notification.toolkit.fluxcd.io";
/// The version that is stored, and that Herald reads.
pub const STORED: &str = "v1beta3";
/// The versions that are served.
const VERSIONS: [&str; 3] = ["v1beta1", "v1beta2", STORED];

/// The definitions, each with the name of its file.
#[must_use]
pub fn definitions() -> Vec<(&'static str, CustomResourceDefinition)> {
    vec![
        ("alerts.yaml", in_all_versions(Alert::crd())),
        ("providermodules.yaml", ProviderModule::crd()),
        ("providers.yaml", in_all_versions(Provider::crd())),
    ]
}

/// A definition as it stands in its file.
#[must_use]
pub fn to_yaml(definition: &CustomResourceDefinition) -> String {
    let text = serde_saphyr::to_string(definition)
        .expect("a definition consists of texts, numbers, lists and maps with text keys");
    format!("---\n{}\n", text.trim_end())
}

/// Serves the one schema of a definition as each version.
fn in_all_versions(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let spec = &mut definition.spec;
    let Some(mut derived) = spec.versions.pop() else { return definition };
    if let Some(schema) =
        derived.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
    {
        loosen(schema);
        // Flux takes an object without a spec, so one may be there; its status says what is missing.
        schema.required = None;
        schema.title = None;
    }
    spec.versions = VERSIONS
        .into_iter()
        .map(|name| {
            let mut version = derived.clone();
            version.name = name.to_owned();
            version.storage = name == STORED;
            version
        })
        .collect();
    definition
}

/// Lets an explicit null pass for a field that is not set, as in Flux's definitions: where it is not allowed, the API server
/// drops it.
fn loosen(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        loosen(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => loosen(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(loosen),
        None => {}
    }
}

#[cfg(test)]
mod tests;
