//! A Provider for the tests of this room.

use std::time::Duration;

use herald_core::provider::Provider;
use herald_core::secret::{SecretText, SecretValues};

/// A Provider with this address and Secret.
pub(crate) fn provider(address: &str, secrets: &[(&str, &str)]) -> Provider {
    let mut secret = SecretValues::default();
    for (key, value) in secrets {
        secret.insert((*key).to_owned(), SecretText::new((*value).to_owned()));
    }
    Provider {
        namespace: "default".to_owned(),
        name: "p".to_owned(),
        uid: "u".to_owned(),
        kind: "generic".to_owned(),
        channel: String::new(),
        username: String::new(),
        address: address.into(),
        timeout: Duration::from_secs(15),
        concurrency: None,
        fallback: None,
        suspend: false,
        secret,
        proxy: None,
        tls: None,
        service_account: None,
        commit_status_expr: None,
        config: serde_json::json!({}),
        json: herald_core::object_json::ObjectJson::default(),
        problems: Vec::new(),
        generation: 0,
    }
}
