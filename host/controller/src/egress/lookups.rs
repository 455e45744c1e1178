//! One look-up of a name at a time: a name whose servers do not answer holds up one thread, however many ask for it.
//!
//! Threads that look up names cannot be stopped, and there is a limit to them that everything else in the process shares.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Resolver;

type Found = Arc<io::Result<Vec<IpAddr>>>;
type Asked = Arc<Mutex<HashMap<String, watch::Receiver<Option<Found>>>>>;

/// Asks another resolver, and shares its answer between all who wait for it.
pub(super) struct Lookups<R> {
    resolver: Arc<R>,
    asked: Asked,
}

impl<R: Resolver> Lookups<R> {
    pub(super) fn new(resolver: R) -> Self {
        Self { resolver: Arc::new(resolver), asked: Asked::default() }
    }

    /// The answer to come; the question goes on when nobody waits for it any more.
    fn ask(&self, host: &str) -> watch::Receiver<Option<Found>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = asked.get(host) {
            return answer.clone();
        }
        let (tell, answer) = watch::channel(None);
        asked.insert(host.to_owned(), answer.clone());
        let (lookup, asked) = (self.resolver.lookup(host.to_owned()), Arc::clone(&self.asked));
        let host = host.to_owned();
        tokio::spawn(async move {
            let found = lookup.await;
            asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
            // Whoever asked may have gone.
            tell.send(Some(Arc::new(found))).ok();
        });
        answer
    }
}

impl<R: Resolver> Resolver for Lookups<R> {
    fn lookup(
        &self,
        host: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let mut answer = self.ask(&host);
        Box::pin(async move {
            let found = match answer.wait_for(Option::is_some).await {
                Ok(found) => found.clone(),
                Err(_) => None,
            };
            match found.as_deref() {
                Some(Ok(addresses)) => Ok(addresses.clone()),
                Some(Err(err)) => Err(io::Error::new(err.kind(), err.to_string())),
                None => Err(io::Error::other("the look-up ended without an answer")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Answers when it is let, and counts.
    #[derive(Clone)]
    struct Slow {
        asked: Arc<AtomicUsize>,
        let_go: Arc<Semaphore>,
    }

    impl Resolver for Slow {
        fn lookup(
            &self,
            _: String,
        ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let let_go = Arc::clone(&self.let_go);
            Box::pin(async move {
                let_go.acquire().await.unwrap().forget();
                Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
            })
        }
    }

    #[tokio::test]
    async fn a_name_that_hangs_is_looked_up_once_whoever_asks_and_whoever_gives_up() {
        let slow = Slow { asked: Arc::default(), let_go: Arc::new(Semaphore::new(0)) };
        let lookups = Lookups::new(slow.clone());
        drop(lookups.lookup("a.example".to_owned()));
        let waiting: Vec<_> = (0..8).map(|_| lookups.lookup("a.example".to_owned())).collect();
        let other = lookups.lookup("b.example".to_owned());
        assert_eq!(slow.asked.load(Ordering::SeqCst), 2, "one for each name");
        slow.let_go.add_permits(2);
        for answer in waiting {
            assert_eq!(answer.await.unwrap(), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        }
        assert!(other.await.is_ok());
        slow.let_go.add_permits(1);
        assert!(lookups.lookup("a.example".to_owned()).await.is_ok());
        assert_eq!(slow.asked.load(Ordering::SeqCst), 3, "an answer is not kept");
    }
}
