//! What good and bad modules do to the engine. Modules made with the SDK have tests of their own.

mod guest;
mod wasi;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use herald_core::delivery::{DeliveryId, EventId, JournalId};
use herald_core::event::Event;
use herald_core::formatter::{
    Action, AlertRef, Base, Delivery, Failure, Fragment, Origin, Permission, ProviderAddress,
    ProviderView, Purpose, Request, Response, Url,
};
use tokio::time;

use crate::sandbox::Nothing;
use crate::{CallError, Disclosure, Engine, Limit, LoadError, Module, Settings};
use guest::{FINISH, GIANT, GREEDY, Guest, LOOP, NO_TEXT, TELL, hoarder, import};

/// Knows one address and one secret, and masks `hunter2`.
struct Open;

impl Disclosure for Open {
    fn full_address(&self) -> Option<String> {
        Some("https://hooks.example/T1".to_owned())
    }

    fn secret_value(&self, key: &str) -> Option<String> {
        (key == "test").then(|| "hunter2".to_owned())
    }

    fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text.replace("hunter2", "***").into()
    }
}

/// Small limits, so that tests do not take long to meet them.
fn engine() -> Engine {
    let settings = Settings {
        memory_bytes: 16 << 20,
        running: Duration::from_millis(50),
        concurrent: 40,
        concurrent_per_module: 32,
        ..Settings::default()
    };
    Engine::new(settings).unwrap()
}

async fn load(engine: &Engine, guest: Guest) -> Result<Module, LoadError> {
    engine.load(guest.build(), &[]).await
}

fn delivery(message: &str) -> Delivery {
    Delivery {
        id: DeliveryId::new(&JournalId::from_bytes([7; 16]), EventId(1), "uid"),
        now: jiff::Timestamp::from_second(1_577_836_800).unwrap(),
        event: Event {
            message: message.to_owned(),
            timestamp: Some(jiff::Timestamp::UNIX_EPOCH),
            metadata: [("a".to_owned(), "b".to_owned())].into(),
            ..Event::default()
        },
        alert: AlertRef::default(),
        provider: ProviderView {
            address: Some(ProviderAddress::Url(Origin {
                scheme: "https".to_owned(),
                host: "hooks.example".to_owned(),
                port: Some(8443),
            })),
            secret_keys: vec!["token".to_owned()],
            ..ProviderView::default()
        },
        commit_status: None,
        remembered: Some("kept".to_owned()),
        responses: vec![Response {
            status: 200,
            headers: vec![("x".to_owned(), "y".to_owned())],
            body: b"ok".to_vec(),
        }],
        facts: vec![("cluster".to_owned(), "prod".to_owned())],
    }
}

async fn next(module: &Module) -> Result<Result<Action, Failure>, CallError> {
    module.next(&delivery("hello"), Arc::new(Open)).await
}

#[tokio::test]
async fn a_good_module_loads_and_answers() {
    let engine = engine();
    let wasm = Guest::default().build();
    let module = engine.load(wasm.clone(), &[]).await.unwrap();
    assert_eq!(module.description().summary, "test");
    assert_eq!(module.description().purpose, Purpose::Message);
    assert_eq!(module.permissions(), []);
    assert_eq!(module.size(), wasm.len());
    assert_eq!(module.interface(), "0.1.0");
    assert!(
        module.digest().starts_with("sha256:") && module.digest().len() == 71,
        "{}",
        module.digest()
    );
    assert_eq!(
        module.check(&ProviderView::default(), Arc::new(Nothing)).await.unwrap(),
        Vec::<String>::new()
    );
    for message in ["hello", "", "äöü \u{1f600}"] {
        let answer = module.next(&delivery(message), Arc::new(Nothing)).await.unwrap();
        assert_eq!(answer, Err(Failure::Unsendable(message.to_owned())));
    }
}

#[tokio::test]
async fn a_core_module_is_made_a_component() {
    let engine = engine();
    let module = engine.load(Guest::default().core(), &[]).await.unwrap();
    assert_eq!(next(&module).await.unwrap(), Err(Failure::Unsendable("hello".to_owned())));
    let foreign = wat::parse_str("(module (import \"env\" \"f\" (func)))").unwrap();
    assert_eq!(engine.load(foreign, &[]).await.unwrap_err().kind(), "wrap");
}

#[tokio::test]
async fn a_request_passes_as_it_was_described() {
    let module = load(&engine(), Guest { next: FINISH, ..Guest::default() }).await.unwrap();
    let body = vec![Fragment::Text("test".to_owned()), Fragment::Secret("test".to_owned())];
    let url = Url { base: Base::Address, path: Vec::new(), query: Vec::new() };
    let request = Request { method: "POST".to_owned(), url, headers: Vec::new(), body };
    assert_eq!(next(&module).await.unwrap(), Ok(Action::Finish(request)));
}

#[tokio::test]
async fn what_is_no_module_is_refused_with_the_reason() {
    let engine = engine();
    let check = async |wasm: Vec<u8>, kind: &str, says: &str| {
        let error = engine.load(wasm, &[]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.to_string().contains(says), "{error} does not say {says:?}");
    };
    check(b"#!/bin/sh".to_vec(), "not-a-component", "another format").await;
    check(wat::parse_str("(module)").unwrap(), "missing-export", "does not export").await;
    check(b"\0asm\x0d\0\x01\0rest".to_vec(), "compile", "compiled").await;
    let known = "version 0.1.0";
    check(wat::parse_str("(component)").unwrap(), "missing-export", known).await;
    let empty =
        r#"(component (instance $f) (export "herald:provider/formatter@0.1.0" (instance $f)))"#;
    check(wat::parse_str(empty).unwrap(), "missing-export", "#describe`").await;
    let newer = Guest { version: "0.2.0", ..Guest::default() };
    check(newer.build(), "unsupported-interface", "version 0.2.0").await;
}

#[tokio::test]
async fn a_module_of_other_types_is_refused_when_it_is_loaded() {
    let guest = Guest::default();
    let wit = guest.wit.replace("record alert {", "record alert { cluster: string,");
    assert_ne!(wit, guest.wit);
    let error = load(&engine(), Guest { wit, ..guest }).await.unwrap_err();
    assert_eq!(error.kind(), "types", "{error:?}");
}

#[tokio::test]
async fn an_unknown_import_is_refused_by_name() {
    let guest = Guest::default();
    let extra = "interface socket { open: func(); } world bad { include module; import socket; }";
    let guest = Guest {
        wit: format!("{}\n{extra}", guest.wit),
        world: "bad",
        imports: import("socket", "open", "open", ""),
        next: "(call $open) (i32.const 3072)",
        ..guest
    };
    match load(&engine(), guest).await.unwrap_err() {
        LoadError::UnknownImport(name) => assert_eq!(name, "herald:provider/socket@0.1.0"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_permission_must_be_granted_and_then_discloses() {
    let engine = engine();
    let address = Guest {
        imports: import("full-address", "get", "get", "(param i32)"),
        next: TELL,
        ..Guest::default()
    };
    let secret = Guest {
        imports: import("secret-values", "get", "value", "(param i32 i32 i32)"),
        fields: "(func $get (param i32) (call $value (i32.const 16) (i32.const 4) (local.get 0)))",
        next: TELL,
        ..Guest::default()
    };
    let check = async |guest: Guest, permission: Permission, told: &str| {
        let others = [Permission::FullAddress, Permission::SecretValues]
            .map(|p| (p != permission).then_some(p));
        let others: Vec<_> = others.into_iter().flatten().collect();
        match engine.load(guest.build(), &others).await.unwrap_err() {
            LoadError::NotPermitted(refused) => assert_eq!(refused, permission),
            other => panic!("{other:?}"),
        }
        let module = engine.load(guest.build(), &[permission]).await.unwrap();
        assert_eq!(module.permissions(), [permission]);
        assert_eq!(next(&module).await.unwrap(), Err(Failure::Unsendable(told.to_owned())));
    };
    check(address, Permission::FullAddress, "https://hooks.example/T1").await;
    check(secret, Permission::SecretValues, "hunter2").await;
}

#[tokio::test]
async fn every_module_may_log_and_more_than_enough_does_no_harm() {
    let guest = Guest {
        imports: import("log", "write", "write", "(param i32 i32 i32)"),
        next: "(local $n i32)
            (loop $again
                (call $write (i32.const 0) (i32.const 16) (i32.const 4))
                (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
            (i32.store8 (i32.const 3072) (i32.const 1)) (i32.const 3072)",
        ..Guest::default()
    };
    let module = load(&engine(), guest).await.unwrap();
    assert_eq!(module.permissions(), []);
    assert_eq!(next(&module).await.unwrap(), Err(Failure::Misconfigured(String::new())));
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_error() {
    let engine = engine();
    let check = async |next_body: &'static str, kind: &str| {
        let module = load(&engine, Guest { next: next_body, ..Guest::default() }).await.unwrap();
        let error = next(&module).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        // What one call did has no effect on the following one.
        assert_eq!(next(&module).await.unwrap_err().kind(), kind);
        error
    };
    check(LOOP, "deadline").await;
    check(NO_TEXT, "bad-answer").await;
    check("(call $next (local.get 0))", "trap").await;
    let error = check(GREEDY, "limit-memory").await;
    assert!(
        matches!(error, CallError::Limit { what: Limit::Memory, allowed } if allowed == 16 << 20),
        "{error:?}"
    );
    let error = check(GIANT, "limit-output").await;
    assert!(
        matches!(error, CallError::Limit { what: Limit::Output, allowed } if allowed == 4 << 20),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_trap_tells_what_the_module_said_and_where_it_was() {
    let guest = Guest {
        fields: r#"(data (i32.const 6000) "\01herald-panic:no hunter2\0ain sight\00")"#,
        next: "(unreachable)",
        ..Guest::default()
    };
    let module = load(&engine(), guest).await.unwrap();
    match next(&module).await.unwrap_err() {
        CallError::Trap { code, message, backtrace } => {
            assert_eq!(code, "wasm `unreachable` instruction executed");
            assert_eq!(message.as_deref(), Some("no *** in sight"));
            assert!(backtrace.contains("next"), "{backtrace}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_growing_table_meets_its_limit() {
    let guest = Guest {
        fields: "(table $t 1 funcref)",
        next: "(drop (table.grow $t (ref.null func) (i32.const 30000))) (unreachable)",
        ..Guest::default()
    };
    let module = load(&engine(), guest).await.unwrap();
    assert_eq!(next(&module).await.unwrap_err().kind(), "limit-tables");
}

#[tokio::test]
async fn handles_without_end_are_stopped() {
    match engine().load(hoarder(), &[]).await.unwrap_err() {
        LoadError::Instantiate(CallError::Limit { what: Limit::Handles, allowed: 1000 }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_module_that_fails_to_describe_itself_is_not_loaded() {
    let engine = engine();
    let check = async |describe: &'static str, kind: &str, below: &str| {
        let error = load(&engine, Guest { describe, ..Guest::default() }).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(below), "{source} does not say {below:?}");
    };
    check(LOOP, "describe", "longer than 50 ms").await;
    check("(unreachable)", "describe", "trapped").await;
    check("(i32.const 1024)", "bad-description", "summary").await;
    check("(i32.const 65532)", "describe", "interface").await;
}

#[tokio::test]
async fn a_call_that_gets_no_cpu_ends_all_the_same() {
    let settings = Settings {
        running: Duration::from_secs(60),
        wall: Duration::from_millis(50),
        ..Settings::default()
    };
    let module = load(&Engine::new(settings).unwrap(), Guest { next: LOOP, ..Guest::default() })
        .await
        .unwrap();
    assert_eq!(next(&module).await.unwrap_err().kind(), "timeout");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looping_modules_stall_neither_timers_nor_other_modules() {
    let settings = Settings {
        running: Duration::from_millis(120),
        wall: Duration::from_secs(60),
        concurrent_per_module: 32,
        ..Settings::default()
    };
    let engine = Engine::new(settings).unwrap();
    let bad = load(&engine, Guest { next: LOOP, ..Guest::default() }).await.unwrap();
    let good = load(&engine, Guest::default()).await.unwrap();
    let loops: Vec<_> = (0..32)
        .map(|_| {
            let bad = bad.clone();
            tokio::spawn(async move { next(&bad).await.unwrap_err().kind() })
        })
        .collect();
    let (mut latest, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..50 {
        let begin = Instant::now();
        next(&good).await.unwrap().unwrap_err();
        slowest = slowest.max(begin.elapsed());
        let due = Instant::now() + Duration::from_millis(5);
        time::sleep_until(due.into()).await;
        latest = latest.max(due.elapsed());
    }
    assert!(
        loops.iter().any(|call| !call.is_finished()),
        "the loops ended before anything was measured"
    );
    // Calls that keep their threads would hold up either for 16 times 120 ms; the machine's other work is allowed for.
    assert!(latest < Duration::from_secs(1), "a timer was late by {latest:?}");
    assert!(slowest < Duration::from_secs(1), "a good module's call took {slowest:?}");
    for call in loops {
        assert_eq!(call.await.unwrap(), "deadline");
    }
}
