//! Google Cloud: an account proves itself with its private key, or with a token that another issuer gave it, and gets an
//! access token.
//!
//! It knows key files and the exchange of a service account
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>); that of accounts elsewhere,
//! [`external`] knows, and that of a cluster's ServiceAccounts [`workload`].

mod external;
mod workload;

use herald_core::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::environment::{self, Environment};
use super::exchange::{Exchange, bearer};
use super::jwt::SigningKey;
use super::kept::Minted;
use super::workload::Workload;
use super::{ObtainError, misconfigured, oauth, secret};
use crate::egress::Transport;
use external::ExternalAccount;
pub use workload::{GkeCluster, ParseGkeClusterError};

/// What tokens are good for.
const SCOPE: &str = "https://www.googleapis.com/auth/pubsub";

/// Where key files without a `token_uri` of their own are taken.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Clocks differ, and Google refuses a claim from the future.
const BACKDATED: SignedDuration = SignedDuration::from_secs(60);
/// Google takes at most an hour from one end to the other.
const LIFE: SignedDuration = SignedDuration::from_mins(50);

const IN_SECRET: &str = "`token` in the Secret";
const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

const NOBODY: &str = "there is no key of a Google service account: put the whole JSON file into the Provider's Secret under `token`, \
     name a ServiceAccount of the cluster in `spec.serviceAccountName`, or start Herald with GOOGLE_APPLICATION_CREDENTIALS naming such a file, or that of an external account with a token \
     from a file (workload identity federation). The metadata server of GKE and Compute Engine is never asked";

/// A file as Google gives it out.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum KeyFile {
    ServiceAccount(ServiceAccount),
    ExternalAccount(ExternalAccount),
    #[serde(other)]
    Other,
}

/// An account with a private key.
#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

/// A token for the account of the Secret, or else for a ServiceAccount of the cluster, or else for the environment's.
pub(super) async fn token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    workload: Option<&Workload<'_>>,
    environment: &Environment,
) -> Result<Minted, ObtainError> {
    if let Some(text) = secret(exchange.provider(), "token") {
        return match read(text, IN_SECRET)? {
            KeyFile::ServiceAccount(account) => account.token(exchange, IN_SECRET).await,
            // It names a file of the machine that Herald runs on, which is not the Provider's to read.
            KeyFile::ExternalAccount(_) => Err(misconfigured(
                "`token` in the Secret is an external account, which only the operator can set up, with \
                 GOOGLE_APPLICATION_CREDENTIALS: put the JSON key of a service account there",
            )),
            KeyFile::Other => Err(other(IN_SECRET)),
        };
    }
    if let Some(workload) = workload {
        return workload::token(exchange, workload, environment.gke.as_ref()).await;
    }
    let Some(path) = &environment.google else { return Err(misconfigured(NOBODY)) };
    environment::check_trust(exchange.provider())?;
    let of_operator = async {
        let text = environment::read(VARIABLE, path).await?;
        match read(text.expose(), VARIABLE)? {
            KeyFile::ServiceAccount(account) => account.token(exchange, VARIABLE).await,
            KeyFile::ExternalAccount(account) => account.token(exchange).await,
            KeyFile::Other => Err(other(VARIABLE)),
        }
    };
    // No change of the Provider would mend it, so it is not waited for one.
    of_operator.await.map_err(|err| match err {
        ObtainError::Misconfigured(reason) => ObtainError::Later { reason, after: None },
        other => other,
    })
}

/// What a file says. The parser's own errors could quote it.
fn read(text: &str, place: &str) -> Result<KeyFile, ObtainError> {
    serde_json::from_str(text).map_err(|_| {
        misconfigured(format!(
            "{place} is no JSON key of a service account: make one with `gcloud iam service-accounts keys create`, and \
             give the whole file"
        ))
    })
}

fn other(place: &str) -> ObtainError {
    misconfigured(format!(
        "{place} is of a `type` that Herald does not use: give that of a service account"
    ))
}

/// The URL of an endpoint that a file names.
fn endpoint(text: &str, name: &str, place: &str) -> Result<Url, ObtainError> {
    oauth::endpoint(text).ok_or_else(|| {
        misconfigured(format!(
            "`{name}` in {place} is no https URL: take the file as Google gave it out"
        ))
    })
}

impl ServiceAccount {
    async fn token<T: Transport>(
        &self,
        exchange: &Exchange<'_, '_, T>,
        place: &str,
    ) -> Result<Minted, ObtainError> {
        let url = endpoint(self.token_uri.as_deref().unwrap_or(TOKEN_URI), "token_uri", place)?;
        let assertion = self.assertion(&url, exchange.now(), place)?;
        exchange.mask().hide_proof(&assertion);
        let form = [("grant_type", GRANT), ("assertion", assertion.expose())];
        let advice = format!("check that the account and the key in {place} still exist");
        let granted = oauth::grant(exchange, url, &form, &advice).await?;
        bearer(granted.token, granted.ends)
    }

    /// Says who it is, to this endpoint alone.
    fn assertion(&self, url: &Url, now: Timestamp, place: &str) -> Result<SecretText, ObtainError> {
        let key = SigningKey::from_pem(&self.private_key)
            .map_err(|err| misconfigured(format!("`private_key` in {place} {err}")))?;
        Ok(key.token(&self.claims(url, now), self.private_key_id.as_deref()))
    }

    fn claims(&self, url: &Url, now: Timestamp) -> Value {
        let issued = now.saturating_sub(BACKDATED).unwrap_or(now);
        let ends = now.saturating_add(LIFE).unwrap_or(now);
        json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": url.as_str(),
            "iat": issued.as_second(),
            "exp": ends.as_second(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::jwt::tests::{PKCS1, read as read_token};

    #[test]
    fn an_account_claims_an_hour_at_its_endpoint() {
        let now: Timestamp = "2026-03-14T09:30:00Z".parse().unwrap();
        let file = json!({
            "type": "service_account", "client_email": "flux@p.iam.gserviceaccount.com",
            "private_key": PKCS1, "private_key_id": "k1", "project_id": "p",
        });
        let KeyFile::ServiceAccount(account) = read(&file.to_string(), "x").unwrap() else {
            panic!("it is one of a service account")
        };
        let url = endpoint(TOKEN_URI, "token_uri", "x").unwrap();
        let token = account.assertion(&url, now, "x").unwrap();
        let (head, claims) = read_token(token.expose());
        assert_eq!(head["kid"], "k1");
        let second = now.as_second();
        assert_eq!(
            claims,
            json!({
                "iss": "flux@p.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/pubsub",
                "aud": "https://oauth2.googleapis.com/token",
                "iat": second - 60,
                "exp": second + 3000,
            })
        );
    }

    #[test]
    fn what_is_no_key_file_is_not_quoted() {
        for text in [
            "hidden",
            "{\"hidden\": 1}",
            "{\"type\": \"service_account\", \"private_key\": \"hidden\"}",
        ] {
            let err = read(text, IN_SECRET).err().unwrap().to_string();
            assert!(err.starts_with("`token` in the Secret is no JSON key"), "{err}");
            assert!(!err.contains("hidden"), "{err}");
        }
        let other = read("{\"type\": \"authorized_user\", \"refresh_token\": \"hidden\"}", "x");
        assert!(matches!(other, Ok(KeyFile::Other)));
    }
}
