//! How Herald logs in at a server: by `creds`, `nkey`, or `username` and `password` of the Secret, or by the address.

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use url::Url;

use super::key::UserKey;
use crate::egress::SendError;

/// What a Provider gives to log in with. Of several, `creds` count before `nkey`, and that before a password; a user in
/// the address counts instead of the last two.
#[derive(Default)]
pub(super) struct Login {
    user: Option<(String, String)>,
    token: Option<String>,
    jwt: Option<String>,
    key: Option<UserKey>,
}

/// What a client says of itself.
#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    name: &'static str,
    lang: &'static str,
    version: &'static str,
    /// The server may tell of changes to itself later on.
    protocol: u8,
    echo: bool,
    headers: bool,
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

impl Login {
    /// What this Provider gives for this one of its servers.
    ///
    /// # Errors
    /// The Secret's `creds` or `nkey` cannot be read.
    pub(super) fn of(provider: &Provider, server: &Url) -> Result<Self, SendError> {
        let value = |key: &str| {
            provider
                .secret
                .get(key)
                .map(SecretText::expose)
                .filter(|value| !value.trim().is_empty())
        };
        let mut login = Self::of_userinfo(server);
        if let Some(creds) = value("creds") {
            let mut blocks = blocks(creds);
            let (jwt, seed) = (blocks.next(), blocks.next());
            login.jwt = jwt.map(str::to_owned);
            login.key = seed.and_then(UserKey::of_seed);
            if login.key.is_none() {
                return Err(SendError::Settings(
                    "the Secret's `creds` do not hold the JWT and the seed of a user; give the whole file that `nsc generate creds` writes".to_owned(),
                ));
            }
        } else if login.user.is_some() || login.token.is_some() {
            // The peer's client takes the address's user instead of the Secret's too.
        } else if let Some(nkey) = value("nkey") {
            let seed = blocks(nkey).next().unwrap_or(nkey);
            login.key = UserKey::of_seed(seed);
            if login.key.is_none() {
                return Err(SendError::Settings(
                    "the Secret's `nkey` is not the seed of a user; give the text that begins with SU".to_owned(),
                ));
            }
        } else {
            let username = provider.view().username;
            if let Some(password) = value("password").filter(|_| !username.is_empty()) {
                login.user = Some((username, password.to_owned()));
            }
        }
        Ok(login)
    }

    /// User and password of the address; a user alone is a token.
    fn of_userinfo(server: &Url) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = Some(decode(server.username())).filter(|user| !user.is_empty());
        match (user, server.password()) {
            (Some(user), Some(password)) => {
                Self { user: Some((user, decode(password))), ..Self::default() }
            }
            (Some(token), None) => Self { token: Some(token), ..Self::default() },
            (None, _) => Self::default(),
        }
    }

    /// The line that logs in; `nonce` is what the server gave to sign.
    pub(super) fn line(&self, nonce: &str, is_secure: bool) -> Vec<u8> {
        let connect = Connect {
            verbose: false,
            pedantic: false,
            tls_required: is_secure,
            name: "herald",
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            echo: false,
            headers: true,
            no_responders: false,
            user: self.user.as_ref().map(|(user, _)| user.as_str()),
            pass: self.user.as_ref().map(|(_, password)| password.as_str()),
            auth_token: self.token.as_deref(),
            jwt: self.jwt.as_deref(),
            // Who has a JWT is known by it.
            nkey: self.key.as_ref().filter(|_| self.jwt.is_none()).map(UserKey::public),
            sig: self.key.as_ref().map(|key| key.sign(nonce)),
        };
        let json = serde_json::to_string(&connect).expect("texts and flags can be written");
        ["CONNECT ", &json, "\r\n"].concat().into_bytes()
    }
}

/// The line behind each `-----BEGIN …-----`.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    std::iter::from_fn(move || {
        lines.find(|line| line.starts_with("---") && line.contains("BEGIN"))?;
        lines.next()
    })
}
