//! What the user wrote in `spec.config`. The host has held it against the schema.

use herald_provider::Provider;
use herald_provider::custom::{self, Authorization, Kind};
use herald_provider::json::Value;

/// What is to be sent, still as templates.
pub(crate) struct Options {
    pub(crate) method: String,
    /// In order.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) media_type: String,
    pub(crate) kind: Kind,
    /// None when nothing was written.
    pub(crate) body: Option<Value>,
    pub(crate) authorization: Authorization,
    pub(crate) when: Option<String>,
}

impl Options {
    pub(crate) fn of(provider: &Provider) -> Self {
        let config = provider.options();
        let (media_type, kind) = custom::content(config["contentType"].as_str().unwrap_or("json"));
        Self {
            method: config["method"].as_str().unwrap_or("POST").to_owned(),
            path: config["path"].as_array().into_iter().flatten().map(text).collect(),
            query: pairs(&config["query"]),
            headers: pairs(&config["headers"]),
            media_type,
            kind,
            body: Some(&config["body"]).filter(|body| !body.is_null()).cloned(),
            authorization: Authorization::named(config["authorization"].as_str()),
            when: config["when"].as_str().map(str::to_owned),
        }
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
