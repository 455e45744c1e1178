//! Tokens of Google: a service account's, from the Secret or the operator's file, and those of accounts elsewhere.

use super::*;

const PUBLISH: &str = "https://pubsub.googleapis.com/v1/projects/p/topics/t:publish";
const SCOPE: &str = "https://www.googleapis.com/auth/pubsub";

/// A key file whose tokens are got there.
pub(super) fn key_file(token_uri: &str) -> String {
    json!({
        "type": "service_account",
        "private_key_id": "fake-key-id",
        "private_key": key(),
        "client_email": "flux@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
    })
    .to_string()
}

fn granted(token: &str, seconds: i64) -> Reply {
    let answer = json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"});
    Reply::status(200).body(answer.to_string())
}

fn with_key(key: &str) -> Arc<Provider> {
    provider("my-project", &json!({ "token": key }))
}

#[tokio::test]
async fn an_account_proves_itself_once_for_all_who_wait() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("ya29.fake", 3599).delayed(Duration::from_millis(100)));
    let uri = receiver.url("/token");
    let asker = Asker::new(with_key(&key_file(&uri)));
    let obtained = fifty_ask(asker, "google", PUBLISH, "Bearer ya29.fake").await;
    assert_eq!((obtained, receiver.count()), (1, 1));

    let request = &receiver.received()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/token"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = form(&request.body);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let second = now().as_second();
    assert_eq!(
        claims(form["assertion"].as_str().unwrap(), ""),
        json!({
            "iss": "flux@p.iam.gserviceaccount.com", "scope": SCOPE, "aud": uri,
            "iat": second - 60, "exp": second + 3000,
        })
    );
}

/// Rule S5.
#[tokio::test]
async fn a_token_of_google_is_renewed_before_it_ends() {
    let receiver = Receiver::start().await;
    let asker = Asker::new(with_key(&key_file(&receiver.url("/token"))));
    for (minute, requests) in [(0, 1), (54, 1), (55, 2), (109, 2), (110, 3)] {
        receiver.otherwise(granted("ya29.fake", 3600));
        asker.ask("google", PUBLISH, now() + minutes(minute)).await.unwrap();
        assert_eq!(receiver.count(), requests, "minute {minute}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_key_file_says_what_to_change() {
    let receiver = Receiver::start().await;
    let external = json!({
        "type": "external_account", "audience": "a", "subject_token_type": "t",
        "token_url": receiver.url("/token"), "credential_source": {"file": "/etc/hostname"},
    });
    let changed = |key: &str, value: Value| {
        let mut file: Value = serde_json::from_str(&key_file(&receiver.url("/token"))).unwrap();
        file[key] = value;
        file.to_string()
    };
    for (token, expected) in [
        ("ya29.token".to_owned(), "`token` in the Secret is no JSON key of a service account"),
        (changed("private_key", Value::Null), "`token` in the Secret is no JSON key"),
        (changed("type", json!("authorized_user")), "is of a `type` that Herald does not use"),
        (
            changed("private_key", json!("x")),
            "`private_key` in `token` in the Secret is no private",
        ),
        (
            changed("token_uri", json!("http://oauth2.example/token")),
            "`token_uri` in `token` in the Secret is no https URL",
        ),
        (external.to_string(), "is an external account, which only the operator can set up"),
        (String::new(), "there is no key of a Google service account"),
    ] {
        let asker = Asker::new(with_key(&token));
        let outcome = outcome(asker.ask("google", PUBLISH, now()).await);
        assert!(outcome.starts_with("change: ") && outcome.contains(expected), "{outcome}");
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn each_answer_of_google_means_something() {
    let receiver = Receiver::start().await;
    let json = |status, body: Value| Reply::status(status).body(body.to_string());
    for (reply, expected) in [
        (
            json(400, json!({"error": "invalid_grant"})),
            "change: 127.0.0.1 answered 400: check that the account and the key in `token`",
        ),
        (json(503, json!({})), "later: 127.0.0.1 answered 503"),
        (json(429, json!({})).header("retry-after", "7"), "after 7s: 127.0.0.1 answered 429"),
        (Reply::status(200).body("<html>"), "later: the answer of 127.0.0.1 holds no token"),
        (json(200, json!({"access_token": "t"})), "later: the answer of 127.0.0.1 holds no token"),
        (json(200, json!({"expires_in": 1})), "later: the answer of 127.0.0.1 holds no token"),
        (granted("a\u{7}b", 3600), "later: the token holds a control character"),
    ] {
        receiver.otherwise(reply);
        let asker = Asker::new(with_key(&key_file(&receiver.url("/token"))));
        let outcome = outcome(asker.ask("google", PUBLISH, now()).await);
        assert!(outcome.starts_with(expected), "{outcome}");
    }
}

/// A folder with the operator's file and the token of another issuer.
struct Operator {
    dir: tempfile::TempDir,
}

impl Operator {
    fn new(file: &Value) -> Self {
        let operator = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::write(operator.path("file"), file.to_string()).unwrap();
        operator
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn asker(&self, provider: Arc<Provider>) -> Asker {
        let path = self.path("file");
        Asker::with(provider, environment(json!({"GOOGLE_APPLICATION_CREDENTIALS": path})))
    }
}

fn without_key() -> Arc<Provider> {
    provider("my-project", &json!({}))
}

/// The operator's file for an account elsewhere.
fn external(receiver: &Receiver, source: Value) -> Value {
    json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": receiver.url("/v1/token"),
        "credential_source": source,
    })
}

#[tokio::test]
async fn the_operator_s_key_serves_who_has_none() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("ya29.fake", 3600));
    let file = serde_json::from_str(&key_file(&receiver.url("/operator"))).unwrap();
    let operator = Operator::new(&file);
    let (token, _) = operator.asker(without_key()).ask("google", PUBLISH, now()).await.unwrap();
    assert_eq!(token, "Bearer ya29.fake");
    let own = with_key(&key_file(&receiver.url("/own")));
    operator.asker(own).ask("google", PUBLISH, now()).await.unwrap();
    let targets: Vec<String> = receiver.received().into_iter().map(|got| got.target).collect();
    assert_eq!(targets, ["/operator", "/own"]);
}

#[tokio::test]
async fn an_account_elsewhere_exchanges_the_token_in_its_file() {
    let receiver = Receiver::start().await;
    receiver.otherwise(granted("ya29.exchanged", 3600));
    let operator = Operator::new(&json!({}));
    let source = json!({"file": operator.path("subject")});
    std::fs::write(operator.path("file"), external(&receiver, source).to_string()).unwrap();
    let asker = operator.asker(without_key());
    // Whoever puts the file there replaces it while the service runs.
    for (subject, minute) in [("first.subject\n", 0), ("second.subject\n", 60)] {
        std::fs::write(operator.path("subject"), subject).unwrap();
        let (token, _) = asker.ask("google", PUBLISH, now() + minutes(minute)).await.unwrap();
        assert_eq!(token, "Bearer ya29.exchanged");
        assert_eq!(asker.mask.text(subject.trim()), "*****");
        let request = receiver.received().pop().unwrap();
        assert_eq!(request.target, "/v1/token");
        assert_eq!(
            form(&request.body),
            json!({
                "audience": "//iam.googleapis.com/pool",
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "scope": SCOPE,
                "subject_token": subject.trim(),
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            })
        );
    }
}

#[tokio::test]
async fn an_account_elsewhere_speaks_for_a_service_account() {
    let receiver = Receiver::start().await;
    let ends = now() + minutes(60);
    let spoken = json!({"accessToken": "ya29.spoken", "expireTime": ends.to_string()});
    receiver.queue([granted("ya29.exchanged", 3600), Reply::status(200).body(spoken.to_string())]);
    let operator = Operator::new(&json!({}));
    let format = json!({"type": "json", "subject_token_field_name": "id_token"});
    let mut file = external(&receiver, json!({"file": operator.path("subject"), "format": format}));
    file["service_account_impersonation_url"] = json!(receiver.url("/v1/a:generateAccessToken"));
    std::fs::write(operator.path("file"), file.to_string()).unwrap();
    std::fs::write(operator.path("subject"), r#"{"id_token": "the.subject"}"#).unwrap();
    let asker = operator.asker(without_key());
    let (token, _) = asker.ask("google", PUBLISH, now()).await.unwrap();
    assert_eq!(token, "Bearer ya29.spoken");
    assert!(!asker.ask("google", PUBLISH, now() + minutes(54)).await.unwrap().1);

    let [exchange, speak] = &receiver.received()[..] else { panic!("not two requests") };
    let sent = form(&exchange.body);
    assert_eq!(sent["subject_token"], "the.subject");
    assert_eq!(sent["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(speak.target, "/v1/a:generateAccessToken");
    assert_eq!(speak.header("authorization"), Some("Bearer ya29.exchanged"));
    assert_eq!(speak.json(), json!({"scope": [SCOPE], "lifetime": "3600s"}));
}

/// No change of the Provider mends it, so none is waited for.
#[tokio::test]
async fn what_is_wrong_with_the_operator_s_file_is_tried_again() {
    let receiver = Receiver::start().await;
    receiver.otherwise(Reply::status(400).body(r#"{"error":"invalid_target"}"#));
    let subject = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(subject.path(), "the.subject").unwrap();
    let format = json!({"type": "json", "subject_token_field_name": "x"});
    for (file, expected) in [
        (json!({"type": "authorized_user"}), "GOOGLE_APPLICATION_CREDENTIALS is of a `type`"),
        (json!([]), "GOOGLE_APPLICATION_CREDENTIALS is no JSON key"),
        (
            external(&receiver, json!({"url": "http://169.254.169.254/"})),
            "has no `file` in its `credential_source`",
        ),
        (external(&receiver, json!({"file": "/none/token"})), "cannot read /none/token"),
        (
            external(&receiver, json!({"file": subject.path(), "format": format})),
            "is no JSON with a text under `x`",
        ),
        (
            external(&receiver, json!({"file": subject.path()})),
            "127.0.0.1 answered 400: check the workload identity pool",
        ),
    ] {
        let operator = Operator::new(&file);
        let asked = operator.asker(without_key()).ask("google", PUBLISH, now()).await;
        let outcome = outcome(asked);
        assert!(outcome.starts_with("later: ") && outcome.contains(expected), "{outcome}");
    }
    let nowhere = environment(json!({"GOOGLE_APPLICATION_CREDENTIALS": "/none/key.json"}));
    let asked = Asker::with(without_key(), nowhere).ask("google", PUBLISH, now()).await;
    let outcome = outcome(asked);
    assert!(outcome.starts_with("later: cannot read /none/key.json"), "{outcome}");
}
