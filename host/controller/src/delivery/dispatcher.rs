//! Decides when each delivery is attempted: one task owns the lanes of all Providers and wakes them when something is due.
//!
//! Attempts run as tasks of their own and report back. What waits is loaded from the journal when it is its turn, so that
//! an hour-long outage of a receiver costs memory for identities only.

mod alarm;
mod hands;
mod lanes;
mod names;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use herald_journal::{EventId, WaitingRow};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::breaker::Change;
use super::lane::Obstacle;
use super::order::{Begun, Entry, Key, ObjectId, Tried};
use super::room::Room;
use super::work::{Done, Work};
use super::{Attempts, Job, Plan, Recorder};
use crate::catalog::ProviderKey;
use crate::clock::Clock;
use crate::egress::Transport;
use crate::telemetry::report;
use alarm::Alarm;
use hands::Hands;
use lanes::{Lanes, Slot, Totals};
use names::Names;

/// So many deliveries may wait to be taken over by the dispatcher's task; whoever offers one more waits.
const INBOX: usize = 1024;

/// So many more of them are taken over before an end that has come is looked at.
const BATCH: usize = 32;

/// So many attempts may be under way in all. From there on each Provider has one at a time, so that many that hang leave a
/// place to every other.
const MAX_RUNNING: usize = 1024;

/// So many bytes of the texts of events are kept in memory for deliveries that wait for a place; the events of the rest are
/// read from the journal when it is their turn.
const MAX_HELD_BYTES: usize = 8 << 20;

/// How deliveries are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most attempts under way to one Provider that does not set it itself.
    pub concurrency: usize,
    /// How long a delivery waits for an earlier one about its object that is tried again.
    pub order_patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 8, order_patience: Duration::from_secs(600) }
    }
}

/// The door to the dispatcher's task.
#[derive(Clone)]
pub struct Dispatcher {
    commands: mpsc::Sender<Command>,
}

enum Command {
    Offer(Job),
    Resume(WaitingRow),
    /// By event and Alert.
    Discard(Vec<(EventId, Arc<str>)>),
    Drain(oneshot::Sender<()>),
    /// How many tasks have not reported yet.
    #[cfg(test)]
    Count(oneshot::Sender<usize>),
}

impl Dispatcher {
    /// Starts the dispatcher's task.
    pub fn start<T: Transport + 'static>(
        attempts: Arc<Attempts<T>>,
        recorder: Arc<Recorder>,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(INBOX);
        let (done, reports) = mpsc::unbounded_channel();
        let catalog = attempts.catalog.subscribe();
        let modules = attempts.modules.subscribe();
        let work = Arc::new(Work { attempts, recorder, clock, done });
        let actor = Actor {
            hands: Hands::new(Arc::clone(&work)),
            work,
            settings,
            lanes: Lanes::default(),
            alerts: Names::default(),
            room: Room::of_bytes(MAX_HELD_BYTES),
            running: 0,
            ending: 0,
            shown: Totals::default(),
            touched: Vec::new(),
            draining: None,
        };
        tokio::spawn(actor.run(inbox, reports, catalog, modules));
        Self { commands }
    }

    /// A new delivery.
    pub async fn offer(&self, job: Job) {
        self.tell(Command::Offer(job)).await;
    }

    /// A delivery that waited when the process ended, or that a person wants to be attempted now.
    pub async fn resume(&self, row: WaitingRow) {
        self.tell(Command::Resume(row)).await;
    }

    /// Deliveries that are to be forgotten, by event and Alert. What is under way for one of them is not ended.
    pub async fn discard(&self, deliveries: Vec<(EventId, Arc<str>)>) {
        self.tell(Command::Discard(deliveries)).await;
    }

    /// Starts no more attempts and waits for those under way, at most `grace`. Whether all of them ended.
    pub async fn drain(&self, grace: Duration) -> bool {
        let (done, ended) = oneshot::channel();
        self.tell(Command::Drain(done)).await;
        tokio::time::timeout(grace, ended).await.is_ok()
    }

    /// How many tasks have not reported yet once all that was told before is taken in.
    #[cfg(test)]
    pub(super) async fn count(&self) -> usize {
        let (count, counted) = oneshot::channel();
        self.tell(Command::Count(count)).await;
        counted.await.unwrap()
    }

    async fn tell(&self, command: Command) {
        // The task ends with the process; what it did not do is in the journal.
        drop(self.commands.send(command).await);
    }
}

struct Actor<T> {
    work: Arc<Work<T>>,
    hands: Hands<T>,
    settings: Settings,
    lanes: Lanes,
    alerts: Names,
    room: Room,
    running: usize,
    /// Deliveries whose end is being written down.
    ending: usize,
    /// What metrics show.
    shown: Totals,
    /// The Providers of which something changed that may let more start. Each is looked at once for all that has come.
    touched: Vec<Arc<ProviderKey>>,
    draining: Option<oneshot::Sender<()>>,
}

impl<T: Transport + 'static> Actor<T> {
    async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Command>,
        mut reports: mpsc::UnboundedReceiver<Done>,
        mut catalog: watch::Receiver<u64>,
        mut modules: watch::Receiver<u64>,
    ) {
        let mut alarm = Alarm::new(self.work.clock.clone());
        loop {
            alarm.set(self.lanes.next_alarm().filter(|_| self.draining.is_none()));
            tokio::select! {
                // Ends make room; a flood of new work must not keep them waiting.
                biased;
                Some(done) = reports.recv() => {
                    let now = self.work.clock.now();
                    self.done(done, now);
                    // What has come meanwhile: to wait for any of these costs more than most of them.
                    while let Ok(done) = reports.try_recv() {
                        self.done(done, now);
                    }
                    self.advance_touched(now);
                }
                Ok(()) = catalog.changed() => self.changed(),
                Ok(()) = modules.changed() => self.changed(),
                () = alarm.rings() => self.wake(),
                command = inbox.recv() => {
                    let Some(command) = command else { return };
                    let now = self.work.clock.now();
                    self.handle(command, now);
                    for _ in 0..BATCH {
                        let Ok(command) = inbox.try_recv() else { break };
                        self.handle(command, now);
                    }
                    self.advance_touched(now);
                }
            }
            if self.running + self.ending == 0
                && let Some(drained) = self.draining.take()
            {
                // Whoever waits for it may have given up.
                drained.send(()).ok();
                return;
            }
        }
    }

    fn handle(&mut self, command: Command, now: Timestamp) {
        match command {
            Command::Offer(job) => self.offer(job, now),
            Command::Resume(row) => self.resume(&row, now),
            Command::Discard(deliveries) => self.discard(&deliveries, now),
            Command::Drain(done) => self.draining = Some(done),
            #[cfg(test)]
            Command::Count(count) => {
                self.advance_touched(now);
                count.send(self.running + self.ending).unwrap();
            }
        }
    }

    fn offer(&mut self, job: Job, now: Timestamp) {
        let object = ObjectId::of(&job.object().to_string());
        let alert = self.alerts.number(&job.alert_uid);
        let slot = self.slot(&job.provider);
        let provider = Arc::clone(&slot.provider);
        let mut obstacle = slot.lane.obstacle(object, now);
        let paused_until = slot.lane.paused_until(now);
        let life = self.work.recorder.policy.life(job.event.is_error());
        let key = Key { object, event: job.event_id.0, alert };
        let mut entry = Entry::new(job.attempts, job.accepted_at, life);
        if obstacle.is_none() {
            entry.event = self.room.keep(Arc::clone(&job.event));
            obstacle = entry.event.is_none().then_some(Obstacle::Backlog);
        }
        match obstacle {
            Some(obstacle) => {
                let due = paused_until.filter(|_| obstacle == Obstacle::Pace);
                self.hold(&job, obstacle, due);
            }
            None => entry.open = job.open,
        }
        entry.plan =
            Some(Plan::of(job.notice)).filter(|plan| *plan != Plan::default()).map(Arc::new);
        self.insert(&provider, key, entry, now);
    }

    /// A row without a due time waited for a change, which may have come while the process was away, or for its turn.
    fn resume(&mut self, row: &WaitingRow, now: Timestamp) {
        let provider: ProviderKey = match row.provider.parse() {
            Ok(provider) => provider,
            Err(err) => {
                tracing::error!(
                    event.id = row.event.0,
                    "a delivery in the journal names no Provider: {:?}: {}",
                    row.provider,
                    report(&err)
                );
                return;
            }
        };
        let provider = Arc::clone(&self.slot(&Arc::new(provider)).provider);
        // A Herald that did not keep objects wrote none; its deliveries have no order then.
        let object = match &*row.object {
            "" => ObjectId::of(&row.event.to_string()),
            object => ObjectId::of(object),
        };
        let key = Key { object, event: row.event.0, alert: self.alerts.number(&row.alert) };
        // What a person asks for again begins a new life, and a digest its life when it has gathered all that it names. Until
        // its event is read that may be the shorter one.
        let plan = Plan::of_row(row);
        let gathered = plan.as_ref().and_then(Plan::gathers_until);
        let begins = [Some(row.accepted_at), row.replayed, gathered].into_iter().flatten().max();
        let begins = begins.unwrap_or(row.accepted_at);
        let policy = &self.work.recorder.policy;
        let life = policy.life_info.min(policy.life_error);
        let mut entry = Entry::new(row.attempts, begins, life);
        entry.plan = plan.map(Arc::new);
        if let Some(due) = row.due.filter(|due| *due > now) {
            entry.tried = Some(Box::new(Tried {
                due,
                first_failed: row.at,
                // Whether the receiver asked for it is not known any more.
                hinted: true,
                blames_receiver: true,
                condition: None,
            }));
        }
        self.insert(&provider, key, entry, now);
    }

    fn insert(&mut self, provider: &Arc<ProviderKey>, key: Key, entry: Entry, now: Timestamp) {
        if let Some(slot) = self.lanes.get_mut(provider) {
            slot.lane.insert(key, entry, now);
        }
        self.touch(provider);
    }

    fn discard(&mut self, deliveries: &[(EventId, Arc<str>)], now: Timestamp) {
        let unwanted = deliveries
            .iter()
            .filter_map(|(event, alert)| Some((event.0, self.alerts.find(alert)?)))
            .collect();
        for provider in self.lanes.discard(&unwanted, now) {
            self.touch(&provider);
        }
    }

    fn done(&mut self, done: Done, now: Timestamp) {
        let Done { provider, ended, was_attempt, kind, failure, hand } = done;
        self.hands.take_back(hand);
        if was_attempt {
            self.running -= 1;
        } else {
            self.ending -= 1;
        }
        if let Some(slot) = self.lanes.get_mut(&provider) {
            let change = slot.lane.finish(ended, now, fastrand::f64());
            if let Some(failure) = failure {
                slot.failure = failure.into();
            }
            match change {
                Some(Change::Opened(until)) => {
                    self.work.recorder.metrics.breaker_opened(&kind);
                    tracing::warn!(%provider, %until, reason = %slot.failure, "the receiver fails: its deliveries wait");
                    self.end_overdue(&provider, now);
                }
                Some(Change::StillOpen(until)) => {
                    tracing::debug!(%provider, %until, reason = %slot.failure, "the receiver still fails");
                    self.end_overdue(&provider, now);
                }
                Some(Change::Closed) => {
                    tracing::info!(%provider, "the receiver answers again: its deliveries go on");
                }
                None => {}
            }
        }
        self.touch(&provider);
    }

    /// More may start for this Provider.
    fn touch(&mut self, provider: &Arc<ProviderKey>) {
        if let Some(slot) = self.lanes.get_mut(provider)
            && !std::mem::replace(&mut slot.is_touched, true)
        {
            self.touched.push(Arc::clone(&slot.provider));
        }
    }

    /// Starts what may run after all that has come.
    fn advance_touched(&mut self, now: Timestamp) {
        let mut touched = std::mem::take(&mut self.touched);
        for provider in touched.drain(..) {
            self.advance(&provider, now);
        }
        self.touched = touched;
        while self.running < MAX_RUNNING
            && let Some(waiting) = self.lanes.pop_crowded_out()
        {
            self.advance(&waiting, now);
        }
    }

    /// The receiver has been failing for long enough that deliveries may have outlived their life.
    fn end_overdue(&mut self, provider: &Arc<ProviderKey>, now: Timestamp) {
        let Some(slot) = self.lanes.get_mut(provider) else { return };
        let overdue: Vec<_> = slot
            .lane
            .overdue(now)
            .into_iter()
            .map(|overdue| {
                let alert = self.alerts.name(overdue.key.alert);
                (overdue, alert)
            })
            .collect();
        if !overdue.is_empty() {
            self.ending += overdue.len();
            let failure = Arc::clone(&slot.failure);
            tokio::spawn(Arc::clone(&self.work).end(Arc::clone(provider), overdue, failure));
        }
    }

    /// Starts what may run for this Provider, and sets its alarm for the rest.
    fn advance(&mut self, provider: &Arc<ProviderKey>, now: Timestamp) {
        let Some(slot) = self.lanes.get_mut(provider) else { return };
        slot.is_touched = false;
        if self.draining.is_none() {
            let mut is_crowded = self.running >= MAX_RUNNING;
            while let Some(begun) = slot.lane.start(now, is_crowded) {
                self.running += 1;
                if begun.passes {
                    log_passing(&begun, provider);
                }
                let alert = self.alerts.name(begun.key.alert);
                self.hands.make(begun, Arc::clone(provider), alert);
                is_crowded = self.running >= MAX_RUNNING;
            }
            slot.is_crowded_out = is_crowded && slot.lane.n_waiting() > 0;
        }
        for rowless in slot.lane.take_rowless(now) {
            self.show(&rowless, provider);
        }
        let (totals, turned) = self.lanes.settle(provider, now);
        if let Some(Totals { open, half_open, .. }) = turned {
            self.work.recorder.metrics.breaker(&provider.to_string(), open > 0, half_open > 0);
        }
        if totals != std::mem::replace(&mut self.shown, totals) {
            self.work.recorder.metrics.waiting(totals.waiting);
            self.work.recorder.metrics.breakers(totals.open, totals.half_open);
        }
    }

    fn wake(&mut self) {
        let now = self.work.clock.now();
        for provider in self.lanes.pop_due(now) {
            self.advance(&provider, now);
        }
    }

    /// Providers, Secrets or modules changed.
    fn changed(&mut self) {
        let now = self.work.clock.now();
        for provider in self.lanes.providers() {
            let places = self.places(&provider);
            let condition = self.work.attempts.condition(&provider);
            if let Some(slot) = self.lanes.get_mut(&provider) {
                slot.lane.set_places(places);
                if std::mem::replace(&mut slot.condition, condition) != condition {
                    slot.lane.change(condition, now);
                }
            }
            self.advance(&provider, now);
        }
    }

    fn slot(&mut self, provider: &Arc<ProviderKey>) -> &mut Slot {
        if self.lanes.get_mut(provider).is_none() {
            let condition = self.work.attempts.condition(provider);
            let places = self.places(provider);
            let lane = super::lane::Lane::new(places, self.settings.order_patience);
            self.lanes.insert(Slot::new(Arc::clone(provider), lane, condition));
        }
        self.lanes.get_mut(provider).expect("it was put there just now")
    }

    fn places(&self, provider: &ProviderKey) -> usize {
        let catalog = self.work.attempts.catalog.load();
        let own = catalog.provider(provider).and_then(|provider| provider.concurrency);
        own.map_or(self.settings.concurrency, usize::from).max(1)
    }
}

fn log_passing(begun: &Begun, provider: &ProviderKey) {
    tracing::info!(
        event.id = begun.key.event,
        %provider,
        "a delivery passes an earlier one about its object that is still being tried"
    );
}

#[cfg(test)]
mod tests;
