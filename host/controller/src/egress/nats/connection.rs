//! One connection to a server, from the dial to its messages.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::login::Login;
use super::protocol::{Complaint, Info, Line, MAX_LINE_BYTES, Message, PING, PONG};
use crate::egress::SendError;

/// Why a message did not get to a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no connection any more, or it speaks something else.
    Lost(String),
    /// The server complained.
    Refused(Complaint, String),
    /// The message is longer than the server takes.
    TooLarge(usize),
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        Failure::Lost(err.to_string())
    }
}

impl Failure {
    /// A line that does not belong there.
    fn odd() -> Self {
        Failure::Lost(
            "it answers as no server of NATS does; is the address that of one?".to_owned(),
        )
    }

    fn refused(said: String) -> Self {
        Failure::Refused(Complaint::of(&said), said)
    }

    /// Whether it is about the message, so that another connection would not change it.
    pub(super) fn is_about_the_message(&self) -> bool {
        match self {
            Failure::Refused(Complaint::Permission | Complaint::Subject, _)
            | Failure::TooLarge(_) => true,
            Failure::Lost(_) | Failure::Refused(Complaint::Login | Complaint::Other, _) => false,
        }
    }

    /// The failure as one of this host.
    pub(super) fn of(self, host: &str) -> SendError {
        let host = host.to_owned();
        match self {
            Failure::Lost(reason) => SendError::Connect { host, reason },
            Failure::TooLarge(limit) => SendError::TooLarge { host, limit },
            Failure::Refused(complaint, said) => {
                let advice = match complaint {
                    Complaint::Login => {
                        "correct `creds`, `nkey`, or `username` and `password` in the Provider's Secret, or the user in its address"
                    }
                    Complaint::Permission => {
                        "let its user publish to the subject in spec.channel, or correct either"
                    }
                    Complaint::Subject => "correct the subject in spec.channel",
                    Complaint::Other => {
                        let reason = ["the server said: ", &said].concat();
                        return SendError::Connect { host, reason };
                    }
                };
                SendError::Refused { host, reason: [advice, "; it said: ", &said].concat() }
            }
        }
    }
}

/// A socket, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}
type Lines = BufReader<Box<dyn Stream>>;

/// Dials the addresses in turn, each for a while.
pub(super) async fn dial(
    addresses: &[IpAddr],
    port: u16,
    each: Duration,
) -> Result<TcpStream, Failure> {
    let mut failed = Failure::Lost("it has no address".to_owned());
    for address in addresses {
        match tokio::time::timeout(each, TcpStream::connect((*address, port))).await {
            Ok(Ok(socket)) => {
                // A message and its ping go out together, and nothing else would wait for them.
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Ok(Err(err)) => failed = err.into(),
            Err(_) => failed = Failure::Lost("no connection in time".to_owned()),
        }
    }
    Err(failed)
}

/// A server that has said what it is, and does not know who asks.
pub(super) struct Greeted {
    lines: Lines,
    info: Info,
    is_secure: bool,
}

impl Greeted {
    /// Waits for the greeting, before which nothing is said: whatever else listens there learns nothing.
    pub(super) async fn read(socket: TcpStream) -> Result<Self, Failure> {
        let mut lines: Lines = BufReader::new(Box::new(socket));
        match read(&mut lines).await? {
            Line::Info(info) => Ok(Self { lines, info, is_secure: false }),
            Line::Error(said) => Err(Failure::refused(said)),
            Line::Ping | Line::Pong | Line::Ok | Line::Unknown => Err(Failure::odd()),
        }
    }

    pub(super) fn demands_tls(&self) -> bool {
        self.info.tls_required
    }

    pub(super) fn offers_tls(&self) -> bool {
        self.info.tls_required || self.info.tls_available
    }

    /// The same over TLS.
    pub(super) async fn secured(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, Failure> {
        // What came behind the greeting came in the clear, and would pass for a word of the secured server.
        if !self.lines.buffer().is_empty() {
            return Err(Failure::odd());
        }
        let stream = TlsConnector::from(config).connect(name, self.lines.into_inner()).await?;
        Ok(Self { lines: BufReader::new(Box::new(stream)), is_secure: true, ..self })
    }

    /// Says who asks, and waits until the server has agreed.
    pub(super) async fn log_in(self, login: &Login, host: &str) -> Result<Connection, Failure> {
        let mut words = login.line(&self.info.nonce, self.is_secure);
        words.extend_from_slice(PING);
        let mut connection =
            Connection { lines: self.lines, info: self.info, host: host.to_owned() };
        connection.write(&words).await?;
        connection.pong().await?;
        Ok(connection)
    }
}

/// A connection that takes messages.
pub(super) struct Connection {
    lines: Lines,
    info: Info,
    host: String,
}

impl Connection {
    /// Where it leads.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether its server is about to end.
    pub(super) fn is_leaving(&self) -> bool {
        self.info.leaving
    }

    /// Sends a message and waits until the server has it.
    pub(super) async fn publish(&mut self, message: &Message) -> Result<(), Failure> {
        let with_headers = self.info.headers;
        // The server would end the connection, and not say which message it was.
        if message.len(with_headers) > self.info.max_payload {
            return Err(Failure::TooLarge(self.info.max_payload));
        }
        self.write(&message.with_ping(with_headers)).await?;
        self.pong().await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.lines.write_all(bytes).await?;
        Ok(self.lines.flush().await?)
    }

    /// Reads until the server answers a ping. A complaint before that is about what was sent before the ping.
    async fn pong(&mut self) -> Result<(), Failure> {
        let mut refused = None;
        loop {
            let line = match read(&mut self.lines).await {
                Ok(line) => line,
                // Most complaints end the connection.
                Err(lost) => return Err(refused.map_or(lost, Failure::refused)),
            };
            match line {
                Line::Pong => return refused.map_or(Ok(()), |said| Err(Failure::refused(said))),
                Line::Error(said) => refused = refused.or(Some(said)),
                Line::Ping => self.write(PONG).await?,
                Line::Info(info) => self.info = info,
                Line::Ok => {}
                Line::Unknown => return Err(Failure::odd()),
            }
        }
    }
}

async fn read(lines: &mut Lines) -> Result<Line, Failure> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    (&mut *lines).take(limit).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(Failure::Lost("the connection was closed before an answer came".to_owned()));
    }
    if line.last() != Some(&b'\n') {
        return Err(Failure::odd());
    }
    Ok(Line::parse(&line))
}
