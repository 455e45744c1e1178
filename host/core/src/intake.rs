//! What becomes of a body before it is kept: read, cleaned and given its dedup key. Knows the key conventions of the
//! emitters' metadata; must not know Alerts, HTTP or how long a key is remembered.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::event::{Event, ParseEventError};

/// The longest body that is taken.
pub const MAX_BODY_BYTES: usize = 3 << 20;

/// The most that a request's headers may take.
pub const MAX_HEADER_BYTES: usize = 256 << 10;

/// Begins the metadata keys that come from the object's annotations.
pub(crate) const ANNOTATION_PREFIX: &str = "event.toolkit.fluxcd.io/";

/// What makes two events the same: SHA-256 over the parts that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of an event whose metadata still has its token.
    fn of(event: &Event) -> Self {
        let object = &event.involved_object;
        let mut hash = Sha256::new();
        hash.update("event");
        let mut part = |name: &str, value: &str| {
            for piece in ["/", name, "=", value] {
                hash.update(piece);
            }
        };
        part("name", &object.name);
        part("namespace", &object.namespace);
        part("kind", &object.kind);
        part("message", &event.message);
        for name in ["originRevision", "revision", "token"] {
            // An empty value counts, a missing one does not.
            if let Some(value) = event.metadata.get(&format!("{}/{name}", object.group())) {
                part(name, value);
            }
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An event that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// The event without the metadata that nobody may see.
    pub event: Event,
    /// What makes another event the same.
    pub key: DedupKey,
}

/// Reads a body as an event, takes out metadata that has no place in it and computes its dedup key.
///
/// # Errors
/// When the body is no event.
pub fn accept(body: &[u8]) -> Result<Intake, ParseEventError> {
    let mut event = Event::parse(body)?;
    clean(&mut event);
    let key = DedupKey::of(&event);
    // The token makes otherwise equal events differ and means nothing to anyone else.
    let token = format!("{}/token", event.involved_object.group());
    event.metadata.remove(&token);
    Ok(Intake { event, key })
}

/// Keeps the metadata of annotations and of the object's own API group, without checksums.
fn clean(event: &mut Event) {
    let prefix = format!("{}/", event.involved_object.group());
    event.metadata.retain(|key, _| {
        let own = key.strip_prefix(&prefix);
        let is_checksum = own.is_some_and(|name| {
            name.eq_ignore_ascii_case("checksum") || name.eq_ignore_ascii_case("digest")
        });
        !is_checksum && (own.is_some() || key.starts_with(ANNOTATION_PREFIX))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
        event_of("source.toolkit.fluxcd.io/v1", message, metadata)
    }

    fn event_of(api_version: &str, message: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
        let metadata: serde_json::Map<_, _> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        serde_json::to_vec(&serde_json::json!({
            "involvedObject": {
                "kind": "GitRepository", "namespace": "gitops-system", "name": "webapp", "apiVersion": api_version,
            },
            "severity": "info",
            "message": message,
            "metadata": metadata,
        }))
        .unwrap()
    }

    fn key(metadata: &[(&str, &str)]) -> DedupKey {
        accept(&event("message", metadata)).unwrap().key
    }

    const REVISION: (&str, &str) =
        ("source.toolkit.fluxcd.io/revision", "main@sha1:a1afe267b54f38b46b487f6e938a6fd508278c07");

    #[test]
    fn the_dedup_key_is_the_peers() {
        let expected = "49d8e77ffa3b16b1588903d77aa1e8ce74d8b829b797445332406a106e5e8edd";
        assert_eq!(key(&[REVISION]).to_string(), expected);
    }

    #[test]
    fn revisions_and_the_token_count_and_so_does_the_presence_of_an_empty_one() {
        let plain = key(&[]);
        let with =
            |name: &str, value: &str| key(&[(&format!("source.toolkit.fluxcd.io/{name}"), value)]);
        for name in ["revision", "originRevision", "token"] {
            assert_ne!(with(name, "a"), plain, "{name}");
            assert_ne!(with(name, "a"), with(name, "b"), "{name}");
            assert_ne!(with(name, ""), plain, "{name}");
        }
        assert_ne!(accept(&event("other", &[])).unwrap().key, plain);
    }

    #[test]
    fn other_metadata_does_not_count() {
        let plain = key(&[REVISION]);
        for other in [
            ("source.toolkit.fluxcd.io/app-version", "1"),
            ("source.toolkit.fluxcd.io/checksum", "1"),
            ("event.toolkit.fluxcd.io/revision", "1"),
            ("kustomize.toolkit.fluxcd.io/revision", "1"),
            ("revision", "1"),
            ("source.toolkit.fluxcd.io/Revision", "1"),
        ] {
            assert_eq!(key(&[REVISION, other]), plain, "{other:?}");
        }
    }

    #[test]
    fn only_annotations_and_keys_of_the_own_group_stay() {
        let intake = accept(&event(
            "message",
            &[
                REVISION,
                ("source.toolkit.fluxcd.io/CheckSum", "x"),
                ("source.toolkit.fluxcd.io/digest", "x"),
                ("source.toolkit.fluxcd.io/token", "x"),
                ("source.toolkit.fluxcd.io/Token", "kept"),
                ("kustomize.toolkit.fluxcd.io/revision", "x"),
                ("Source.toolkit.fluxcd.io/revision", "x"),
                ("event.toolkit.fluxcd.io/checksum", "kept"),
                ("event.toolkit.fluxcd.io/token", "kept"),
                ("summary", "x"),
            ],
        ))
        .unwrap();
        let kept: Vec<&str> = intake.event.metadata.keys().map(String::as_str).collect();
        assert_eq!(
            kept,
            [
                "event.toolkit.fluxcd.io/checksum",
                "event.toolkit.fluxcd.io/token",
                "source.toolkit.fluxcd.io/Token",
                "source.toolkit.fluxcd.io/revision",
            ]
        );
    }

    #[test]
    fn an_object_of_the_core_group_has_keys_that_begin_with_a_slash() {
        let intake = accept(&event_of(
            "v1",
            "message",
            &[("/revision", "r"), ("/token", "t"), ("revision", "x")],
        ))
        .unwrap();
        let kept: Vec<&str> = intake.event.metadata.keys().map(String::as_str).collect();
        assert_eq!(kept, ["/revision"]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        assert!(accept(b"").is_err());
        assert_eq!(accept(b"null").unwrap().event, Event::default());
    }

    #[test]
    fn a_key_survives_its_bytes() {
        let key = key(&[]);
        assert_eq!(DedupKey::from_bytes(*key.as_bytes()), key);
    }
}
