//! What is wrong with a Provider or an Alert shows in its status, and goes from there when it is mended.

use std::time::Duration;

use serde_json::json;

use crate::world::run;
use crate::{alert, object, provider, secret};

#[test]
fn every_fault_shows_its_reason_in_the_status_and_goes_when_it_is_mended() {
    run(async |world| {
        world.namespace("apps").await;
        let herald = world.herald(&[]).await;
        let address = "https://hooks.example.invalid/x";
        let with_secret = |kind: &str, name: &str| json!({"type": kind, "address": address, "secretRef": {"name": name}});

        let mut took = Vec::new();
        let mut check = async |name: &str, spec: serde_json::Value, expected: &str, said: &str| {
            world.apply(&provider("v1beta3", "apps", name, spec)).await;
            let (message, within) = world.ready("Provider", "apps", name, expected).await;
            assert!(message.contains(said), "{name}: {message}");
            took.push(within);
        };
        check("unknown-type", json!({"type": "pigeon"}), "False UnknownType", "pigeon").await;
        let bad_timeout = json!({"type": "generic", "address": address, "timeout": "soon"});
        check("bad-spec", bad_timeout, "False InvalidSpec", "spec.timeout").await;
        let no_secret = with_secret("generic-hmac", "absent");
        check("no-secret", no_secret, "False SecretNotFound", "Secret apps/absent").await;
        world.apply(&secret("apps", "empty", json!({"other": "x"}))).await;
        let no_key = with_secret("generic-hmac", "empty");
        check("no-key", no_key, "False ValidationFailed", "token").await;
        world
            .apply(&secret("apps", "bad", json!({"token": "t", "address": "not an address"})))
            .await;
        let bad_secret = with_secret("generic-hmac", "bad");
        check("bad-secret", bad_secret, "False InvalidSecret", "address").await;
        println!("faults showed after {took:?}");
        assert!(took.iter().max().unwrap() < &Duration::from_secs(30), "{took:?}");

        // An Alert is as ready as its Provider, whichever comes first.
        world.apply(&alert("v1beta3", "apps", "lonely", "later")).await;
        world.ready("Alert", "apps", "lonely", "False ProviderNotFound").await;
        world.apply(&alert("v1beta3", "apps", "waiting", "no-secret")).await;
        world.ready("Alert", "apps", "waiting", "False ProviderNotReady").await;
        let empty = object(
            "v1beta3",
            "Alert",
            "apps",
            "empty",
            json!({"providerRef": {"name": ""}, "eventSources": []}),
        );
        world.apply(&empty).await;
        world.ready("Alert", "apps", "empty", "False InvalidSpec").await;

        world.apply(&secret("apps", "absent", json!({"token": "now-it-is-there"}))).await;
        world.ready("Provider", "apps", "no-secret", "True Succeeded").await;
        world.ready("Alert", "apps", "waiting", "True Succeeded").await;
        world.apply(&secret("apps", "empty", json!({"token": "now-it-has-one"}))).await;
        world.ready("Provider", "apps", "no-key", "True Succeeded").await;
        world
            .apply(&provider(
                "v1beta3",
                "apps",
                "later",
                json!({"type": "generic", "address": address}),
            ))
            .await;
        world.ready("Alert", "apps", "lonely", "True Succeeded").await;

        let whole = [
            world.get("Provider", "apps", "bad-secret").await.to_string(),
            world.get("Provider", "apps", "no-secret").await.to_string(),
            herald.log(),
        ];
        for text in whole {
            assert!(
                !text.contains("now-it-is-there") && !text.contains("not an address"),
                "{text}"
            );
        }
        herald.stop().await;
    });
}

#[test]
fn a_suspended_provider_is_left_alone_and_a_request_to_look_again_is_answered() {
    run(async |world| {
        world.namespace("apps").await;
        let spec = json!({"type": "generic", "address": "https://hooks.example.invalid/x"});
        let mut generic = provider("v1beta3", "apps", "generic", spec);
        world.apply(&generic).await;
        let herald = world.herald(&[]).await;
        world.ready("Provider", "apps", "generic", "True Succeeded").await;

        generic["metadata"]["annotations"] =
            json!({"reconcile.fluxcd.io/requestedAt": "2026-01-01T00:00:00Z"});
        world.apply(&generic).await;
        world
            .eventually("the request is answered", async || {
                let generic = world.get("Provider", "apps", "generic").await;
                generic["status"]["lastHandledReconcileAt"] == "2026-01-01T00:00:00Z"
            })
            .await;
        let before = world.get("Provider", "apps", "generic").await["status"].clone();

        generic["spec"]["suspend"] = true.into();
        generic["spec"]["type"] = "pigeon".into();
        world.apply(&generic).await;
        // What comes after it is looked at, so it was as well.
        world.apply(&provider("v1beta3", "apps", "after", json!({"type": "pigeon"}))).await;
        world.ready("Provider", "apps", "after", "False UnknownType").await;
        assert_eq!(world.get("Provider", "apps", "generic").await["status"], before);
        herald.stop().await;
    });
}
