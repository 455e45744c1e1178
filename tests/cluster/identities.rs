//! Identities of ServiceAccounts: the cluster says who a Provider is, the clouds believe it, and nobody else sees a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use herald_tests::herald::Herald;
use herald_tests::receiver::{Received, Receiver, Reply};
use herald_tests::tls::Authority;
use serde_json::{Value, json};

use crate::emitter::{event, post};
use crate::world::{World, eventually, run};
use crate::{alert, provider, secret};

const EVENTS: usize = 4;
const GATE: &str = "--feature-gates=ObjectLevelWorkloadIdentity=true";
const POOL: &str = "projects/123/locations/global/workloadIdentityPools/pool/providers/kind";
const GRANTED: &str = "fake.granted-by-the-cloud";
const EXCHANGED: &str = "fake.exchanged-by-google";

/// Everybody that is asked for a token, and everybody that takes one.
fn answer(got: &Received) -> Reply {
    let json = |body: Value| Reply::status(200).body(body.to_string());
    let token = |text: &str| {
        json(json!({"access_token": text, "expires_in": 3600, "token_type": "Bearer"}))
    };
    match got.header("host").unwrap_or_default() {
        "login.microsoftonline.com" => token(GRANTED),
        "sts.googleapis.com" => token(EXCHANGED),
        "iamcredentials.googleapis.com" => {
            json(json!({"accessToken": GRANTED, "expireTime": "2099-01-01T00:00:00Z"}))
        }
        "pubsub.googleapis.com" => json(json!({"messageIds": ["1"]})),
        host if host.ends_with(".servicebus.windows.net") => Reply::status(201),
        _ => Reply::status(404),
    }
}

fn account(name: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "apps", "annotations": annotations},
    })
}

/// The world behind a proxy, and what a Provider needs to get there.
async fn world_of_clouds(world: &World) -> Receiver {
    let authority = Arc::new(Authority::default());
    let clouds = Receiver::start_world(Arc::clone(&authority)).await;
    clouds.answer_with(answer);
    world.namespace("apps").await;
    let proxy = format!("http://{}", clouds.address());
    world.apply(&secret("apps", "authority", json!({"ca.crt": authority.pem()}))).await;
    world.apply(&secret("apps", "proxy", json!({"address": proxy}))).await;
    clouds
}

/// A Provider that has no credentials but its ServiceAccount, and an Alert for it.
async fn with_account(world: &World, name: &str, kind: &str, channel: &str, account: Option<&str>) {
    let mut spec = json!({
        "type": kind, "address": "place", "channel": channel, "timeout": "20s",
        "certSecretRef": {"name": "authority"}, "proxySecretRef": {"name": "proxy"},
    });
    if let Some(account) = account {
        spec["serviceAccountName"] = account.into();
    }
    world.apply(&provider("v1beta3", "apps", name, spec)).await;
    world.apply(&alert("v1beta3", "apps", name, name)).await;
}

/// The forms that a host got.
fn forms(clouds: &Receiver, host: &str) -> Vec<Value> {
    let received = clouds.received();
    let of_host = received.iter().filter(|got| got.header("host") == Some(host));
    of_host
        .map(|got| {
            let query = String::from_utf8(got.body.to_vec()).unwrap();
            let url = reqwest::Url::parse(&["http://form.invalid/?", &query].concat()).unwrap();
            let pairs = url.query_pairs().map(|(key, value)| (key.into_owned(), json!(value)));
            Value::Object(pairs.collect())
        })
        .collect()
}

/// What a token of the cluster says.
fn claims(token: &Value) -> Value {
    use base64::Engine as _;
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn bearers(clouds: &Receiver, host: &str) -> Vec<String> {
    let received = clouds.received();
    let of_host = received.iter().filter(|got| got.header("host") == Some(host));
    of_host.map(|got| got.header("authorization").unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_service_account_is_who_its_provider_is_at_azure_and_google() {
    run(async |world| {
        let clouds = world_of_clouds(world).await;
        world.allow_identities().await;
        let azure = json!({
            "azure.workload.identity/tenant-id": "tenant", "azure.workload.identity/client-id": "client",
        });
        let google = json!({
            "gcp.auth.fluxcd.io/workload-identity-provider": POOL,
            "iam.gke.io/gcp-service-account": "flux@project.iam.gserviceaccount.com",
        });
        world.apply_all(&[account("azure", azure), account("google", google)]).await;
        world.apply(&account("plain", json!({}))).await;
        with_account(world, "hub", "azureeventhub", "mine", Some("azure")).await;
        with_account(world, "topic", "googlepubsub", "topic", Some("google")).await;
        // In GKE nothing need stand on it; and it is the one of those who name none.
        with_account(world, "default", "googlepubsub", "other", None).await;
        let gke = "--gke-cluster=projects/p/locations/l/clusters/c";
        let herald = world.herald(&[GATE, "--default-service-account=plain", gke]).await;
        for name in ["hub", "topic", "default"] {
            world.ready("Alert", "apps", name, "True Succeeded").await;
        }
        for number in 0..EVENTS {
            post(&herald, &event("apps", &format!("number {number}"))).await;
        }
        let (hub, pubsub) = ("mine.servicebus.windows.net", "pubsub.googleapis.com");
        eventually("everything arrives", async || {
            bearers(&clouds, hub).len() == EVENTS && bearers(&clouds, pubsub).len() == 2 * EVENTS
        })
        .await;

        // Each was asked for once, and says who it is to that cloud alone, for minutes.
        let entra = forms(&clouds, "login.microsoftonline.com");
        assert_eq!(entra.len(), 1, "{entra:?}");
        assert_eq!(entra[0]["client_id"], "client");
        assert_eq!(entra[0]["scope"], "https://eventhubs.azure.net/.default");
        let said = claims(&entra[0]["client_assertion"]);
        assert_eq!(said["sub"], "system:serviceaccount:apps:azure");
        assert_eq!(said["aud"], json!(["api://AzureADTokenExchange"]));
        let life = said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap();
        assert!(life <= 600, "{life}");
        assert!(bearers(&clouds, hub).iter().all(|shown| *shown == ["Bearer ", GRANTED].concat()));

        let mut sts = forms(&clouds, "sts.googleapis.com");
        sts.sort_by_key(|form| form["audience"].to_string());
        let [of_pool, of_gke] = &sts[..] else { panic!("not two exchanges: {sts:?}") };
        let pool = ["//iam.googleapis.com/", POOL].concat();
        assert_eq!(of_pool["audience"], pool.as_str());
        let said = claims(&of_pool["subject_token"]);
        assert_eq!(said["sub"], "system:serviceaccount:apps:google");
        assert_eq!(said["aud"], json!([pool]));
        assert_eq!(of_gke["scope"], "https://www.googleapis.com/auth/pubsub");
        let said = claims(&of_gke["subject_token"]);
        assert_eq!(said["sub"], "system:serviceaccount:apps:plain");
        assert_eq!(said["aud"], json!(["p.svc.id.goog"]));
        let spoken = bearers(&clouds, "iamcredentials.googleapis.com");
        assert_eq!(spoken, [["Bearer ", EXCHANGED].concat()]);
        let shown = bearers(&clouds, pubsub);
        for token in [GRANTED, EXCHANGED] {
            let n = shown.iter().filter(|shown| **shown == ["Bearer ", token].concat()).count();
            assert_eq!(n, EVENTS, "{shown:?}");
        }

        let mut secrets = vec![GRANTED.to_owned(), EXCHANGED.to_owned()];
        secrets.push(entra[0]["client_assertion"].as_str().unwrap().to_owned());
        secrets.extend(sts.iter().map(|form| form["subject_token"].as_str().unwrap().to_owned()));
        assert_hidden(world, &herald, &secrets).await;
        assert_eq!(herald.stop().await, Some(0));
    });
}

/// What is secret stands neither in the log nor in a status.
async fn assert_hidden(world: &World, herald: &Herald, secrets: &[String]) {
    let mut shown = vec![herald.log()];
    for name in ["hub", "topic", "default"] {
        shown.push(world.get("Provider", "apps", name).await.to_string());
    }
    for secret in secrets {
        assert!(shown.iter().all(|text| !text.contains(secret)), "a token is shown");
    }
}

#[test]
fn what_is_wrong_with_an_identity_is_told_and_mended() {
    run(async |world| {
        let clouds = world_of_clouds(world).await;
        with_account(world, "hub", "azureeventhub", "mine", Some("late")).await;
        // Whoever runs it has not allowed it.
        let herald = world.herald(&[]).await;
        let (said, _) = world.ready("Provider", "apps", "hub", "False InvalidSpec").await;
        assert!(said.contains("ObjectLevelWorkloadIdentity=true"), "{said}");
        herald.stop().await;

        let herald = world.herald(&[GATE]).await;
        let (said, _) =
            world.ready("Provider", "apps", "hub", "False ServiceAccountUnreadable").await;
        assert!(said.contains("workload-identity"), "{said}");
        world.allow_identities().await;
        let absent = "False ServiceAccountNotFound";
        let (said, _) = world.ready("Provider", "apps", "hub", absent).await;
        assert!(said.contains("there is no ServiceAccount apps/late"), "{said}");
        world.apply(&account("late", json!({}))).await;
        // Nobody watches ServiceAccounts; it is looked at again from time to time.
        world.ready("Provider", "apps", "hub", "True Succeeded").await;

        post(&herald, &event("apps", "without a client")).await;
        let last =
            async || world.get("Provider", "apps", "hub").await["status"]["lastDelivery"].clone();
        eventually("the status says what is missing on the ServiceAccount", async || {
            let reason = last().await["reason"].clone();
            reason.as_str().is_some_and(|reason| {
                reason.contains("apps/late has no annotation azure.workload.identity/tenant-id")
            })
        })
        .await;
        assert_eq!(clouds.count(), 0);
        let of_client = |client: &str| {
            json!({
                "azure.workload.identity/tenant-id": "tenant",
                "azure.workload.identity/client-id": client,
            })
        };
        world.apply(&account("late", of_client("first"))).await;
        eventually("what waited is sent", async || last().await["outcome"] == "delivered").await;

        // The token of the first would be good for an hour.
        world.apply(&account("late", of_client("second"))).await;
        let n_posted = AtomicUsize::new(0);
        eventually("the change of the ServiceAccount has its effect", async || {
            let number = n_posted.fetch_add(1, Ordering::Relaxed);
            post(&herald, &event("apps", &format!("number {number}"))).await;
            let forms = forms(&clouds, "login.microsoftonline.com");
            forms.last().is_some_and(|form| form["client_id"] == "second")
        })
        .await;
        herald.stop().await;
    });
}
