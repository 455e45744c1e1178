//! ServiceAccounts: what stands on one, and tokens that say that their bearer is one.
//!
//! Of a ServiceAccount only the metadata is asked for. It must not know which cloud takes a token, nor what an annotation
//! means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use herald_core::secret::SecretText;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use tokio::time::timeout;

use super::budget::Budget;
use super::connection::Connection;
use super::verdict::{Reason, Verdict};
use crate::service_accounts::{NoIdentityError, ServiceAccounts};
use crate::telemetry::report;

/// How long a token is good for: it is exchanged at once, and the API server gives none for less.
const LIFE: Duration = Duration::from_secs(600);
const REQUEST: Duration = Duration::from_secs(5);

/// Asks the API server for identities.
#[derive(Clone)]
pub(super) struct Accounts {
    connection: Connection,
    budget: Arc<Budget>,
    default_name: Option<String>,
}

/// Why nothing came of asking.
enum Failure {
    /// There is none of this name.
    Absent,
    /// It is not given, and why.
    Denied(String),
    /// Another try may succeed.
    Later(String),
}

impl Accounts {
    pub(super) fn new(
        connection: Connection,
        budget: Arc<Budget>,
        default_name: Option<String>,
    ) -> Self {
        Self { connection, budget, default_name }
    }

    /// What is wrong with the ServiceAccount that a Provider names; none also while the API server does not say.
    pub(super) async fn fault(&self, namespace: &str, name: &str) -> Option<Verdict> {
        let failure = self.read(namespace, name).await.err()?;
        let reason = match &failure {
            Failure::Absent => Reason::ServiceAccountNotFound,
            Failure::Denied(_) => Reason::ServiceAccountUnreadable,
            Failure::Later(_) => return None,
        };
        Some(Verdict { reason, message: failure.shown(namespace, name) })
    }

    fn api(&self, namespace: &str) -> Api<ServiceAccount> {
        Api::namespaced(self.connection.client.clone(), namespace)
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        let api = self.api(namespace);
        let found = self.ask(api.get_metadata_opt(name)).await?.ok_or(Failure::Absent)?;
        Ok(found.metadata.annotations.unwrap_or_default())
    }

    async fn request(
        &self,
        namespace: &str,
        name: &str,
        audience: &str,
    ) -> Result<SecretText, Failure> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: i64::try_from(LIFE.as_secs()).ok(),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let (api, params) = (self.api(namespace), PostParams::default());
        let answer = self.ask(api.create_token_request(name, &params, &request)).await?;
        let status = answer.status.filter(|status| !status.token.is_empty());
        let status = status.ok_or_else(|| Failure::Later("the answer has no token".to_owned()))?;
        Ok(SecretText::new(status.token))
    }

    async fn ask<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        let limited = async {
            self.budget.take().await;
            request.await
        };
        match timeout(REQUEST, limited).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(Failure::Absent),
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => {
                Err(Failure::Denied(status.message.clone()))
            }
            Ok(Err(err)) => Err(Failure::Later(report(&err))),
            Err(_) => Err(Failure::Later("the API server does not answer".to_owned())),
        }
    }
}

impl ServiceAccounts for Accounts {
    fn default_name(&self) -> Option<&str> {
        self.default_name.as_deref()
    }

    fn annotations<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, NoIdentityError>> {
        Box::pin(async move {
            let read = self.read(namespace, name).await;
            read.map_err(|failure| NoIdentityError(failure.shown(namespace, name)))
        })
    }

    fn token<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        audience: &'a str,
    ) -> BoxFuture<'a, Result<SecretText, NoIdentityError>> {
        Box::pin(async move {
            let token = self.request(namespace, name, audience).await;
            token.map_err(|failure| NoIdentityError(failure.shown(namespace, name)))
        })
    }
}

impl Failure {
    fn shown(&self, namespace: &str, name: &str) -> String {
        match self {
            Self::Absent => {
                format!("there is no ServiceAccount {namespace}/{name}; add it or correct the name")
            }
            Self::Denied(why) => format!(
                "the API server does not let Herald use the ServiceAccount {namespace}/{name}, which deploy/kustomize/workload-identity gives the rights for: {why}"
            ),
            Self::Later(why) => {
                format!("the ServiceAccount {namespace}/{name} cannot be used now: {why}")
            }
        }
    }
}
