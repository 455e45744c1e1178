//! The flags that limit the journal: what it keeps, for how long, and how large it may become.

use std::time::Duration;

use clap::Args;
use herald_journal::Settings;

use super::{bytes, duration};

/// How much the journal keeps. Unfinished deliveries are never removed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Journal")]
pub(super) struct GrowthFlags {
    /// How long finished deliveries stay in the history, counted from their event; units d, h, m and s.
    #[arg(long, value_name = "DURATION", env = "HERALD_HISTORY_MAX_AGE", default_value = "7d", value_parser = duration::parse)]
    history_max_age: Duration,
    /// How long dead letters are kept, counted from when they were given up, and at least as long as the history.
    #[arg(long, value_name = "DURATION", env = "HERALD_DEAD_LETTERS_MAX_AGE", default_value = "30d", value_parser = duration::parse)]
    dead_letters_max_age: Duration,
    /// When more of the journal is in use, the oldest finished deliveries go before their time, dead letters aside; at
    /// most three quarters of --journal-max-bytes. Units KiB, MiB, GiB.
    #[arg(long, value_name = "BYTES", env = "HERALD_HISTORY_MAX_BYTES", default_value = "1GiB", value_parser = bytes::parse)]
    history_max_bytes: u64,
    /// How large the journal may become, with its log. Close to it the oldest dead letters go; when unfinished deliveries
    /// fill it, new events are answered 503 and /readyz says so, until there is room again.
    #[arg(long, value_name = "BYTES", env = "HERALD_JOURNAL_MAX_BYTES", default_value = "2GiB", value_parser = bytes::parse)]
    journal_max_bytes: u64,
    /// When less than this is free on the volume of the data folder, new events are answered 503.
    #[arg(long, value_name = "BYTES", env = "HERALD_DISK_RESERVE_BYTES", default_value = "64MiB", value_parser = bytes::parse)]
    disk_reserve_bytes: u64,
}

impl GrowthFlags {
    /// The settings of a journal with this window for identical events.
    pub(super) fn settings(&self, dedup_window: Duration) -> Settings {
        Settings {
            dedup_window,
            max_history_age: self.history_max_age,
            max_dead_age: self.dead_letters_max_age,
            max_history_bytes: self.history_max_bytes,
            max_bytes: self.journal_max_bytes,
            min_free_bytes: self.disk_reserve_bytes,
            ..Settings::default()
        }
    }
}
