//! A Provider of each type that works: that of one of its cases.

use std::path::{Path, PathBuf};

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
        let text = provider_of(&Self::case(kind));
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
        Self { kind: kind.to_owned(), spec: provider.json.value()["spec"].clone(), secret }
    }

    /// The folder of the case that it is from.
    ///
    /// # Panics
    /// No case of the type is sent.
    #[must_use]
    pub fn case(kind: &str) -> PathBuf {
        let cases = cases(kind);
        let is_smoke = |case: &&PathBuf| {
            case.file_name().is_some_and(|name| name.to_string_lossy().starts_with("smoke"))
        };
        let has_url = |case: &&PathBuf| provider_of(case).contains("address: http");
        let case = cases.iter().find(is_smoke);
        case.or_else(|| cases.iter().filter(has_url).find(|case| is_sent(case))).unwrap().clone()
    }

    /// The folders of a case for each `spec.config` with which cases of the type are sent, the one of [`Example::case`]
    /// first.
    ///
    /// # Panics
    /// No case of the type is sent.
    #[must_use]
    pub fn forms(kind: &str) -> Vec<PathBuf> {
        let mut forms: Vec<(Value, PathBuf)> = Vec::new();
        let all = cases(kind).into_iter().filter(|case| is_sent(case));
        for case in std::iter::once(Self::case(kind)).chain(all) {
            let loaded = from_texts(&[("provider.yaml", &provider_of(&case))]);
            let config = &loaded.catalog.providers.values().next().unwrap().config;
            if !forms.iter().any(|(known, _)| known == config) {
                forms.push((config.clone(), case));
            }
        }
        forms.into_iter().map(|(_, case)| case).collect()
    }
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let dir = root().join("tests/fixtures/providers").join(kind);
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.is_dir());
    cases.sort();
    cases
}

fn provider_of(case: &Path) -> String {
    std::fs::read_to_string(case.join("provider.yaml")).unwrap()
}

fn is_sent(case: &Path) -> bool {
    let outcome = std::fs::read_to_string(case.join("outcome.txt")).unwrap();
    matches!(outcome.trim(), "delivered" | "accepted")
}
