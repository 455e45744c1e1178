//! What modules with WASI find there, and what they do to the engine with it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use herald_core::delivery::{DeliveryId, EventId, JournalId};
use herald_core::formatter::{Delivery, Failure, ProviderView};
use tokio::time;

use super::guest::{Guest, LOOP};
use super::{Open, delivery, engine, load, next};
use crate::sandbox::Nothing;
use crate::{CallError, Engine, LoadError, Module, Settings};

/// The parts of WASI that these modules use, in the releases that tools of several languages are made for.
const WASI: &str = "
    package wasi:random@0.2.9 {
        interface random {
            get-random-bytes: func(len: u64) -> list<u8>;
            get-random-u64: func() -> u64;
        }
        interface insecure { get-insecure-random-u64: func() -> u64; }
        interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
    }
    package wasi:io@0.2.12 {
        interface error { resource error; }
        interface poll { resource pollable { block: func(); } }
        interface streams {
            use error.{error};
            variant stream-error { last-operation-failed(error), closed }
            resource input-stream { blocking-read: func(len: u64) -> result<list<u8>, stream-error>; }
            resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
        }
    }
    package wasi:clocks@0.2.12 {
        interface wall-clock {
            record datetime { seconds: u64, nanoseconds: u32 }
            now: func() -> datetime;
        }
        interface monotonic-clock {
            use wasi:io/poll@0.2.12.{pollable};
            now: func() -> u64;
            subscribe-duration: func(when: u64) -> pollable;
        }
    }
    package wasi:cli@0.2.12 {
        interface environment {
            get-environment: func() -> list<tuple<string, string>>;
            get-arguments: func() -> list<string>;
        }
        interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
        interface stdin { use wasi:io/streams@0.2.12.{input-stream}; get-stdin: func() -> input-stream; }
        interface stderr { use wasi:io/streams@0.2.12.{output-stream}; get-stderr: func() -> output-stream; }
    }
    package wasi:filesystem@0.2.0 {
        interface types { resource descriptor; }
        interface preopens {
            use types.{descriptor};
            get-directories: func() -> list<tuple<descriptor, string>>;
        }
    }
    package wasi:sockets@0.2.0 {
        interface network {
            resource network;
            enum error-code {
                unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
                not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
                remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
                name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
            }
            enum ip-address-family { ipv4, ipv6 }
        }
        interface instance-network { use network.{network}; instance-network: func() -> network; }
        interface tcp { resource tcp-socket; }
        interface tcp-create-socket {
            use network.{error-code, ip-address-family};
            use tcp.{tcp-socket};
            create-tcp-socket: func(family: ip-address-family) -> result<tcp-socket, error-code>;
        }
        interface udp { resource udp-socket; }
        interface udp-create-socket {
            use network.{error-code, ip-address-family};
            use udp.{udp-socket};
            create-udp-socket: func(family: ip-address-family) -> result<udp-socket, error-code>;
        }
        interface ip-name-lookup {
            use network.{network, error-code};
            resource resolve-address-stream;
            resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
        }
    }
    package wasi:http@0.2.9 { interface outgoing-handler { handle: func(); } }
    package wasi:cli@0.3.0 { interface environment { get-arguments: func() -> list<string>; } }
    world with-wasi { include module; WORLD }";

/// Functions to tell numbers with: `$show` appends one, `$told` makes an answer of them, and `$text` gives their text.
const TELL: &str = r#"
    (global $end (mut i32) (i32.const 5000))
    (func $show (param $n i64)
        (local $digits i32) (local $digit i32)
        (loop $again
            (local.set $n (i64.rotl (local.get $n) (i64.const 4)))
            (local.set $digit (i32.and (i32.wrap_i64 (local.get $n)) (i32.const 15)))
            (i32.store8 (global.get $end) (i32.add (local.get $digit)
                (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
            (global.set $end (i32.add (global.get $end) (i32.const 1)))
            (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $digits) (i32.const 16)))))
    (func $text (param $at i32)
        (i32.store (local.get $at) (i32.const 5000))
        (i32.store offset=4 (local.get $at) (i32.sub (global.get $end) (i32.const 5000))))
    (func $told (result i32)
        (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3076) (i32.const 1))
        (call $text (i32.const 3080))
        (i32.const 3072))"#;

/// Tells both clocks, and two numbers from each source of chance.
const TIME_AND_CHANCE: &str = "
    (call $wall (i32.const 6200)) (call $show (i64.load (i32.const 6200)))
    (call $show (i64.load32_u (i32.const 6208)))
    (call $monotonic)
    call $show
    (call $show (call $random)) (call $show (call $random))
    (call $show (call $insecure)) (call $show (call $insecure))
    (call $seed (i32.const 6200))
    (call $show (i64.load (i32.const 6200))) (call $show (i64.load (i32.const 6208)))";

fn time_and_chance() -> Guest {
    Guest {
        fields: TELL,
        ..guest(&[
            ("clocks/wall-clock@0.2.12", "now", "$wall (param i32)"),
            ("clocks/monotonic-clock@0.2.12", "now", "$monotonic (result i64)"),
            ("random/random@0.2.9", "get-random-u64", "$random (result i64)"),
            ("random/insecure@0.2.9", "get-insecure-random-u64", "$insecure (result i64)"),
            ("random/insecure-seed@0.2.9", "insecure-seed", "$seed (param i32)"),
        ])
    }
}

/// A module with these imports: interface, name, and the function in the core module.
fn guest(imports: &[(&str, &str, &str)]) -> Guest {
    let guest = Guest::default();
    let mut world = String::new();
    let mut fields = String::new();
    for (interface, name, function) in imports {
        let line = format!("import wasi:{interface};");
        if !world.contains(&line) {
            world.push_str(&line);
        }
        fields.push_str(&format!(r#"(import "wasi:{interface}" "{name}" (func {function}))"#));
    }
    let wit = format!("{}{}", guest.wit, WASI.replace("WORLD", &world));
    Guest { imports: fields, wit, world: "with-wasi", ..guest }
}

/// What the module tells of a delivery, as numbers.
async fn told(module: &Module, delivery: &Delivery) -> Vec<u64> {
    match module.next(delivery, Arc::new(Open)).await.unwrap() {
        Err(Failure::Unsendable(text)) => numbers(&text),
        other => panic!("{other:?}"),
    }
}

fn numbers(text: &str) -> Vec<u64> {
    text.as_bytes()
        .chunks(16)
        .map(|digits| u64::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test]
async fn time_and_chance_come_from_the_delivery() {
    let next = format!("{TIME_AND_CHANCE} (call $told)");
    let module = load(&engine(), Guest { next: next.leak(), ..time_and_chance() }).await.unwrap();
    let first = delivery("one");
    let numbers = told(&module, &first).await;
    assert_eq!(numbers[..3], [1_577_836_800, 0, 1_577_836_800_000_000_000]);
    let mut chance = numbers[3..].to_vec();
    chance.sort_unstable();
    chance.dedup();
    assert_eq!(chance.len(), 6, "{numbers:x?}");
    assert_eq!(told(&module, &first).await, numbers);

    let later = Delivery { now: "2020-01-01T00:00:01.5Z".parse().unwrap(), ..first.clone() };
    let after = told(&module, &later).await;
    assert_eq!(after[..3], [1_577_836_801, 0, 1_577_836_801_000_000_000]);
    assert_eq!(after[3..], numbers[3..]);

    let id = DeliveryId::new(&JournalId::from_bytes([7; 16]), EventId(2), "uid");
    let other = told(&module, &Delivery { id, ..first }).await;
    assert_eq!(other[..3], numbers[..3]);
    assert!(other[3..].iter().all(|number| !numbers.contains(number)), "{other:x?}");
}

#[tokio::test]
async fn without_a_delivery_it_is_early_in_1970_and_chance_is_always_the_same() {
    let describe = format!("{TIME_AND_CHANCE} (call $text (i32.const 1024)) (i32.const 1024)");
    let check = format!(
        "{TIME_AND_CHANCE} (call $text (i32.const 6300))
        (i32.store (i32.const 2048) (i32.const 6300)) (i32.store (i32.const 2052) (i32.const 1)) (i32.const 2048)"
    );
    let guest = Guest { describe: describe.leak(), check: check.leak(), ..time_and_chance() };
    let module = load(&engine(), guest.clone()).await.unwrap();
    let described = numbers(&module.description().summary);
    assert_eq!(described[..3], [1, 0, 1_000_000_000]);
    let again = load(&engine(), guest).await.unwrap();
    assert_eq!(again.description(), module.description());
    let problems = module.check(&ProviderView::default(), Arc::new(Nothing)).await.unwrap();
    assert_eq!(problems.iter().map(|text| numbers(text)).collect::<Vec<_>>(), [described]);
}

#[tokio::test]
async fn there_is_nothing_to_be_had() {
    let guest = Guest {
        fields: TELL,
        next: "
            (call $environment (i32.const 6200)) (call $show (i64.load32_u (i32.const 6204)))
            (call $arguments (i32.const 6200)) (call $show (i64.load32_u (i32.const 6204)))
            (call $directories (i32.const 6200)) (call $show (i64.load32_u (i32.const 6204)))
            (call $read (call $stdin) (i64.const 10) (i32.const 6200))
            (call $show (i64.load8_u (i32.const 6200))) (call $show (i64.load8_u (i32.const 6204)))
            (call $tcp (i32.const 0) (i32.const 6200))
            (call $show (i64.load8_u (i32.const 6200))) (call $show (i64.load8_u (i32.const 6204)))
            (call $udp (i32.const 1) (i32.const 6200))
            (call $show (i64.load8_u (i32.const 6200))) (call $show (i64.load8_u (i32.const 6204)))
            (call $resolve (call $network) (i32.const 16) (i32.const 4) (i32.const 6200))
            (call $show (i64.load8_u (i32.const 6200))) (call $show (i64.load8_u (i32.const 6204)))
            (call $told)",
        ..guest(&[
            ("cli/environment@0.2.12", "get-environment", "$environment (param i32)"),
            ("cli/environment@0.2.12", "get-arguments", "$arguments (param i32)"),
            ("filesystem/preopens@0.2.0", "get-directories", "$directories (param i32)"),
            ("cli/stdin@0.2.12", "get-stdin", "$stdin (result i32)"),
            (
                "io/streams@0.2.12",
                "[method]input-stream.blocking-read",
                "$read (param i32 i64 i32)",
            ),
            ("sockets/tcp-create-socket@0.2.0", "create-tcp-socket", "$tcp (param i32 i32)"),
            ("sockets/udp-create-socket@0.2.0", "create-udp-socket", "$udp (param i32 i32)"),
            ("sockets/instance-network@0.2.0", "instance-network", "$network (result i32)"),
            (
                "sockets/ip-name-lookup@0.2.0",
                "resolve-addresses",
                "$resolve (param i32 i32 i32 i32)",
            ),
        ])
    };
    let module = load(&engine(), guest).await.unwrap();
    assert_eq!(module.permissions(), []);
    let [closed, denied, no_resolver] = [1, 1, 20];
    assert_eq!(
        told(&module, &delivery("")).await,
        [0, 0, 0, 1, closed, 1, denied, 1, denied, 1, no_resolver]
    );
}

/// Writes what stands at 6000 to standard error, as far as the given length.
fn writing(text: &'static str, len: usize, then: &str) -> Guest {
    let next = format!(
        "(call $write (call $stderr) (i32.const 6000) (i32.const {len}) (i32.const 6200)) {then}"
    );
    Guest {
        fields: text,
        next: next.leak(),
        ..guest(&[
            ("cli/stderr@0.2.12", "get-stderr", "$stderr (result i32)"),
            (
                "io/streams@0.2.12",
                "[method]output-stream.blocking-write-and-flush",
                "$write (param i32 i32 i32 i32)",
            ),
            ("cli/exit@0.2.12", "exit", "$exit (param i32)"),
            ("cli/exit@0.2.12", "exit-with-code", "$exit-with (param i32)"),
        ])
    }
}

#[tokio::test]
async fn a_trap_is_shown_with_the_end_of_standard_error_unless_the_module_left_a_note() {
    const NOTE: &str = r#"(data (i32.const 7000) "\01herald-panic:the note\00")"#;
    let engine = engine();
    let check = async |text: &'static str, len: usize, then: &str, code: &str, shown: &str| {
        let module = load(&engine, writing(text, len, then)).await.unwrap();
        let error = next(&module).await.unwrap_err();
        assert_eq!(error.to_string(), shown);
        assert_eq!(error.kind(), "trap");
        let CallError::Trap { code: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, code);
    };
    let text = r#"(data (i32.const 6000) "at line 1\0aoh, hunter2\0a")"#;
    let code = "wasm `unreachable` instruction executed";
    check(text, 22, "unreachable", code, "the module panicked: at line 1 oh, ***").await;
    check(text, 0, "unreachable", code, &format!("the module trapped: {code}")).await;
    let note = [text, NOTE].concat().leak();
    check(note, 22, "unreachable", code, "the module panicked: the note").await;

    let check = async |then: &str, status: u8| {
        let code = format!("exit with status {status}");
        let said = "at line 1 oh, ***";
        let then = format!("{then} unreachable");
        check(text, 22, &then, &code, &format!("the module trapped: {code}; it said: {said}"))
            .await;
    };
    check("(call $exit (i32.const 0))", 0).await;
    check("(call $exit (i32.const 1))", 1).await;
    check("(call $exit-with (i32.const 42))", 42).await;
}

#[tokio::test]
async fn writing_without_end_takes_no_memory_and_shows_the_end() {
    let text = r#"(data (i32.const 6000) "x")
        (global $n (mut i32) (i32.const 0))"#;
    let mut guest = writing(text, 1, "");
    guest.next = "
        (loop $again
            (call $write (call $stderr) (i32.const 6000) (i32.const 100) (i32.const 6200))
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (global.get $n) (i32.const 900))))
        (i32.store8 (i32.const 6000) (i32.const 33))
        (call $write (call $stderr) (i32.const 6000) (i32.const 1) (i32.const 6200))
        (unreachable)";
    // Nine hundred calls of the host take longer than the other tests allow, on a machine that is busy.
    let engine = Engine::new(Settings::default()).unwrap();
    let module = load(&engine, guest).await.unwrap();
    match next(&module).await.unwrap_err() {
        CallError::Trap { message: Some(message), .. } => {
            assert!(message.ends_with("x!"), "{message}");
            assert!(message.chars().count() <= 1024, "{message}");
        }
        other => panic!("{other:?}"),
    }
}

fn sleeping(before: &str, nanos: u64) -> Guest {
    let next = format!(
        "(local $n i32) {before} (call $block (call $wait (i64.const {nanos}))) (call $told)"
    );
    Guest {
        fields: TELL,
        next: next.leak(),
        ..guest(&[
            (
                "clocks/monotonic-clock@0.2.12",
                "subscribe-duration",
                "$wait (param i64) (result i32)",
            ),
            ("io/poll@0.2.12", "[method]pollable.block", "$block (param i32)"),
        ])
    }
}

#[tokio::test]
async fn a_sleep_ends_with_the_time_of_the_call() {
    let settings = Settings { wall: Duration::from_millis(200), ..Settings::default() };
    let engine = Engine::new(settings).unwrap();
    let sleeper = load(&engine, sleeping("", 1)).await.unwrap();
    let begin = Instant::now();
    assert_eq!(next(&sleeper).await.unwrap_err().kind(), "timeout");
    assert!(begin.elapsed() >= Duration::from_millis(200));
    let awake = load(&engine, sleeping("", 0)).await.unwrap();
    assert_eq!(next(&awake).await.unwrap(), Err(Failure::Unsendable(String::new())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sleeping_modules_keep_no_lane_from_those_that_run() {
    let settings = Settings {
        running: Duration::from_millis(500),
        wall: Duration::from_secs(20),
        ..Settings::default()
    };
    let engine = Engine::new(settings).unwrap();
    // Each has run for longer than a tick, and so has a lane, when it falls asleep.
    let busy = "(loop $again (br_if $again (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50000000))))";
    let sleeper = load(&engine, sleeping(busy, 1_000_000)).await.unwrap();
    let looping = load(&engine, Guest { next: LOOP, ..Guest::default() }).await.unwrap();
    let lanes = thread::available_parallelism().map_or(1, usize::from) / 2;
    let sleepers: Vec<_> = (0..lanes.max(1))
        .map(|_| {
            let sleeper = sleeper.clone();
            tokio::spawn(async move { next(&sleeper).await })
        })
        .collect();
    time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    assert_eq!(next(&looping).await.unwrap_err().kind(), "deadline");
    assert!(begin.elapsed() < Duration::from_secs(10), "it waited for {:?}", begin.elapsed());
    assert!(sleepers.iter().all(|sleeper| !sleeper.is_finished()), "they did not sleep");
    sleepers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn what_the_host_makes_for_a_module_has_its_limits() {
    let engine = engine();
    let check = async |guest: Guest, kind: &str| {
        let module = load(&engine, guest).await.unwrap();
        let error = next(&module).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    };
    let next = "(loop $more (drop (call $stderr)) (br $more)) unreachable";
    check(Guest { next, ..writing("", 0, "") }, "limit-handles").await;
    let bytes = ("random/random@0.2.9", "get-random-bytes", "$bytes (param i64 i32)");
    let next = "(call $bytes (i64.const 65537) (i32.const 6200)) unreachable";
    check(Guest { next, ..guest(&[bytes]) }, "trap").await;
}

#[tokio::test]
async fn what_is_not_part_of_it_is_refused_by_name() {
    let check = async |interface: &'static str, name: &str, function: &str, call: &'static str| {
        let guest = Guest { next: call, ..guest(&[(interface, name, function)]) };
        let error = load(&engine(), guest).await.unwrap_err();
        assert!(error.to_string().contains(interface), "{error}");
        assert!(matches!(error, LoadError::UnknownImport(_)), "{error:?}");
    };
    let http = "(call $handle) unreachable";
    check("http/outgoing-handler@0.2.9", "handle", "$handle", http).await;
    let later = "(call $arguments (i32.const 6200)) unreachable";
    check("cli/environment@0.3.0", "get-arguments", "$arguments (param i32)", later).await;
}
