//! What a module with a permission may see of its Provider. The engine asks only for what was granted.

use std::borrow::Cow;
use std::sync::Arc;

use herald_core::address::Address;
use herald_core::provider::Provider;
use herald_engine::Disclosure;

use crate::egress::{Mask, WITHHELD};

struct Disclosed {
    provider: Arc<Provider>,
    mask: Arc<Mask>,
}

/// The disclosure of one Provider, and the mask for what its module says in logs and panics.
pub(crate) fn of(provider: &Arc<Provider>, mask: Arc<Mask>) -> Arc<dyn Disclosure> {
    Arc::new(Disclosed { provider: Arc::clone(provider), mask })
}

impl Disclosure for Disclosed {
    fn full_address(&self) -> Option<String> {
        // User and password are a part of it: the user of a Sentry DSN is its public key.
        self.provider.address.known().map(Address::with_userinfo)
    }

    fn secret_value(&self, key: &str) -> Option<String> {
        // What egress never places is not shown either.
        let value = self.provider.secret.get(key).filter(|_| !WITHHELD.contains(&key));
        value.map(|value| value.expose().to_owned())
    }

    fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.mask.lines(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{AddressSeen, fixture};

    /// Rule S2.
    #[test]
    fn a_module_is_not_shown_what_is_never_placed() {
        let secrets: Vec<(&str, &str)> =
            WITHHELD.iter().map(|key| (*key, "fake")).chain([("token", "fake")]).collect();
        let provider = Arc::new(fixture::provider("https://h.example/x", &secrets));
        let disclosed = of(&provider, Arc::new(Mask::new(&provider, AddressSeen::Origin)));
        for key in WITHHELD {
            assert_eq!(disclosed.secret_value(key), None, "{key}");
        }
        assert_eq!(disclosed.secret_value("token").as_deref(), Some("fake"));
    }
}
