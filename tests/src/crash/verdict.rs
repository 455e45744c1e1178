//! Holds what arrived against what was promised, and says it in one line.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use super::events::{self, OBJECTS, PROVIDERS};
use super::ledger::Facts;
use super::promises::Promises;
use super::timeline::{Reason, Timeline};

/// Clocks of processes may differ by so much when a request seems to come early.
const SLACK: Duration = Duration::from_millis(10);
/// How many examples of a violation are told.
const EXAMPLES: usize = 5;

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The run's seed: with it the same events get the same answers.
    pub seed: u64,
    /// How often Herald was killed.
    pub cycles: u32,
    /// In how many of them the power failed as well, and how many writes were not synced then.
    pub power_losses: (u32, usize),
    /// Events that Herald promised to keep.
    pub acknowledged: u64,
    /// Posts without an answer, posts that were refused, and events given up after such a post.
    pub ambiguous: (u64, u64, usize),
    /// Deliveries of acknowledged events that neither arrived nor were refused for good.
    pub missing: u64,
    /// What arrived and was never posted.
    pub invented: u64,
    /// What arrived otherwise than it was posted.
    pub altered: u64,
    /// Deliveries that were refused for good by the script.
    pub dead: u64,
    /// How often an event arrived that the receiver had.
    pub duplicates: u64,
    /// For which of these reasons.
    pub(super) explained: BTreeMap<Reason, u64>,
    /// Duplicates without a reason.
    pub unexplained: u64,
    /// Events that came after a later one of their object.
    pub inversions: u64,
    /// Requests before the time that the receiver had named.
    pub early: u64,
    /// From the last acknowledgment to the last delivery.
    pub drain: Duration,
    /// Anything else that must not be, and examples of the violations.
    pub notes: Vec<String>,
    /// Whether `notes` hold more than examples.
    pub is_broken: bool,
}

impl Verdict {
    /// Whether nothing was promised and not kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let Self { missing, invented, altered, unexplained, inversions, early, .. } = self;
        let violations = [missing, invented, altered, unexplained, inversions, early];
        violations.iter().all(|count| **count == 0) && !self.is_broken
    }

    /// Something that must not be.
    pub(super) fn object(&mut self, what: String) {
        self.is_broken = true;
        self.notes.push(what);
    }

    /// Compares all that is known.
    pub(super) fn judge(&mut self, promises: &Promises, facts: &Facts, timeline: &Timeline) {
        let kept: HashSet<u32> = promises.kept().into_iter().collect();
        self.acknowledged = kept.len() as u64;
        for wrong in promises.wrong() {
            self.object(wrong);
        }
        self.altered = facts.altered.0;
        self.invented = facts.invented.0;
        self.notes.extend(facts.altered.1.iter().map(|what| format!("altered: {what}")));
        self.notes.extend(facts.invented.1.iter().map(|what| format!("invented: {what}")));
        self.find_missing(&kept, facts);
        self.find_duplicates(facts, timeline);
        self.find_inversions(&kept, facts);
        for early in &facts.early {
            if early.by > SLACK && timeline.explain(early.told).is_none() {
                self.early += 1;
                self.example(self.early, || format!("early: by {:?}", early.by));
            }
        }
    }

    fn find_missing(&mut self, kept: &HashSet<u32>, facts: &Facts) {
        let mut kept: Vec<u32> = kept.iter().copied().collect();
        kept.sort_unstable();
        for number in kept {
            for provider in (0..PROVIDERS).filter(|&to| events::goes_to(events::object(number), to))
            {
                let story = facts.stories.get(&(provider, number));
                if story.is_some_and(|story| story.is_dead) {
                    self.dead += 1;
                } else if story.is_none_or(|story| story.taken.is_empty()) {
                    self.missing += 1;
                    let requests = story.map_or(0, |story| story.requests);
                    self.example(self.missing, || {
                        format!("missing: event {number} at {provider}, {requests} requests")
                    });
                }
            }
        }
    }

    fn find_duplicates(&mut self, facts: &Facts, timeline: &Timeline) {
        for ((provider, number), story) in &facts.stories {
            for pair in story.taken.windows(2) {
                let [before, again] = pair else { continue };
                self.duplicates += 1;
                match timeline.explain(*before) {
                    Some(reason) => *self.explained.entry(reason).or_default() += 1,
                    None => {
                        self.unexplained += 1;
                        let later = again.asked.duration_since(before.asked);
                        self.example(self.unexplained, || {
                            format!(
                                "unexplained: event {number} at {provider} again after {later:?}"
                            )
                        });
                    }
                }
            }
        }
    }

    /// Only among acknowledged events: the order of others is not known, as a post without an answer may still be on its
    /// way when the next one is posted.
    fn find_inversions(&mut self, kept: &HashSet<u32>, facts: &Facts) {
        for (provider, order) in facts.order.iter().enumerate() {
            let mut latest: HashMap<u32, u32> = HashMap::new();
            for number in order.iter().filter(|number| kept.contains(number)) {
                let latest = latest.entry(number % OBJECTS).or_insert(*number);
                if number < latest {
                    let before = *latest;
                    self.inversions += 1;
                    self.example(self.inversions, || {
                        format!("inverted: event {number} at {provider} after {before}")
                    });
                } else {
                    *latest = *number;
                }
            }
        }
    }

    fn example(&mut self, nth: u64, what: impl FnOnce() -> String) {
        if nth <= EXAMPLES as u64 {
            self.notes.push(what());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (losses, at_stake) = self.power_losses;
        let (unanswered, refused, given_up) = self.ambiguous;
        write!(
            f,
            "crash: cycles {}, power losses {losses} with {at_stake} writes not synced, acknowledged {}, unanswered \
             {unanswered}, refused {refused}, given up {given_up}, missing {}, invented {}, altered {}, dead by the script \
             {}, duplicates {} (",
            self.cycles,
            self.acknowledged,
            self.missing,
            self.invented,
            self.altered,
            self.dead,
            self.duplicates,
        )?;
        for (reason, count) in &self.explained {
            let word = match reason {
                Reason::Lost => "answer lost",
                Reason::Slow => "answer slow",
                Reason::Stopped => "stopped",
                Reason::Killed => "killed",
            };
            write!(f, "{word} {count}, ")?;
        }
        write!(
            f,
            "unexplained {}), inversions {}, early {}, drain {:.1} s, seed {}",
            self.unexplained,
            self.inversions,
            self.early,
            self.drain.as_secs_f64(),
            self.seed
        )
    }
}
