//! The masks of Providers: making one costs more than an attempt, so each is kept until its Provider changes.
//!
//! A mask learns what the host obtains for its Provider, so all who work with the Provider as it was at one time get the
//! same one, also when it has changed since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use herald_core::provider::Provider;

use crate::egress::{AddressSeen, Mask};

/// Masks by the namespace and name of their Providers.
#[derive(Default)]
pub(super) struct Masks(Mutex<HashMap<(String, String), Kept>>);

/// What a mask was made for: the Provider with its Secrets, and what its module may see.
type MadeFor = (u64, AddressSeen);

#[derive(Default)]
struct Kept {
    /// The last one that was made stays.
    last: Option<Arc<Mask>>,
    /// All that somebody has.
    all: Vec<(MadeFor, Weak<Mask>)>,
}

impl Masks {
    /// The mask of a Provider as it is now.
    pub(super) fn of(&self, provider: &Provider, seen: AddressSeen) -> Arc<Mask> {
        let made_for = (provider.generation, seen);
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        let kept = kept.entry((provider.namespace.clone(), provider.name.clone())).or_default();
        let same = kept.all.iter().find(|(other, _)| *other == made_for);
        if let Some(mask) = same.and_then(|(_, mask)| mask.upgrade()) {
            return mask;
        }
        let mask = Arc::new(Mask::new(provider, seen));
        kept.last = Some(Arc::clone(&mask));
        kept.all.retain(|(_, mask)| mask.strong_count() > 0);
        kept.all.push((made_for, Arc::downgrade(&mask)));
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::fixture;

    #[test]
    fn who_works_with_the_same_provider_has_the_same_mask() {
        let masks = Masks::default();
        let at = |generation| {
            let mut provider = fixture::provider("https://h.example/x", &[]);
            provider.generation = generation;
            masks.of(&provider, AddressSeen::Origin)
        };
        let first = at(1);
        let second = at(2);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&first, &at(1)), "one that is in use stays");
        assert!(Arc::ptr_eq(&second, &at(2)));
        let before = Arc::downgrade(&second);
        drop((first, second));
        assert!(before.ptr_eq(&Arc::downgrade(&at(2))), "the last one stays");
    }
}
