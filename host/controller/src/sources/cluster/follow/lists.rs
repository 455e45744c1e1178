//! How far the lists of the cluster are: which have begun, which have ended once, and what cannot be seen now.
//!
//! It must not know what is in a list; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::catalog::ProviderKey as Key;
use crate::sources::cluster::watches::Watched;

/// How long what cannot be seen may be so before it is told: a watch that ends is begun anew meanwhile.
const GRACE: Duration = Duration::from_secs(3);

/// The lists of all that is watched.
#[derive(Default)]
pub(super) struct Lists {
    /// What was seen of each list that has begun and not ended.
    listing: BTreeMap<Watched, BTreeSet<Key>>,
    /// The lists that have ended once.
    listed: BTreeSet<Watched>,
    failing: BTreeMap<Watched, (Instant, String)>,
    warned: BTreeSet<Watched>,
}

impl Lists {
    pub(super) fn begin(&mut self, watched: Watched) {
        self.listing.insert(watched, BTreeSet::new());
    }

    /// An object was seen, perhaps in a list.
    pub(super) fn saw(&mut self, watched: Watched, key: &Key) {
        if let Some(seen) = self.listing.get_mut(&watched) {
            seen.insert(key.clone());
        }
    }

    /// What a list that is about to end has named.
    pub(super) fn seen(&self, watched: Watched) -> Option<&BTreeSet<Key>> {
        self.listing.get(&watched)
    }

    /// Those of the known objects that a list which ends now has not named.
    pub(super) fn not_seen<'a>(
        &self,
        watched: Watched,
        known: impl Iterator<Item = &'a Key>,
    ) -> Vec<Key> {
        let Some(seen) = self.listing.get(&watched) else { return Vec::new() };
        known.filter(|key| !seen.contains(key)).cloned().collect()
    }

    /// A list has ended. Whether that is the first time.
    pub(super) fn end(&mut self, watched: Watched) -> bool {
        self.listing.remove(&watched);
        if self.failing.remove(&watched).is_some() && self.warned.remove(&watched) {
            tracing::info!("{} of the cluster are seen again", watched.name());
        }
        self.listed.insert(watched)
    }

    pub(super) fn fail(&mut self, watched: Watched, reason: String, now: Instant) {
        self.listing.remove(&watched);
        let since = self.failing.get(&watched).map_or(now, |(since, _)| *since);
        self.failing.insert(watched, (since, reason));
    }

    /// Whether all of a kind were seen once.
    pub(super) fn is_listed(&self, watched: Watched) -> bool {
        self.listed.contains(&watched)
    }

    /// Whether all Providers and Alerts were.
    pub(super) fn is_synced(&self) -> bool {
        [Watched::Providers, Watched::Alerts].iter().all(|watched| self.is_listed(*watched))
    }

    /// What has not been seen for a while, and why; it is logged once.
    pub(super) fn lost(&mut self, now: Instant) -> Option<String> {
        for (watched, (since, reason)) in &self.failing {
            if now.saturating_duration_since(*since) >= GRACE {
                let text = format!("{} of the cluster cannot be seen: {reason}", watched.name());
                if self.warned.insert(*watched) {
                    tracing::error!("{text}; what was seen last goes on working");
                }
                return Some(text);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_does_not_name_is_gone_and_a_failure_is_told_after_a_while() {
        let (mut lists, start) = (Lists::default(), Instant::now());
        let [one, two] = ["one", "two"].map(|name| Key::new("n", name));
        let known = [&one, &two];
        // Without a list nothing can be missing from it.
        assert!(lists.not_seen(Watched::Providers, known.into_iter()).is_empty());
        lists.begin(Watched::Providers);
        lists.saw(Watched::Providers, &one);
        assert_eq!(
            lists.not_seen(Watched::Providers, known.into_iter()),
            std::slice::from_ref(&two)
        );
        assert!(lists.end(Watched::Providers) && !lists.is_synced());
        lists.begin(Watched::Alerts);
        assert!(lists.end(Watched::Alerts) && lists.is_synced());

        lists.fail(Watched::Providers, "gone".to_owned(), start);
        assert_eq!(lists.lost(start), None);
        // It goes on failing, and the first time counts.
        let later = start + GRACE;
        lists.fail(Watched::Providers, "still gone".to_owned(), later);
        assert!(lists.lost(later).is_some_and(|text| text.ends_with("still gone")));
        lists.begin(Watched::Providers);
        assert!(!lists.end(Watched::Providers));
        assert_eq!(lists.lost(later), None);
    }
}
