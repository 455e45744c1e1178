//! Artifacts in one file: an OCI image layout in a tar archive, as other tools read it. Every byte is that of the registry
//! that had it, so that digests and signatures hold wherever it is loaded.
//!
//! It knows the form of the file and that each blob is what its name says. It must not know registries or signatures.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};
use thiserror::Error;

const LAYOUT: &str = "oci-layout";
const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256/";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The annotation that names a manifest in the index.
const NAME: &str = "org.opencontainers.image.ref.name";
/// An artifact and its signatures have a handful.
const MAX_ENTRIES: usize = 256;

/// Why a file is no such archive.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It cannot be read, or is no tar archive.
    #[error("it cannot be read as a tar archive")]
    Read(#[from] io::Error),
    /// A part is not what it should be.
    #[error("it is no OCI image layout as `herald module save` writes it: {0}")]
    Form(String),
    /// A blob was changed, or the file is cut off.
    #[error("it is damaged: {0} is not what its name says; save it again")]
    Damaged(String),
}

/// Manifests with all that they name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// The artifact first, and what was said about it.
    pub(super) manifests: Vec<Manifest>,
    /// Everything by its digest, the manifests among it.
    blobs: BTreeMap<String, Vec<u8>>,
}

/// A manifest of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Its tag.
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) digest: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    #[serde(default)]
    media_type: String,
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: usize,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Archive {
    /// The digest of the artifact's manifest.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.manifests.first().map_or("", |manifest| &manifest.digest)
    }

    /// Whether something is said about it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.manifests.len() > 1
    }

    /// Adds a blob. Returns its digest.
    pub(super) fn add(&mut self, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    /// Adds a manifest under a tag.
    pub(super) fn add_manifest(&mut self, name: &str, media_type: &str, bytes: Vec<u8>) {
        let digest = self.add(bytes);
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        self.manifests.push(Manifest { name, media_type, digest });
    }

    /// What has this digest.
    pub(super) fn blob(&self, digest: &str) -> Option<&[u8]> {
        self.blobs.get(digest).map(Vec::as_slice)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: impl Write) -> io::Result<()> {
        let descriptor = |manifest: &Manifest| Descriptor {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest.clone(),
            size: self.blob(&manifest.digest).map_or(0, <[u8]>::len),
            annotations: [(NAME.to_owned(), manifest.name.clone())].into(),
        };
        let index = Index {
            schema_version: 2,
            media_type: INDEX_TYPE.to_owned(),
            manifests: self.manifests.iter().map(descriptor).collect(),
        };
        let mut tar = Builder::new(file);
        append(&mut tar, LAYOUT, json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        append(&mut tar, INDEX, &serde_json::to_vec(&index)?)?;
        for (digest, bytes) in &self.blobs {
            let hex = digest.trim_start_matches("sha256:");
            append(&mut tar, &[BLOBS, hex].concat(), bytes)?;
        }
        tar.into_inner()?.flush()
    }

    /// Reads a file, of which no part may be larger than `max_bytes`.
    ///
    /// # Errors
    /// It is no such file, or not as it was written.
    pub fn read(file: impl Read, max_bytes: u64) -> Result<Self, ArchiveError> {
        let form = |what: &str| ArchiveError::Form(what.to_owned());
        let (mut archive, mut index) = (Self::default(), None);
        for (n, entry) in tar::Archive::new(file).entries()?.enumerate() {
            let mut entry = entry?;
            if n >= MAX_ENTRIES {
                return Err(form("it has too many parts"));
            }
            if entry.header().entry_type() != EntryType::Regular {
                continue;
            }
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
            if entry.size() > max_bytes {
                return Err(form(&format!("{path} is larger than {max_bytes} bytes")));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            if path == INDEX {
                let read: Result<Index, _> = serde_json::from_slice(&bytes);
                index = Some(read.map_err(|err| form(&format!("{INDEX}: {err}")))?);
            } else if let Some(hex) = path.strip_prefix(BLOBS)
                && archive.add(bytes) != ["sha256:", hex].concat()
            {
                return Err(ArchiveError::Damaged(path));
            }
        }
        let index = index.ok_or_else(|| form(&format!("{INDEX} is missing")))?;
        for manifest in index.manifests {
            let Descriptor { media_type, digest, mut annotations, .. } = manifest;
            if archive.blob(&digest).is_none() {
                return Err(ArchiveError::Damaged(digest));
            }
            let name = annotations.remove(NAME).unwrap_or_default();
            archive.manifests.push(Manifest { name, media_type, digest });
        }
        if archive.manifests.is_empty() {
            return Err(form("it names no manifest"));
        }
        Ok(archive)
    }
}

/// The same file for the same artifact, so nothing of this moment or machine.
fn append<W: Write>(tar: &mut Builder<W>, path: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, bytes)
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ["sha256:", &hex].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1000;

    fn archive() -> Archive {
        let mut archive = Archive::default();
        archive.add_manifest("1.2", "application/vnd.oci.image.manifest.v1+json", b"{}".to_vec());
        archive.add(b"a layer".to_vec());
        archive
    }

    fn written(archive: &Archive) -> Vec<u8> {
        let mut file = Vec::new();
        archive.write(&mut file).unwrap();
        file
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let archive = archive();
        let file = written(&archive);
        assert_eq!(Archive::read(&file[..], MAX).unwrap(), archive);
        assert_eq!(written(&archive), file);
    }

    #[test]
    fn a_changed_byte_a_missing_end_and_other_files_are_told() {
        let file = written(&archive());
        let told = |file: &[u8]| Archive::read(file, MAX).unwrap_err().to_string();
        let at = file.windows(7).position(|window| window == b"a layer").unwrap();
        let mut changed = file.clone();
        changed[at] = b'A';
        assert!(told(&changed).contains("is damaged: blobs/sha256/"), "{}", told(&changed));
        assert!(told(&file[..at]).contains("is damaged"), "{}", told(&file[..at]));
        assert!(told(b"no archive").contains("cannot be read"), "{}", told(b"no archive"));
        assert!(told(&[0; 1024]).contains("index.json is missing"), "{}", told(&[0; 1024]));
        let small = Archive::read(&file[..], 5).unwrap_err().to_string();
        assert!(small.contains("larger than 5 bytes"), "{small}");
    }
}
