//! The identity of whoever operates Herald: what the clouds' own tools read from a process's environment.
//!
//! It knows the names of the variables and how a file that one of them names is read. It must not read the environment
//! itself, nor know what is asked with an identity.

use std::path::{Path, PathBuf};

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use tokio::io::AsyncReadExt as _;

use super::google::GkeCluster;
use super::{ObtainError, misconfigured};

/// The longest file that is read. A token has some thousand bytes, a key file as well.
const MAX_BYTES: u64 = 64 << 10;

/// What the environment of the process says. It counts for every Provider that has no credentials of its own.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(super) azure: Azure,
    /// `GOOGLE_APPLICATION_CREDENTIALS`.
    pub(super) google: Option<PathBuf>,
    /// The cluster that ServiceAccounts are of.
    pub(super) gke: Option<GkeCluster>,
}

/// The variables of Azure's own libraries
/// (<https://learn.microsoft.com/en-us/azure/developer/go/sdk/authentication/authentication-overview>).
#[derive(Clone, Debug, Default)]
pub(super) struct Azure {
    /// `AZURE_TENANT_ID`.
    pub(super) tenant: Option<String>,
    /// `AZURE_CLIENT_ID`.
    pub(super) client: Option<String>,
    /// `AZURE_CLIENT_SECRET`.
    pub(super) secret: Option<SecretText>,
    /// `AZURE_FEDERATED_TOKEN_FILE`.
    pub(super) token_file: Option<PathBuf>,
    /// `AZURE_AUTHORITY_HOST`.
    pub(super) authority: Option<String>,
}

impl Environment {
    /// Takes the variables from where `get` finds them; an empty one counts as not set.
    #[must_use]
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            let value = get(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        Self {
            azure: Azure {
                tenant: get("AZURE_TENANT_ID"),
                client: get("AZURE_CLIENT_ID"),
                secret: get("AZURE_CLIENT_SECRET").map(SecretText::new),
                token_file: get("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
                authority: get("AZURE_AUTHORITY_HOST"),
            },
            google: get("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from),
            gke: None,
        }
    }

    /// The same in this cluster of GKE, whose ServiceAccounts Google knows.
    #[must_use]
    pub fn in_gke(self, cluster: Option<GkeCluster>) -> Self {
        Self { gke: cluster, ..self }
    }

    /// What modules are told of it; nothing of an identity itself.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let authority = self.azure.authority.iter();
        authority.map(|host| ("azure-authority-host".to_owned(), host.clone())).collect()
    }
}

/// Refuses the operator's identity to a Provider that says itself whom to trust: with a proxy of its own as well it could
/// read what is sent, and the identity is not its owner's.
pub(super) fn check_trust(provider: &Provider) -> Result<(), ObtainError> {
    match &provider.tls {
        Some(tls) if tls.ca.is_some() => Err(misconfigured(
            "the identity in Herald's environment is not sent where the Provider's `ca.crt` vouches for the receiver: \
             put credentials of its own into the Provider's Secret, or have the operator trust that authority with \
             SSL_CERT_FILE",
        )),
        Some(_) | None => Ok(()),
    }
}

/// The text of a file that the variable names. It is read anew each time, as such files are replaced while they last.
pub(super) async fn read(variable: &str, path: &Path) -> Result<SecretText, ObtainError> {
    let failed = |what: &str| ObtainError::Later {
        reason: format!("cannot read {}, which {variable} names: {what}", path.display()),
        after: None,
    };
    let file = tokio::fs::File::open(path).await.map_err(|err| failed(&err.to_string()))?;
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text).await;
    let text = SecretText::new(text);
    match read {
        // The error would not say more, and could quote the file.
        Err(_) => Err(failed("it is no text")),
        Ok(n_bytes) if n_bytes as u64 > MAX_BYTES => Err(failed("it is too long")),
        Ok(_) if text.expose().trim().is_empty() => Err(failed("it is empty")),
        Ok(_) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use herald_core::provider::TlsSettings;

    use super::*;
    use crate::egress::fixture;

    #[test]
    fn an_empty_variable_is_not_set() {
        let environment = Environment::read(|name| match name {
            "AZURE_TENANT_ID" => Some(" tenant\n".to_owned()),
            "AZURE_CLIENT_ID" => Some(" ".to_owned()),
            "AZURE_CLIENT_SECRET" => Some("hidden".to_owned()),
            _ => None,
        });
        assert_eq!(environment.azure.tenant.as_deref(), Some("tenant"));
        assert_eq!(environment.azure.client, None);
        assert!(environment.google.is_none() && environment.facts().is_empty());
        assert!(!format!("{environment:?}").contains("hidden"));
    }

    #[test]
    fn modules_are_told_of_the_cloud_alone() {
        let environment = Environment::read(|name| Some(format!("https://{name}.example/")));
        let host = "https://AZURE_AUTHORITY_HOST.example/";
        assert_eq!(environment.facts(), [("azure-authority-host".to_owned(), host.to_owned())]);
    }

    /// Rule S5.
    #[test]
    fn a_provider_with_an_authority_of_its_own_has_no_part_in_it() {
        let mut provider = fixture::provider("hub", &[]);
        assert!(check_trust(&provider).is_ok());
        provider.tls = Some(TlsSettings::default());
        assert!(check_trust(&provider).is_ok());
        provider.tls = Some(TlsSettings { ca: Some("pem".into()), identity: None });
        assert!(check_trust(&provider).is_err());
    }

    #[tokio::test]
    async fn a_file_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let check = async |content: Option<&[u8]>, expected: &str| {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            match read("TOKEN_FILE", &path).await {
                Ok(text) => assert_eq!(text.expose(), expected),
                Err(err) => {
                    let text = err.to_string();
                    let names = text.contains("TOKEN_FILE") && !text.contains("hidden");
                    assert!(names && text.contains(expected), "{text}");
                }
            }
        };
        check(None, "No such file").await;
        check(Some(b"eyJ.fake\n"), "eyJ.fake\n").await;
        check(Some(b" \n"), "it is empty").await;
        check(Some(b"hidden\xff"), "it is no text").await;
        check(Some(&vec![b'x'; 65 << 10]), "it is too long").await;
        check(Some(&vec![b'x'; 64 << 10]), &"x".repeat(64 << 10)).await;
    }
}
