//! The masks of Providers: making one costs more than an attempt, so each is kept until its Provider changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use herald_core::provider::Provider;

use crate::egress::{AddressSeen, Mask};

/// Masks by the namespace and name of their Providers.
#[derive(Default)]
pub(super) struct Masks(Mutex<HashMap<(String, String), Kept>>);

struct Kept {
    /// What the mask was made for: the Provider with its Secrets, and what its module may see.
    made_for: (u64, AddressSeen),
    mask: Arc<Mask>,
}

impl Masks {
    /// The mask of a Provider as it is now.
    pub(super) fn of(&self, provider: &Provider, seen: AddressSeen) -> Arc<Mask> {
        let made_for = (provider.generation, seen);
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        let key = (provider.namespace.clone(), provider.name.clone());
        if let Some(kept) = kept.get(&key).filter(|kept| kept.made_for == made_for) {
            return Arc::clone(&kept.mask);
        }
        let mask = Arc::new(Mask::new(provider, seen));
        kept.insert(key, Kept { made_for, mask: Arc::clone(&mask) });
        mask
    }
}
