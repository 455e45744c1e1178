//! Token endpoints of OAuth 2.0: a form goes in, and an access token with its life comes out.
//!
//! It knows the forms of RFC 6749 and what an endpoint's URL may be. It must not know whose endpoint it is, nor what an
//! account proves itself with.

use herald_core::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::{Host, Url, form_urlencoded};

use super::ObtainError;
use super::exchange::{self, Exchange, not_an_answer};
use crate::egress::Transport;

/// A token and when it ends.
pub(super) struct Granted {
    pub(super) token: SecretText,
    pub(super) ends: Timestamp,
}

/// The URL of an endpoint: what is sent there is a credential, so it is `https`, or this machine itself.
pub(super) fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let is_near = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_near);
    (is_plain && is_safe).then_some(url)
}

/// Asks an endpoint for a token; `advice` says what to change when it refuses.
pub(super) async fn grant<T: Transport>(
    exchange: &Exchange<'_, '_, T>,
    url: Url,
    form: &[(&str, &str)],
    advice: &str,
) -> Result<Granted, ObtainError> {
    let service = exchange::host(&url);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = exchange.send(Method::POST, url, headers, body).await?;
    let answer = exchange::json(&response, &service, exchange.now(), advice)?;
    let token = exchange.token(&answer, "access_token", &service)?;
    let life = seconds(&answer["expires_in"]).ok_or_else(|| not_an_answer(&service))?;
    let ends = exchange.now().saturating_add(SignedDuration::from_secs(life));
    Ok(Granted { token, ends: ends.unwrap_or(Timestamp::MAX) })
}

/// A number of seconds, which some services write as a text.
fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
    .filter(|seconds| *seconds >= 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_is_reached_over_tls_or_on_this_machine() {
        for text in [
            "https://oauth2.googleapis.com/token",
            " https://login.microsoftonline.com/\n",
            "https://[2001:db8::1]:8443/x",
            "http://127.0.0.1:8080/token",
            "http://[::1]/token",
            "http://localhost:1/",
        ] {
            assert_eq!(endpoint(text), Url::parse(text.trim()).ok(), "{text}");
        }
        for text in [
            "",
            "token",
            "http://oauth2.googleapis.com/token",
            "http://127.0.0.1.evil.example/token",
            "http://localhost.evil.example/",
            "ftp://127.0.0.1/",
            "https://u:p@h.example/",
            "https://h.example/?x=1",
            "https://h.example/#x",
            "file:///etc/passwd",
        ] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn a_life_is_a_number_of_seconds() {
        for (value, expected) in [
            (json!(3599), Some(3599)),
            (json!("3599"), Some(3599)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!("soon"), None),
            (json!(1.5), None),
            (Value::Null, None),
        ] {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }
}
