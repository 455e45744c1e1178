//! Bugsink, which takes what Sentry's clients send. It keeps errors and takes transactions without keeping them.

use std::process::Command;

use herald_tests::events::kustomization;
use herald_tests::install::python;
use herald_tests::process::{Process, free_port, printed};
use herald_tests::service::Service;
use serde_json::{Value, json};

use crate::held;

/// Its settings: nothing leaves the machine, and an event is kept before it is answered.
const SETTINGS: &str = r#"
from bugsink.settings.default import *

SECRET_KEY = "fake-secret-key-of-a-test-that-is-long-enough"
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {"BASE_URL": "http://127.0.0.1", "SINGLE_USER": True, "SINGLE_TEAM": True, "PHONEHOME": False}
"#;

/// Makes a project and prints its public key.
const NEW_PROJECT: &str = "
import json
from projects.models import Project
print(json.dumps(Project.objects.create(name='herald').sentry_key.hex))
";

/// Prints what was sent, as it is kept.
const EVENTS: &str = "
import json
from events.models import Event
print(json.dumps([event.get_parsed_data() for event in Event.objects.order_by('digest_order')]))
";

#[tokio::test]
async fn bugsink_holds_an_error_and_takes_good_news() {
    let python = python(&["bugsink==2.6.2"]);
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    std::fs::write(dir.path().join("bugsink_conf.py"), SETTINGS).unwrap();
    let home = dir.path().to_owned();
    let manage = |args: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "bugsink.scripts.manage"]).args(args).args(["-v", "0"]);
        command.current_dir(&home);
        command
    };
    for database in ["default", "snappea"] {
        let migrated = manage(&["migrate", "--database", database]).output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }
    let key = printed(&mut manage(&["shell", "-c", NEW_PROJECT]));
    let mut command = Command::new(&python);
    command.args(["-m", "gunicorn", "--no-control-socket", "bugsink.wsgi"]);
    command.args(["--access-logfile", "-", "--bind", &format!("127.0.0.1:{port}")]);
    let process = Process::start(command, port, dir).await;

    let address = format!("http://{}@127.0.0.1:{port}/1", key.as_str().unwrap());
    let spec = json!({"type": "sentry", "channel": "production", "address": address});
    let service = Service::start(&[("hook", spec, json!({}))]).await;
    let mut event = kustomization("storefront", "error", "BuildFailed", "größer\n👍");
    event["metadata"]["kustomize.toolkit.fluxcd.io/app-version"] = json!("1.2");
    service.post(&event).await;
    service.post(&kustomization("storefront", "info", "ReconciliationSucceeded", "well")).await;
    let log = || process.log() + &service.log();
    held("Bugsink takes both", log, async || {
        let taken = process.log().matches("/envelope/ HTTP/1.1\" 200").count();
        (taken == 2).then_some(())
    })
    .await;

    let events = printed(&mut manage(&["shell", "-c", EVENTS]));
    let [error] = &events.as_array().unwrap()[..] else { panic!("{events:#}") };
    for (field, expected) in [
        ("level", "error"),
        ("environment", "production"),
        ("transaction", "Kustomization: apps/storefront"),
        ("server_name", "kustomize-controller"),
    ] {
        assert_eq!(error[field], expected, "{field}");
    }
    assert_eq!(message_of(error), "größer\n👍");
    let metadata = json!({
        "app-version": "1.2", "revision": "main@sha1:8f1c2a9b7d6e5f40312233445566778899aabbcc",
    });
    assert_eq!(error["contexts"]["metadata"], metadata);
}

/// The message, wherever a receiver of Sentry's protocol keeps it.
fn message_of(error: &Value) -> &str {
    [&error["message"], &error["logentry"]["message"], &error["logentry"]["formatted"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default()
}
