//! Outcomes that nobody waits for, on their way to the writer. They are put down here, and only the first wakes it: to wake
//! a thread costs more than to write a row.

use std::sync::{Mutex, PoisonError};

use crate::types::Record;

/// What the writer takes with its next commit.
#[derive(Debug)]
pub(crate) struct Riding {
    records: Mutex<Vec<Record>>,
    /// So many are enough for a commit of their own.
    enough: usize,
}

impl Riding {
    pub(crate) fn new(enough: usize) -> Self {
        Riding { records: Mutex::default(), enough: enough.max(1) }
    }

    /// Puts one down; whether the writer is to be told.
    #[must_use]
    pub(crate) fn put(&self, record: Record) -> bool {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(record);
        records.len() == 1 || records.len().is_multiple_of(self.enough)
    }

    /// Takes all, in the order in which they came.
    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether they are enough for a commit.
    pub(crate) fn is_enough(&self) -> bool {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).len() >= self.enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::EventId;

    #[test]
    fn the_first_and_every_full_load_wake_the_writer() {
        let riding = Riding::new(3);
        let put = |number| riding.put(Record::closing(EventId(number)));
        let told: Vec<bool> = (1..=4).map(put).collect();
        assert_eq!(told, [true, false, true, false]);
        assert!(riding.is_enough());
        let taken: Vec<i64> = riding.take().iter().map(|record| record.closes[0].0).collect();
        assert_eq!(taken, [1, 2, 3, 4]);
        assert!(!riding.is_enough() && put(5));
    }
}
