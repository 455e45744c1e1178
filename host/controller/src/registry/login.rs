//! Who asks a registry, and which certificate it must show: from a Secret of the type `kubernetes.io/dockerconfigjson` or
//! from the file of that form which `docker login` writes.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;
use thiserror::Error;

use super::image::Image;

/// Credentials for registries, and a certificate authority of one's own.
#[derive(Clone, Default)]
pub struct Login {
    by_registry: BTreeMap<String, RegistryAuth>,
    ca: Option<String>,
}

// The passwords are nobody's business.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("registries", &self.by_registry.keys())
            .finish_non_exhaustive()
    }
}

/// A text that holds no logins.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseLoginError {
    /// It has another form. What is wrong is not told, as that would show a part of it.
    #[error("is not of the form {{\"auths\": {{\"REGISTRY\": {{\"auth\": \"…\"}}}}}}")]
    Form,
    /// What it holds for a registry is no login.
    #[error("for {0}: give `auth`, the base64 of USER:PASSWORD, or `username` and `password`")]
    Auth(String),
}

#[derive(Deserialize)]
struct File {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Login {
    /// Reads the logins of a `.dockerconfigjson`.
    ///
    /// # Errors
    /// It is not of that form; the text shows nothing of it.
    pub fn parse(json: &str) -> Result<Self, ParseLoginError> {
        let file: File = serde_json::from_str(json).map_err(|_| ParseLoginError::Form)?;
        let mut by_registry = BTreeMap::new();
        for (name, entry) in file.auths {
            // Docker writes the registry's API for some.
            let plain = name.trim_start_matches("https://").trim_start_matches("http://");
            let registry = plain.split('/').next().unwrap_or_default().to_owned();
            let pair = match entry {
                Entry { auth: Some(auth), .. } => decoded(&auth),
                Entry { username: Some(username), password: Some(password), .. } => {
                    Some((username, password))
                }
                Entry { .. } => None,
            };
            let (username, password) = pair.ok_or(ParseLoginError::Auth(name))?;
            by_registry.insert(registry, RegistryAuth::Basic(username, password));
        }
        Ok(Self { by_registry, ca: None })
    }

    /// The same, and trusts this authority besides those of the system.
    #[must_use]
    pub fn trusting(self, ca: Option<String>) -> Self {
        Self { ca, ..self }
    }

    pub(super) fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    pub(super) fn auth(&self, image: &Image) -> RegistryAuth {
        self.by_registry.get(image.registry()).cloned().unwrap_or(RegistryAuth::Anonymous)
    }
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_for_its_registry_alone() {
        let json = r#"{"auths": {"https://r.example/v1/": {"auth": "dTpwOnE="}, "o.example:5000": {"username": "a", "password": "b"}}}"#;
        let login = Login::parse(json).unwrap();
        let of = |image: &str| login.auth(&image.parse().unwrap());
        assert!(of("r.example/a:1") == RegistryAuth::Basic("u".to_owned(), "p:q".to_owned()));
        assert!(of("o.example:5000/a:1") == RegistryAuth::Basic("a".to_owned(), "b".to_owned()));
        assert!(of("o.example/a:1") == RegistryAuth::Anonymous);
        assert!(!format!("{login:?}").contains("p:q"));
    }

    #[test]
    fn what_is_no_login_says_so_and_shows_nothing() {
        for json in ["", "hunter2", "{}", r#"{"auths": "hunter2"}"#] {
            assert_eq!(Login::parse(json).unwrap_err(), ParseLoginError::Form);
        }
        for entry in [r#"{"auth": "hunter2!"}"#, "{}", r#"{"username": "hunter2"}"#] {
            let told =
                Login::parse(&format!(r#"{{"auths": {{"r.example": {entry}}}}}"#)).unwrap_err();
            assert_eq!(told, ParseLoginError::Auth("r.example".to_owned()));
        }
    }
}
