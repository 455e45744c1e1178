//! How much may wait, counted in bodies and in their bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit that many threads take from.
#[derive(Debug)]
pub(crate) struct Budget {
    max_count: usize,
    max_bytes: usize,
    count: AtomicUsize,
    bytes: AtomicUsize,
}

/// A taken part; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Ticket {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(max_count: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Budget {
            max_count,
            max_bytes,
            count: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        })
    }

    /// Takes a part, if there is one. What is larger than the whole limit gets through when nothing else waits.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<Ticket> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let ticket = Ticket { budget: Arc::clone(self), bytes };
        let fits =
            count < self.max_count && (taken == 0 || taken.saturating_add(bytes) <= self.max_bytes);
        fits.then_some(ticket)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_by_count_and_by_bytes_and_gets_back_what_was_taken() {
        let budget = Budget::new(2, 10);
        let first = budget.take(6);
        assert!(first.is_some());
        assert!(budget.take(5).is_none(), "11 bytes of 10");
        let second = budget.take(4);
        assert!(second.is_some());
        assert!(budget.take(0).is_none(), "3 of 2");
        drop((first, second));
        assert!(budget.take(50).is_some(), "a large one alone gets through");
        assert!(budget.take(10).is_some(), "and gave everything back");
    }
}
