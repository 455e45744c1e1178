//! The tasks that make attempts. One that is done is kept for the next attempt: it is a large piece of memory, and to make
//! and free it for each costs more than all that its delivery does beside the attempt.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::catalog::ProviderKey;
use crate::delivery::order::Begun;
use crate::delivery::work::{Errand, Hand, Work};
use crate::egress::Transport;

/// So many are kept while there is nothing to do.
const IDLE: usize = 64;

/// The tasks of one dispatcher.
pub(super) struct Hands<T> {
    work: Arc<Work<T>>,
    idle: Vec<Hand>,
}

impl<T: Transport + 'static> Hands<T> {
    pub(super) fn new(work: Arc<Work<T>>) -> Self {
        Self { work, idle: Vec::new() }
    }

    /// Has an attempt made, beside all others.
    pub(super) fn make(&mut self, begun: Begun, provider: Arc<ProviderKey>, alert: Arc<str>) {
        let mut errand = Errand { begun, provider, alert };
        while let Some(hand) = self.idle.pop() {
            match hand.give(errand) {
                Ok(()) => return,
                // Its task has ended with the runtime.
                Err(back) => errand = back,
            }
        }
        let (hand, errands) = mpsc::channel(1);
        tokio::spawn(Arc::clone(&self.work).attempt_in_turn(errands));
        // A channel that was made just now has room and a reader.
        Hand(hand).give(errand).ok();
    }

    /// Takes back the one that has reported. Where there are enough its task ends.
    pub(super) fn take_back(&mut self, hand: Option<Hand>) {
        self.idle.extend(hand.filter(|_| self.idle.len() < IDLE));
    }
}
