//! Addresses to listen on, as flags give them, and the sockets behind them.
//!
//! It knows how to open a socket and what to tell when that fails; it does not know what is spoken on it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// An address to listen on: `:9090`, `127.0.0.1:0`, `[::1]:9090` or `localhost:9090`.
///
/// Without a host it means every address of the machine, IPv6 and IPv4. Port 0 lets the system choose one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddr {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Ip(IpAddr),
    Name(String),
}

/// Why a text is no address to listen on.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParseListenAddrError {
    /// There is no port.
    #[error("`{text}` has no port: write `:9090` or `127.0.0.1:9090`")]
    MissingPort {
        /// What was given.
        text: String,
    },
    /// The port is no number.
    #[error(
        "`{text}` has no port that can be used: write a number from 0 to 65535 after the last colon"
    )]
    BadPort {
        /// What was given.
        text: String,
    },
    /// The host is neither an IP address nor a name.
    #[error(
        "`{text}` has no host that can be used: write nothing, an IP address (IPv6 in brackets, `[::1]:9090`) or a name"
    )]
    BadHost {
        /// What was given.
        text: String,
    },
}

/// Why nothing listens on an address.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The name has no address.
    #[error("cannot listen on `{address}`: its host name is not known here, use an IP address or `:{port}`", port = .address.port)]
    Resolve {
        /// What was asked for.
        address: ListenAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Something else listens there.
    #[error("cannot listen on `{address}`: another process does, stop it or choose another port")]
    InUse {
        /// What was asked for.
        address: ListenAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The system does not allow it.
    #[error("cannot listen on `{address}`: this user may not, choose a port from 1024 on")]
    Denied {
        /// What was asked for.
        address: ListenAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The machine does not have the address.
    #[error("cannot listen on `{address}`: this machine has no such address, use `:{port}` for all it has", port = .address.port)]
    NotLocal {
        /// What was asked for.
        address: ListenAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on `{address}`: choose another address")]
    Open {
        /// What was asked for.
        address: ListenAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local: SocketAddr,
}

impl FromStr for ListenAddr {
    type Err = ParseListenAddrError;

    fn from_str(text: &str) -> Result<ListenAddr, ParseListenAddrError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(ListenAddr { host: Host::Ip(address.ip()), port: address.port() });
        }
        let text = text.to_owned();
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(ParseListenAddrError::MissingPort { text });
        };
        // `parse` alone would take a sign.
        let port = if port.starts_with('+') { None } else { port.parse().ok() };
        let Some(port) = port else { return Err(ParseListenAddrError::BadPort { text }) };
        let host = match host {
            "" => Host::Any,
            name if is_name(name) => Host::Name(name.to_owned()),
            _ => return Err(ParseListenAddrError::BadHost { text }),
        };
        Ok(ListenAddr { host, port })
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Any => write!(f, ":{port}"),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(*ip, port)),
            Host::Name(name) => write!(f, "{name}:{port}"),
        }
    }
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// When the name has no address or the socket cannot be opened; the error says what to change.
    pub async fn bind(address: &ListenAddr) -> Result<Listener, ListenError> {
        let (socket, local) = open_any(address).await?;
        Ok(Listener { socket, local })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where a client on this machine reaches it.
    #[must_use]
    pub fn reachable_addr(&self) -> SocketAddr {
        if self.local.ip().is_unspecified() {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.local.port())
        } else {
            self.local
        }
    }

    /// The same socket, watched by the runtime that calls this.
    ///
    /// # Errors
    /// That runtime cannot watch it.
    pub fn rehomed(self) -> io::Result<Listener> {
        let socket = TcpListener::from_std(self.socket.into_std()?)?;
        Ok(Listener { socket, ..self })
    }

    pub(super) fn socket(&self) -> &TcpListener {
        &self.socket
    }
}

impl ListenError {
    fn new(address: &ListenAddr, source: io::Error) -> ListenError {
        let address = address.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { address, source },
            io::ErrorKind::PermissionDenied => ListenError::Denied { address, source },
            io::ErrorKind::AddrNotAvailable => ListenError::NotLocal { address, source },
            _ => ListenError::Open { address, source },
        }
    }
}

/// Opens the first of the addresses that can be opened.
async fn open_any(address: &ListenAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let port = address.port;
    let candidates = match &address.host {
        Host::Any => {
            vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
        }
        Host::Ip(ip) => vec![SocketAddr::new(*ip, port)],
        Host::Name(name) => {
            let found = tokio::net::lookup_host((name.as_str(), port)).await;
            let resolve = |source| ListenError::Resolve { address: address.clone(), source };
            let mut found: Vec<SocketAddr> = found.map_err(resolve)?.collect();
            // Only one address is taken, and every client can speak IPv4.
            found.sort_by_key(SocketAddr::is_ipv6);
            found
        }
    };
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in candidates {
        match open(candidate) {
            Ok(opened) => return Ok(opened),
            Err(error) => failure = error,
        }
        // IPv4 alone beside another process on the same port would take half of the clients.
        if matches!(failure.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) {
            break;
        }
    }
    Err(ListenError::new(address, failure))
}

fn open(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // The system's own default can be IPv6 alone.
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

#[cfg(test)]
mod tests;
