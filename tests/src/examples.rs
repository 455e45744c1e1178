//! A Provider of each type that works: that of one of its cases.

use std::path::PathBuf;

use herald_controller::sources::folder::from_texts;
use serde_json::{Map, Value, json};

use crate::herald::root;

/// A Provider that is configured well, and what its Secret holds.
pub struct Example {
    /// The provider type.
    pub kind: String,
    /// Its `spec`.
    pub spec: Value,
    /// The values of its Secret; `headers` are one value again.
    pub secret: Map<String, Value>,
}

impl Example {
    /// The Provider of the type's smoke case, or else of the first case with a URL that is sent.
    ///
    /// # Panics
    /// No case of the type is sent.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        let dir = root().join("tests/fixtures/providers").join(kind);
        let mut cases: Vec<PathBuf> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        cases.sort();
        let is_smoke = |case: &&PathBuf| {
            case.file_name().is_some_and(|name| name.to_string_lossy().starts_with("smoke"))
        };
        let is_sent = |case: &&PathBuf| {
            let outcome = std::fs::read_to_string(case.join("outcome.txt")).unwrap();
            matches!(outcome.trim(), "delivered" | "accepted")
        };
        let provider_of =
            |case: &PathBuf| std::fs::read_to_string(case.join("provider.yaml")).unwrap();
        let has_url = |case: &&PathBuf| provider_of(case).contains("address: http");
        let case = cases.iter().find(is_smoke);
        let case = case.or_else(|| cases.iter().filter(has_url).find(is_sent)).unwrap();
        let text = provider_of(case);
        let loaded = from_texts(&[("provider.yaml", &text)]);
        let provider = loaded.catalog.providers.values().next().unwrap();
        let mut secret = Map::new();
        let mut headers = Map::new();
        for (key, value) in provider.secret.iter() {
            match key.strip_prefix("headers/") {
                Some(name) => headers.insert(name.to_owned(), json!(value.expose())),
                None => secret.insert(key.to_owned(), json!(value.expose())),
            };
        }
        if !headers.is_empty() {
            // JSON is YAML.
            secret.insert("headers".to_owned(), json!(Value::Object(headers).to_string()));
        }
        Self { kind: kind.to_owned(), spec: provider.json["spec"].clone(), secret }
    }
}
