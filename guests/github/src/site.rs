//! Where a repository's API is.

use herald_provider::{Base, Provider, Url, git};

/// The host of the API of github.com.
pub(crate) const API: &str = "api.github.com";

/// A repository, and the API that serves it.
pub(crate) struct Repository<'a> {
    base: Base,
    /// What precedes `repos` in the API's paths.
    prefix: &'static [&'static str],
    owner: &'a str,
    name: &'a str,
}

impl<'a> Repository<'a> {
    /// The repository of this Provider, or what to change; `address` is its whole address.
    pub(crate) fn find(provider: &Provider, address: Option<&'a str>) -> Result<Self, String> {
        const CHANGE: &str =
            "set spec.address to a repository's URL such as https://github.com/owner/repository";
        let host = provider.origin().map(|origin| origin.host.as_str());
        let (Some(host), Some(parsed)) = (host, address.and_then(git::Address::parse)) else {
            return Err(["the address is not that of a Git repository: ", CHANGE].concat());
        };
        // The path is not quoted: the host would mask it, as that of a webhook is a secret.
        let (owner, name) = parsed.owner_and_name().ok_or_else(|| {
            ["invalid repository id: the path is not an owner and a name: ", CHANGE].concat()
        })?;
        let (base, prefix): (_, &[_]) = if host == "github.com" {
            (Base::Site(["https://", API].concat()), &[])
        } else if host.starts_with("api.") || host.contains(".api.") {
            (Base::Origin, &[])
        } else {
            // Where a GitHub Enterprise Server has it.
            (Base::Origin, &["api", "v3"])
        };
        Ok(Self { base, prefix, owner, name })
    }

    /// A resource of this repository.
    pub(crate) fn url(&self, resource: &[&str]) -> Url {
        let start = self.prefix.iter().copied();
        let segments =
            start.chain(["repos", self.owner, self.name]).chain(resource.iter().copied());
        Url::new(self.base.clone(), segments)
    }
}
