//! What a module with a permission may see of its Provider. The engine asks only for what was granted.

use std::borrow::Cow;
use std::sync::Arc;

use herald_core::address;
use herald_core::provider::Provider;
use herald_core::secret::SecretValues;
use herald_engine::Disclosure;

use crate::egress::Mask;

struct Disclosed {
    address: Option<String>,
    secret: SecretValues,
    mask: Arc<Mask>,
}

/// The disclosure of one Provider, and the mask for what its module says in logs and panics.
pub(crate) fn of(provider: &Provider, mask: Arc<Mask>) -> Arc<dyn Disclosure> {
    let address = address::parse(&provider.address).ok().flatten().map(|address| address.full());
    Arc::new(Disclosed { address, secret: provider.secret.clone(), mask })
}

impl Disclosure for Disclosed {
    fn full_address(&self) -> Option<String> {
        self.address.clone()
    }

    fn secret_value(&self, key: &str) -> Option<String> {
        self.secret.get(key).map(|value| value.expose().to_owned())
    }

    fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.mask.lines(text)
    }
}
