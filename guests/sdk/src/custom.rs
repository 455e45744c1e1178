//! A request that the user of a Provider describes in `spec.config`: what `template` and `script` share.
//!
//! Knows what such a request may have and where its secrets may stand. How it is described, the modules know.

pub mod escape;
pub mod marks;

use crate::{Failure, Fragment, Placement, Places, Provider, Request, basic, bearer, place};

/// The keys of the Secret that can be placed, wherever the user likes.
pub const KEYS: [&str; 8] =
    ["apiKey", "apiSecret", "headers/*", "id", "key", "password", "token", "username"];

/// The longest body that Herald sends, in bytes.
const BODY_LIMIT: usize = 4 << 20;
const AUTHORIZATION: &str = "authorization";
const TOKEN: &str = "token";
const PASSWORD: &str = "password";

/// The declaration of [`KEYS`].
#[must_use]
pub fn placements() -> Vec<Placement> {
    let anywhere = Places::HEADER | Places::PATH | Places::QUERY | Places::BODY;
    KEYS.iter().map(|key| place(key, anywhere)).collect()
}

/// What stands in a text for the secret of this key.
///
/// # Errors
/// The Secret has no such key, or it is none that can be placed.
pub fn secret(key: &str, keys: &[String]) -> Result<String, String> {
    let is_header = key.strip_prefix("headers/").is_some_and(|name| name != "*");
    if !is_header && !KEYS.contains(&key) {
        let keys = KEYS.join(", ");
        return Err(format!(
            "the key {key} of the Secret cannot be placed: rename it to one of {keys}"
        ));
    }
    if !keys.iter().any(|known| known == key) {
        return Err(format!("the Secret has no value for the key {key}"));
    }
    Ok(marks::secret(key))
}

/// How values are escaped in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As JSON.
    Json,
    /// As `application/x-www-form-urlencoded`.
    Form,
    /// As HTML or XML.
    Markup,
    /// As Markdown.
    Markdown,
    /// Not at all.
    Text,
}

/// The media type of a short name, or of itself, and what it means for escapes.
#[must_use]
pub fn content(name: &str) -> (String, Kind) {
    let (media_type, kind) = match name {
        "json" => ("application/json", Kind::Json),
        "form" => ("application/x-www-form-urlencoded", Kind::Form),
        "text" => ("text/plain; charset=utf-8", Kind::Text),
        "html" => ("text/html; charset=utf-8", Kind::Markup),
        "markdown" => ("text/markdown; charset=utf-8", Kind::Markdown),
        "xml" => ("application/xml", Kind::Markup),
        other => {
            // In lower case, as the host looks for `json` in it when it fills in secrets.
            let (kind, parameters) = other.split_at(other.find(';').unwrap_or(other.len()));
            let kind = kind.trim().to_ascii_lowercase();
            return ([&kind, parameters].concat(), of_media_type(&kind));
        }
    };
    (media_type.to_owned(), kind)
}

fn of_media_type(kind: &str) -> Kind {
    match kind {
        "application/x-www-form-urlencoded" => Kind::Form,
        "text/markdown" => Kind::Markdown,
        kind if kind.contains("json") => Kind::Json,
        kind if kind.contains("html") || kind.contains("xml") => Kind::Markup,
        _ => Kind::Text,
    }
}

/// Where the header `authorization` comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// The first of the others for which the Secret has the keys, unless the request places them itself.
    #[default]
    Auto,
    /// The Secret's `token`.
    Bearer,
    /// The user name and the Secret's `password`.
    Basic,
    /// There is none.
    None,
}

impl Authorization {
    /// By its name in `spec.config`.
    #[must_use]
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some("bearer") => Authorization::Bearer,
            Some("basic") => Authorization::Basic,
            Some("none") => Authorization::None,
            _ => Authorization::Auto,
        }
    }

    /// What is wrong with it for this Provider.
    #[must_use]
    pub fn problem(self, provider: &Provider) -> Option<String> {
        let why = match self {
            Authorization::Bearer if !provider.has_secret(TOKEN) => {
                "spec.config.authorization is bearer, and the Secret of spec.secretRef has no `token`"
            }
            Authorization::Basic if provider.basic().is_none() => {
                "spec.config.authorization is basic, and the Secret of spec.secretRef has not both `username` and `password`"
            }
            _ => return None,
        };
        Some(why.to_owned())
    }

    /// The request with it.
    #[must_use]
    pub fn given_to(self, request: Request, provider: &Provider) -> Request {
        let is_free = |key: &str| !places(&request, key);
        let has_header =
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION));
        let value = match self {
            Authorization::Bearer => Some(bearer(TOKEN)),
            Authorization::Basic => Some(basic(&provider.username, PASSWORD)),
            Authorization::None => None,
            Authorization::Auto if has_header => None,
            Authorization::Auto if provider.has_secret(TOKEN) && is_free(TOKEN) => {
                Some(bearer(TOKEN))
            }
            Authorization::Auto => provider.basic().filter(|_| is_free(PASSWORD)),
        };
        match value {
            Some(value) => request.with_header(AUTHORIZATION, value),
            None => request,
        }
    }
}

/// Whether the request carries this secret already.
fn places(request: &Request, key: &str) -> bool {
    let headers = request.headers.iter().map(|(_, value)| value);
    let query = request.url.query.iter().map(|(_, value)| value);
    let all = headers.chain(query).chain(&request.url.path).chain([&request.body]);
    all.flatten().any(|fragment| matches!(fragment, Fragment::Secret(placed) if placed == key))
}

/// Whether requests of this method have a body.
#[must_use]
pub fn takes_body(method: &str) -> bool {
    !matches!(method, "GET" | "DELETE")
}

/// A text as a header, a parameter or a segment of a path has it: on one line, and without blanks at its ends.
#[must_use]
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    marks::escape(&mut line, text, escape::line);
    line.trim().to_owned()
}

/// What the host would refuse of this request because of the event that it is made of.
///
/// # Errors
/// The event cannot be sent in this way; says why.
pub fn check(request: &Request) -> Result<(), Failure> {
    let climbs = |segment: &Vec<Fragment>| matches!(segment.as_slice(), [Fragment::Text(text)] if matches!(text.as_str(), "." | ".."));
    if request.url.path.iter().any(climbs) {
        return Err(Failure::unsendable(
            "a segment of the path comes to `.` or `..` for this event, which would climb",
        ));
    }
    let length = |fragment: &Fragment| match fragment {
        Fragment::Text(text) => text.len(),
        _ => 0,
    };
    if request.body.iter().map(length).sum::<usize>() > BODY_LIMIT {
        return Err(Failure::unsendable(
            "the body is longer than 4 MiB for this event: cut its texts",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Url;
    use crate::testing::{provider, render};

    #[test]
    fn a_media_type_says_how_values_are_escaped() {
        for (name, media_type, kind) in [
            ("json", "application/json", Kind::Json),
            ("form", "application/x-www-form-urlencoded", Kind::Form),
            ("application/vnd.api+json", "application/vnd.api+json", Kind::Json),
            ("Application/JSON; charset=utf-8", "application/json; charset=utf-8", Kind::Json),
            ("application/soap+xml", "application/soap+xml", Kind::Markup),
            ("application/xhtml+xml", "application/xhtml+xml", Kind::Markup),
            ("text/markdown;variant=GFM", "text/markdown;variant=GFM", Kind::Markdown),
            ("text/csv", "text/csv", Kind::Text),
        ] {
            assert_eq!(content(name), (media_type.to_owned(), kind), "{name}");
        }
    }

    #[test]
    fn the_token_goes_into_the_header_unless_it_has_another_place() {
        let check = |wanted: Authorization, keys: &[&str], body: &str, expected: Option<&str>| {
            let mut provider = provider(None, keys);
            provider.username = "me".to_owned();
            let mut request = Request::get(Url::address());
            request.body = marks::fragments(body);
            let rendered = render(&wanted.given_to(request, &provider));
            let found = rendered.lines().find_map(|line| line.strip_prefix("authorization: "));
            assert_eq!(found, expected, "{wanted:?} {keys:?} {body:?}");
        };
        let basic = Some("Basic {base64 [Plain::Text(\"me:\"), Plain::Secret(\"password\")]}");
        let bearer = Some("Bearer {token}");
        let placed = marks::secret(TOKEN);
        check(Authorization::Auto, &[TOKEN, PASSWORD], "", bearer);
        check(Authorization::Auto, &[PASSWORD], "", basic);
        check(Authorization::Auto, &[], "", None);
        check(Authorization::Auto, &[TOKEN], &placed, None);
        check(Authorization::Bearer, &[TOKEN], &placed, bearer);
        check(Authorization::Basic, &[TOKEN, PASSWORD], "", basic);
        check(Authorization::None, &[TOKEN, PASSWORD], "", None);
    }

    #[test]
    fn only_what_the_secret_has_can_be_placed() {
        let keys = ["token", "pin", "headers/x-a"].map(str::to_owned);
        assert_eq!(secret("token", &keys), Ok(marks::secret("token")));
        assert_eq!(secret("headers/x-a", &keys), Ok(marks::secret("headers/x-a")));
        for (key, expected) in [
            ("pin", "the key pin of the Secret cannot be placed: rename it to one of apiKey, "),
            ("apiKey", "the Secret has no value for the key apiKey"),
            ("headers/x-b", "the Secret has no value for the key headers/x-b"),
            ("headers/*", "the Secret has no value for the key headers/*"),
        ] {
            let why = secret(key, &keys).expect_err("it cannot be placed");
            assert!(why.starts_with(expected), "{why}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line(" a\r\nb: c\t"), "a  b: c");
    }
}
