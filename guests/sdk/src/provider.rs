//! What can be asked of a Provider, and the checks that many types share.

use crate::json::Value;
use crate::{Address, Fragment, Origin, Provider, basic};

impl Provider {
    /// Whether its Secret has a value for this key.
    #[must_use]
    pub fn has_secret(&self, key: &str) -> bool {
        self.secret_keys.iter().any(|name| name == key)
    }

    /// The first of these keys for which its Secret has a value.
    #[must_use]
    pub fn first_secret<'a>(&self, keys: &[&'a str]) -> Option<&'a str> {
        keys.iter().find(|key| self.has_secret(key)).copied()
    }

    /// What `authorization` holds for HTTP Basic with its user name and the Secret's `password`; none when it has not both.
    #[must_use]
    pub fn basic(&self) -> Option<Vec<Fragment>> {
        let has_both = !self.username.is_empty() && self.has_secret("password");
        has_both.then(|| basic(&self.username, "password"))
    }

    /// What is wrong with a Secret that has a password and no user name for it, nor a token instead.
    #[must_use]
    pub fn lonely_password_problem(&self) -> Option<String> {
        let is_lonely =
            self.has_secret("password") && self.username.is_empty() && !self.has_secret("token");
        is_lonely.then(|| {
            "the Secret has a password and there is no user name: put one in the Secret under `username`"
                .to_owned()
        })
    }

    /// The origin of its address; none when there is no address or it is no URL.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match &self.address {
            Some(Address::Url(origin)) => Some(origin),
            Some(Address::Name(_)) | None => None,
        }
    }

    /// What its user set in `spec.config`, `Null` when that is nothing. The host has checked it against the module's
    /// schema.
    #[must_use]
    pub fn options(&self) -> Value {
        // The usual case costs no parser.
        if self.config == "{}" { Value::Null } else { self.config.parse().unwrap_or(Value::Null) }
    }

    /// What is wrong with an address that has to be an `http://` or `https://` URL.
    #[must_use]
    pub fn http_address_problem(&self) -> Option<String> {
        const CHANGE: &str = "set spec.address, or `address` in the Secret, to a URL that starts with https:// or http://";
        let wrong = match &self.address {
            Some(Address::Url(origin)) => match origin.scheme.as_str() {
                "http" | "https" => return None,
                scheme => ["the address begins with ", scheme, "://"].concat(),
            },
            Some(Address::Name(_)) => "the address is not a URL".to_owned(),
            None => "there is no address".to_owned(),
        };
        Some([wrong.as_str(), ": ", CHANGE].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{provider, url};

    #[test]
    fn an_address_is_an_http_url() {
        let check = |address, expected: Option<&str>| {
            let problem = provider(address, &[]).http_address_problem();
            let problem = problem.as_deref().and_then(|text| text.split(": set ").next());
            assert_eq!(problem, expected);
        };
        check(url("https", "hooks.example"), None);
        check(url("http", "hooks.example"), None);
        check(url("nats", "hooks.example"), Some("the address begins with nats://"));
        check(Some(Address::Name("project".to_owned())), Some("the address is not a URL"));
        check(None, Some("there is no address"));
    }

    #[test]
    fn options_are_what_the_user_set() {
        let mut provider = provider(None, &[]);
        assert_eq!(provider.options(), Value::Null);
        provider.config = r#"{"format":"blocks"}"#.to_owned();
        assert_eq!(provider.options()["format"], "blocks");
        assert_eq!(provider.options()["other"], Value::Null);
    }

    #[test]
    fn the_first_key_with_a_value_is_taken() {
        let provider = provider(None, &["password", "token"]);
        assert_eq!(provider.first_secret(&["token", "password"]), Some("token"));
        assert_eq!(provider.first_secret(&["none", "password"]), Some("password"));
        assert_eq!(provider.first_secret(&["none"]), None);
    }

    #[test]
    fn basic_needs_a_user_and_a_password() {
        let check = |username: &str, keys: &[&str], has_basic: bool, is_lonely: bool| {
            let mut provider = provider(None, keys);
            provider.username = username.to_owned();
            assert_eq!(provider.basic().is_some(), has_basic, "{username} {keys:?}");
            let problem = provider.lonely_password_problem();
            assert_eq!(problem.is_some(), is_lonely, "{username} {keys:?}");
        };
        check("user", &["password"], true, false);
        check("user", &["token"], false, false);
        check("", &["password"], false, true);
        check("", &["password", "token"], false, false);
        check("", &[], false, false);
    }
}
