//! Joins ProviderModules with the Secrets and ConfigMaps that they name.
//!
//! It must not know how a module is fetched or loaded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_core::provider_module::{Materials, ProviderModule};

use super::Secrets;
use crate::sources::cluster::crds::{KeyReference, ObjectReference, ProviderModuleSpec};
use crate::sources::manifest::{ConfigMapObject, ModuleObject};

/// A module that is asked for, or why what it names cannot be had.
pub struct ModuleWanted {
    /// Where it was written, such as `modules.yaml:3`.
    pub place: String,
    /// The object's name.
    pub name: String,
    /// What is asked for, and what its source needs or holds.
    pub wish: Result<(ProviderModule, Materials), String>,
}

/// What the objects ask for. One with a mistake of its own was told already and asks for nothing.
pub(super) fn wanted<'a>(
    objects: &[&ModuleObject],
    secrets: &Secrets<'_>,
    config_maps: impl Iterator<Item = &'a ConfigMapObject> + Clone,
) -> Vec<ModuleWanted> {
    let wishes = objects.iter().filter_map(|object| {
        let wish = object.spec.wish(&object.id.name).ok()?;
        let materials = materials(&object.spec, secrets, config_maps.clone());
        Some(ModuleWanted {
            place: object.origin.to_string(),
            name: object.id.name.clone(),
            wish: materials.map(|materials| (wish, materials)),
        })
    });
    wishes.collect()
}

fn materials<'a>(
    spec: &ProviderModuleSpec,
    secrets: &Secrets<'_>,
    config_maps: impl Iterator<Item = &'a ConfigMapObject>,
) -> Result<Materials, String> {
    let mut materials = Materials::default();
    if let Some(oci) = &spec.source.oci {
        for (reference, key, place) in oci.secrets(&mut materials) {
            *place = Some(secret(reference, key, secrets)?);
        }
    }
    if let Some(reference) = &spec.source.config_map {
        materials.component = Some(component(reference, config_maps)?);
    }
    Ok(materials)
}

fn secret(at: &ObjectReference, key: &str, secrets: &Secrets<'_>) -> Result<String, String> {
    let name = format!("the Secret {}/{}", at.namespace, at.name);
    let found = secrets.get(&at.namespace, &at.name);
    let found = found.ok_or_else(|| format!("{name} does not exist; add it"))?;
    let value = found.values.get(key).ok_or_else(|| format!("{name} has no key {key}; add it"))?;
    let text = value.text.as_ref().map_err(|_| format!("{name}: {key} is no text"))?;
    Ok(text.expose().to_owned())
}

fn component<'a>(
    at: &KeyReference,
    mut config_maps: impl Iterator<Item = &'a ConfigMapObject>,
) -> Result<Vec<u8>, String> {
    let name = format!("the ConfigMap {}/{}", at.namespace, at.name);
    let found = config_maps.find(|map| map.namespace == at.namespace && map.name == at.name);
    let value = found.and_then(|map| map.binary.get(&at.key));
    let value = value.ok_or_else(|| format!("{name} has no key {} in its binaryData", at.key))?;
    let plain: String = value.split_whitespace().collect();
    STANDARD.decode(plain).map_err(|_| format!("{name}: {} is not base64", at.key))
}
