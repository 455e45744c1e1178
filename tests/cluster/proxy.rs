//! A way to the API server that can be cut and led elsewhere: a server that comes back has another port.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::watch;

/// A port that stays while what is behind it goes and comes.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    target: Arc<watch::Sender<Option<String>>>,
}

impl Proxy {
    /// Listens on a free port; nothing is behind it yet. The runtime it runs in lives as long as the process.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(watch::Sender::new(None::<String>));
        let targets = Arc::clone(&target);
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let mut target = targets.subscribe();
                let Some(name) = target.borrow_and_update().clone() else { continue };
                tokio::spawn(async move { pass(client, &name, target).await });
            }
        });
        Self { address, target }
    }

    /// From now on connections go there; those that there are end.
    pub(crate) fn lead_to(&self, target: &str) {
        self.target.send_replace(Some(target.to_owned()));
    }

    /// Ends all connections and takes no more.
    pub(crate) fn cut(&self) {
        self.target.send_replace(None);
    }
}

async fn pass(mut client: TcpStream, name: &str, mut target: watch::Receiver<Option<String>>) {
    let Ok(mut addresses) = lookup_host(name).await else { return };
    let Some(address) = addresses.next() else { return };
    let Ok(mut server) = TcpStream::connect(address).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = target.changed() => {}
    }
}
