//! Kubernetes events about Alerts and Providers: what the peer tells under the same reasons.
//!
//! The same news is one event that counts, and an object that has too much to tell is silenced for a while, as
//! Kubernetes' own recorder does it. It must not know why something is told.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::budget::Budget;
use super::connection::Connection;
use super::seen::type_meta;
use super::status::rfc3339;
use crate::catalog::ProviderKey as Key;
use crate::telemetry::report;

/// How many events one object may have at once, and how long it takes to get another; as client-go has it.
const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);
/// How often the count of an event that repeats is written.
const REPEAT: Duration = Duration::from_secs(60);
/// How long an event is remembered that does not repeat. The API server keeps them for an hour.
const MEMORY: Duration = Duration::from_secs(3600);
/// The longest message that the API server takes, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;
/// How many events wait to be written before the next ones are dropped.
pub(super) const WAITING: usize = 1000;
const REQUEST: Duration = Duration::from_secs(10);

/// The reasons that the peer uses, and people look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum EventReason {
    NotificationDispatchFailed,
    InvalidConfig,
    SourceFetchFailed,
    MetadataAppendFailed,
    Migration,
}

impl EventReason {
    fn name(self) -> &'static str {
        match self {
            Self::NotificationDispatchFailed => "NotificationDispatchFailed",
            Self::InvalidConfig => "InvalidConfig",
            Self::SourceFetchFailed => "SourceFetchFailed",
            Self::MetadataAppendFailed => "MetadataAppendFailed",
            Self::Migration => "Migration",
        }
    }

    fn severity(self) -> &'static str {
        match self {
            Self::Migration => "Normal",
            Self::NotificationDispatchFailed
            | Self::InvalidConfig
            | Self::SourceFetchFailed
            | Self::MetadataAppendFailed => "Warning",
        }
    }
}

/// Something to tell about an object of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// `Provider` or `Alert`.
    pub(super) kind: &'static str,
    pub(super) key: Key,
    pub(super) uid: String,
    pub(super) reason: EventReason,
    pub(super) message: String,
    pub(super) annotations: BTreeMap<String, String>,
}

/// What was told already.
#[derive(Default)]
struct Ledger {
    told: HashMap<u64, Entry>,
    budgets: HashMap<String, Budget>,
    swept: Option<Instant>,
}

struct Entry {
    count: u64,
    first: Timestamp,
    seen: Instant,
    written: Instant,
}

/// What to write.
#[derive(Debug, PartialEq, Eq)]
enum Write {
    New,
    Repeated { count: u64 },
    Nothing,
}

impl Ledger {
    fn take(&mut self, news: &News, now: Instant, time: Timestamp) -> Write {
        self.sweep(now);
        if let Some(entry) = self.told.get_mut(&news.digest()) {
            entry.count += 1;
            entry.seen = now;
            if now.saturating_duration_since(entry.written) < REPEAT {
                return Write::Nothing;
            }
            entry.written = now;
            return Write::Repeated { count: entry.count };
        }
        let budget = self
            .budgets
            .entry(news.uid.clone())
            .or_insert_with(|| Budget::new(1.0 / REFILL.as_secs_f64(), BURST));
        if budget.try_take(now).is_err() {
            return Write::Nothing;
        }
        let entry = Entry { count: 1, first: time, seen: now, written: now };
        self.told.insert(news.digest(), entry);
        Write::New
    }

    /// Forgets what is long ago, so that what is remembered stays little.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < REPEAT) {
            return;
        }
        self.swept = Some(now);
        self.told.retain(|_, entry| now.saturating_duration_since(entry.seen) < MEMORY);
        if self.told.is_empty() {
            self.budgets.clear();
        }
    }
}

impl News {
    /// The same for the same news.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.uid, self.reason, &self.message, &self.annotations).hash(&mut hasher);
        hasher.finish()
    }

    /// One event for the same news, also over a restart.
    fn name(&self) -> String {
        let name: String = self.key.name.chars().take(200).collect();
        format!("{name}.{:016x}", self.digest())
    }
}

/// Writes what comes until nothing can come any more.
pub(super) async fn record(
    connection: Connection,
    budget: Arc<Budget>,
    mut news: mpsc::Receiver<News>,
) {
    let mut ledger = Ledger::default();
    let instance = instance();
    while let Some(news) = news.recv().await {
        let write = ledger.take(&news, Instant::now(), Timestamp::now());
        if write == Write::Nothing {
            continue;
        }
        budget.take().await;
        let first =
            ledger.told.get(&news.digest()).map_or_else(Timestamp::now, |entry| entry.first);
        match timeout(REQUEST, put(&connection, &instance, &news, &write, first)).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => {
                tracing::debug!(
                    "an event of {} {} was not written: {}",
                    news.kind,
                    news.key,
                    report(&err)
                );
            }
            Err(_) => {
                tracing::debug!("an event of {} {} was not written in time", news.kind, news.key)
            }
        }
    }
}

async fn put(
    connection: &Connection,
    instance: &str,
    news: &News,
    write: &Write,
    first: Timestamp,
) -> kube::Result<()> {
    let api: Api<k8s_openapi::api::core::v1::Event> =
        Api::namespaced(connection.client.clone(), &news.key.namespace);
    let name = news.name();
    let now = rfc3339(Timestamp::now());
    if let Write::Repeated { count } = write {
        let patch = json!({ "count": count, "lastTimestamp": now });
        match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            // The API server has forgotten it.
            Err(kube::Error::Api(answer)) if answer.code == 404 => {}
            other => return other.map(drop),
        }
    }
    let types = type_meta(news.kind);
    let event = json!({
        "metadata": {
            "name": name,
            "namespace": news.key.namespace,
            "annotations": news.annotations,
        },
        "involvedObject": {
            "apiVersion": types.api_version,
            "kind": types.kind,
            "name": news.key.name,
            "namespace": news.key.namespace,
            "uid": news.uid,
        },
        "type": news.reason.severity(),
        "reason": news.reason.name(),
        "message": shortened(&news.message),
        "count": 1,
        "firstTimestamp": rfc3339(first),
        "lastTimestamp": now,
        "source": { "component": "herald" },
        "reportingComponent": "herald",
        "reportingInstance": instance,
    });
    let event = serde_json::from_value(event).map_err(kube::Error::SerdeError)?;
    match api.create(&PostParams::default(), &event).await {
        // The one of an earlier process.
        Err(kube::Error::Api(answer)) if answer.code == 409 => {
            let patch = json!({ "lastTimestamp": now });
            api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
        }
        other => other.map(drop),
    }
}

fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().chars().take(128).collect()
}

fn shortened(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_BYTES {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MAX_MESSAGE_BYTES - '…'.len_utf8());
    format!("{}…", message.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(name: &str, message: &str) -> News {
        News {
            kind: "Alert",
            key: Key::new("apps", name),
            uid: format!("uid-of-{name}"),
            reason: EventReason::NotificationDispatchFailed,
            message: message.to_owned(),
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn the_same_news_is_one_event_that_counts() {
        let mut ledger = Ledger::default();
        let (start, time) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let first = news("a", "refused");
        assert_eq!(ledger.take(&first, start, time), Write::New);
        assert_eq!(ledger.take(&first, start + Duration::from_secs(1), time), Write::Nothing);
        assert_eq!(
            ledger.take(&first, start + Duration::from_secs(61), time),
            Write::Repeated { count: 3 }
        );
        assert_eq!(ledger.take(&news("a", "other"), start, time), Write::New);
        // What the API server has forgotten by now is new again.
        let later = start + Duration::from_secs(61) + MEMORY;
        assert_eq!(ledger.take(&first, later, time), Write::New);
    }

    #[test]
    fn an_object_with_too_much_to_tell_is_silenced_and_others_are_not() {
        let mut ledger = Ledger::default();
        let (start, time) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let n_written = (0..100)
            .filter(|nth| ledger.take(&news("a", &nth.to_string()), start, time) == Write::New)
            .count();
        assert_eq!(n_written, 25);
        assert_eq!(ledger.take(&news("b", "1"), start, time), Write::New);
        assert_eq!(ledger.take(&news("a", "new"), start + REFILL, time), Write::New);
    }

    #[test]
    fn a_long_message_is_cut_where_a_letter_ends() {
        let long = "ä".repeat(1000);
        let short = shortened(&long);
        assert!(short.len() <= MAX_MESSAGE_BYTES && short.ends_with('…'), "{}", short.len());
        assert_eq!(shortened("short"), "short");
    }
}
