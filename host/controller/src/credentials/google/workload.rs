//! ServiceAccounts of a cluster at Google: a token of the cluster is exchanged for one of Google's, and that for one of a
//! service account of Google where an annotation names one.
//!
//! The annotations are those of GKE and of Flux
//! (<https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity>,
//! <https://fluxcd.io/flux/integrations/gcp/#at-the-object-level>).

use std::collections::BTreeMap;
use std::str::FromStr;

use herald_core::secret::SecretText;
use thiserror::Error;
use url::Url;

use super::external;
use crate::credentials::exchange::{Exchange, bearer};
use crate::credentials::kept::Minted;
use crate::credentials::workload::Workload;
use crate::credentials::{ObtainError, misconfigured};
use crate::egress::Transport;

/// Where tokens are exchanged.
const TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";
const SUBJECT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Where a token is had for a service account, before and after its name.
const IMPERSONATION: [&str; 2] = [
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/",
    ":generateAccessToken",
];

/// Says which provider of a pool trusts the cluster, where that is not GKE.
const POOL: &str = "gcp.auth.fluxcd.io/workload-identity-provider";
/// Says which service account of Google is spoken for.
const ACCOUNT: &str = "iam.gke.io/gcp-service-account";

/// The longest part of a name that Google gives.
const MAX_PART: usize = 200;

/// A cluster of GKE: its own pool takes the tokens of its ServiceAccounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GkeCluster {
    project: String,
    /// `projects/P/locations/L/clusters/C`.
    name: String,
}

/// Why a text names no cluster of GKE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a cluster is written projects/PROJECT/locations/LOCATION/clusters/NAME")]
pub struct ParseGkeClusterError;

impl FromStr for GkeCluster {
    type Err = ParseGkeClusterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["projects", project, "locations", location, "clusters", cluster]
                if [project, location, cluster].into_iter().all(|part| is_name(part)) =>
            {
                Ok(Self { project: (*project).to_owned(), name: text.to_owned() })
            }
            _ => Err(ParseGkeClusterError),
        }
    }
}

/// Who trusts the cluster's tokens: what they are made out for, and what stands in the exchange.
#[derive(Debug, PartialEq, Eq)]
struct Audiences {
    of_token: String,
    of_exchange: String,
}

/// A token for the ServiceAccount, or for the account that it speaks for.
pub(super) async fn token<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    workload: &Workload<'_>,
    gke: Option<&GkeCluster>,
) -> Result<Minted, ObtainError> {
    let annotations = workload.annotations(exchange.deadline).await?;
    let audiences = audiences(annotations, gke).map_err(|what| workload.wrong(&what))?;
    let spoken_for = spoken_for(annotations).map_err(|what| workload.wrong(&what))?;
    let subject = workload.token(exchange, &audiences.of_token).await?;
    // The mistake would be of the ServiceAccount or the pool, so no change of the Provider is waited for.
    let obtained = obtain(exchange, &subject, &audiences.of_exchange, spoken_for.as_ref()).await;
    obtained.map_err(|err| match err {
        ObtainError::Misconfigured(what) => workload.wrong(&["cannot be used: ", &what].concat()),
        other => other,
    })
}

async fn obtain<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    subject: &SecretText,
    audience: &str,
    spoken_for: Option<&Url>,
) -> Result<Minted, ObtainError> {
    let url = Url::parse(TOKEN_URL).map_err(|_| misconfigured("the exchange has no URL"))?;
    let is_direct = spoken_for.is_none();
    let granted =
        external::exchanged(exchange, url, audience, subject, SUBJECT_TYPE, is_direct).await?;
    let granted = match spoken_for {
        None => granted,
        Some(url) => external::impersonated(exchange, &granted.token, url.clone()).await?,
    };
    bearer(granted.token, granted.ends)
}

/// The pool that an annotation names, or else that of GKE.
fn audiences(
    annotations: &BTreeMap<String, String>,
    gke: Option<&GkeCluster>,
) -> Result<Audiences, String> {
    if let Some(provider) = annotation(annotations, POOL) {
        if !is_provider_of_pool(provider) {
            return Err(format!(
                "has an annotation {POOL} that is not written projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
            ));
        }
        let audience = ["//iam.googleapis.com/", provider].concat();
        return Ok(Audiences { of_token: audience.clone(), of_exchange: audience });
    }
    let Some(GkeCluster { project, name }) = gke else {
        return Err(format!(
            "says nothing of who trusts it at Google: annotate it with {POOL}, or in GKE start Herald with --gke-cluster; the metadata server is never asked"
        ));
    };
    Ok(Audiences {
        of_token: format!("{project}.svc.id.goog"),
        of_exchange: format!(
            "identitynamespace:{project}.svc.id.goog:https://container.googleapis.com/v1/{name}"
        ),
    })
}

/// Where a token of the service account of Google is had that an annotation names.
fn spoken_for(annotations: &BTreeMap<String, String>) -> Result<Option<Url>, String> {
    let Some(email) = annotation(annotations, ACCOUNT) else { return Ok(None) };
    let wrong = || {
        format!(
            "has an annotation {ACCOUNT} that is not written NAME@PROJECT.iam.gserviceaccount.com"
        )
    };
    let parts = email.split_once('@');
    let parts = parts
        .and_then(|(name, domain)| Some((name, domain.strip_suffix(".iam.gserviceaccount.com")?)));
    let is_plain = |text: &str| {
        !text.is_empty()
            && text.len() <= 100
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    match parts {
        Some((name, project)) if is_plain(name) && is_plain(project) => {
            let [before, after] = IMPERSONATION;
            Url::parse(&[before, email, after].concat()).map(Some).map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

fn annotation<'a>(annotations: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    annotations.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn is_provider_of_pool(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [
            "projects",
            number,
            "locations",
            "global",
            "workloadIdentityPools",
            pool,
            "providers",
            provider,
        ] => {
            let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
            is_number && number.len() <= 30 && is_name(pool) && is_name(provider)
        }
        _ => false,
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '?' | '#' | '%');
    !text.is_empty() && text.len() <= MAX_PART && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotated(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_pool_is_that_of_the_annotation_or_of_the_cluster() {
        let gke: GkeCluster = "projects/p/locations/europe-west1/clusters/c".parse().unwrap();
        let provider = "projects/123/locations/global/workloadIdentityPools/pool/providers/kind";
        let of_pool = annotated(&[(POOL, provider)]);
        let audience = ["//iam.googleapis.com/", provider].concat();
        let expected = Audiences { of_token: audience.clone(), of_exchange: audience };
        assert_eq!(audiences(&of_pool, Some(&gke)).unwrap(), expected);
        let of_gke = audiences(&annotated(&[(POOL, " ")]), Some(&gke)).unwrap();
        assert_eq!(of_gke.of_token, "p.svc.id.goog");
        assert_eq!(
            of_gke.of_exchange,
            "identitynamespace:p.svc.id.goog:https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c"
        );
        assert!(audiences(&annotated(&[]), None).unwrap_err().contains("--gke-cluster"));
        for wrong in [
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k",
            "projects/one/locations/global/workloadIdentityPools/p/providers/k",
            "projects/1/locations/global/workloadIdentityPools/p/providers/",
            "projects/1/locations/global/workloadIdentityPools/p/providers/k/x",
        ] {
            assert!(audiences(&annotated(&[(POOL, wrong)]), Some(&gke)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_service_account_of_google_has_a_name_that_leads_nowhere_else() {
        let check = |email: &str| spoken_for(&annotated(&[(ACCOUNT, email)]));
        assert_eq!(check("").unwrap(), None);
        assert_eq!(
            check("flux@my-project.iam.gserviceaccount.com").unwrap().unwrap().as_str(),
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/flux@my-project.iam.gserviceaccount.com:generateAccessToken"
        );
        for wrong in [
            "flux",
            "@p.iam.gserviceaccount.com",
            "flux@p.example.com",
            "a/../b@p.iam.gserviceaccount.com",
            "flux@a.b.iam.gserviceaccount.com",
            "fl ux@p.iam.gserviceaccount.com",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cluster_is_written_in_full() {
        for wrong in [
            "",
            "c",
            "projects/p/clusters/c",
            "projects//locations/l/clusters/c",
            "projects/p/locations/l/clusters/c?",
        ] {
            assert_eq!(wrong.parse::<GkeCluster>(), Err(ParseGkeClusterError), "{wrong}");
        }
    }
}
