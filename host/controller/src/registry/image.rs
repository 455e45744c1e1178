//! The name of an artifact in a registry.

use std::fmt;
use std::str::FromStr;

use oci_client::Reference;
use thiserror::Error;

/// An artifact's name: `registry/repository:tag`, with a digest instead of the tag or besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(Reference);

/// A text that names no artifact.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{text:?} names no artifact in a registry ({why}); write it as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST"
)]
pub struct ParseImageError {
    text: String,
    why: String,
}

impl FromStr for Image {
    type Err = ParseImageError;

    fn from_str(text: &str) -> Result<Self, ParseImageError> {
        let failed = |why: String| ParseImageError { text: text.to_owned(), why };
        // What people write, as others do, before the name of a registry.
        let name = text.strip_prefix("oci://").unwrap_or(text);
        let (registry, _) =
            name.split_once('/').ok_or_else(|| failed("it has no registry".to_owned()))?;
        // Without a dot or a port the first part would be taken for a repository of Docker Hub.
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(failed(format!("{registry} is no host of a registry")));
        }
        super::parse(name).map(Self).map_err(failed)
    }
}

impl Image {
    pub(super) fn reference(&self) -> &Reference {
        &self.0
    }

    /// The host and port of its registry.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// Whether it names one manifest for ever.
    #[must_use]
    pub fn has_digest(&self) -> bool {
        self.0.digest().is_some()
    }

    /// The same with this digest instead of a tag.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        let (registry, repository) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        Self(Reference::with_digest(registry, repository, digest.to_owned()))
    }

    /// Where cosign puts the signatures of a manifest.
    pub(super) fn signatures(&self, digest: &str) -> Self {
        let (registry, repository) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        let tag = format!("{}.sig", digest.replacen(':', "-", 1));
        Self(Reference::with_tag(registry, repository, tag))
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_registry() {
        for text in ["ghcr.io/acme/ntfy:1.2", "localhost:5000/ntfy:latest", "oci://r.example/a/b:c"]
        {
            let image: Image = text.parse().unwrap();
            assert_eq!(image.to_string(), text.trim_start_matches("oci://"));
        }
        for text in ["", "ntfy", "acme/ntfy:1", "r.example/UPPER:1", "https://r.example/a:1"] {
            let told = text.parse::<Image>().unwrap_err().to_string();
            assert!(told.contains("REGISTRY/REPOSITORY:TAG"), "{told}");
        }
    }

    #[test]
    fn signatures_stand_where_cosign_puts_them() {
        let image: Image = "r.example:5000/acme/ntfy:1".parse().unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let signatures = image.signatures(&digest).to_string();
        assert_eq!(signatures, format!("r.example:5000/acme/ntfy:sha256-{}.sig", "a".repeat(64)));
        assert_eq!(image.at(&digest).to_string(), format!("r.example:5000/acme/ntfy@{digest}"));
    }
}
