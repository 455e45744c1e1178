//! `generic-hmac`: the whole event as JSON, to any HTTP endpoint, signed with the Secret's token.
//!
//! Knows what Flux sends to a webhook that checks a signature:
//! <https://fluxcd.io/flux/components/notification/providers/#generic-webhook-with-hmac>.

use herald_provider::{
    Action, Delivery, Description, Encoding, Failure, Fragment, Hash, Hmac, Module, Places, Plain,
    Provider, Purpose, Signed, event_request, module, place,
};

const KEY: &str = "token";
const NO_KEY: &str = "the HMAC key is empty: put it in the Secret of spec.secretRef under `token`";

struct GenericHmac;
module!(GenericHmac);

impl Module for GenericHmac {
    fn describe() -> Description {
        Description {
            secrets: vec![place("headers/*", Places::HEADER), place(KEY, Places::SIGNATURE)],
            ..Description::new(
                "The event as JSON with a signature, to any HTTP endpoint",
                Purpose::Forward,
            )
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = (!provider.has_secret(KEY)).then(|| NO_KEY.to_owned());
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if !delivery.provider.has_secret(KEY) {
            return Err(Failure::misconfigured(NO_KEY));
        }
        // Set after the user's headers, so that none of them can stand in for it.
        let request = event_request(&delivery)
            .with_header("x-signature", vec![Fragment::text("sha256="), signature()]);
        Ok(request.finish())
    }
}

/// Of the body, exactly as it is sent.
fn signature() -> Fragment {
    Fragment::Hmac(Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::Secret(KEY.to_owned())],
        message: vec![Signed::Body],
        encoding: Encoding::Hex,
    })
}

#[cfg(test)]
mod tests;
