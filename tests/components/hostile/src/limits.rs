//! Takes too much: time, memory, stack, or room for its answer.

use std::hint::black_box;

use herald_provider::{Action, Delivery, Failure, Fragment, log};

use crate::{With, good};

/// How much memory is taken for noise: less than a call may have.
const NOISE_BYTES: usize = 48 << 20;

pub(crate) fn next(name: &str, delivery: &Delivery) -> Option<Result<Action, Failure>> {
    match name {
        "endless loop" => forever(),
        "endless loop in the host" => ask_host_forever(),
        "thinks" => think(),
        "growing memory" => grow(),
        "deep recursion" => {
            black_box(recurse(1));
        }
        "deep recursion without memory" => {
            black_box(descend(1));
        }
        "trap" => trap(),
        "trap when told" if delivery.event.message.contains("please trap") => trap(),
        "refuse when told" if delivery.event.message.contains("please refuse") => {
            return Some(Err(Failure::unsendable("as it was told")));
        }
        "trap when told" | "refuse when told" => {}
        "panic" => panic!("giving up on \u{1b}[31m{}", delivery.event.message),
        "trap in noise" => trap_in_noise(),
        "giant body" => {
            let body = vec![Fragment::Text("x".repeat(5 << 20))];
            return Some(Ok(good(delivery).with_body(body).finish()));
        }
        "giant text" => return Some(Err(Failure::unsendable("x".repeat(5 << 20)))),
        "many pieces" => {
            let body = vec![Fragment::Text(String::new()); 400_000];
            return Some(Ok(good(delivery).with_body(body).finish()));
        }
        _ => return None,
    }
    Some(Ok(good(delivery).finish()))
}

/// Never ends.
pub(crate) fn forever() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Takes some tens of milliseconds, far less than a call may run.
fn think() {
    for n in 0..25_000_000_u64 {
        black_box(n);
    }
}

/// Never ends, and spends its time in a function of the host's.
fn ask_host_forever() -> ! {
    let line = "x".repeat(1 << 20);
    loop {
        log::write(log::Level::Error, &line);
    }
}

/// Takes and touches memory without end.
fn grow() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Needs more and more of the stack in memory.
#[inline(never)]
fn recurse(n: u64) -> u64 {
    let on_stack = black_box([n; 64]);
    if n == 0 {
        return 0;
    }
    recurse(n + 1).wrapping_mul(31) ^ black_box(on_stack)[7]
}

/// Needs more and more of the stack that the module cannot see.
#[inline(never)]
fn descend(n: u64) -> u64 {
    if n == 0 { 0 } else { descend(n.wrapping_add(1)).rotate_left(7) ^ n }
}

fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    std::process::abort();
}

/// Traps after it has filled its memory with what looks like the beginnings of a panic's text, none of which ends.
fn trap_in_noise() -> ! {
    let mut noise = String::with_capacity(NOISE_BYTES);
    while noise.len() < NOISE_BYTES - (64 << 10) {
        noise.push_str("\u{1}herald-panic:");
    }
    while noise.len() < NOISE_BYTES {
        noise.push('x');
    }
    black_box(noise);
    trap()
}
