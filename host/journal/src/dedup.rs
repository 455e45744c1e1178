//! The dedup window: which keys were seen, and until when they count. Lives in memory; knows no clock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Fixed windows, each from the first sight of a key. Times are milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Window {
    length: i64,
    first_seen: HashMap<[u8; 32], i64>,
    order: VecDeque<(i64, [u8; 32])>,
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        Window { length: millis(length), first_seen: HashMap::new(), order: VecDeque::new() }
    }

    /// Nothing is ever a duplicate.
    pub(crate) fn is_off(&self) -> bool {
        self.length == 0
    }

    /// Until when `key` is a duplicate, if it is one at `at`.
    pub(crate) fn until(&self, key: &[u8; 32], at: i64) -> Option<i64> {
        self.first_seen.get(key).and_then(|first| self.spans(*first, at))
    }

    /// The end of the window that begins at `first`, if `at` is in it.
    ///
    /// A time before `first` counts like one after it: clocks are set back, and a window must not get longer by that.
    pub(crate) fn spans(&self, first: i64, at: i64) -> Option<i64> {
        (at.abs_diff(first) < self.length.unsigned_abs()).then(|| first.saturating_add(self.length))
    }

    /// Notes a key that was not a duplicate, and forgets those whose window is over.
    pub(crate) fn insert(&mut self, key: [u8; 32], at: i64) {
        if self.is_off() {
            return;
        }
        while let Some((first, old)) = self.order.front().copied()
            && first.saturating_add(self.length) <= at
        {
            self.order.pop_front();
            if self.first_seen.get(&old) == Some(&first) {
                self.first_seen.remove(&old);
            }
        }
        self.first_seen.insert(key, at);
        self.order.push_back((at, key));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.first_seen.len()
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const OTHER: [u8; 32] = [2; 32];

    #[test]
    fn a_window_is_fixed_from_first_sight() {
        let mut window = Window::new(Duration::from_millis(100));
        window.insert(KEY, 1000);
        let cases =
            [(1000, Some(1100)), (1099, Some(1100)), (1100, None), (901, Some(1100)), (900, None)];
        for (at, until) in cases {
            assert_eq!(window.until(&KEY, at), until, "at {at}");
            assert_eq!(window.until(&OTHER, at), None, "another key at {at}");
        }
        window.insert(KEY, 1100);
        assert_eq!(window.until(&KEY, 1199), Some(1200));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut window = Window::new(Duration::from_millis(100));
        window.insert(KEY, 1000);
        window.insert(OTHER, 1050);
        window.insert([3; 32], 1120);
        assert_eq!((window.len(), window.order.len()), (2, 2));
        window.insert(KEY, 1130);
        window.insert([4; 32], 1150);
        assert_eq!(
            window.until(&KEY, 1150),
            Some(1230),
            "the second window of a key outlives its first"
        );
    }

    #[test]
    fn a_window_of_nothing_keeps_nothing() {
        let mut window = Window::new(Duration::ZERO);
        window.insert(KEY, 1000);
        assert!(window.is_off());
        assert_eq!((window.len(), window.until(&KEY, 1000)), (0, None));
    }
}
