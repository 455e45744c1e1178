//! Every way out: HTTP, and NATS for what is published.

use std::sync::Arc;
use std::time::Duration;

use herald_core::formatter::Response;
use herald_core::policy::AddressPolicy;
use herald_core::provider::Provider;

use super::lookups::Lookups;
use super::nats::{NatsTransport, PUBLISH};
use super::{HttpTransport, Prepared, Resolver, SendError, SystemResolver, Transport};

/// Sends over the network.
pub struct Network {
    http: HttpTransport,
    nats: NatsTransport,
}

impl Network {
    /// A transport with the system's resolver.
    ///
    /// # Errors
    /// The system's root certificates cannot be read.
    pub fn new(policy: AddressPolicy) -> Result<Self, SendError> {
        Self::with_resolver(policy, Arc::new(Lookups::new(SystemResolver)))
    }

    /// A transport with another resolver; for tests.
    ///
    /// # Errors
    /// The system's root certificates cannot be read.
    pub fn with_resolver(
        policy: AddressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, SendError> {
        let http = HttpTransport::with_resolver(policy, Arc::clone(&resolver))?;
        Ok(Self { http, nats: NatsTransport::new(policy, resolver) })
    }
}

impl Transport for Network {
    async fn send(
        &self,
        provider: &Provider,
        request: Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        if request.method.as_str() == PUBLISH {
            self.nats.send(provider, &request, within).await
        } else {
            self.http.send(provider, request, within).await
        }
    }
}
