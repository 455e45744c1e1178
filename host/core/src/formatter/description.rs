//! What a module says of itself before its first delivery.

use std::fmt;

/// What the host needs to know of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// One line for people.
    pub summary: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Hosts besides the provider's own address that its requests go to; `*` stands for one label.
    pub hosts: Vec<String>,
    /// The secrets that it places, and where.
    pub secrets: Vec<Placement>,
    /// Credentials that its requests carry, such as `github-app`.
    pub credentials: Vec<String>,
    /// JSON Schema of `spec.config`; empty when the module takes none.
    pub config_schema: String,
}

impl Description {
    /// Whether the module said that it places the secret `key` at `place`.
    #[must_use]
    pub fn declares(&self, key: &str, place: Place) -> bool {
        self.secrets.iter().any(|placement| {
            let named = match placement.key.strip_suffix('*') {
                Some(prefix) => key.starts_with(prefix),
                None => placement.key == key,
            };
            named && placement.places.contains(place)
        })
    }
}

/// A secret and the places where a module puts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// A key of the provider's Secret; `headers/*` stands for every header there.
    pub key: String,
    /// Where it may stand.
    pub places: Places,
}

/// A place in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a header's value.
    Header,
    /// In the URL's path.
    Path,
    /// In the URL's query.
    Query,
    /// In the body.
    Body,
    /// In what is signed, or in the key.
    Signature,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Header => "header",
            Place::Path => "path",
            Place::Query => "query",
            Place::Body => "body",
            Place::Signature => "signature",
        })
    }
}

/// A set of places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Vec<Place>);

impl Places {
    /// Whether `place` is in the set.
    #[must_use]
    pub fn contains(&self, place: Place) -> bool {
        self.0.contains(&place)
    }

    /// The places in their order in a request.
    pub fn iter(&self) -> impl Iterator<Item = Place> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        let mut places: Vec<Place> = places.into_iter().collect();
        places.sort_unstable();
        places.dedup();
        Self(places)
    }
}

/// What a module is for; the skip rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Tells people or pages them.
    Message,
    /// Passes the whole event on, commit-status updates included.
    Forward,
    /// Sets a status on a commit.
    CommitStatus,
    /// Writes a comment on a change request.
    ChangeRequest,
}

impl Purpose {
    /// The name that people see, such as `commit-status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Message => "message",
            Purpose::Forward => "forward",
            Purpose::CommitStatus => "commit-status",
            Purpose::ChangeRequest => "change-request",
        }
    }
}

/// What a module may see beyond its delivery; it asks by importing an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// The provider's whole address, which may be a credential.
    FullAddress,
    /// The values of the provider's Secret.
    SecretValues,
}

impl Permission {
    /// The name of the interface that stands for it, such as `full-address`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Permission::FullAddress => "full-address",
            Permission::SecretValues => "secret-values",
        }
    }
}
