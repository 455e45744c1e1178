//! What can be set on a journal. Knows no flag and no environment.

use std::time::Duration;

/// The settings of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long after its first sight an event with the same key is a duplicate; zero turns this off.
    pub dedup_window: Duration,
    /// How long a riding record may wait for a commit to ride with.
    pub ride: Duration,
    /// The most appends and records in one commit.
    pub max_group: usize,
    /// The most bytes of bodies in one commit; a single body may be larger.
    pub max_group_bytes: usize,
    /// The most appends that wait for a commit; one more is refused as busy.
    pub max_queue: usize,
    /// The most bytes of bodies that wait for a commit; a single body may be larger.
    pub max_queue_bytes: usize,
    /// The most bytes of bodies kept in memory for a slow reader of [`crate::Recovered::events`]; the rest is read from
    /// disk when its turn comes.
    pub max_ahead_bytes: usize,
    /// How often the log is looked at for a checkpoint.
    pub checkpoint_interval: Duration,
    /// A log smaller than this is left alone.
    pub checkpoint_bytes: u64,
    /// A log larger than this is checkpointed by the writer itself, which then takes no events meanwhile.
    pub max_log_bytes: u64,
    /// How long finished events are kept.
    pub max_history_age: Duration,
    /// How long dead letters are kept, if that is longer.
    pub max_dead_age: Duration,
    /// When more of the database is in use, the oldest finished events go, dead letters aside; at most three quarters of
    /// `max_bytes`.
    pub max_history_bytes: u64,
    /// How large the database and its log may become. Shortly before, the oldest dead letters go, and then no more events
    /// are taken.
    pub max_bytes: u64,
    /// When less is free on the volume, no more events are taken.
    pub min_free_bytes: u64,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Settings {
    /// For a look at a journal and repairs while no service uses it: nothing is removed, and nothing refused.
    #[must_use]
    pub fn at_rest() -> Self {
        Settings {
            max_history_age: Duration::MAX,
            max_dead_age: Duration::MAX,
            max_history_bytes: u64::MAX,
            max_bytes: u64::MAX,
            min_free_bytes: 0,
            ..Settings::default()
        }
    }

    /// The same where a limit of the whole also limits its parts.
    pub(crate) fn consistent(self) -> Self {
        let max_log_bytes = self.max_log_bytes.min((self.max_bytes / 16).max(1 << 20));
        let checkpoint_bytes = self.checkpoint_bytes.min(max_log_bytes / 2);
        Settings { max_log_bytes, checkpoint_bytes, ..self }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dedup_window: Duration::from_secs(5 * 60),
            ride: Duration::from_millis(50),
            max_group: 512,
            max_group_bytes: 8 << 20,
            max_queue: 16 << 10,
            max_queue_bytes: 64 << 20,
            max_ahead_bytes: 32 << 20,
            checkpoint_interval: Duration::from_millis(500),
            checkpoint_bytes: 1 << 20,
            max_log_bytes: 64 << 20,
            max_history_age: 7 * DAY,
            max_dead_age: 30 * DAY,
            max_history_bytes: 1 << 30,
            max_bytes: 2 << 30,
            min_free_bytes: 64 << 20,
        }
    }
}
