//! The parts of a request as a module wrote it, each with the place that it counts as, and the search for a value in one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use herald_core::formatter::{Base, Fragment, Hmac, Place, Plain, Request, Signed};

/// What the module itself wrote into one part of a request; what the host fills in is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// For people.
    pub(super) name: String,
    /// None where no secret may stand.
    pub(super) place: Option<Place>,
    pub(super) bytes: Vec<u8>,
}

/// The parts of a request.
pub(super) fn parts(request: &Request) -> Vec<Part> {
    let part = |name: &str, place, bytes: Vec<u8>| Part { name: name.to_owned(), place, bytes };
    let site = match &request.url.base {
        Base::Site(site) => site.clone(),
        Base::Address | Base::AddressEnding | Base::AddressOr | Base::Origin => String::new(),
    };
    let mut all = vec![
        part("the method", None, request.method.clone().into_bytes()),
        part("the host", None, site.into_bytes()),
    ];
    for segment in &request.url.path {
        push(&mut all, "the path", Place::Path, segment);
    }
    for (key, value) in &request.url.query {
        all.push(part("a name in the query", None, key.clone().into_bytes()));
        push(&mut all, "the query", Place::Query, value);
    }
    for (name, value) in &request.headers {
        all.push(part("a header's name", None, name.clone().into_bytes()));
        push(&mut all, &format!("the header `{name}`"), Place::Header, value);
    }
    push(&mut all, "the body", Place::Body, &request.body);
    all
}

fn push(all: &mut Vec<Part>, name: &str, place: Place, fragments: &[Fragment]) {
    let mut bytes = Vec::new();
    for fragment in fragments {
        match fragment {
            Fragment::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Fragment::Bytes(more) => bytes.extend_from_slice(more),
            Fragment::Base64(pieces) => bytes.extend(pieces.iter().flat_map(plain)),
            Fragment::Hmac(hmac) => all.push(signed(hmac)),
            Fragment::Secret(_) | Fragment::Authorization(_) => {}
        }
    }
    all.push(Part { name: name.to_owned(), place: Some(place), bytes });
}

fn plain(piece: &Plain) -> Vec<u8> {
    match piece {
        Plain::Text(text) => text.clone().into_bytes(),
        Plain::Secret(_) | Plain::SecretBytes(_) => Vec::new(),
    }
}

fn signed(hmac: &Hmac) -> Part {
    let mut bytes: Vec<u8> = hmac.key.iter().flat_map(plain).collect();
    for piece in &hmac.message {
        match piece {
            Signed::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Signed::Secret(_) | Signed::Body => {}
        }
    }
    Part { name: "a signature".to_owned(), place: Some(Place::Signature), bytes }
}

/// Whether a value stands there: as it is, backwards, in base64 or in hexadecimal.
pub(super) fn holds(bytes: &[u8], value: &str) -> bool {
    let upper: String = value.bytes().map(|byte| format!("{byte:02X}")).collect();
    let forms = [
        value.to_owned(),
        value.to_uppercase(),
        value.chars().rev().collect(),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        upper.to_lowercase(),
        upper,
    ];
    forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_bytes()))
}
