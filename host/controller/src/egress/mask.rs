//! Takes a provider's secrets out of texts that come back: answers, errors, and what modules say.
//!
//! A value is searched in the forms in which a receiver may echo it: as it is, in base64 (also in the middle of a longer
//! text) and in hexadecimal, and each of these percent-encoded, or escaped for JSON or HTML, in any way in which that can
//! be done. Values shorter than [`MIN_BYTES`] are left: masking every `1` would hide more than it protects. What a module
//! may know anyway is left as well, as it compares answers with it: the user name, identifiers of an App, and the path of
//! an address that it may see whole.

mod escapes;
mod forms;
mod obtained;
mod values;

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use herald_core::formatter::Response;
use herald_core::provider::Provider;
use herald_core::secret::SecretText;

use escapes::ESCAPES;
use forms::forms;
use obtained::Obtained;
use values::values;

/// The shortest value that is masked.
const MIN_BYTES: usize = 4;
/// What stands in place of a secret.
const MARK: &str = "*****";
/// The longest text that is kept or shown, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// The most headers of an answer that a module sees.
const MAX_HEADERS: usize = 64;

/// How many layers of escapes are taken off: a URL within JSON has two.
const MAX_LAYERS: usize = 2;

/// How much of its Provider's address a module may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSeen {
    /// Scheme, host and port. For many receivers the rest is the credential.
    Origin,
    /// All of it but the userinfo: for its kind of receiver the path names a repository or the like.
    Whole,
}

/// The secrets of one provider, ready to be searched for.
pub struct Mask {
    finder: Option<AhoCorasick>,
    /// What the host obtained for it since.
    obtained: Obtained,
}

impl Mask {
    /// Everything secret that this provider uses: Secret values, and its address beyond the host.
    #[must_use]
    pub fn new(provider: &Provider, seen: AddressSeen) -> Self {
        let (texts, bytes) = (values(provider, seen), values::bytes(provider));
        let values = texts.iter().map(String::as_bytes).chain(bytes.iter().map(Vec::as_slice));
        Self { finder: finder(values), obtained: Obtained::default() }
    }

    /// From now on this is secret as well: a credential that the host obtained for the provider.
    pub fn hide(&self, credential: &SecretText) {
        self.obtained.add(credential, false);
    }

    /// The same of a token that the host made from the clock to prove itself.
    pub fn hide_proof(&self, token: &SecretText) {
        self.obtained.add(token, true);
    }

    /// The text with a name in place of tokens that the host made from the clock, as they are never the same twice.
    #[must_use]
    pub fn without_proofs(&self, text: &str) -> String {
        self.obtained.name_proofs(text)
    }

    /// The bytes without any secret.
    #[must_use]
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.masked(&bytes).unwrap_or(bytes)
    }

    /// The bytes with marks in place of secrets; none when there is no secret in them.
    fn masked(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let spans = self.spans(bytes);
        spans.first()?;
        let mut masked = Vec::with_capacity(bytes.len());
        let mut shown = 0;
        for span in spans {
            masked.extend_from_slice(bytes.get(shown..span.start).unwrap_or_default());
            masked.extend_from_slice(MARK.as_bytes());
            shown = span.end;
        }
        masked.extend_from_slice(bytes.get(shown..).unwrap_or_default());
        Some(masked)
    }

    /// Where secrets stand: sorted, apart from each other.
    fn spans(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for finder in self.finder.iter().chain(self.obtained.finder().as_deref()) {
            search(finder, bytes, MAX_LAYERS, &|span| span, &mut found);
        }
        found.sort_unstable_by_key(|span| span.start);
        let mut spans: Vec<Range<usize>> = Vec::new();
        for span in found {
            match spans.last_mut() {
                // Secrets overlap: one holds another, or the tail of one begins another.
                Some(last) if span.start < last.end => last.end = last.end.max(span.end),
                _ => spans.push(span),
            }
        }
        spans
    }

    /// A text without any secret, its lines kept.
    #[must_use]
    pub fn lines<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.masked(text.as_bytes()) {
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// A text for people: without secrets and control characters, and cut to 1 KiB.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let masked = self.lines(text);
        let mut shown = String::with_capacity(masked.len().min(MAX_TEXT_BYTES));
        for c in masked.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if shown.len() + c.len_utf8() > MAX_TEXT_BYTES {
                shown.push('…');
                break;
            }
            shown.push(c);
        }
        shown
    }

    /// An answer as a module may see it.
    #[must_use]
    pub fn response(&self, response: Response) -> Response {
        let headers = response
            .headers
            .into_iter()
            .filter(|(name, _)| name != "set-cookie")
            .take(MAX_HEADERS)
            .map(|(name, value)| {
                (name, String::from_utf8_lossy(&self.bytes(value.into_bytes())).into_owned())
            })
            .collect();
        Response { status: response.status, headers, body: self.bytes(response.body) }
    }
}

/// What finds these values in all of their forms; none when there is nothing to find.
fn finder<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<AhoCorasick> {
    let mut forms: Vec<Vec<u8>> =
        values.filter(|value| value.len() >= MIN_BYTES).flat_map(forms).collect();
    forms.sort_unstable();
    forms.dedup();
    // A key or a certificate has thousands of characters: what is quickest to search with takes minutes to make.
    let kind = Some(AhoCorasickKind::NoncontiguousNFA);
    let finder = AhoCorasick::builder().kind(kind).build(&forms).ok();
    finder.filter(|_| !forms.is_empty())
}

/// Finds the secrets in a text as it is and below its escapes; `place` says where in the whole a part of it stands.
fn search(
    finder: &AhoCorasick,
    bytes: &[u8],
    layers: usize,
    place: &dyn Fn(Range<usize>) -> Range<usize>,
    found: &mut Vec<Range<usize>>,
) {
    found.extend(finder.find_overlapping_iter(bytes).map(|hit| place(hit.range())));
    if layers == 0 {
        return;
    }
    for escape in ESCAPES {
        if let Some(plain) = escape.undo(bytes) {
            let outer = |span| place(plain.origin(span));
            search(finder, &plain.bytes, layers - 1, &outer, found);
        }
    }
}

#[cfg(test)]
mod tests;
