//! The receiver: HTTP by hand on plain sockets, since it must break the protocol in ways that no library offers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::ledger::{Ledger, Plan};
use super::promises::Promises;
use super::script::Answer;

/// The longest body that it reads.
const MAX_BODY: usize = 4 << 20;

/// Listens on a free port of 127.0.0.1 and answers as the script says, until the runtime ends.
///
/// # Errors
/// There is no free port.
pub(super) async fn start(ledger: Arc<Ledger>, promises: Arc<Promises>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (ledger, promises) = (Arc::clone(&ledger), Arc::clone(&promises));
            // A client that is killed breaks its connections; what is known of them is in the ledger.
            tokio::spawn(async move { serve(stream, &ledger, &promises).await.ok() });
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream, ledger: &Ledger, promises: &Promises) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let Some((path, body)) = request(&mut stream).await? else { return Ok(()) };
        let plan = ledger.ask(&path, &body, Instant::now(), |number| promises.is_posted(number));
        if !answer(stream.get_mut(), ledger, plan).await? {
            return Ok(());
        }
    }
}

/// The next request's path and body; none when the client is gone.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut path = None;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        match &path {
            None => path = Some(line.split(' ').nth(1).unwrap_or_default().to_owned()),
            Some(path) if line.is_empty() => {
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await?;
                return Ok(Some((path.clone(), body)));
            }
            Some(_) => {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().map_err(io::Error::other)?;
                    if length > MAX_BODY {
                        return Err(io::Error::other("the body is too long"));
                    }
                }
            }
        }
    }
}

/// Answers. Whether the connection goes on.
async fn answer(stream: &mut TcpStream, ledger: &Ledger, plan: Plan) -> io::Result<bool> {
    let write = async |stream: &mut TcpStream, text: &str, after: Option<Duration>| {
        stream.write_all(text.as_bytes()).await?;
        ledger.answered(plan, after);
        Ok(true)
    };
    match plan.answer {
        Answer::Take => write(stream, &response("200 OK", ""), None).await,
        Answer::Fail => write(stream, &response("500 Internal Server Error", ""), None).await,
        Answer::Never => write(stream, &response("400 Bad Request", ""), None).await,
        Answer::LaterIn(after) => {
            let header = format!("retry-after: {}\r\n", after.as_secs());
            write(stream, &response("429 Too Many Requests", &header), Some(after)).await
        }
        Answer::LaterAt(after) => {
            // A date has no fractions: what is told is the last full second.
            let now = Timestamp::now();
            let date = Timestamp::from_second(now.as_second() + after.as_secs().cast_signed())
                .map_err(io::Error::other)?;
            let header = format!("retry-after: {}\r\n", date.strftime("%a, %d %b %Y %H:%M:%S GMT"));
            let after = Duration::try_from(date.duration_since(now)).unwrap_or_default();
            write(stream, &response("429 Too Many Requests", &header), Some(after)).await
        }
        Answer::Drip(over) => {
            let text = response("200 OK", "");
            let pause = over / u32::try_from(text.len()).unwrap_or(1);
            for byte in text.as_bytes() {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(pause).await;
            }
            ledger.answered(plan, None);
            Ok(true)
        }
        Answer::Hang => {
            // Until the client has had enough; it sends nothing more on this connection.
            stream.read_u8().await?;
            Ok(false)
        }
        Answer::Reset => {
            let text = response("200 OK", "");
            let (half, _) = text.split_at_checked(text.len() / 2).unwrap_or_default();
            stream.write_all(half.as_bytes()).await?;
            stream.set_zero_linger()?;
            Ok(false)
        }
        Answer::Lose => Ok(false),
    }
}

fn response(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\n{headers}content-length: 2\r\n\r\nok")
}
