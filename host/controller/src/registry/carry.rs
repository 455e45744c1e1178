//! Carries artifacts from one registry to another that cannot be reached from there: all of one, with its signatures, into
//! an [`Archive`], and out of it again.
//!
//! It must not know what a signature says: whoever loads a module judges that.

use oci_client::Client;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};

use super::archive::{Archive, Manifest};
use super::image::Image;
use super::login::Login;
use super::{MAX_PAYLOAD_BYTES, PULL, REQUEST, Registries, RegistryError, in_time, layer_of};

/// The tag of an artifact that was asked for by its digest.
const NO_TAG: &str = "latest";

impl Registries {
    /// Gets a module with its signatures as they are.
    ///
    /// # Errors
    /// The registry does not give it, or it is no module.
    pub async fn save(&self, image: &Image, login: &Login) -> Result<Archive, RegistryError> {
        let client = self.client(login);
        let mut archive = Archive::default();
        let tag = image.reference().tag().unwrap_or(NO_TAG);
        let (manifest, digest) =
            self.save_manifest(&client, image, login, tag, &mut archive).await?;
        let layer = layer_of(image, &manifest)?;
        for (blob, max) in [(&manifest.config, MAX_PAYLOAD_BYTES), (layer, self.max_bytes)] {
            archive.add(self.blob(&client, image, blob, max).await?);
        }

        let image = image.signatures(&digest);
        let tag = image.reference().tag().unwrap_or_default();
        match self.save_manifest(&client, &image, login, tag, &mut archive).await {
            Ok((manifest, _)) => {
                for blob in manifest.layers.iter().chain([&manifest.config]) {
                    archive.add(self.blob(&client, &image, blob, MAX_PAYLOAD_BYTES).await?);
                }
                Ok(archive)
            }
            Err(RegistryError::NotFound(_)) => Ok(archive),
            Err(err) => Err(err),
        }
    }

    /// Puts a module with its signatures into a registry. Returns the digest of its manifest.
    ///
    /// # Errors
    /// The archive holds something else or not all of it, or the registry does not take it.
    pub async fn load(
        &self,
        archive: &Archive,
        image: &Image,
        login: &Login,
    ) -> Result<String, RegistryError> {
        let client = self.client(login);
        client.store_auth_if_needed(image.reference().resolve_registry(), &login.auth(image)).await;
        let (artifact, others) = archive
            .manifests
            .split_first()
            .ok_or_else(|| no_module(image, "no manifest is there"))?;
        let signatures = image.signatures(&artifact.digest);
        let is_signature =
            |other: &&Manifest| Some(other.name.as_str()) == signatures.reference().tag();
        let found = archive.blob(&artifact.digest).unwrap_or_default();
        layer_of(image, &parsed(image, found)?)?;
        // What names others comes last, so that nobody finds half of it; the signatures before what they are of.
        for other in others.iter().filter(is_signature) {
            load_manifest(&client, archive, other, &signatures).await?;
        }
        load_manifest(&client, archive, artifact, image).await?;
        Ok(artifact.digest.clone())
    }

    async fn save_manifest(
        &self,
        client: &Client,
        image: &Image,
        login: &Login,
        tag: &str,
        archive: &mut Archive,
    ) -> Result<(OciImageManifest, String), RegistryError> {
        let auth = login.auth(image);
        let asked = client.pull_manifest_raw(image.reference(), &auth, &[OCI_IMAGE_MEDIA_TYPE]);
        let (bytes, digest) = in_time(image, REQUEST, asked).await?;
        let manifest = parsed(image, &bytes)?;
        archive.add_manifest(tag, OCI_IMAGE_MEDIA_TYPE, bytes.to_vec());
        Ok((manifest, digest))
    }
}

async fn load_manifest(
    client: &Client,
    archive: &Archive,
    manifest: &Manifest,
    image: &Image,
) -> Result<(), RegistryError> {
    let missing = |digest: &str| no_module(image, &format!("the archive lacks {digest}"));
    let find = |digest: &str| archive.blob(digest).ok_or_else(|| missing(digest));
    let bytes = find(&manifest.digest)?;
    let read = parsed(image, bytes)?;
    let content_type = manifest.media_type.parse();
    let content_type = content_type.map_err(|_| no_module(image, "its media type is none"))?;
    for blob in read.layers.iter().chain([&read.config]) {
        let data = find(&blob.digest)?.to_vec();
        let exists = client.blob_exists(image.reference(), &blob.digest);
        if !in_time(image, REQUEST, exists).await? {
            in_time(image, PULL, client.push_blob(image.reference(), data, &blob.digest)).await?;
        }
    }
    let pushed = client.push_manifest_raw(image.reference(), bytes.to_vec(), content_type);
    in_time(image, REQUEST, pushed).await?;
    Ok(())
}

fn parsed(image: &Image, bytes: &[u8]) -> Result<OciImageManifest, RegistryError> {
    serde_json::from_slice(bytes)
        .map_err(|err| no_module(image, &format!("its manifest is none of an artifact: {err}")))
}

fn no_module(image: &Image, why: &str) -> RegistryError {
    RegistryError::NoModule { image: image.to_string(), why: why.to_owned() }
}
