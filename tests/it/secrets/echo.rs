//! Receivers and proxies that do what may go wrong, and tell back what they were sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use herald_tests::tls::Authority;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Way;
use super::needles::Form;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody listens.
    Refused,
    /// No answer in time.
    Slow,
    /// HTTP where TLS should be.
    PlainOnTls,
    /// The name does not resolve.
    Dns,
    /// The proxy opens no tunnel and tells what it was asked.
    ProxyRefuses,
    /// An answer with this status that tells a part of the request in this form.
    Echo(u16, Form, Part),
    /// A redirect to an address with the secrets.
    Redirect(u16),
    /// An echo that ends before its length.
    Cut(Form),
}

/// A part of the request. Notes and logs have the first few hundred bytes of an answer, so each comes first once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Url,
    Headers,
    Body,
}

/// All receivers of a test, one for each fault.
pub(super) struct Servers {
    pub(super) authority: Arc<Authority>,
    /// A certificate and its key.
    pub(super) client: (String, String),
    ports: Vec<(Fault, u16)>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Servers {
    pub(super) async fn start(faults: &[(Fault, Way)]) -> Self {
        let authority = Arc::new(Authority::default());
        let client = authority.client("herald");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut ports: Vec<(Fault, u16)> = Vec::new();
        for (fault, _) in faults {
            if ports.iter().any(|(known, _)| known == fault) {
                continue;
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push((*fault, listener.local_addr().unwrap().port()));
            // A port that was just given back refuses.
            if *fault != Fault::Refused {
                tokio::spawn(accept(listener, *fault, Arc::clone(&authority), Arc::clone(&seen)));
            }
        }
        Self { authority, client, ports, seen }
    }

    pub(super) fn port(&self, fault: Fault) -> u16 {
        self.ports.iter().find(|(known, _)| *known == fault).unwrap().1
    }

    pub(super) fn first_port(&self) -> u16 {
        self.ports[0].1
    }

    /// Everything that was received.
    pub(super) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }
}

async fn accept(
    listener: TcpListener,
    fault: Fault,
    authority: Arc<Authority>,
    seen: Arc<Mutex<Vec<u8>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (authority, seen) = (Arc::clone(&authority), Arc::clone(&seen));
        // A client may go away at any time.
        tokio::spawn(async move { drop(serve(stream, fault, &authority, &seen).await) });
    }
}

async fn serve(
    mut stream: TcpStream,
    fault: Fault,
    authority: &Authority,
    seen: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    let request = read(&mut stream, seen).await?;
    let Some(target) = request.head.strip_prefix("CONNECT ") else {
        return answer(&mut stream, fault, &request).await;
    };
    if fault == Fault::ProxyRefuses {
        return answer(&mut stream, Fault::Echo(407, Form::Plain, Part::Headers), &request).await;
    }
    let host = target.split(':').next().unwrap_or_default().to_owned();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut stream = authority.server(&host, false).accept(stream).await?;
    let request = read(&mut stream, seen).await?;
    answer(&mut stream, fault, &request).await
}

struct Request {
    head: String,
    body: Vec<u8>,
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    seen: &Mutex<Vec<u8>>,
) -> std::io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head.len() > 64 << 10 || head.first() == Some(&0x16) {
            // A handshake: whoever speaks TLS here gets HTTP.
            break;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    let mut seen = seen.lock().unwrap();
    seen.extend_from_slice(head.as_bytes());
    seen.extend_from_slice(&body);
    Ok(Request { head, body })
}

impl Request {
    fn part(&self, part: Part) -> Vec<u8> {
        let mut lines = self.head.lines();
        let url = lines.next().unwrap_or_default().to_owned();
        // What everybody sends would fill the part of an answer that is shown.
        let dull = ["host", "content-length", "content-type", "user-agent", "accept"];
        let headers: Vec<&str> = lines
            .filter(|line| !dull.iter().any(|name| line.to_ascii_lowercase().starts_with(name)))
            .collect();
        let headers = headers.join("\n");
        match part {
            Part::Url => [url.into_bytes(), b"\n".to_vec(), headers.into_bytes()].concat(),
            Part::Headers => [headers.into_bytes(), url.into_bytes()].concat(),
            Part::Body => [self.body.clone(), url.into_bytes(), headers.into_bytes()].concat(),
        }
    }
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    fault: Fault,
    request: &Request,
) -> std::io::Result<()> {
    let url = request.head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body, extra) = match fault {
        Fault::Echo(status, form, part) => (status, form.of(&request.part(part)), 0),
        Fault::Cut(form) => (400, form.of(&request.part(Part::Url)), 1000),
        Fault::Redirect(status) => (status, String::new(), 0),
        Fault::Slow => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            (200, String::new(), 0)
        }
        Fault::PlainOnTls => (400, "this is no TLS".to_owned(), 0),
        Fault::Refused | Fault::Dns | Fault::ProxyRefuses => (502, "nobody is here".to_owned(), 0),
    };
    let shown: String = body.chars().filter(|c| !c.is_control()).take(2000).collect();
    let location = match fault {
        // To another origin with what it was asked for, so that it is not followed.
        Fault::Redirect(_) => format!("location: https://elsewhere.invalid{url}\r\n"),
        _ => String::new(),
    };
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-length: {}\r\nconnection: close\r\nx-echo: {shown}\r\n{location}\r\n",
        shown.chars().take(200).collect::<String>(),
        body.len() + extra
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
