//! What is wrong with a Provider as far as its object and its Secrets show it, and under which reason that stands.
//!
//! It must not know how an object is read.

use super::SecretState;
use crate::catalog::ProviderKey as Key;
use crate::sources::Mistake;
use crate::sources::cluster::verdict::{Reason, Verdict};

/// A Secret that cannot be had beats what its absence leads to.
pub(super) fn fault_of_states(states: &[(&Key, &SecretState)]) -> Option<Verdict> {
    let of = |reason, say: &dyn Fn(&Key, &SecretState) -> Option<String>| {
        let problems: Vec<String> =
            states.iter().filter_map(|(key, state)| say(key, state)).collect();
        (!problems.is_empty()).then(|| Verdict::of_problems(reason, &problems))
    };
    of(Reason::SecretUnreadable, &|key, state| match state {
        SecretState::Unreadable(why) => Some(format!("Secret {key} cannot be read: {why}")),
        SecretState::Unread | SecretState::Absent | SecretState::Known { .. } => None,
    })
    .or_else(|| {
        of(Reason::SecretNotFound, &|key, state| match state {
            SecretState::Absent => {
                Some(format!("there is no Secret {key}; add it or correct the name"))
            }
            SecretState::Unread | SecretState::Unreadable(_) | SecretState::Known { .. } => None,
        })
    })
    .or_else(|| {
        of(Reason::Progressing, &|key, state| match state {
            SecretState::Unread => Some(format!("Secret {key} was not read yet")),
            SecretState::Absent | SecretState::Unreadable(_) | SecretState::Known { .. } => None,
        })
    })
}

/// What wiring found: in a Secret, or in how the Provider's own fields go together.
pub(super) fn fault_of_mistakes(mistakes: &[Mistake]) -> Option<Verdict> {
    let is_of_secret = |mistake: &Mistake| {
        mistake.object.starts_with("Secret ") || mistake.field.ends_with("SecretRef.name")
    };
    let faults: Vec<&Mistake> = mistakes.iter().filter(|mistake| !mistake.tolerated).collect();
    let reason = if faults.iter().any(|mistake| is_of_secret(mistake)) {
        Reason::InvalidSecret
    } else {
        Reason::InvalidSpec
    };
    let problems: Vec<String> = faults
        .iter()
        .map(|mistake| match mistake.object.strip_prefix("Secret ") {
            Some(name) => format!("Secret {name}: {}", text(mistake)),
            None => text(mistake),
        })
        .collect();
    (!problems.is_empty()).then(|| Verdict::of_problems(reason, &problems))
}

pub(super) fn texts(mistakes: &[Mistake]) -> Vec<String> {
    mistakes.iter().map(text).collect()
}

fn text(mistake: &Mistake) -> String {
    if mistake.field.is_empty() {
        mistake.message.clone()
    } else {
        format!("{}: {}", mistake.field, mistake.message)
    }
}
