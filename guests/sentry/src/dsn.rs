//! A DSN: `https://<public key>[:<secret key>]@<host>[/<path>]/<project>`.

use herald_provider::Provider;

/// The parts that a request needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dsn<'a> {
    /// All of it, as the envelope repeats it.
    pub(crate) whole: &'a str,
    public_key: &'a str,
    /// Deprecated by Sentry; only old installations ask for it.
    secret_key: &'a str,
    /// What precedes the project, where Sentry is not at the root of its host.
    pub(crate) path: Vec<&'a str>,
    pub(crate) project: &'a str,
}

impl<'a> Dsn<'a> {
    /// The DSN of this Provider, or what to change; `address` is its whole address.
    pub(crate) fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        if let Some(problem) = provider.http_address_problem() {
            return Err(problem);
        }
        // No part is quoted: the host would mask it.
        address.map_or(Err("it is not given to this module"), Self::parse).map_err(|wrong| {
            ["the address is not a DSN: ", wrong, ": set spec.address, or `address` in the Secret, to the DSN in the settings of a Sentry project"].concat()
        })
    }

    fn parse(address: &'a str) -> Result<Self, &'static str> {
        let rest = address.split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let userinfo = authority.rsplit_once('@').map_or("", |(userinfo, _)| userinfo);
        let (public_key, secret_key) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        if public_key.is_empty() {
            return Err("it has no public key before the host");
        }
        let mut path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let project = path.pop().ok_or("it has no project after the host")?;
        Ok(Self { whole: address, public_key, secret_key, path, project })
    }

    /// What `x-sentry-auth` holds for this client
    /// (<https://develop.sentry.dev/sdk/foundations/transport/authentication/>).
    pub(crate) fn authorization(&self, client: &str) -> String {
        let mut header =
            ["Sentry sentry_version=7, sentry_client=", client, ", sentry_key=", self.public_key]
                .concat();
        if !self.secret_key.is_empty() {
            header.push_str(", sentry_secret=");
            header.push_str(self.secret_key);
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_is_read_in_parts() {
        let check = |address: &str, expected: &str| {
            let found = match Dsn::parse(address) {
                Ok(dsn) => {
                    [dsn.public_key, dsn.secret_key, &dsn.path.join("/"), dsn.project].join("|")
                }
                Err(wrong) => wrong.to_owned(),
            };
            assert_eq!(found, expected, "{address}");
        };
        check("https://key@sentry.example/42", "key|||42");
        check("https://key@sentry.example:9000/42?x=1", "key|||42");
        check("https://key:old@sentry.example/a/b/42/", "key|old|a/b|42");
        check("https://sentry.example/42", "it has no public key before the host");
        check("https://:old@sentry.example/42", "it has no public key before the host");
        check("https://key@sentry.example/", "it has no project after the host");
        check("https://key@sentry.example", "it has no project after the host");
    }
}
