//! One HTTP client for each set of connection settings, so that connections are kept between messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use herald_core::policy::AddressPolicy;
use herald_core::provider::{Provider, ProxySettings, TlsSettings};
use reqwest::{Certificate, Client, Identity, Proxy, redirect};

use super::SendError;
use super::resolver::{Guarded, Resolver};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// The longest wait for a connection; the attempt's own timeout may end it earlier.
const CONNECT: Duration = Duration::from_secs(10);
/// The most clients of Providers with settings of their own that are kept at a time.
const MAX_CLIENTS: usize = 1024;

/// Sends over HTTP.
pub struct HttpTransport {
    pub(super) policy: AddressPolicy,
    pub(super) resolver: Arc<dyn Resolver>,
    /// The client of all Providers without proxy and TLS settings.
    plain: Client,
    special: Mutex<HashMap<Settings, Client>>,
}

/// What makes a client different from another. Equality is over the secrets themselves: two Providers with the same
/// certificate share connections, two with different ones never do.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Settings {
    proxy: Option<String>,
    ca: Option<String>,
    identity: Option<(String, String)>,
}

impl HttpTransport {
    /// A transport with this resolver.
    ///
    /// # Errors
    /// The system's root certificates cannot be read.
    pub fn with_resolver(
        policy: AddressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, SendError> {
        let plain = builder(&policy, &resolver).build().map_err(|err| settings(&err))?;
        Ok(Self { policy, resolver, plain, special: Mutex::default() })
    }

    /// The client for this Provider's settings.
    pub(super) fn client(&self, provider: &Provider) -> Result<Client, SendError> {
        let wanted = Settings::of(provider);
        if wanted.is_plain() {
            return Ok(self.plain.clone());
        }
        let mut special = self.special.lock().expect("no holder of this lock panics");
        if let Some(client) = special.get(&wanted) {
            return Ok(client.clone());
        }
        if special.len() >= MAX_CLIENTS {
            special.clear();
        }
        let client = self.build(&wanted)?;
        special.insert(wanted, client.clone());
        Ok(client)
    }

    fn build(&self, wanted: &Settings) -> Result<Client, SendError> {
        let mut builder = builder(&self.policy, &self.resolver);
        if let Some(proxy) = &wanted.proxy {
            let proxy = Proxy::all(proxy.as_str()).map_err(|_| {
                SendError::Settings(
                    "the proxy's address is not a URL that Herald can use".to_owned(),
                )
            })?;
            builder = builder.no_proxy().proxy(proxy);
        }
        if let Some(ca) = &wanted.ca {
            let roots = Certificate::from_pem_bundle(ca.as_bytes()).map_err(|_| {
                SendError::Settings("ca.crt holds no certificate in PEM form".to_owned())
            })?;
            // The given authorities replace the system's, as they do for the peer.
            builder = builder.tls_certs_only(roots);
        }
        if let Some((certificate, key)) = &wanted.identity {
            let pem = [key.as_str(), "\n", certificate.as_str()].concat();
            let identity = Identity::from_pem(pem.as_bytes()).map_err(|_| {
                SendError::Settings(
                    "tls.crt and tls.key are no certificate and key in PEM form".to_owned(),
                )
            })?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(|err| settings(&err))
    }
}

impl Settings {
    fn of(provider: &Provider) -> Self {
        let proxy =
            provider.proxy.as_ref().map(|ProxySettings { url, .. }| url.expose().to_owned());
        let (ca, identity) = match &provider.tls {
            Some(TlsSettings { ca, identity, .. }) => (
                ca.as_ref().map(|ca| ca.expose().to_owned()),
                identity
                    .as_ref()
                    .map(|(cert, key)| (cert.expose().to_owned(), key.expose().to_owned())),
            ),
            None => (None, None),
        };
        Self { proxy, ca, identity }
    }

    fn is_plain(&self) -> bool {
        self.proxy.is_none() && self.ca.is_none() && self.identity.is_none()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that builds clients")]
fn builder(policy: &AddressPolicy, resolver: &Arc<dyn Resolver>) -> reqwest::ClientBuilder {
    Client::builder()
        .dns_resolver(Guarded { resolver: Arc::clone(resolver), policy: *policy })
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
}

fn settings(err: &reqwest::Error) -> SendError {
    let mut cause: &dyn std::error::Error = err;
    while let Some(source) = cause.source() {
        cause = source;
    }
    SendError::Settings(cause.to_string())
}
