//! The way of committed events to their reader. What does not fit in memory is read from disk when its turn comes, so the
//! writer never waits for the reader: the reader may itself be waiting for the writer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::budget::{Budget, Ticket};
use crate::error::{ReadError, report};
use crate::reader::Reader;
use crate::types::{EventId, StoredEvent};

/// So many events are read from disk at a time.
const BATCH: usize = 64;

/// How long to wait after a failed read.
const PAUSE: Duration = Duration::from_secs(1);

/// So many whole events may wait in memory.
const MAX_AHEAD: usize = 8 << 10;

/// All events that are to be routed, each once: those left open by the last run, then each one when it is on disk.
#[derive(Debug)]
pub struct Events {
    reader: Arc<Reader>,
    receiver: mpsc::UnboundedReceiver<Handed>,
    /// Their bodies are on disk; they come before `held` and before all that is in the channel.
    unread: VecDeque<EventId>,
    /// How many of `unread` the last run left.
    n_recovered: usize,
    ready: VecDeque<StoredEvent>,
    held: Option<Handed>,
    batch: usize,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct HandOver {
    sender: mpsc::UnboundedSender<Handed>,
    ahead: Arc<Budget>,
}

#[derive(Debug)]
enum Handed {
    Whole(StoredEvent, Ticket),
    OnDisk(EventId),
}

/// Both ends; `open` are the events left by the last run.
pub(crate) fn channel(
    reader: Arc<Reader>,
    open: Vec<EventId>,
    max_ahead_bytes: usize,
) -> (HandOver, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let hand_over = HandOver { sender, ahead: Budget::new(MAX_AHEAD, max_ahead_bytes) };
    let n_recovered = open.len();
    let unread = VecDeque::from(open);
    let ready = VecDeque::new();
    (hand_over, Events { reader, receiver, unread, n_recovered, ready, held: None, batch: BATCH })
}

impl HandOver {
    pub(crate) fn give(&self, event: StoredEvent) {
        let handed = match self.ahead.take(event.body.len()) {
            Some(ticket) => Handed::Whole(event, ticket),
            None => Handed::OnDisk(event.id),
        };
        if self.sender.send(handed).is_err() {
            tracing::debug!(
                "nobody reads the journal's events any more: this one waits for the next start"
            );
        }
    }
}

impl Events {
    /// The next event; nothing after the journal is closed.
    ///
    /// Dropping the future loses nothing. While the disk cannot be read it waits, as the order must be kept.
    pub async fn recv(&mut self) -> Option<StoredEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if !self.unread.is_empty() {
                self.read().await?;
                continue;
            }
            let handed = match self.held.take() {
                Some(handed) => handed,
                None => self.receiver.recv().await?,
            };
            match handed {
                Handed::Whole(event, _ticket) => return Some(event),
                Handed::OnDisk(id) => self.collect(id),
            }
        }
    }

    /// The next event of those that the last run left; nothing once all of them were taken.
    ///
    /// Dropping the future loses nothing.
    pub async fn recv_recovered(&mut self) -> Option<StoredEvent> {
        loop {
            if self.ready.front().is_some_and(|event| event.recovered) {
                return self.ready.pop_front();
            }
            if self.n_recovered == 0 {
                return None;
            }
            self.read().await?;
        }
    }

    /// Takes what follows as well, so that one read serves many.
    fn collect(&mut self, first: EventId) {
        self.unread.push_back(first);
        while self.unread.len() < BATCH
            && let Ok(handed) = self.receiver.try_recv()
        {
            match handed {
                Handed::OnDisk(id) => self.unread.push_back(id),
                Handed::Whole(..) => {
                    self.held = Some(handed);
                    break;
                }
            }
        }
    }

    /// Reads the bodies of the first unread events. They stay unread until their bodies are here: this may be dropped.
    async fn read(&mut self) -> Option<()> {
        let ids: Vec<EventId> = self.unread.iter().take(self.batch).copied().collect();
        match self.reader.events(ids).await {
            Ok(events) => {
                self.batch = BATCH;
                for event in events {
                    let recovered = self.n_recovered > 0;
                    let id = self.next_read();
                    match event {
                        Some(event) => self.ready.push_back(StoredEvent { recovered, ..event }),
                        None => {
                            tracing::error!(event.id = ?id, "an event that is to be delivered is not in the journal")
                        }
                    }
                }
            }
            Err(ReadError::Closed) => return None,
            // One bad page must not hold up all the others: find the event that it belongs to.
            Err(_) if self.batch > 1 => self.batch = 1,
            Err(error @ ReadError::Damaged { .. }) => {
                let id = self.next_read();
                tracing::error!(event.id = ?id, error = report(&error), "an event cannot be delivered");
            }
            Err(error @ ReadError::Io { .. }) => {
                tracing::warn!(error = report(&error), "events cannot be read and wait");
                tokio::time::sleep(PAUSE).await;
            }
        }
        Some(())
    }

    fn next_read(&mut self) -> Option<EventId> {
        self.n_recovered = self.n_recovered.saturating_sub(1);
        self.unread.pop_front()
    }
}
