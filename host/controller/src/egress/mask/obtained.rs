//! Credentials that the host obtained for a provider while it runs: the newest of them are searched for like its own
//! secrets.

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use aho_corasick::AhoCorasick;
use herald_core::secret::SecretText;

/// The most that are searched for. A provider uses one or two at a time, and older ones have ended.
const MAX_OBTAINED: usize = 8;
/// What is shown for a token that was made from the clock.
const PROOF: &str = "(an RS256 JWT)";

#[derive(Default)]
pub(super) struct Obtained(RwLock<State>);

#[derive(Default)]
struct State {
    newest: VecDeque<(SecretText, bool)>,
    finder: Option<Arc<AhoCorasick>>,
}

impl Obtained {
    /// Adds a value, if it is not there; the oldest one goes.
    pub(super) fn add(&self, value: &SecretText, is_proof: bool) {
        let has = |state: &State| state.newest.iter().any(|(known, _)| known == value);
        if has(&self.0.read().expect("no holder of this lock panics")) {
            return;
        }
        let mut state = self.0.write().expect("no holder of this lock panics");
        if has(&state) {
            return;
        }
        if state.newest.len() >= MAX_OBTAINED {
            state.newest.pop_front();
        }
        state.newest.push_back((value.clone(), is_proof));
        let finder = super::finder(state.newest.iter().map(|(value, _)| value.expose().as_bytes()));
        state.finder = finder.map(Arc::new);
    }

    /// What finds them.
    pub(super) fn finder(&self) -> Option<Arc<AhoCorasick>> {
        self.0.read().expect("no holder of this lock panics").finder.clone()
    }

    /// The text with a name in place of each proof.
    pub(super) fn name_proofs(&self, text: &str) -> String {
        let state = self.0.read().expect("no holder of this lock panics");
        let proofs = state.newest.iter().filter(|(_, is_proof)| *is_proof);
        proofs.fold(text.to_owned(), |text, (proof, _)| text.replace(proof.expose(), PROOF))
    }
}
