//! Signatures as Standard Webhooks has them: of the message's id, the time and the body.

use herald_provider::{Delivery, Encoding, Fragment, Hash, Hmac, Plain, Provider, Request, Signed};

/// The key of the Secret that requests are signed with.
pub(crate) const KEY: &str = "signingKey";

const NO_KEY: &str = "spec.config.signing is standard-webhooks: put the key that begins with whsec_ in the Secret of \
    spec.secretRef under `signingKey`";

/// Whether the Provider's requests are to be signed.
pub(crate) fn is_asked_for(provider: &Provider) -> bool {
    provider.options()["signing"] == "standard-webhooks"
}

/// What is wrong where requests are to be signed and there is no key.
pub(crate) fn missing_key(provider: &Provider) -> Option<String> {
    (is_asked_for(provider) && !provider.has_secret(KEY)).then(|| NO_KEY.to_owned())
}

/// The request with its signature.
pub(crate) fn sign(request: Request, delivery: &Delivery) -> Request {
    // The id is the same for every attempt, the time that of this one.
    let (id, time) = (delivery.id.as_str(), delivery.now.seconds.to_string());
    let signature = Hmac {
        hash: Hash::Sha256,
        key: vec![Plain::SecretBytes(KEY.to_owned())],
        message: vec![Signed::Text([id, ".", &time, "."].concat()), Signed::Body],
        encoding: Encoding::Base64,
    };
    request
        .with_header("webhook-id", vec![Fragment::text(id)])
        .with_header("webhook-timestamp", vec![Fragment::Text(time)])
        .with_header("webhook-signature", vec![Fragment::text("v1,"), Fragment::Hmac(signature)])
}
