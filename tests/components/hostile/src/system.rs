//! Tries what an operating system would allow. What succeeds is posted, so that a test sees it.

#![expect(clippy::disallowed_methods, reason = "it tries what it must not do")]

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;
use std::{env, fs, io, process, thread};

use herald_provider::{Action, Delivery, Failure, Fragment};

use crate::{With, good};

pub(crate) fn next(name: &str, delivery: &Delivery) -> Option<Result<Action, Failure>> {
    let tried = match name {
        "reads a file" => shown(fs::read_to_string("/etc/passwd")),
        "writes a file" => shown(fs::write("/tmp/herald-hostile", "here").map(|()| "written")),
        "lists a folder" => shown(fs::read_dir("/").map(Iterator::count)),
        "lists its own folder" => shown(fs::read_dir(".").map(Iterator::count)),
        "connects" => shown(receiver(delivery).and_then(|to| {
            let mut stream = TcpStream::connect(to)?;
            stream.write_all(b"GET /from-inside HTTP/1.1\r\nhost: x\r\n\r\n").map(|()| "connected")
        })),
        "listens" => shown(TcpListener::bind("127.0.0.1:0").map(|_| "listens")),
        "sends a datagram" => shown(
            receiver(delivery)
                .and_then(|to| UdpSocket::bind("0.0.0.0:0")?.send_to(b"from inside", to)),
        ),
        "resolves a name" => shown("localhost:80".to_socket_addrs().map(Iterator::count)),
        "reads the environment" => {
            let found: Vec<String> = env::vars().map(|(key, _)| key).chain(env::args()).collect();
            if found.is_empty() { Err("empty".to_owned()) } else { Ok(found.join(" ")) }
        }
        "reads standard input" => {
            let mut text = String::new();
            match io::stdin().read_to_string(&mut text) {
                Ok(0) => Err("empty".to_owned()),
                read => shown(read),
            }
        }
        "sleeps" => {
            thread::sleep(Duration::from_secs(3600));
            Err("slept".to_owned())
        }
        "exits" => process::exit(0),
        "floods standard error" => loop {
            // What becomes of it is the host's to decide.
            drop(io::stderr().write_all(&[b'x'; 4096]));
        },
        _ => return None,
    };
    Some(match tried {
        Ok(found) => Ok(good(delivery).with_body(vec![Fragment::Text(found)]).finish()),
        Err(why) => Err(Failure::unsendable(format!("refused: {why}"))),
    })
}

fn shown(tried: io::Result<impl Display>) -> Result<String, String> {
    tried.map(|found| found.to_string()).map_err(|err| err.to_string())
}

/// Where the Provider's receiver listens.
fn receiver(delivery: &Delivery) -> io::Result<(String, u16)> {
    let origin =
        delivery.provider.origin().and_then(|origin| Some((origin.host.clone(), origin.port?)));
    origin.ok_or_else(|| io::Error::other("there is no address"))
}
