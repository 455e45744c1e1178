//! The one thread that writes: it takes what is waiting, commits it in one transaction, answers and hands the events on.
//!
//! What arrives during one commit is the next group, so no timer makes groups. What rides waits for an urgent commit, but
//! not for long.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use flume::RecvTimeoutError;
use tokio::sync::oneshot;

use crate::dedup::Window;
use crate::error::AppendError;
use crate::events::HandOver;
use crate::group::{Group, Op};
use crate::notes::Notes;
use crate::retention::Sweep;
use crate::riding::Riding;
use crate::room::Room;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::store::Store;
use crate::upkeep::Upkeep;

/// Everything that the thread owns.
pub(crate) struct Writer {
    pub(crate) settings: Settings,
    pub(crate) queue: flume::Receiver<Op>,
    pub(crate) riding: Arc<Riding>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) store: Store,
    pub(crate) window: Window,
    pub(crate) hand_over: HandOver,
    pub(crate) notes: Arc<Notes>,
    pub(crate) room: Room,
    pub(crate) sweep: Sweep,
    pub(crate) upkeep: Upkeep,
    /// The last event that was promised to be kept.
    pub(crate) last_id: i64,
    /// The last id that was given; ids of failed commits are not given again.
    pub(crate) last_given: i64,
    /// The time of the last event, which stands for the present where no clock is asked.
    pub(crate) newest_at: i64,
    pub(crate) checkpointer: Checkpointer,
    /// Keeps other processes out until everything is closed.
    pub(crate) lock: File,
}

/// The thread of `checkpoint.rs`; dropping `stop` ends it.
pub(crate) struct Checkpointer {
    pub(crate) stop: flume::Sender<()>,
    pub(crate) thread: JoinHandle<()>,
}

/// Whether it goes on after this commit.
enum Then {
    GoOn,
    /// Whoever asked for it waits until the sender is dropped.
    Close(Option<oneshot::Sender<()>>),
}

impl Writer {
    /// Runs until the journal is closed or its last handle is gone.
    pub(crate) fn run(mut self) {
        let farewell = Farewell { shared: Arc::clone(&self.shared), queue: self.queue.clone() };
        let mut group = Group::default();
        let answer = loop {
            let then = match self.wait(&group) {
                Ok(op) => self.gather(op, &mut group),
                Err(RecvTimeoutError::Timeout) => Then::GoOn,
                Err(RecvTimeoutError::Disconnected) => Then::Close(None),
            };
            let is_last = matches!(then, Then::Close(_));
            self.recover(is_last);
            if is_last || self.is_due(&group) {
                self.commit(&mut group);
            }
            if let Then::Close(answer) = then {
                break answer;
            }
            self.tidy();
        };
        let Writer { store, checkpointer, lock, hand_over, .. } = self;
        let Checkpointer { stop, thread } = checkpointer;
        drop(stop);
        if thread.join().is_err() {
            tracing::error!("the thread that copies the journal's log has panicked");
        }
        store.close();
        drop(hand_over);
        drop(lock);
        drop(farewell);
        drop(answer);
    }

    /// The next operation; or nothing yet, as something else is due; or never again one, as all handles are gone.
    fn wait(&self, group: &Group) -> Result<Op, RecvTimeoutError> {
        let due = match self.store.broken() {
            Some((_, retry_at)) => Some(retry_at),
            None => {
                let sweep = self.sweep.due(self.newest_at);
                [group.deadline(&self.settings), sweep, self.room.due()].into_iter().flatten().min()
            }
        };
        match due {
            Some(due) => self.queue.recv_deadline(due),
            None => self
                .queue
                .recv()
                .map_err(|flume::RecvError::Disconnected| RecvTimeoutError::Disconnected),
        }
    }

    /// Takes what is waiting, up to a wish to close. Not more than a group: who is already in it waits for its commit.
    fn gather(&mut self, first: Op, group: &mut Group) -> Then {
        let mut next = Some(first);
        let mut n_left = self.settings.max_group;
        while let Some(op) = next {
            match op {
                Op::Append(append) => group.append(append, &self.window, &mut self.room),
                Op::Record(record, waiter) => {
                    // What was put down before it must not be written after it.
                    group.ride(self.riding.take());
                    group.record(record, waiter);
                }
                Op::Ride => group.is_ridden(),
                Op::Repair(order) => group.repair(order),
                Op::Close(answer) => return Then::Close(Some(answer)),
            }
            n_left = n_left.saturating_sub(1);
            let is_enough = n_left == 0 || group.is_full(&self.settings);
            next = if is_enough { None } else { self.queue.try_recv().ok() };
        }
        Then::GoOn
    }

    fn recover(&mut self, is_last: bool) {
        if let Some((_, retry_at)) = self.store.broken()
            && (is_last || retry_at <= Instant::now())
        {
            self.store.reopen(self.last_id);
        }
    }

    fn is_due(&self, group: &Group) -> bool {
        group.is_urgent()
            || group.is_full(&self.settings)
            || self.riding.is_enough()
            || group.deadline(&self.settings).is_some_and(|deadline| deadline <= Instant::now())
    }

    fn commit(&mut self, group: &mut Group) {
        group.ride(self.riding.take());
        if group.is_empty() {
            // What rode went with an earlier commit.
            return group.begin_anew();
        }
        if let Some((error, _)) = self.store.broken() {
            return group.refuse(error);
        }
        let first_id = self.last_given + 1;
        let n_appends = group.n_appends();
        let now = group.newest_at().unwrap_or(self.newest_at);
        match self.store.transact(|connection| group.write(connection, first_id, now)) {
            Ok(()) => {
                self.last_given += n_appends;
                if n_appends > 0 {
                    (self.last_id, self.newest_at) = (self.last_given, now);
                }
                group.settle(first_id, &mut self.window, &self.hand_over);
            }
            Err(error) => {
                self.last_given += n_appends;
                if let AppendError::Refused { .. } = error {
                    group.drop_records();
                }
                group.refuse(&error);
            }
        }
    }
}

/// Tells everybody that the journal is closed, also when the thread panics.
struct Farewell {
    shared: Arc<Shared>,
    queue: flume::Receiver<Op>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.shared.close();
        // Nothing can come after this, so whatever is still here gets its answer by being dropped.
        drop(self.queue.drain());
    }
}
