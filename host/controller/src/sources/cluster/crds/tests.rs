use std::path::Path;

use serde_json::Value;

use super::*;

fn versions(file: &str) -> Vec<Value> {
    let (_, definition) =
        definitions().into_iter().find(|(name, _)| *name == file).expect("it is one of ours");
    let definition = serde_json::to_value(definition).unwrap();
    definition["spec"]["versions"].as_array().unwrap().clone()
}

#[test]
fn the_files_in_deploy_are_what_the_types_say() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    for (name, definition) in definitions() {
        let file = std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert_eq!(
            file,
            to_yaml(&definition),
            "deploy/crds/{name} is old: run `target/debug/herald crds --write deploy/crds`"
        );
    }
}

#[test]
fn all_versions_have_one_schema_and_the_last_is_stored() {
    for file in ["alerts.yaml", "providers.yaml"] {
        let versions = versions(file);
        let names: Vec<&Value> = versions.iter().map(|version| &version["name"]).collect();
        assert_eq!(names, ["v1beta1", "v1beta2", "v1beta3"]);
        for version in &versions {
            assert_eq!(version["schema"], versions[0]["schema"]);
            assert!(!version.to_string().contains("nullable"), "{version}");
            assert_eq!(version["storage"], version["name"] == STORED);
            assert_eq!(version["served"], true);
            assert!(version["subresources"]["status"].is_object(), "{version}");
        }
    }
}

#[test]
fn no_rule_is_stricter_than_the_loosest_version_of_the_peer() {
    let providers = versions("providers.yaml");
    let spec = &providers[2]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(spec["required"], serde_json::json!(["type"]));
    for field in ["channel", "username", "address", "timeout", "interval", "commitStatusExpr"] {
        let schema = &spec["properties"][field];
        assert_eq!(schema["type"], "string", "{field}");
        for rule in ["pattern", "maxLength", "enum"] {
            assert_eq!(schema[rule], Value::Null, "{field} has a {rule}");
        }
    }
    assert_eq!(spec["properties"]["type"]["enum"], Value::Null);
    assert_eq!(spec["x-kubernetes-validations"], Value::Null);
    assert_eq!(spec["properties"]["config"]["x-kubernetes-preserve-unknown-fields"], true);

    let alerts = versions("alerts.yaml");
    let spec = &alerts[2]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(spec["required"], serde_json::json!(["eventSources", "providerRef"]));
    assert_eq!(spec["properties"]["eventSeverity"]["default"], "info");
    assert_eq!(spec["properties"]["eventSources"]["minItems"], Value::Null);
    assert_eq!(spec["properties"]["summary"]["maxLength"], Value::Null);
}

#[test]
fn who_must_have_signed_is_one_policy_that_lets_in_somebody() {
    use herald_core::provider_module::{Identity, ModuleSource, Signer};
    use serde_json::json;

    let keyless = |identities: Value| {
        let root = json!({"namespace": "a", "name": "sigstore"});
        json!({"trustRootSecretRef": root, "matchOIDCIdentity": identities})
    };
    let key = json!({"namespace": "a", "name": "cosign"});
    let right = json!([{"issuer": "^i$", "subject": "^s$"}]);
    let asked = |more: Value| {
        let mut oci = json!({"reference": "r.example/a:1"});
        oci.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec: ProviderModuleSpec =
            serde_json::from_value(json!({"type": "t", "source": {"oci": oci}})).unwrap();
        match spec.wish("t").map_err(|err| err.to_string())?.source {
            ModuleSource::Oci { signer, .. } => Ok(signer),
            ModuleSource::Object => Err("it is in an object".to_owned()),
        }
    };
    assert_eq!(asked(json!({})), Ok(Signer::Anybody));
    assert_eq!(asked(json!({"verifySecretRef": key})), Ok(Signer::Key));
    let identity = Identity { issuer: "^i$".to_owned(), subject: "^s$".to_owned() };
    let wanted = asked(json!({"verifyKeyless": keyless(right.clone())}));
    assert_eq!(wanted, Ok(Signer::Keyless(vec![identity])));
    for (more, part) in [
        (json!({"verifySecretRef": key, "verifyKeyless": keyless(right)}), "give one of"),
        (json!({"verifyKeyless": keyless(json!([]))}), "at least one entry"),
        (
            json!({"verifyKeyless": keyless(json!([{"issuer": "i", "subject": ""}]))}),
            "each with an issuer and a subject",
        ),
        (
            json!({"verifyKeyless": keyless(json!([{"issuer": "i", "subject": "("}]))}),
            "entry 0 is not a regular expression",
        ),
    ] {
        let told = asked(more).unwrap_err();
        assert!(told.contains(part), "{part}: {told}");
    }
}
