//! Tokens of Microsoft Entra for Event Hubs and Azure DevOps, and the signatures of connection strings.

use super::*;

const SEND: &str = "https://mine.servicebus.windows.net/hub/messages";
const STATUSES: &str = "https://dev.azure.com/o/p/_apis/git/repositories/r/commits/c/statuses";

/// The Secret of a client that signs in on this receiver.
pub(super) fn client(receiver: &Receiver) -> Value {
    json!({
        "azureTenantID": "tenant",
        "azureClientID": "client",
        "azureClientSecret": "fake~client/secret",
        "azureAuthorityHost": receiver.url("/"),
    })
}

fn granted(token: &str) -> Reply {
    let answer = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token});
    Reply::status(200).body(answer.to_string())
}

fn hub(secret: &Value) -> Arc<Provider> {
    provider_in("hub", "mine", secret)
}

#[tokio::test]
async fn a_client_proves_itself_once_for_all_who_wait() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("fake.entra").delayed(Duration::from_millis(100)));
    let asker = Asker::new(hub(&client(&receiver)));
    let obtained = fifty_ask(asker, "azure-event-hubs", SEND, "Bearer fake.entra").await;
    assert_eq!((obtained, receiver.count()), (1, 1));
    let request = &receiver.received()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, "/tenant/oauth2/v2.0/token");
    assert_eq!(
        form(&request.body),
        json!({
            "grant_type": "client_credentials",
            "client_id": "client",
            "client_secret": "fake~client/secret",
            "scope": "https://eventhubs.azure.net/.default",
        })
    );
}

/// Rule S5.
#[tokio::test]
async fn a_token_of_entra_is_for_one_service_and_renewed_before_it_ends() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("fake.entra"));
    let asker = Asker::new(hub(&client(&receiver)));
    for (credential, url, minute, requests) in [
        ("azure-event-hubs", SEND, 0, 1),
        ("azure-devops", STATUSES, 0, 2),
        ("azure-event-hubs", SEND, 54, 2),
        ("azure-devops", "https://acme.visualstudio.com/p", 54, 2),
        ("azure-event-hubs", SEND, 55, 3),
        ("azure-devops", STATUSES, 55, 4),
    ] {
        asker.ask(credential, url, now() + minutes(minute)).await.unwrap();
        assert_eq!(receiver.count(), requests, "{credential} at minute {minute}");
    }
    let devops = &receiver.received()[1];
    assert_eq!(form(&devops.body)["scope"], "499b84ac-1321-427f-aa17-267ca6975798/.default");
}

#[tokio::test]
async fn a_workload_shows_the_token_in_its_file() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("fake.entra"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let environment = environment(json!({
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "workload",
        "AZURE_FEDERATED_TOKEN_FILE": file.path(),
        "AZURE_AUTHORITY_HOST": receiver.url(""),
    }));
    let asker = Asker::with(hub(&json!({})), environment);
    // The cluster replaces the file every hour.
    for (assertion, minute) in [("first.assertion\n", 0), ("second.assertion\n", 60)] {
        std::fs::write(file.path(), assertion).unwrap();
        let asked = asker.ask("azure-devops", STATUSES, now() + minutes(minute)).await;
        assert_eq!(asked.unwrap().0, "Bearer fake.entra");
        assert_eq!(asker.mask.text(assertion.trim()), "*****");
        let request = receiver.received().pop().unwrap();
        assert_eq!(request.target, "/tenant/oauth2/v2.0/token");
        assert_eq!(
            form(&request.body),
            json!({
                "grant_type": "client_credentials",
                "client_id": "workload",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion.trim(),
                "scope": "499b84ac-1321-427f-aa17-267ca6975798/.default",
            })
        );
    }
}

#[tokio::test]
async fn the_secret_s_client_beats_the_environment_s_and_a_secret_a_file() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("fake.entra"));
    let variables = json!({
        "AZURE_TENANT_ID": "operators",
        "AZURE_CLIENT_ID": "operator",
        "AZURE_CLIENT_SECRET": "fake~operator/secret",
        "AZURE_FEDERATED_TOKEN_FILE": "/none/token",
        "AZURE_AUTHORITY_HOST": receiver.url(""),
    });
    for (secret, client, value) in [
        (client(&receiver), "client", "fake~client/secret"),
        (json!({}), "operator", "fake~operator/secret"),
    ] {
        let asker = Asker::with(hub(&secret), environment(variables.clone()));
        asker.ask("azure-event-hubs", SEND, now()).await.unwrap();
        let sent = form(&receiver.received().pop().unwrap().body);
        assert_eq!((&sent["client_id"], &sent["client_secret"]), (&json!(client), &json!(value)));
        assert_eq!(asker.mask.text(value), "*****");
    }
}

#[tokio::test]
async fn a_connection_string_signs_without_asking_anyone() {
    let sas = "Endpoint=sb://mine.servicebus.windows.net/;SharedAccessKeyName=send;\
               SharedAccessKey=ZmFrZS1rZXk=";
    for provider in [
        provider(&[sas, ";EntityPath=hub"].concat(), &json!({})),
        // The connection string of a namespace names no hub.
        provider_in("https://unused.example", "hub", &json!({"address": sas})),
    ] {
        let asker = Asker::new(provider);
        let (first, is_new) = asker.ask("azure-event-hubs", SEND, now()).await.unwrap();
        assert!(is_new);
        let resource = "sr=https%3A%2F%2Fmine.servicebus.windows.net%2Fhub&sig=";
        let signed = first.strip_prefix("SharedAccessSignature ").unwrap();
        assert!(signed.starts_with(resource), "{signed}");
        let end = (now() + minutes(60)).as_second();
        assert!(signed.ends_with(&format!("&se={end}&skn=send")), "{signed}");
        let (second, _) = asker.ask("azure-event-hubs", SEND, now() + minutes(54)).await.unwrap();
        assert_eq!(first, second);
        let (third, _) = asker.ask("azure-event-hubs", SEND, now() + minutes(55)).await.unwrap();
        assert_ne!(first, third);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_client_says_what_to_change() {
    let receiver = Receiver::start().await;
    for (changes, expected) in [
        (json!({"azureTenantID": null}), "`azureTenantID` is missing in the Secret"),
        (json!({"azureClientID": ""}), "`azureClientID` is missing in the Secret"),
        (json!({"azureClientSecret": null}), "`azureClientSecret` is missing in the Secret"),
        (
            json!({"azureAuthorityHost": "http://login.example"}),
            "`azureAuthorityHost` in the Secret is no URL",
        ),
        (
            json!({"azureTenantID": null, "azureClientID": null, "azureClientSecret": null}),
            "there is neither a `token` nor a client of Microsoft Entra",
        ),
    ] {
        let asker = Asker::new(hub(&with(client(&receiver), changes)));
        let outcome = outcome(asker.ask("azure-event-hubs", SEND, now()).await);
        assert!(outcome.starts_with("change: ") && outcome.contains(expected), "{outcome}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn each_answer_of_entra_means_something() {
    let receiver = Receiver::start().await;
    let json = |status, body: Value| Reply::status(status).body(body.to_string());
    let refused = json!({"error": "invalid_client", "error_description": "AADSTS7000215"});
    let operator = environment(json!({
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_CLIENT_SECRET": "fake~operator/secret",
        "AZURE_AUTHORITY_HOST": receiver.url(""),
    }));
    for (reply, of_secret, of_operator) in [
        (
            json(401, refused),
            "change: 127.0.0.1 answered 401: check `azureTenantID`",
            // No change of the Provider mends it, so none is waited for.
            "later: 127.0.0.1 answered 401: check AZURE_TENANT_ID",
        ),
        (json(500, json!({})), "later: 127.0.0.1 answered 500", "later: 127.0.0.1 answered 500"),
        (
            json(429, json!({})).header("retry-after", "7"),
            "after 7s: 127.0.0.1 answered 429",
            "after 7s: 127.0.0.1 answered 429",
        ),
        (
            Reply::status(200).body("<html>"),
            "later: the answer of 127.0.0.1 holds no token",
            "later: the answer of 127.0.0.1 holds no token",
        ),
    ] {
        receiver.otherwise(reply);
        for (asker, expected) in [
            (Asker::new(hub(&client(&receiver))), of_secret),
            (Asker::with(hub(&json!({})), operator.clone()), of_operator),
        ] {
            let outcome = outcome(asker.ask("azure-event-hubs", SEND, now()).await);
            assert!(outcome.starts_with(expected), "{outcome}");
        }
    }
}
