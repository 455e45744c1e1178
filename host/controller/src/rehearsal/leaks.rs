//! Whether a module says what is secret: each case is run twice with made-up values for every key of its Secrets, and what
//! the module says may differ only where it declared that it places the key.
//!
//! Only a module that imports `secret-values` can say one; all others name the place of a secret, and the host fills it
//! in. It must not know what becomes of what is found.

mod parts;

use std::collections::BTreeSet;
use std::sync::Arc;

use herald_core::formatter::{Description, Place};
use herald_core::secret::SecretText;
use herald_engine::{Engine, Module};
use sha2::{Digest as _, Sha256};

use super::cases::Cases;
use super::opening::{Said, openings};
use crate::catalog::Catalog;
use crate::egress::WITHHELD;
use parts::{Part, holds, parts};

/// A secret where it must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leak {
    /// The case in which it was seen.
    pub case: String,
    /// What is wrong and what to change.
    pub text: String,
}

/// Looks for secrets in everything that the module says for these cases, each leak once, sorted.
pub async fn leaks(engine: &Engine, module: &Module, cases: &Cases) -> Vec<Leak> {
    let mut found = BTreeSet::new();
    for (name, case, _) in cases.iter() {
        let one = openings(engine, module, &case, |catalog| plant(catalog, One)).await;
        let other = openings(engine, module, &case, |catalog| plant(catalog, Other)).await;
        for (one, other) in one.iter().zip(&other) {
            let keys: Vec<String> = planted_keys(&one.delivery.provider.secret_keys);
            let (said, otherwise) = (one.said(module).await, other.said(module).await);
            let texts = differences(module.description(), &keys, &said, &otherwise);
            found.extend(texts.into_iter().map(|text| Leak { case: name.to_owned(), text }));
        }
    }
    found.into_iter().collect()
}

/// Which of the two runs.
#[derive(Clone, Copy, Debug)]
enum Run {
    One,
    Other,
}
use Run::{One, Other};

/// What every module sees in any case.
const SHOWN: &str = "username";

fn is_planted(key: &str) -> bool {
    !WITHHELD.contains(&key) && key != SHOWN
}

fn planted_keys(keys: &[String]) -> Vec<String> {
    keys.iter().filter(|key| is_planted(key)).cloned().collect()
}

fn plant(catalog: &mut Catalog, run: Run) {
    for provider in catalog.providers.values_mut() {
        // The catalog was made for this run, so nobody else has its Providers.
        let Some(provider) = Arc::get_mut(provider) else { continue };
        let keys: Vec<String> = provider.secret.keys_with_value().map(str::to_owned).collect();
        for key in planted_keys(&keys) {
            provider.secret.insert(key.clone(), SecretText::new(value(&key, run)));
        }
    }
}

/// A value that no module could guess or meet by chance; of one length, so that only what it says can tell the runs
/// apart.
fn value(key: &str, run: Run) -> String {
    let digest = Sha256::digest(format!("{key} {run:?}"));
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// What two runs that differ in nothing but the values of secrets tell apart, or say.
fn differences(
    description: &Description,
    keys: &[String],
    said: &[Said],
    otherwise: &[Said],
) -> Vec<String> {
    let mut found = Vec::new();
    if said.len() != otherwise.len() {
        found.push(
            "the value of a secret decides what is said at all; it may only be placed in what is sent"
                .to_owned(),
        );
    }
    let mut number = 0;
    for (said, otherwise) in said.iter().zip(otherwise) {
        match (said, otherwise) {
            (Said::Text(what, text), Said::Text(_, other)) => {
                found.extend(of_text(what, text, other, keys));
            }
            (Said::Request(said), Said::Request(otherwise)) => {
                number += 1;
                let (said, otherwise) = (parts(said), parts(otherwise));
                found.extend(of_request(number, description, keys, &said, &otherwise));
            }
            (Said::Text(..) | Said::Request(_), _) => {
                found.push("the value of a secret decides whether something is sent".to_owned())
            }
        }
    }
    found
}

fn of_text(what: &str, text: &str, other: &str, keys: &[String]) -> Option<String> {
    let name = match what {
        "skipped" => "the reason of `skipped`",
        "failure" => "the reason of a failure",
        "remember" => "what is remembered",
        "log" => "a line of the log",
        "check" => "what is wrong with a Provider",
        _ => "a panic",
    };
    let said = keys.iter().find(|key| holds(text.as_bytes(), &value(key, One)));
    match said {
        Some(key) => {
            Some(format!("the value of the Secret's `{key}` stands in {name}: leave it out"))
        }
        None if text != other => {
            Some(format!("{name} depends on the value of a secret: say only which key is wrong"))
        }
        None => None,
    }
}

fn of_request(
    number: usize,
    description: &Description,
    keys: &[String],
    said: &[Part],
    otherwise: &[Part],
) -> Vec<String> {
    let mut found = Vec::new();
    if said.len() != otherwise.len() {
        found.push(format!("the value of a secret decides how many parts request {number} has"));
    }
    for (part, other) in said.iter().zip(otherwise) {
        let may = |key: &str| part.place.is_some_and(|place| description.declares(key, place));
        let said = keys.iter().find(|key| holds(&part.bytes, &value(key, One)));
        match said {
            Some(key) if !may(key) => found.push(format!(
                "the value of the Secret's `{key}` stands in {} of request {number}: place it as a fragment, and declare {}",
                part.name,
                declaration(key, part.place),
            )),
            None if part.bytes != other.bytes && !keys.iter().any(|key| may(key)) => {
                found.push(format!(
                    "{} of request {number} depends on the value of a secret that is not declared for that place",
                    part.name,
                ));
            }
            Some(_) | None => {}
        }
    }
    found
}

fn declaration(key: &str, place: Option<Place>) -> String {
    match place {
        Some(place) => format!("`{key}` with the place `{place}` in description.secrets"),
        None => "it where a secret may stand: header, path, query, body or signature".to_owned(),
    }
}

#[cfg(test)]
mod tests;
