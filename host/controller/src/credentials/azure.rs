//! Microsoft Entra: a client proves itself with its secret, or with a token that another issuer gave it, and gets a token
//! for one of Azure's services.
//!
//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::borrow::Cow;
use std::collections::BTreeMap;

use herald_core::provider::Provider;
use herald_core::secret::SecretText;
use url::Url;

use super::environment::{self, Azure};
use super::exchange::{Exchange, bearer};
use super::kept::Minted;
use super::workload::Workload;
use super::{ObtainError, misconfigured, oauth, secret};
use crate::egress::Transport;

/// Event Hubs, in every cloud.
pub(super) const EVENT_HUBS: &str = "https://eventhubs.azure.net/.default";
/// The application that Azure DevOps is
/// (<https://learn.microsoft.com/en-us/azure/devops/integrate/get-started/authentication/service-principal-managed-identity>).
pub(super) const DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";

/// The public cloud, where neither the Secret nor the environment names another.
const AUTHORITY: &str = "https://login.microsoftonline.com/";

/// Which client a ServiceAccount is, and of which tenant
/// (<https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html>).
const CLIENT_ID: &str = "azure.workload.identity/client-id";
const TENANT_ID: &str = "azure.workload.identity/tenant-id";
/// What Entra calls itself in the tokens of clusters.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// What a token of another issuer is called (RFC 7523).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const NOBODY: &str = "there is neither a `token` nor a client of Microsoft Entra: put `token` into the Provider's Secret, or \
     `azureTenantID`, `azureClientID` and `azureClientSecret`; name a ServiceAccount of the cluster in \
     `spec.serviceAccountName`; or start Herald with AZURE_TENANT_ID, AZURE_CLIENT_ID and \
     one of AZURE_FEDERATED_TOKEN_FILE and AZURE_CLIENT_SECRET. The metadata service of the machine is never asked, so a \
     managed identity needs a federated credential, as workload identities have";

/// A client of Entra.
struct Client<'a> {
    authority: Url,
    tenant: Cow<'a, str>,
    id: Cow<'a, str>,
    proof: Proof<'a>,
    /// What to look at when Entra refuses it.
    advice: &'static str,
}

/// What it proves itself with.
enum Proof<'a> {
    Secret(&'a str),
    /// A token for Entra, from an issuer that the client trusts.
    Federated(SecretText),
}

/// A token for this scope: that of the Secret's client, or else of a ServiceAccount's, or else of the environment's.
pub(super) async fn token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    workload: Option<&Workload<'_>>,
    azure: &Azure,
    scope: &str,
) -> Result<Minted, ObtainError> {
    let provider = exchange.provider();
    if let Some(client) = of_secret(provider)? {
        return client.token(exchange, scope).await;
    }
    let client = match workload {
        Some(workload) => Some(of_workload(exchange, workload, azure).await?),
        None => of_environment(exchange, azure).await?,
    };
    let client = client.ok_or_else(|| misconfigured(NOBODY))?;
    // No change of the Provider would mend it, so it is not waited for one.
    client.token(exchange, scope).await.map_err(|err| match err {
        ObtainError::Misconfigured(reason) => ObtainError::Later { reason, after: None },
        other => other,
    })
}

/// The client that the Provider's owner put into the Secret.
fn of_secret(provider: &Provider) -> Result<Option<Client<'_>>, ObtainError> {
    let keys = ["azureTenantID", "azureClientID", "azureClientSecret"];
    let [tenant, id, value] = keys.map(|key| secret(provider, key));
    let (tenant, id, value) = match (tenant, id, value) {
        (Some(tenant), Some(id), Some(value)) => (tenant, id, value),
        (None, None, None) => return Ok(None),
        found => {
            let found = [found.0, found.1, found.2];
            let missing = keys.iter().zip(found).find(|(_, value)| value.is_none());
            let key = missing.map_or("azureTenantID", |(key, _)| key);
            return Err(misconfigured(format!(
                "`{key}` is missing in the Secret: it belongs to a client of Microsoft Entra"
            )));
        }
    };
    let authority = secret(provider, "azureAuthorityHost").unwrap_or(AUTHORITY);
    let authority = self::authority(authority).ok_or_else(|| {
        misconfigured("`azureAuthorityHost` in the Secret is no URL such as https://login.microsoftonline.com/")
    })?;
    Ok(Some(Client {
        authority,
        tenant: tenant.into(),
        id: id.into(),
        proof: Proof::Secret(value),
        advice: "check `azureTenantID`, `azureClientID` and `azureClientSecret` in the Secret",
    }))
}

/// The client that a ServiceAccount is annotated with. The cloud is the operator's to name.
async fn of_workload<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    workload: &Workload<'_>,
    azure: &Azure,
) -> Result<Client<'static>, ObtainError> {
    let annotations = workload.annotations(exchange.deadline).await?;
    let [tenant, id] = [TENANT_ID, CLIENT_ID].map(|key| annotation(annotations, key));
    let tenant = tenant.map_err(|what| workload.wrong(&what))?;
    let id = id.map_err(|what| workload.wrong(&what))?;
    Ok(Client {
        authority: authority_of(azure)?,
        tenant: tenant.into(),
        id: id.into(),
        proof: Proof::Federated(workload.token(exchange, AUDIENCE).await?),
        advice: "check the annotations azure.workload.identity/tenant-id and azure.workload.identity/client-id of the \
                 ServiceAccount, and that the client has a federated credential for it",
    })
}

fn annotation(annotations: &BTreeMap<String, String>, key: &str) -> Result<String, String> {
    let value = annotations.get(key).map(|value| value.trim()).filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or_else(|| {
        format!("has no annotation {key}: add it, or put credentials into the Provider's Secret")
    })
}

/// The client of Herald's operator; none when there is none.
async fn of_environment<'a, T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    azure: &'a Azure,
) -> Result<Option<Client<'a>>, ObtainError> {
    let (Some(tenant), Some(id)) = (&azure.tenant, &azure.client) else { return Ok(None) };
    if azure.secret.is_none() && azure.token_file.is_none() {
        return Ok(None);
    }
    environment::check_trust(exchange.provider())?;
    let authority = authority_of(azure)?;
    // In the order of Azure's own libraries.
    let (proof, advice) = match (&azure.secret, &azure.token_file) {
        (Some(value), _) => {
            exchange.mask().hide(value);
            let advice = "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET";
            (Proof::Secret(value.expose()), advice)
        }
        (None, Some(path)) => {
            let text = environment::read("AZURE_FEDERATED_TOKEN_FILE", path).await?;
            let token = SecretText::from(text.expose().trim());
            exchange.mask().hide(&token);
            let advice = "check AZURE_TENANT_ID and AZURE_CLIENT_ID, and that the client trusts whoever issued the token \
                          in AZURE_FEDERATED_TOKEN_FILE";
            (Proof::Federated(token), advice)
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Client { authority, tenant: tenant.into(), id: id.into(), proof, advice }))
}

/// Where clients sign in that the Secret does not name.
fn authority_of(azure: &Azure) -> Result<Url, ObtainError> {
    let text = azure.authority.as_deref().unwrap_or(AUTHORITY);
    authority(text).ok_or_else(|| ObtainError::Later {
        reason: "AZURE_AUTHORITY_HOST is no URL such as https://login.microsoftonline.com/"
            .to_owned(),
        after: None,
    })
}

/// Where clients sign in. Some write it without its scheme.
fn authority(text: &str) -> Option<Url> {
    if text.contains("://") {
        oauth::endpoint(text)
    } else {
        oauth::endpoint(&["https://", text].concat())
    }
}

impl Client<'_> {
    fn url(&self) -> Url {
        let mut url = self.authority.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([&*self.tenant, "oauth2", "v2.0", "token"]);
        }
        url
    }

    async fn token<T: Transport>(
        &self,
        exchange: &Exchange<'_, '_, T>,
        scope: &str,
    ) -> Result<Minted, ObtainError> {
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", &*self.id), ("scope", scope)];
        match &self.proof {
            Proof::Secret(secret) => form.push(("client_secret", secret)),
            Proof::Federated(token) => {
                let token = token.expose();
                form.extend([("client_assertion_type", ASSERTION), ("client_assertion", token)]);
            }
        }
        let granted = oauth::grant(exchange, self.url(), &form, self.advice).await?;
        bearer(granted.token, granted.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::fixture;

    #[test]
    fn a_client_signs_in_at_its_tenant() {
        let check = |authority: &str, tenant: &str, expected: &str| {
            let secrets = [
                ("azureTenantID", tenant),
                ("azureClientID", "c"),
                ("azureClientSecret", "s"),
                ("azureAuthorityHost", authority),
            ];
            let provider = fixture::provider("hub", &secrets);
            let client = of_secret(&provider).unwrap().unwrap();
            assert_eq!(client.url().as_str(), expected);
        };
        let public = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
        check("", "t", public);
        check("https://login.microsoftonline.com", "t", public);
        check("login.microsoftonline.com/", "t", public);
        check(
            "https://login.chinacloudapi.cn/",
            "t",
            "https://login.chinacloudapi.cn/t/oauth2/v2.0/token",
        );
        check("http://127.0.0.1:1/x", "t", "http://127.0.0.1:1/x/t/oauth2/v2.0/token");
        check("", "a/../b?c", "https://login.microsoftonline.com/a%2F..%2Fb%3Fc/oauth2/v2.0/token");
        check("", "..", "https://login.microsoftonline.com/oauth2/v2.0/token");
    }
}
