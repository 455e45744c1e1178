//! What two events have in common that say the same again with other numbers in it. Knows which parts of a message are
//! new each time; must not know how long a fingerprint counts, nor who asks.
//!
//! What is left out of the comparison: durations, moments, UUIDs, ids behind their name (`RequestID: …`), hexadecimal
//! digests and addresses, and the own end of a connection (`10.0.0.7:51392->`), whose port is another each time. Other
//! numbers count: a replica count, a status code or a line tells one failure from another.
//!
//! Of the metadata, the revisions count, as does where a commit status or a comment goes: another commit that fails in
//! the same way is news for its author, and a push makes one event, not a flood. Everything else is left out, because
//! controllers may put there what is new each time.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::intake::ANNOTATION_PREFIX;

/// A bare run of hexadecimal digits from this length on is an id without a letter that is none.
const SURELY_HEX: usize = 32;

/// The parts that are new each time. Where two alternatives begin at one place, the first one counts.
static VOLATILE: LazyLock<Regex> = LazyLock::new(|| {
    let month = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*";
    let day = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*";
    let clock = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?";
    let zone = r"(?:Z|\ ?[+-][0-9]{2}:?[0-9]{2}(?:\ [A-Z]{3,5}\b)?|\ (?:UTC|GMT)\b)";
    let pattern = format!(
        r#"(?x-u)
        (?<label>(?i:request|req|correlation|trace|span|transaction|operation|activity|tracking|invocation|session|host|ray)
            [\ _-]?(?i:ids?)["']?\ ?[:=]?\ ?["']?)(?<value>[A-Za-z0-9][A-Za-z0-9+/=_.:-]*)
        | (?<time>
            \b[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}(?:[T\ ]{clock}{zone}?(?:\ m=[+-][0-9]+\.[0-9]+)?)?
            | \b[0-9]{{8}}T[0-9]{{6}}Z\b
            | \b(?:{day},?\ )?[0-9]{{1,2}}[\ -]{month}[\ -][0-9]{{2,4}}\ {clock}{zone}?
            | \b{day}\ {month}\ {{1,2}}[0-9]{{1,2}}\ {clock}{zone}?\ [0-9]{{4}}\b
            | \b{clock}\b
            | \b1[4-9][0-9]{{8}}(?:[0-9]{{3}}){{0,3}}(?:\.[0-9]+)?\b
        )
        | (?<uuid>\b(?i:[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})\b)
        | (?<socket>(?:\b[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}|\[[0-9a-fA-F:.]+\]):[0-9]+->)
        | (?<duration>
            \b(?:[0-9]+h)?(?:[0-9]+m)?[0-9]+(?:\.[0-9]+)?(?:ms|us|µs|μs|ns|s)\b
            | \b[0-9]+(?:\.[0-9]+)?\ ?(?:(?:nano|micro|milli)?sec(?:ond)?s?|minutes?|mins?|hours?|hrs?|days?)\b
        )
        | (?<digest>\b(?:sha1|sha224|sha256|sha384|sha512|md5):[0-9a-f]+|\b0x[0-9a-fA-F]+\b)
        | (?<hex>\b(?:[0-9a-f]{{7,}}|[0-9A-F]{{7,}})\b)
        "#
    );
    Regex::new(&pattern).expect("it is constant, and the tests compile it")
});

/// What an event says, without what is new each time: 16 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of an event whose metadata is not yet merged with an Alert's.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let mut hash = Sha256::new();
        // With its length before it, no part can pass for the end of another.
        let mut part = |text: Option<&str>| match text {
            Some(text) => {
                hash.update([1]);
                hash.update(text.len().to_be_bytes());
                hash.update(text);
            }
            None => hash.update([0]),
        };
        part(Some(&event.severity));
        part(Some(&event.reason));
        part(Some(&normalized(&event.message)));
        let group = event.involved_object.group();
        for name in ["revision", "originRevision"] {
            part(event.metadata.get(&format!("{group}/{name}")).map(String::as_str));
        }
        for name in ["commit", "change_request"] {
            part(event.metadata.get(&format!("{ANNOTATION_PREFIX}{name}")).map(String::as_str));
        }
        let mut bytes = [0; 16];
        for (byte, digest) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = digest;
        }
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bits = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(Self(bits.to_be_bytes()))
    }
}

/// The message with a word in the place of everything that is new each time.
#[must_use]
pub fn normalized(message: &str) -> Cow<'_, str> {
    VOLATILE.replace_all(message, |found: &Captures<'_>| {
        let whole = || found.get(0).map_or("", |whole| whole.as_str());
        let is_group = |name: &str| found.name(name).is_some();
        let mut word = String::new();
        let written = if let Some((label, value)) = found.name("label").zip(found.name("value")) {
            // `request id is missing` names no id.
            let is_id = value.as_str().bytes().any(|byte| byte.is_ascii_digit());
            let value = if is_id { "<id>" } else { value.as_str() };
            write!(word, "{}{value}", label.as_str())
        } else if is_group("time") {
            write!(word, "<time>")
        } else if is_group("uuid") {
            write!(word, "<id>")
        } else if is_group("socket") {
            write!(word, "<socket>->")
        } else if is_group("duration") {
            write!(word, "<duration>")
        } else if is_group("digest") || is_hex(whole()) {
            write!(word, "<hex>")
        } else {
            write!(word, "{}", whole())
        };
        written.expect("writing to a String cannot fail");
        word
    })
}

/// Whether a run of hexadecimal digits is an id: a number has no letter, and a word (`defaced`) no digit.
fn is_hex(run: &str) -> bool {
    run.len() >= SURELY_HEX
        || (run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests;
