//! What Flux's controllers and the kubelet ask of Herald.

use std::time::Duration;

use herald_tests::events::kustomization;
use herald_tests::herald::Herald;
use serde_json::Value;

/// An event about a Kustomization of this namespace.
pub(crate) fn event(namespace: &str, message: &str) -> Value {
    let mut event = kustomization("podinfo", "error", "BuildFailed", message);
    event["involvedObject"]["namespace"] = namespace.into();
    event
}

/// Posts an event, and expects it to be taken.
pub(crate) async fn post(herald: &Herald, event: &Value) {
    let sent = client().post(herald.events()).body(event.to_string()).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 202, "{}", herald.log());
}

/// Posts an event to this address; the status of the answer, if there is one.
pub(crate) async fn try_post(url: &str, event: &Value) -> Option<u16> {
    let request = client().post(url).timeout(Duration::from_secs(5)).body(event.to_string());
    Some(request.send().await.ok()?.status().as_u16())
}

/// What is answered at a URL.
pub(crate) async fn get(url: &str) -> (u16, String) {
    let response = client().get(url).send().await.unwrap();
    let status = response.status().as_u16();
    #[expect(clippy::disallowed_methods, reason = "the test reads its own server")]
    let text = response.text().await.unwrap();
    (status, text)
}

#[expect(clippy::disallowed_methods, reason = "the test is the emitter, not Herald")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
