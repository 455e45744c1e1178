//! Which descriptions of modules make sense.
//!
//! It knows the rules for names and must not know the interface's types.

use std::collections::HashSet;

use herald_core::config_schema::{BadSchema, ConfigSchema};
use herald_core::formatter::{Description, Placement};
use thiserror::Error;

const SUMMARY_CHARS: usize = 200;
/// Keys of a Secret that stand for all entries of a map are written like this.
const EVERY_HEADER: &str = "headers/*";

/// What is wrong with a module's description.
#[derive(Debug, Error)]
pub enum BadDescription {
    /// The summary is empty, too long or of several lines.
    #[error("the summary must be one line of 1 to {SUMMARY_CHARS} characters")]
    Summary,
    /// A host is no DNS name.
    #[error("`{}` among the hosts is neither a DNS name nor `*.` and one of two labels or more", .0.escape_debug())]
    Host(String),
    /// A secret has no usable key.
    #[error("`{}` among the secrets is no key of a Secret; `*` may stand only in `{EVERY_HEADER}`", .0.escape_debug())]
    SecretKey(String),
    /// A secret is listed without places.
    #[error("the secret `{0}` has no places; leave it out if the module does not place it")]
    NoPlaces(String),
    /// A credential has no usable name.
    #[error("`{}` among the credentials is no name such as `github-app`", .0.escape_debug())]
    Credential(String),
    /// Something is listed twice.
    #[error("`{0}` is listed twice")]
    Twice(String),
    /// The schema of `spec.config` is none.
    #[error("the schema of the configuration cannot be used")]
    Schema(#[source] BadSchema),
}

/// Refuses a description that does not make sense. Returns the schema of its options, read.
pub(crate) fn validate(description: &Description) -> Result<ConfigSchema, BadDescription> {
    let summary = &description.summary;
    if summary.trim().is_empty()
        || summary.chars().count() > SUMMARY_CHARS
        || summary.chars().any(char::is_control)
    {
        return Err(BadDescription::Summary);
    }
    if let Some(host) = description.hosts.iter().find(|host| !is_host(host)) {
        return Err(BadDescription::Host(host.clone()));
    }
    for Placement { key, places } in &description.secrets {
        if !is_secret_key(key) {
            return Err(BadDescription::SecretKey(key.clone()));
        }
        if places.iter().next().is_none() {
            return Err(BadDescription::NoPlaces(key.clone()));
        }
    }
    if let Some(name) = description.credentials.iter().find(|name| !is_credential(name)) {
        return Err(BadDescription::Credential(name.clone()));
    }
    once(description.hosts.iter().map(|host| host.to_ascii_lowercase()))?;
    once(description.secrets.iter().map(|placement| placement.key.clone()))?;
    once(description.credentials.iter().cloned())?;
    ConfigSchema::parse(&description.config_schema).map_err(BadDescription::Schema)
}

fn once(mut names: impl Iterator<Item = String>) -> Result<(), BadDescription> {
    let mut seen = HashSet::new();
    names
        .find(|name| !seen.insert(name.clone()))
        .map_or(Ok(()), |name| Err(BadDescription::Twice(name)))
}

/// A DNS name, or a wildcard for one label before a name of at least two: `*.com` would be everybody's.
fn is_host(host: &str) -> bool {
    let name = match host.strip_prefix("*.") {
        Some(rest) if rest.contains('.') => rest,
        Some(_) => return false,
        None => host,
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits would make it an address.
    let last_is_name =
        name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= 253 && last_is_name && name.split('.').all(is_label)
}

/// What Kubernetes takes as a key of a Secret, or an entry of its `headers`.
fn is_secret_key(key: &str) -> bool {
    if key == EVERY_HEADER {
        return true;
    }
    let name = key.strip_prefix("headers/").unwrap_or(key);
    (1..=253).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_credential(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use herald_core::formatter::{Place, Purpose};

    use super::*;

    fn good() -> Description {
        Description {
            summary: "posts to a channel".to_owned(),
            purpose: Purpose::Message,
            hosts: vec!["api.github.com".to_owned(), "*.servicebus.windows.net".to_owned()],
            secrets: vec![
                Placement {
                    key: "token".to_owned(),
                    places: [Place::Header].into_iter().collect(),
                },
                Placement {
                    key: "headers/*".to_owned(),
                    places: [Place::Header].into_iter().collect(),
                },
            ],
            credentials: vec!["github-app".to_owned()],
            config_schema: r#"{"type":"object"}"#.to_owned(),
        }
    }

    #[test]
    fn a_good_description_passes() {
        validate(&good()).unwrap();
        validate(&Description { config_schema: String::new(), ..good() }).unwrap();
    }

    #[test]
    fn a_bad_description_is_refused_with_what_is_wrong() {
        let check = |change: &dyn Fn(&mut Description), says: &str| {
            let mut description = good();
            change(&mut description);
            let error = validate(&description).unwrap_err().to_string();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        };
        check(&|d| d.summary.clear(), "summary");
        check(&|d| d.summary = "a\nb".to_owned(), "summary");
        check(&|d| d.summary = "ä".repeat(201), "summary");
        for host in [
            "",
            "*",
            "*.com",
            "a..b",
            "-a.b",
            "https://a.b",
            "a.b:443",
            "a_b.c",
            "1.2.3.4",
            "*.*.a.b",
            "a.b.",
        ] {
            check(&|d| d.hosts[0] = host.to_owned(), "hosts");
        }
        check(&|d| d.hosts[0] = format!("{}.example", "a".repeat(64)), "hosts");
        for key in ["", "*", "to*", "headers/", "headers/*/x", "a b", "a\n"] {
            check(&|d| d.secrets[0].key = key.to_owned(), "secrets");
        }
        check(&|d| d.secrets[0].places = [].into_iter().collect(), "no places");
        check(&|d| d.credentials[0] = "GitHub App".to_owned(), "credentials");
        check(&|d| d.hosts[1] = "API.github.com".to_owned(), "twice");
        check(&|d| d.secrets[1].key = "token".to_owned(), "twice");
        check(&|d| d.config_schema = "[]".to_owned(), "schema of the configuration");
    }
}
