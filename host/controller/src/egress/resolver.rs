//! Names to addresses, with the address policy between the two.
//!
//! reqwest dials what this resolver returns and nothing else, so the check and the dial see the same addresses: a name
//! that changes its answer between the two changes nothing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use herald_core::policy::{AddressPolicy, Denied};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

/// Looks up the addresses of a host name.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `host`, in the order in which they should be tried.
    fn lookup(&self, host: String)
    -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup(
        &self,
        host: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            // Names with a trailing dot are absolute; the port plays no part in the lookup.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver that returns only addresses which the policy allows.
pub(super) struct Guarded {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) policy: AddressPolicy,
}

/// Why a name gives no address to dial; `send` looks for it in the causes of a failed request.
#[derive(Debug, Error)]
pub(super) enum LookupError {
    #[error("the name resolves to an address that is not allowed")]
    Denied(#[source] Denied),
    #[error("the name does not resolve")]
    NotFound(#[source] io::Error),
}

impl Guarded {
    /// The addresses of a name, if all of them are allowed.
    pub(super) fn lookup(
        &self,
        name: String,
    ) -> impl Future<Output = Result<Vec<IpAddr>, LookupError>> + Send + use<> {
        let lookup = self.resolver.lookup(name);
        let policy = self.policy;
        async move {
            let found = lookup.await.map_err(LookupError::NotFound)?;
            if found.is_empty() {
                let nothing =
                    io::Error::new(io::ErrorKind::NotFound, "the answer holds no address");
                return Err(LookupError::NotFound(nothing));
            }
            // One forbidden address forbids the name: a mixed answer is how rebinding begins.
            for address in &found {
                policy.check_ip(*address).map_err(LookupError::Denied)?;
            }
            Ok(found)
        }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let found = lookup.await?;
            let addresses: Addrs =
                Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
