//! The way out to NATS: what a module asks to `PUBLISH` goes to a subject of a server, over a connection that is kept.
//!
//! A message counts as sent when the server has answered the ping behind it: the protocol has no other answer to a
//! message, and what the server refuses comes before it. Only the servers that the address names are dialed, whatever
//! else of their cluster they tell of. The protocol:
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
//!
//! The clients that there are count a message as sent when it is written to the socket, and resolve names by
//! themselves, so nothing could be checked between the name and the dial.

mod connection;
mod key;
mod login;
mod pool;
mod protocol;
mod tls;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use herald_core::address::{is_nats, nats_servers};
use herald_core::formatter::Response;
use herald_core::policy::{AddressPolicy, Denied};
use herald_core::provider::Provider;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use self::connection::{Connection, Greeted};
use self::login::Login;
use self::pool::{Owner, Pool};
use self::protocol::Message;
pub(crate) use self::protocol::header_name;
use super::resolver::{Guarded, LookupError};
use super::{Prepared, Resolver, SendError};

/// The method of requests that go this way.
pub(crate) const PUBLISH: &str = "PUBLISH";

/// The port of a server whose address names none.
const PORT: u16 = 4222;

/// Sends to NATS.
pub(super) struct NatsTransport {
    policy: AddressPolicy,
    resolver: Arc<dyn Resolver>,
    pool: Arc<Pool>,
    /// For Providers without certificates of their own.
    system_tls: OnceLock<Arc<ClientConfig>>,
}

/// A server, and how Herald logs in there.
struct Server {
    url: Url,
    login: Login,
}

/// Judges a URL by itself, whichever way it goes.
///
/// # Errors
/// A rule refuses it.
pub(crate) fn check_url(policy: &AddressPolicy, url: &Url) -> Result<(), Denied> {
    if is_nats(url.scheme()) { policy.check_host(host(url)) } else { policy.check_url(url) }
}

/// Finds what is wrong with the way in which a Provider would connect, as far as it can be told without the network.
///
/// # Errors
/// The Provider has to be changed.
pub(crate) fn check_provider(provider: &Provider) -> Result<(), SendError> {
    servers(provider).map(drop)
}

fn servers(provider: &Provider) -> Result<Vec<Server>, SendError> {
    if provider.proxy.is_some() {
        return Err(SendError::Settings(
            "NATS is not reached through a proxy; take the proxy out of the Provider and its Secret"
                .to_owned(),
        ));
    }
    nats_servers(&provider.address)
        .map_err(|err| SendError::Settings(err.to_string()))?
        .into_iter()
        .map(|url| Ok(Server { login: Login::of(provider, &url)?, url }))
        .collect()
}

impl NatsTransport {
    pub(super) fn new(policy: AddressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy, resolver, pool: Arc::default(), system_tls: OnceLock::new() }
    }

    /// Sends one message to the Provider's servers; the answer says that one of them has it.
    pub(super) async fn send(
        &self,
        provider: &Provider,
        request: &Prepared,
        within: Duration,
    ) -> Result<Response, SendError> {
        let servers = servers(provider)?;
        let message = Message::of(request);
        let owner = Owner::of(provider);
        let publishing = self.publish(provider, &owner, &servers, &message, within);
        if let Ok(sent) = timeout(within, publishing).await {
            return sent.map(|()| Response { status: 200, headers: Vec::new(), body: Vec::new() });
        }
        // The other connections may have gone silent with this one.
        self.pool.forget(&owner);
        let host = host(&request.url).to_owned();
        Err(SendError::Timeout { host, seconds: within.as_secs_f64() })
    }

    async fn publish(
        &self,
        provider: &Provider,
        owner: &Owner,
        servers: &[Server],
        message: &Message,
        within: Duration,
    ) -> Result<(), SendError> {
        let end = Instant::now() + within;
        if let Some(mut kept) = self.pool.take(owner) {
            match kept.publish(message).await {
                Ok(()) => {
                    self.pool.keep(owner, kept);
                    return Ok(());
                }
                Err(failure) if failure.is_about_the_message() => {
                    return Err(failure.of(kept.host()));
                }
                // It ended while nobody looked, or its login ran out. A new one tells more.
                Err(_) => {}
            }
        }
        let mut connection = self.connect(provider, servers, end).await?;
        let sent = connection.publish(message).await;
        sent.map_err(|failure| failure.of(connection.host()))?;
        self.pool.keep(owner, connection);
        Ok(())
    }

    /// A connection to the first server that takes one.
    async fn connect(
        &self,
        provider: &Provider,
        servers: &[Server],
        end: Instant,
    ) -> Result<Connection, SendError> {
        let mut failed = SendError::Settings("the address names no server".to_owned());
        for (n_left, server) in (1..=servers.len()).rev().zip(servers) {
            // Each server that is left has its part of the time.
            let share = end.saturating_duration_since(Instant::now()) / divisor(n_left);
            failed = match timeout(share, self.open(provider, server, share)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(err)) if err.is_misconfiguration() => return Err(err),
                Ok(Err(err)) => err,
                Err(_) => SendError::Connect {
                    host: host(&server.url).to_owned(),
                    reason: "no connection in time".to_owned(),
                },
            };
        }
        Err(failed)
    }

    /// Resolves a server's name, checks what that led to, dials it, and logs in.
    async fn open(
        &self,
        provider: &Provider,
        server: &Server,
        within: Duration,
    ) -> Result<Connection, SendError> {
        let host = host(&server.url);
        self.policy.check_host(host).map_err(SendError::Denied)?;
        let addresses = self.addresses(host).await?;
        let each = within / divisor(addresses.len());
        let port = server.url.port().unwrap_or(PORT);
        let failed = |failure: connection::Failure| failure.of(host);
        let socket = connection::dial(&addresses, port, each).await.map_err(failed)?;
        let mut greeted = Greeted::read(socket).await.map_err(failed)?;
        // Certificates are given to be used: a server without TLS is then the wrong one, or somebody stands between.
        let wanted = server.url.scheme() == "tls" || provider.tls.is_some();
        if wanted && !greeted.offers_tls() {
            return Err(SendError::Settings(format!(
                "{host} offers no TLS; turn it on there, or write the address with nats:// and give no certificates"
            )));
        }
        if wanted || greeted.demands_tls() {
            let name = tls::name(host).ok_or_else(|| {
                SendError::Settings(format!("{host} is no name that a certificate could have"))
            })?;
            greeted = greeted.secured(self.tls(provider)?, name).await.map_err(failed)?;
        }
        greeted.log_in(&server.login, host).await.map_err(failed)
    }

    /// What a host leads to; all of it is allowed.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, SendError> {
        let name = match Host::parse(host) {
            Ok(Host::Ipv4(ip)) => return Ok(vec![ip.into()]),
            Ok(Host::Ipv6(ip)) => return Ok(vec![ip.into()]),
            Ok(Host::Domain(name)) => name,
            // What is no host name fails when it is resolved.
            Err(_) => host.to_owned(),
        };
        let guarded = Guarded { resolver: Arc::clone(&self.resolver), policy: self.policy };
        guarded.lookup(name).await.map_err(|err| match err {
            LookupError::Denied(denied) => SendError::Denied(denied),
            LookupError::NotFound(source) => {
                SendError::Resolve { host: host.to_owned(), source: Box::new(source) }
            }
        })
    }

    fn tls(&self, provider: &Provider) -> Result<Arc<ClientConfig>, SendError> {
        if let Some(settings) = &provider.tls {
            return tls::config(Some(settings)).map(Arc::new);
        }
        if let Some(config) = self.system_tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(tls::config(None)?);
        Ok(Arc::clone(self.system_tls.get_or_init(|| config)))
    }
}

/// The part of a URL that may be shown.
fn host(url: &Url) -> &str {
    url.host_str().unwrap_or("the server")
}

fn divisor(count: usize) -> u32 {
    u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
