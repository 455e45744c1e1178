//! What a module from a file may have beyond secrets in headers and signatures, as its operator granted it. Pure.
//!
//! A module says in its description and by its imports what it wants. Whatever an event's text, a URL or a log could
//! carry away, or what reaches another host, has to be granted by name: in `grants.yaml` beside the modules, or on the
//! command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use herald_core::formatter::{Description, Permission, Place};
use herald_core::rollout::{Rollout, RolloutError};
use serde::Deserialize;
use thiserror::Error;

/// One thing that may be granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `full-address`, `secret-values`: to import what shows it.
    Permission(Permission),
    /// `secrets-in-path`, `secrets-in-query`, `secrets-in-body`: to place secrets there.
    SecretsIn(Place),
    /// `host:NAME`: to reach this host besides the Provider's address; `*` stands for one label.
    Host(String),
    /// `credential:NAME`: to have requests carry a credential that the host obtains.
    Credential(String),
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Permission(permission) => f.write_str(permission.name()),
            Grant::SecretsIn(place) => write!(f, "secrets-in-{place}"),
            Grant::Host(host) => write!(f, "host:{host}"),
            Grant::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

/// A text that is no grant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is no grant; there are full-address, secret-values, secrets-in-path, secrets-in-query, secrets-in-body, \
     host:NAME and credential:NAME"
)]
pub struct ParseGrantError(String);

impl FromStr for Grant {
    type Err = ParseGrantError;

    fn from_str(text: &str) -> Result<Self, ParseGrantError> {
        let refused = || ParseGrantError(text.to_owned());
        if let Some((kind, name)) = text.split_once(':') {
            return match (kind, name.is_empty()) {
                ("host", false) => Ok(Grant::Host(name.to_ascii_lowercase())),
                ("credential", false) => Ok(Grant::Credential(name.to_owned())),
                _ => Err(refused()),
            };
        }
        match text {
            "full-address" => Ok(Grant::Permission(Permission::FullAddress)),
            "secret-values" => Ok(Grant::Permission(Permission::SecretValues)),
            "secrets-in-path" => Ok(Grant::SecretsIn(Place::Path)),
            "secrets-in-query" => Ok(Grant::SecretsIn(Place::Query)),
            "secrets-in-body" => Ok(Grant::SecretsIn(Place::Body)),
            _ => Err(refused()),
        }
    }
}

/// What one type's module may have, and how it takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Only for the file with this digest; none is for whatever file there is.
    pub digest: Option<String>,
    /// The grants.
    pub grants: BTreeSet<Grant>,
    /// What a new file of the type goes through before every delivery is its.
    pub rollout: Rollout,
}

/// The grants of all types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<String, Granted>);

/// A `grants.yaml` that cannot be read.
#[derive(Debug, Error)]
pub enum ParseGrantsError {
    /// It is not of the form `TYPE: {digest: …, grants: […], rollout: {…}}`.
    #[error(
        "is not of the form `TYPE: {{digest: sha256:…, grants: [full-address, …], rollout: {{shadow: 100, canary: {{percent: 10, deliveries: 200}}}}}}`"
    )]
    Form(#[source] Box<serde_saphyr::Error>),
    /// It holds a grant that there is not.
    #[error("in the grants of {kind}")]
    Grant {
        /// The type.
        kind: String,
        /// Which.
        #[source]
        source: ParseGrantError,
    },
    /// A rollout makes no sense.
    #[error("in the rollout of {kind}")]
    Rollout {
        /// The type.
        kind: String,
        /// Which number.
        #[source]
        source: RolloutError,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    digest: Option<String>,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default)]
    rollout: Rollout,
}

impl Grants {
    /// Reads `grants.yaml`.
    ///
    /// # Errors
    /// Says where it is not of the right form, or which grant there is not.
    pub fn parse(text: &str) -> Result<Self, ParseGrantsError> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let entries: BTreeMap<String, Entry> =
            serde_saphyr::from_str(text).map_err(|err| ParseGrantsError::Form(Box::new(err)))?;
        let mut all = BTreeMap::new();
        for (kind, entry) in entries {
            let grants = entry.grants.iter().map(|grant| grant.parse()).collect::<Result<_, _>>();
            let grants =
                grants.map_err(|source| ParseGrantsError::Grant { kind: kind.clone(), source })?;
            let rollout = entry.rollout.validate();
            let rollout = rollout
                .map_err(|source| ParseGrantsError::Rollout { kind: kind.clone(), source })?;
            all.insert(kind, Granted { digest: entry.digest, grants, rollout });
        }
        Ok(Self(all))
    }

    /// Adds what the command line grants.
    pub fn add(&mut self, kind: &str, grants: impl IntoIterator<Item = Grant>) {
        self.0.entry(kind.to_owned()).or_default().grants.extend(grants);
    }

    /// What the module of a type may have if its file has this digest.
    #[must_use]
    pub fn of(&self, kind: &str, digest: &str) -> BTreeSet<Grant> {
        match self.0.get(kind) {
            Some(granted) if granted.digest.as_deref().is_none_or(|only| only == digest) => {
                granted.grants.clone()
            }
            Some(_) | None => BTreeSet::new(),
        }
    }

    /// What a new file of a type goes through.
    #[must_use]
    pub fn rollout(&self, kind: &str) -> Rollout {
        self.0.get(kind).map(|granted| granted.rollout).unwrap_or_default()
    }

    /// Whether there are grants for a type, but for a file with another digest.
    #[must_use]
    pub fn are_for_another_file(&self, kind: &str, digest: &str) -> bool {
        self.0
            .get(kind)
            .and_then(|granted| granted.digest.as_deref())
            .is_some_and(|only| only != digest)
    }
}

/// What a module wants and may not have.
#[must_use]
pub fn missing(
    description: &Description,
    permissions: &[Permission],
    granted: &BTreeSet<Grant>,
) -> Vec<Grant> {
    let mut wanted: BTreeSet<Grant> = permissions.iter().copied().map(Grant::Permission).collect();
    for placement in &description.secrets {
        // Headers and signatures go to the Provider's own receiver, where the Secret belongs.
        let places = placement
            .places
            .iter()
            .filter(|place| !matches!(place, Place::Header | Place::Signature));
        wanted.extend(places.map(Grant::SecretsIn));
    }
    wanted.extend(description.hosts.iter().map(|host| Grant::Host(host.to_ascii_lowercase())));
    wanted.extend(description.credentials.iter().cloned().map(Grant::Credential));
    wanted.difference(granted).cloned().collect()
}

/// Grants as they stand in a sentence.
#[must_use]
pub(crate) fn listed(wanted: &[Grant]) -> String {
    wanted.iter().map(Grant::to_string).collect::<Vec<_>>().join(", ")
}

/// The line of `grants.yaml` that gives a type these grants.
#[must_use]
pub(crate) fn example(kind: &str, wanted: &[Grant]) -> String {
    let quoted: Vec<String> = wanted.iter().map(|grant| format!("\"{grant}\"")).collect();
    format!("  {kind}: {{grants: [{}]}}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use herald_core::formatter::{Placement, Purpose};

    use super::*;

    fn grants(texts: &[&str]) -> BTreeSet<Grant> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn grants_are_written_as_they_are_read() {
        for text in [
            "full-address",
            "secret-values",
            "secrets-in-path",
            "secrets-in-body",
            "host:*.x.example",
            "credential:google",
        ] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        for text in ["", "everything", "host:", "secrets-in-header", "hosts:x"] {
            assert!(text.parse::<Grant>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_grant_with_a_digest_is_for_that_file_alone() {
        let read = Grants::parse("ntfy:\n  digest: sha256:aa\n  grants: [full-address]\nother: {grants: [secret-values]}\n").unwrap();
        assert_eq!(read.of("ntfy", "sha256:aa"), grants(&["full-address"]));
        assert_eq!(read.of("ntfy", "sha256:bb"), grants(&[]));
        assert!(read.are_for_another_file("ntfy", "sha256:bb"));
        assert_eq!(read.of("other", "sha256:bb"), grants(&["secret-values"]));
        assert_eq!(read.of("none", "sha256:bb"), grants(&[]));
        let rollout = Grants::parse("ntfy: {rollout: {shadow: 5}}").unwrap().rollout("ntfy");
        assert_eq!(rollout, Rollout { shadow: 5, canary: None });
        assert_eq!(Grants::parse("# nothing yet\n").unwrap(), Grants::default());
    }

    #[test]
    fn a_file_of_another_form_says_so() {
        for text in [
            "- a",
            "ntfy: full-address",
            "ntfy: {grant: [x]}",
            "ntfy: {grants: [everything]}",
            "ntfy: {rollout: {canary: {percent: 100, deliveries: 1}}}",
        ] {
            assert!(Grants::parse(text).is_err(), "{text}");
        }
    }

    /// Rule S1.
    #[test]
    fn headers_and_signatures_need_no_grant_and_all_else_does() {
        let description = Description {
            summary: "x".to_owned(),
            purpose: Purpose::Message,
            hosts: vec!["API.x.example".to_owned()],
            secrets: vec![Placement {
                key: "token".to_owned(),
                places: [Place::Header, Place::Signature, Place::Path].into_iter().collect(),
            }],
            credentials: vec!["github-app".to_owned()],
            config_schema: String::new(),
        };
        let all =
            ["full-address", "secrets-in-path", "host:api.x.example", "credential:github-app"];
        let permissions = [Permission::FullAddress];
        assert_eq!(missing(&description, &permissions, &grants(&all)), []);
        assert_eq!(
            missing(&description, &permissions, &grants(&[])).into_iter().collect::<BTreeSet<_>>(),
            grants(&all)
        );
        assert_eq!(
            missing(&description, &permissions, &grants(&all[1..])),
            [Grant::Permission(Permission::FullAddress)]
        );
    }
}
