//! How many deliveries of each provider wait, and how many were given up.

use std::collections::BTreeMap;

use crate::Journal;
use crate::error::ReadError;

/// The deliveries of one provider that did not arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The provider, as its rows name it.
    pub provider: String,
    /// How many are tried again.
    pub waiting: i64,
    /// How many were given up and are still kept.
    pub dead: i64,
}

// One query for each state, so that each finds the index of its state.
const WAITING: &str =
    "select provider, count(*) from deliveries where state = 'waiting' group by provider";
const DEAD: &str =
    "select provider, count(*) from deliveries where state = 'dead' group by provider";

impl Journal {
    /// Counts what did not arrive, for every provider that has such deliveries, by provider.
    ///
    /// # Errors
    /// The journal is closed or cannot be read.
    pub async fn tally(&self) -> Result<Vec<Tally>, ReadError> {
        self.inner
            .reader
            .read(|connection| {
                let count = |query: &str| -> rusqlite::Result<Vec<(String, i64)>> {
                    let mut statement = connection.prepare_cached(query)?;
                    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
                };
                let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
                for (provider, waiting) in count(WAITING)? {
                    tallies.entry(provider).or_default().waiting = waiting;
                }
                for (provider, dead) in count(DEAD)? {
                    tallies.entry(provider).or_default().dead = dead;
                }
                let named = |(provider, tally)| Tally { provider, ..tally };
                Ok(tallies.into_iter().map(named).collect())
            })
            .await
    }
}
