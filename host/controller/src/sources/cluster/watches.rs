//! Watches kinds of objects and tells what was seen; begins anew after every failure, as long as it takes.
//!
//! A watch that failed is followed by a list, so that whoever listens is right again whatever was missed. It must not know
//! what is done with what was seen.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use kube::runtime::watcher::{self, Event};
use tokio::sync::mpsc;

use crate::catalog::ProviderKey as Key;
use crate::telemetry::report;

/// How long a watch may last before the server is asked again: a connection that died in silence is noticed by then.
pub(super) const WATCH_SECONDS: u32 = 120;
/// Objects in one answer of a list; whole pages are in memory for a moment.
pub(super) const PAGE: u32 = 250;

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Watched {
    Providers,
    Alerts,
    Secrets,
}

impl Watched {
    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Providers => "Providers",
            Self::Alerts => "Alerts",
            Self::Secrets => "Secrets",
        }
    }
}

/// What a watch tells.
#[derive(Debug)]
pub(super) enum Told<T> {
    /// A list begins: what is not put until it ends is gone.
    Begin,
    /// An object is there, or another.
    Put(T),
    /// An object is gone.
    Gone(Key),
    /// The list has ended.
    End,
    /// Nothing can be seen now, and why.
    Failing(String),
}

/// Follows one kind until nobody listens.
///
/// `begin` starts a new watch; `key` names an object, and `keep` takes what is needed of it.
pub(super) async fn follow<K, T, O>(
    begin: impl Fn() -> BoxStream<'static, watcher::Result<Event<K>>>,
    key: impl Fn(&K) -> Option<Key>,
    keep: impl Fn(K) -> Option<T>,
    wrap: impl Fn(Told<T>) -> O,
    told: mpsc::Sender<O>,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let mut events = begin();
        while let Some(event) = events.next().await {
            let item = match event {
                Ok(Event::Init) => Some(Told::Begin),
                Ok(Event::InitDone) => {
                    wait = FIRST_WAIT;
                    Some(Told::End)
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => keep(object).map(Told::Put),
                Ok(Event::Delete(object)) => key(&object).map(Told::Gone),
                Err(err) => {
                    let item = Told::Failing(report(&err));
                    if told.send(wrap(item)).await.is_err() {
                        return;
                    }
                    break;
                }
            };
            if let Some(item) = item
                && told.send(wrap(item)).await.is_err()
            {
                return;
            }
        }
        drop(events);
        // Whoever lost the same server at the same moment should not come back at the same moment.
        tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64())).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_failed_watch_is_told_and_begins_anew() {
        let begun = AtomicUsize::new(0);
        let begin = move || {
            let nth = begun.fetch_add(1, Ordering::Relaxed);
            let mut events = vec![Ok(Event::Init), Ok(Event::InitApply(nth)), Ok(Event::InitDone)];
            if nth == 0 {
                events.push(Ok(Event::Delete(7)));
                events.push(Err(watcher::Error::NoResourceVersion));
                events.push(Ok(Event::Apply(99)));
                stream::iter(events).boxed()
            } else {
                stream::iter(events).chain(stream::pending()).boxed()
            }
        };
        let (sender, mut told) = mpsc::channel(8);
        let key = |nth: &usize| Some(Key::new("n", nth.to_string()));
        let following = tokio::spawn(follow(begin, key, Some, |item| item, sender));
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push(match told.recv().await.unwrap() {
                Told::Begin => "begin".to_owned(),
                Told::Put(nth) => format!("put {nth}"),
                Told::Gone(key) => format!("gone {key}"),
                Told::End => "end".to_owned(),
                Told::Failing(_) => "failing".to_owned(),
            });
        }
        following.abort();
        let expected = ["begin", "put 0", "end", "gone n/7", "failing", "begin", "put 1", "end"];
        assert_eq!(seen, expected);
    }
}
