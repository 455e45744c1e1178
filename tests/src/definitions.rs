//! What the vendors take: every request that Herald makes is held against the vendor's own definition, or, where there is
//! none to be had, against ours of its documentation.
//!
//! `definitions/table.rs` says for each type which requests are held against what; the definitions are the files of
//! `tests/definitions`. A type that is not in the table takes nothing, so a new type fails until it is there.

mod envelope;
mod library;
mod limits;
mod operation;
mod protobuf;
mod request;
mod table;
mod takes;
mod telegram;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use request::{Body, Request};

/// Everything that is wrong with a request of this type, as a rehearsal shows it; nothing when the vendor takes it.
#[must_use]
pub fn problems(kind: &str, request: &Value) -> Vec<String> {
    let request = match Request::parse(request) {
        Ok(request) => request,
        Err(problem) => return vec![problem],
    };
    // A tunnel is asked for by the HTTP client, and of a proxy.
    if request.method == "CONNECT" {
        return Vec::new();
    }
    let mut problems = request.problems();
    let Some(takes) = table::of(kind).into_iter().find(|takes| takes.is_meant(&request)) else {
        problems.push(format!(
            "nothing in the table for {kind} takes {} {}",
            request.method, request.path
        ));
        return problems;
    };
    problems.extend(takes.problems(&request));
    problems
}

/// Whether the table says what this type's receivers take.
#[must_use]
pub fn has(kind: &str) -> bool {
    !table::of(kind).is_empty()
}
