//! Keeps the catalog and the statuses up to date: one task that hears of every change and decides what follows from it.
//!
//! It knows what is to be done and when. How things are watched, read, checked and written is in other files.

mod checks;
mod lists;
mod reading;
mod statuses;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, watcher as watch_objects};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::checks::{Checked, Checks};
use self::lists::Lists;
use self::reading::Reading;
pub(super) use self::statuses::Statuses;
use super::accounts::Accounts;
use super::budget::Budget;
use super::connection::Connection;
use super::crds::{AlertStatus, ProviderStatus};
use super::deliveries::Deliveries;
use super::mirror::Mirror;
use super::secrets::{self, ReadSecret, SecretVersion};
use super::seen::Seen;
use super::verdict::Verdict;
use super::watches::{self, PAGE, Told, WATCH_SECONDS, Watched};
use super::writer::Written;
use super::{Judge, State};
use crate::catalog::{CatalogStore, ProviderKey as Key};
use crate::sources::assemble::Identities;

/// How many objects may wait to be looked at. A list is read no faster than that.
const INBOX: usize = 256;
/// A catalog is put together at most in this part of the time.
const SHARE_OF_TIME: u32 = 10;
/// How often Providers are looked at again that lack the identity of a ServiceAccount, as nobody watches those.
const ACCOUNTS_AGAIN: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);

/// Something that was seen.
pub(super) enum Heard {
    Provider(Told<Seen<ProviderStatus>>),
    Alert(Told<Seen<AlertStatus>>),
    Secret(Told<SecretVersion>),
}

/// What the task is given.
pub(super) struct Given {
    pub(super) connection: Connection,
    pub(super) budget: Arc<Budget>,
    pub(super) catalog: Arc<CatalogStore>,
    pub(super) demands: mpsc::UnboundedReceiver<Key>,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) accounts: Option<Accounts>,
    pub(super) statuses: Statuses,
    pub(super) deliveries: Arc<Deliveries>,
    pub(super) leading: watch::Receiver<bool>,
    pub(super) written: mpsc::UnboundedReceiver<Written>,
    pub(super) probed: watch::Receiver<Option<String>>,
    pub(super) state: watch::Sender<State>,
}

struct Follower {
    connection: Connection,
    catalog: Arc<CatalogStore>,
    judge: Arc<dyn Judge>,
    mirror: Mirror,
    reading: Reading,
    statuses: Statuses,
    deliveries: Arc<Deliveries>,
    state: watch::Sender<State>,
    probed: watch::Receiver<Option<String>>,
    lists: Lists,
    checks: Checks,
    accounts_again: Instant,
    publish_at: Option<Instant>,
    published: Option<(Instant, Duration)>,
}

/// Follows the cluster until the end.
pub(super) async fn follow(given: Given, ending: CancellationToken) {
    let Given { mut demands, mut leading, mut written, .. } = given;
    let mut modules = given.judge.changes();
    let mut inbox = watch_all(&given.connection);
    let identities = if given.accounts.is_some() { Identities::On } else { Identities::Off };
    let mut follower = Follower {
        checks: Checks::new(Arc::clone(&given.judge), given.accounts),
        reading: Reading::new(given.connection.clone(), given.budget),
        connection: given.connection,
        catalog: given.catalog,
        judge: given.judge,
        mirror: Mirror::new(identities),
        statuses: given.statuses,
        deliveries: given.deliveries,
        state: given.state,
        probed: given.probed,
        lists: Lists::default(),
        accounts_again: Instant::now(),
        publish_at: None,
        published: None,
    };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let publish_at = follower.publish_at.unwrap_or_else(Instant::now);
        tokio::select! {
            () = ending.cancelled() => return,
            Some(heard) = inbox.recv() => {
                follower.hear(heard);
                while let Ok(heard) = inbox.try_recv() {
                    follower.hear(heard);
                }
            }
            Some(key) = demands.recv() => {
                let secrets = follower.mirror.unread_of(&key);
                follower.reading.ask_first(secrets);
            }
            Some((key, read)) = follower.reading.done.next() => follower.take_secret(key, read),
            Some(Ok(checked)) = follower.checks.done.next() => follower.take_verdict(checked),
            Some(written) = written.recv() => follower.statuses.take_written(written),
            Ok(()) = leading.changed() => {
                let is_leading = *leading.borrow_and_update();
                follower.statuses.lead(is_leading, &follower.mirror);
            }
            Ok(()) = modules.changed() => {
                follower.checks.want(follower.mirror.providers.keys().cloned());
                // A module may be for something else now.
                follower.statuses.alerts(&follower.mirror);
            }
            () = tokio::time::sleep_until(publish_at), if follower.publish_at.is_some() => {
                follower.publish().await;
            }
            _ = tick.tick() => follower.tick().await,
        }
        follower.reading.start(&follower.mirror);
        follower.start_checks();
    }
}

/// Starts the three watches. They end when nobody listens any more.
fn watch_all(connection: &Connection) -> mpsc::Receiver<Heard> {
    let (told, inbox) = mpsc::channel(INBOX);
    let objects = |kind: &'static str| {
        let api = connection.ours(kind);
        move || {
            let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
            watch_objects(api.clone(), config).boxed()
        }
    };
    let key =
        |object: &DynamicObject| Some(Key::new(object.namespace()?.as_str(), object.name_any()));
    tokio::spawn(watches::follow(
        objects("Provider"),
        key,
        |object| Seen::of("Provider", object),
        Heard::Provider,
        told.clone(),
    ));
    tokio::spawn(watches::follow(
        objects("Alert"),
        key,
        |object| Seen::of("Alert", object),
        Heard::Alert,
        told.clone(),
    ));
    let secrets = {
        let connection = connection.clone();
        move || secrets::watch(&connection)
    };
    tokio::spawn(watches::follow(secrets, secrets::key, secrets::version, Heard::Secret, told));
    inbox
}

impl Follower {
    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Provider(told) => self.hear_provider(told),
            Heard::Alert(told) => self.hear_alert(told),
            Heard::Secret(told) => self.hear_secret(told),
        }
    }

    fn hear_provider(&mut self, told: Told<Seen<ProviderStatus>>) {
        match told {
            Told::Begin => self.lists.begin(Watched::Providers),
            Told::Put(seen) => {
                let (key, meta) = (seen.key.clone(), seen.meta.clone());
                self.lists.saw(Watched::Providers, &key);
                let is_asked_again = self.mirror.providers.get(&key).is_some_and(|entry| {
                    meta.requested_at.is_some() && entry.meta.requested_at != meta.requested_at
                });
                self.statuses.strip_finalizer(&self.connection, "Provider", &key, &meta);
                if self.mirror.put_provider(seen) {
                    if is_asked_again {
                        let secrets = self.mirror.secrets_of(&key).to_vec();
                        self.reading.ask_first(secrets);
                    } else if self.lists.is_listed(Watched::Providers) {
                        // Somebody has just made or changed it, and looks at what comes of that.
                        self.reading.ask_first(self.mirror.unread_of(&key));
                    }
                    self.statuses.outdated(&key);
                    self.checks.want([key]);
                    self.changed();
                }
            }
            Told::Gone(key) => self.remove_provider(&key),
            Told::End => {
                let known = self.mirror.providers.keys();
                for key in self.lists.not_seen(Watched::Providers, known) {
                    self.remove_provider(&key);
                }
                self.end(Watched::Providers);
            }
            Told::Failing(reason) => self.lists.fail(Watched::Providers, reason, Instant::now()),
        }
    }

    fn hear_alert(&mut self, told: Told<Seen<AlertStatus>>) {
        match told {
            Told::Begin => self.lists.begin(Watched::Alerts),
            Told::Put(seen) => {
                let (key, meta) = (seen.key.clone(), seen.meta.clone());
                self.lists.saw(Watched::Alerts, &key);
                self.statuses.strip_finalizer(&self.connection, "Alert", &key, &meta);
                if self.mirror.put_alert(seen) {
                    self.statuses.alert(&self.mirror, &key);
                    self.changed();
                }
            }
            Told::Gone(key) => self.remove_alert(&key),
            Told::End => {
                for key in self.lists.not_seen(Watched::Alerts, self.mirror.alerts.keys()) {
                    self.remove_alert(&key);
                }
                self.end(Watched::Alerts);
            }
            Told::Failing(reason) => self.lists.fail(Watched::Alerts, reason, Instant::now()),
        }
    }

    fn hear_secret(&mut self, told: Told<SecretVersion>) {
        match told {
            Told::Begin => self.lists.begin(Watched::Secrets),
            Told::Put(SecretVersion { key, version }) => {
                if self.mirror.is_outdated(&key, Some(&version)) {
                    self.reading.ask_first(vec![key.clone()]);
                }
                self.lists.saw(Watched::Secrets, &key);
            }
            Told::Gone(key) => {
                if self.mirror.is_outdated(&key, None) {
                    self.reading.ask_first(vec![key]);
                }
            }
            Told::End => {
                // One that was not listed may have come since, so it is asked for.
                if let Some(listed) = self.lists.seen(Watched::Secrets) {
                    self.reading.ask_first(self.mirror.gone_from(listed));
                }
                self.end(Watched::Secrets);
            }
            Told::Failing(reason) => self.lists.fail(Watched::Secrets, reason, Instant::now()),
        }
    }

    fn remove_provider(&mut self, key: &Key) {
        self.mirror.remove_provider(key);
        self.checks.forget(key);
        self.statuses.forget_provider(key);
        for alert in self.mirror.alerts_of(key) {
            self.statuses.alert(&self.mirror, &alert);
        }
        self.changed();
    }

    fn remove_alert(&mut self, key: &Key) {
        self.mirror.remove_alert(key);
        self.statuses.forget_alert(key);
        self.changed();
    }

    fn end(&mut self, watched: Watched) {
        let is_first = self.lists.end(watched);
        if is_first && watched == Watched::Providers {
            self.reading.ask_later(self.mirror.unread());
        }
        if is_first && self.lists.is_synced() {
            self.statuses.synced(&self.mirror);
        }
        self.changed();
    }

    /// A catalog is due, unless not everything was seen once.
    fn changed(&mut self) {
        self.statuses.catalog_is_old();
        if self.lists.is_synced() && self.publish_at.is_none() {
            let now = Instant::now();
            let earliest = self.published.map_or(now, |(at, took)| at + took * SHARE_OF_TIME);
            self.publish_at = Some(earliest.max(now));
        }
    }

    /// Makes what is known the current catalog.
    async fn publish(&mut self) {
        let began = Instant::now();
        self.publish_at = None;
        let changed = self.mirror.changed_catalog();
        // Modules are loaded once; what counts against the next catalog is the work that every one takes.
        let took = began.elapsed();
        if let Some(catalog) = changed {
            let kinds: BTreeSet<String> =
                catalog.providers.values().map(|provider| provider.kind.clone()).collect();
            self.judge.prepare(kinds).await;
            self.catalog.replace(catalog);
        }
        self.statuses.catalog_is_current(&self.mirror, &self.deliveries);
        // Also without a catalog: in a cluster without objects the empty one is right.
        let n_faults = self.mirror.n_faults() + self.statuses.n_faults();
        self.state.send_modify(|state| {
            state.is_synced = true;
            state.n_providers = self.mirror.providers.len();
            state.n_alerts = self.mirror.alerts.len();
            state.n_faults = n_faults;
        });
        self.published = Some((Instant::now(), took));
    }

    fn take_secret(&mut self, key: Key, read: ReadSecret) {
        match self.reading.finish(key.clone(), read) {
            None => {}
            Some(state) => {
                let users = self.mirror.put_secret(&key, state);
                if !users.is_empty() {
                    users.iter().for_each(|user| self.statuses.outdated(user));
                    self.checks.want(users);
                    self.changed();
                }
            }
        }
    }

    /// Has the modules look at what has changed.
    fn start_checks(&mut self) {
        for (key, fault) in self.checks.start(&self.mirror) {
            self.judged(&key, fault);
        }
    }

    fn take_verdict(&mut self, (key, provider, verdict): Checked) {
        let is_current = self.mirror.providers.get(&key).is_some_and(|entry| {
            entry.provider.as_ref().is_some_and(|known| Arc::ptr_eq(known, &provider))
        });
        // Another one is on its way when it is not.
        if is_current {
            self.judged(&key, verdict);
        }
    }

    /// A Provider has a verdict, and with it the Alerts that name it.
    fn judged(&mut self, key: &Key, verdict: Verdict) {
        if self.statuses.judge(&self.mirror, &self.deliveries, key, verdict) {
            for alert in self.mirror.alerts_of(key) {
                self.statuses.alert(&self.mirror, &alert);
            }
        }
    }

    async fn tick(&mut self) {
        self.reading.tick(&self.mirror);
        self.statuses.tick(&self.mirror, &self.deliveries).await;
        if self.accounts_again.elapsed() >= ACCOUNTS_AGAIN {
            self.accounts_again = Instant::now();
            self.checks.want(self.statuses.without_account());
        }
        let lost = self.lists.lost(Instant::now()).or_else(|| self.probed.borrow().clone());
        let n_faults = self.mirror.n_faults() + self.statuses.n_faults();
        self.state.send_if_modified(|state| {
            let has_changed = state.lost != lost || state.n_faults != n_faults;
            (state.lost, state.n_faults) = (lost, n_faults);
            has_changed
        });
    }
}
