//! Reads a ProviderModule, and a ConfigMap that may hold its module.
//!
//! What a ProviderModule may say is the definition in `cluster/crds`; a folder and a cluster read the same.

use std::collections::BTreeMap;

use super::fields::{Fields, Notes};
use super::{Head, name_of};
use crate::sources::Mistake;
use crate::sources::cluster::crds::ProviderModuleSpec;
use crate::sources::manifest::{ConfigMapObject, ModuleObject};
use crate::sources::yaml::{Node, Value};

const OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Reads what follows the head; no object when its `spec` is not one.
pub(super) fn read(
    fields: &Fields<'_>,
    head: Head,
    mut notes: Notes,
) -> (Option<ModuleObject>, Vec<Mistake>) {
    fields.expect_only(&OBJECT, &mut notes);
    if fields.entry("spec", &mut notes).is_none() {
        fields.note_missing("spec", "add it with `type:` and `source:`", &mut notes);
    }
    let Some(entry) = fields.entry("spec", &mut notes) else { return (None, notes.finish().1) };
    let spec = serde_json::from_value::<ProviderModuleSpec>(entry.value.to_json());
    let spec = match spec {
        Ok(spec) => Some(Box::new(spec)),
        Err(err) => {
            notes.mistake(entry.line, "spec", format!("is not what a ProviderModule takes: {err}"));
            None
        }
    };
    if let Some(Err(err)) = spec.as_ref().map(|spec| spec.wish(&head.id.name)) {
        notes.mistake(entry.line, "spec", err.to_string());
    }
    let (origin, mistakes) = notes.finish();
    (spec.map(|spec| ModuleObject { id: head.id, origin, spec }), mistakes)
}

/// The binary data of a ConfigMap, if it has some.
pub(super) fn config_map(node: &Node) -> Option<ConfigMapObject> {
    let (namespace, name) = name_of(node)?;
    let Value::Map(entries) = &node.get("binaryData")?.value else { return None };
    let binary: BTreeMap<String, String> = entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned())))
        .collect();
    Some(ConfigMapObject { namespace: namespace.to_owned(), name: name.to_owned(), binary })
}
