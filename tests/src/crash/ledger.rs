//! What the receiver was asked and what it took: the facts that the verdict is made from. Knows no socket.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::events::{self, PROVIDERS};
use super::script::{Answer, BLOCK, Script};

/// How many examples of a mistake are kept.
const EXAMPLES: usize = 5;
/// A receiver that was left in peace for so long is over what its last requests shared: whoever asks it seldom, as a circuit
/// breaker does, must not wait for hours until it has failed often enough.
const REST: Duration = Duration::from_millis(500);

/// One event at one Provider.
pub(super) type Delivery = (usize, u32);

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// When the request was complete.
    pub(super) asked: Instant,
    /// When the whole answer was written; none when it was lost on the way.
    pub(super) answered: Option<Instant>,
}

/// A request that came before the time that an answer had named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Early {
    /// The answer that named it.
    pub(super) told: Visit,
    /// By how much.
    pub(super) by: Duration,
}

/// What is known of one delivery.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    /// How many requests there were.
    pub(super) requests: u32,
    /// The requests after which the receiver has the event; more than one when it was sent again.
    pub(super) taken: Vec<Visit>,
    /// It was answered 400.
    pub(super) is_dead: bool,
    /// No request should come before this time, as this visit said.
    not_before: Option<(Instant, Visit)>,
}

/// Everything that arrived.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// By Provider and event.
    pub(super) stories: HashMap<Delivery, Story>,
    /// The events that each Provider has, in the order in which it first took them.
    pub(super) order: [Vec<u32>; PROVIDERS],
    /// What arrived and was never posted: how many, and some of them.
    pub(super) invented: (u64, Vec<String>),
    /// What arrived otherwise than it was posted: how many, and some of them.
    pub(super) altered: (u64, Vec<String>),
    /// Requests before their time.
    pub(super) early: Vec<Early>,
    requests: [u64; PROVIDERS],
    /// When the last of them came.
    asked: [Option<Instant>; PROVIDERS],
}

/// The facts of a run that goes on.
#[derive(Debug)]
pub(super) struct Ledger {
    seed: u64,
    script: Script,
    facts: Mutex<Facts>,
}

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The answer.
    pub(super) answer: Answer,
    /// Which delivery it is about; none when the request made no sense.
    pub(super) about: Option<Delivery>,
    /// When the request was complete.
    pub(super) asked: Instant,
}

impl Ledger {
    /// An empty ledger for the events and answers of a seed.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, script: Script::new(seed), facts: Mutex::default() }
    }

    /// What was found so far.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    /// Notes a request and says how to answer it. `is_posted` tells whether an event was ever posted.
    pub(super) fn ask(
        &self,
        path: &str,
        body: &[u8],
        asked: Instant,
        is_posted: impl Fn(u32) -> bool,
    ) -> Plan {
        let read = read(path, body).filter(|(provider, number, _)| {
            events::goes_to(events::object(*number), *provider) && is_posted(*number)
        });
        let Some((provider, number, value)) = read else {
            let text = String::from_utf8_lossy(body).chars().take(300).collect::<String>();
            example(&mut self.facts().invented, || format!("{path}: {text}"));
            return Plan { answer: Answer::Take, about: None, asked };
        };
        let is_altered = value != events::expected(self.seed, number);
        let mut facts = self.facts();
        if is_altered {
            example(&mut facts.altered, || format!("event {number} at {provider}"));
        }
        let rested = facts.asked[provider].replace(asked);
        if rested.is_some_and(|before| asked.saturating_duration_since(before) > REST) {
            facts.requests[provider] = facts.requests[provider].next_multiple_of(BLOCK);
        }
        let nth = facts.requests[provider];
        facts.requests[provider] += 1;
        let story = facts.stories.entry((provider, number)).or_default();
        let visit = story.requests;
        story.requests += 1;
        let early = story.not_before.take().and_then(|(time, told)| {
            time.checked_duration_since(asked).map(|by| Early { told, by })
        });
        let answer = self.script.answer(provider, number, visit, nth);
        match answer {
            Answer::Take | Answer::Drip(_) | Answer::Lose => {
                story.taken.push(Visit { asked, answered: None });
                if story.taken.len() == 1 {
                    facts.order[provider].push(number);
                }
            }
            Answer::Never => story.is_dead = true,
            Answer::Fail
            | Answer::LaterIn(_)
            | Answer::LaterAt(_)
            | Answer::Hang
            | Answer::Reset => {}
        }
        facts.early.extend(early);
        Plan { answer, about: Some((provider, number)), asked }
    }

    /// The whole answer was written. With `after`, no request for the event should come sooner.
    pub(super) fn answered(&self, plan: Plan, after: Option<Duration>) {
        let Some(about) = plan.about else { return };
        let now = Instant::now();
        let mut facts = self.facts();
        let Some(story) = facts.stories.get_mut(&about) else { return };
        if let Some(after) = after {
            let told = Visit { asked: plan.asked, answered: Some(now) };
            // Counted from before the answer: Herald reads it somewhat later.
            story.not_before = Some((plan.asked + after, told));
        } else if let Some(taken) = story.taken.iter_mut().find(|taken| taken.asked == plan.asked) {
            taken.answered = Some(now);
        }
    }

    /// Whether a delivery has come to its end: the receiver has it, or refused it for good.
    #[must_use]
    pub(super) fn is_over(&self, delivery: Delivery) -> bool {
        self.facts()
            .stories
            .get(&delivery)
            .is_some_and(|story| story.is_dead || !story.taken.is_empty())
    }
}

fn read(path: &str, body: &[u8]) -> Option<(usize, u32, Value)> {
    let provider = path.strip_prefix('/')?.parse().ok().filter(|number| *number < PROVIDERS)?;
    let value: Value = serde_json::from_slice(body).ok()?;
    Some((provider, events::number(&value)?, value))
}

fn example(found: &mut (u64, Vec<String>), what: impl FnOnce() -> String) {
    found.0 += 1;
    if found.1.len() < EXAMPLES {
        found.1.push(what());
    }
}
