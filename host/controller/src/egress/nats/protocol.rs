//! The words between a client that only publishes and a server: lines, one message, and pings.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::egress::Prepared;

/// The longest line that is read, in bytes. The longest is a server's greeting, which lists its cluster.
pub(super) const MAX_LINE_BYTES: usize = 64 << 10;
/// How much of a server's complaint is shown, in characters.
const SHOWN_CHARS: usize = 200;

pub(super) const PING: &[u8] = b"PING\r\n";
pub(super) const PONG: &[u8] = b"PONG\r\n";

/// What a server tells about itself, in its greeting and again when it changes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(super) struct Info {
    /// To be signed by who logs in with a key.
    pub(super) nonce: String,
    /// The longest message that it takes, headers included, in bytes.
    pub(super) max_payload: usize,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
    /// Whether it takes messages with headers.
    pub(super) headers: bool,
    /// It is about to end, and asks its clients to leave.
    #[serde(rename = "ldm")]
    pub(super) leaving: bool,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            nonce: String::new(),
            max_payload: 1 << 20,
            tls_required: false,
            tls_available: false,
            headers: false,
            leaving: false,
        }
    }
}

/// A line of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Info(Info),
    Ping,
    Pong,
    Ok,
    /// A complaint, without its quotation marks.
    Error(String),
    /// None of those that a client sees which only publishes.
    Unknown,
}

impl Line {
    pub(super) fn parse(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        match word.to_ascii_uppercase().as_str() {
            "INFO" => serde_json::from_str(rest).map_or(Line::Unknown, Line::Info),
            "PING" => Line::Ping,
            "PONG" => Line::Pong,
            "+OK" => Line::Ok,
            "-ERR" => {
                let said = rest.trim().trim_matches('\'');
                Line::Error(said.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect())
            }
            _ => Line::Unknown,
        }
    }
}

/// One message to a subject.
pub(super) struct Message {
    subject: String,
    /// With its first and its last, empty line; empty where there is no header.
    headers: Vec<u8>,
    payload: Bytes,
}

impl Message {
    /// The message that a request describes: the subject is its path, which was checked when it was put together.
    pub(super) fn of(request: &Prepared) -> Self {
        let path = request.url.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let subject = percent_decode_str(path).decode_utf8_lossy().into_owned();
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            if headers.is_empty() {
                headers.extend_from_slice(b"NATS/1.0\r\n");
            }
            headers.extend_from_slice(header_name(name.as_str()).as_bytes());
            headers.extend_from_slice(b": ");
            headers.extend_from_slice(value.as_bytes());
            headers.extend_from_slice(b"\r\n");
        }
        if !headers.is_empty() {
            headers.extend_from_slice(b"\r\n");
        }
        Self { subject, headers, payload: request.body.clone() }
    }

    /// How long it is for a server that takes headers or one that does not.
    pub(super) fn len(&self, with_headers: bool) -> usize {
        self.payload.len() + if with_headers { self.headers.len() } else { 0 }
    }

    /// The message as it is sent, and a ping that is answered once the server has it.
    pub(super) fn with_ping(&self, with_headers: bool) -> Vec<u8> {
        let with_headers = with_headers && !self.headers.is_empty();
        let len = self.len(with_headers).to_string();
        let mut wire = Vec::with_capacity(self.len(with_headers) + self.subject.len() + 64);
        if with_headers {
            let headers_len = self.headers.len().to_string();
            wire.extend_from_slice(
                ["HPUB ", &self.subject, " ", &headers_len, " ", &len, "\r\n"].concat().as_bytes(),
            );
            wire.extend_from_slice(&self.headers);
        } else {
            wire.extend_from_slice(["PUB ", &self.subject, " ", &len, "\r\n"].concat().as_bytes());
        }
        wire.extend_from_slice(&self.payload);
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(PING);
        wire
    }
}

/// `Nats-Msg-Id` for `nats-msg-id`: names in NATS differ by case, and those that mean something to a server are written
/// so.
pub(crate) fn header_name(name: &str) -> String {
    let mut begins = true;
    name.chars()
        .map(|c| {
            let c = if begins { c.to_ascii_uppercase() } else { c };
            begins = c == '-';
            c
        })
        .collect()
}

/// What a complaint of a server means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// It does not take the user.
    Login,
    /// The user may not publish there.
    Permission,
    /// There can be no such subject.
    Subject,
    /// Anything that may pass by itself.
    Other,
}

impl Complaint {
    /// The protocol has no codes: the texts are all there is, and servers write them in one case or another.
    pub(super) fn of(said: &str) -> Self {
        let said = said.to_ascii_lowercase();
        let begins = |starts: &[&str]| starts.iter().any(|start| said.starts_with(start));
        if begins(&[
            "authorization violation",
            "user authentication expired",
            "user authentication revoked",
            "account authentication expired",
            "account authentication revoked",
        ]) {
            Complaint::Login
        } else if begins(&["permissions violation"]) {
            Complaint::Permission
        } else if begins(&["invalid subject", "invalid publish subject"]) {
            Complaint::Subject
        } else {
            Complaint::Other
        }
    }
}
