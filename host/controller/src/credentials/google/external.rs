//! Accounts of other issuers (workload identity federation): a token from a file is exchanged for one of Google's, and
//! that for one of a service account where the file names one.
//!
//! <https://google.aip.dev/auth/4117>

use std::path::{Path, PathBuf};

use herald_core::secret::SecretText;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{SCOPE, VARIABLE, endpoint};
use crate::credentials::exchange::{self, Exchange, bearer, not_an_answer, with_token};
use crate::credentials::kept::Minted;
use crate::credentials::oauth::{self, Granted};
use crate::credentials::{ObtainError, environment, misconfigured};
use crate::egress::Transport;

/// Token exchange (RFC 8693).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A token that only speaks for a service account may do no less than impersonate it.
const TO_IMPERSONATE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long the token of an impersonated account is good for: what Google gives without being asked for more.
const LIFE: &str = "3600s";

/// A file as `gcloud iam workload-identity-pools create-cred-config` writes it.
#[derive(Deserialize)]
pub(super) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    token_url: String,
    service_account_impersonation_url: Option<String>,
    credential_source: Source,
}

/// Where the other issuer's token is.
#[derive(Deserialize)]
struct Source {
    file: Option<PathBuf>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    subject_token_field_name: Option<String>,
}

impl ExternalAccount {
    pub(super) async fn token<T: Transport>(
        &self,
        exchange: &Exchange<'_, '_, T>,
    ) -> Result<Minted, ObtainError> {
        let Some(path) = &self.credential_source.file else {
            return Err(misconfigured(format!(
                "the external account in {VARIABLE} has no `file` in its `credential_source`: Herald takes tokens from \
                 files alone, such as a projected service account token"
            )));
        };
        let subject = self.subject(path).await?;
        exchange.mask().hide(&subject);
        let url = endpoint(&self.token_url, "token_url", VARIABLE)?;
        let spoken_for = self.service_account_impersonation_url.as_deref();
        let is_direct = spoken_for.is_none();
        let kind = &self.subject_token_type;
        let granted = exchanged(exchange, url, &self.audience, &subject, kind, is_direct).await?;
        let granted = match spoken_for {
            None => granted,
            Some(url) => {
                let url = endpoint(url, "service_account_impersonation_url", VARIABLE)?;
                impersonated(exchange, &granted.token, url).await?
            }
        };
        bearer(granted.token, granted.ends)
    }

    /// The other issuer's token.
    async fn subject(&self, path: &Path) -> Result<SecretText, ObtainError> {
        let text = environment::read("the external account", path).await?;
        let format = self.credential_source.format.as_ref();
        let Some(format) = format.filter(|format| format.kind == "json") else {
            return Ok(text.expose().trim().into());
        };
        let file: Value = serde_json::from_str(text.expose()).unwrap_or_default();
        let field = format.subject_token_field_name.as_deref().unwrap_or_default();
        let token = file[field].as_str().filter(|token| !token.is_empty());
        token.map(SecretText::from).ok_or_else(|| ObtainError::Later {
            reason: format!("{} is no JSON with a text under `{field}`", path.display()),
            after: None,
        })
    }
}

/// Google's token for one of another issuer, which it trusts for this audience; a direct one is for messages and nothing
/// else.
pub(super) async fn exchanged<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    url: Url,
    audience: &str,
    subject: &SecretText,
    subject_type: &str,
    is_direct: bool,
) -> Result<Granted, ObtainError> {
    let form = [
        ("audience", audience),
        ("grant_type", GRANT),
        ("requested_token_type", ACCESS_TOKEN),
        ("scope", if is_direct { SCOPE } else { TO_IMPERSONATE }),
        ("subject_token", subject.expose()),
        ("subject_token_type", subject_type),
    ];
    let advice = "check the workload identity pool and its provider, and that they trust whoever issued the token";
    oauth::grant(exchange, url, &form, advice).await
}

/// A token of the service account that the first token may speak for.
pub(super) async fn impersonated<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    token: &SecretText,
    url: Url,
) -> Result<Granted, ObtainError> {
    let service = exchange::host(&url);
    let headers = with_token(token, &[(CONTENT_TYPE, "application/json")])?;
    let body = json!({"scope": [SCOPE], "lifetime": LIFE}).to_string();
    let response = exchange.send(Method::POST, url, headers, body).await?;
    let advice =
        "check that the pool's identity has the role Workload Identity User on the service account";
    let answer = exchange::json(&response, &service, exchange.now(), advice)?;
    let token = exchange.token(&answer, "accessToken", &service)?;
    let ends = answer.get("expireTime").and_then(Value::as_str);
    let ends: Option<Timestamp> = ends.and_then(|text| text.parse().ok());
    Ok(Granted { token, ends: ends.ok_or_else(|| not_an_answer(&service))? })
}
