//! `sentry`: an error event for a failure, a transaction for good news.
//!
//! Knows Sentry's envelopes: <https://develop.sentry.dev/sdk/foundations/envelopes/>. It needs the whole address, which is
//! a DSN: its user is the public key, its path names the project.

mod answer;
mod dsn;
mod envelope;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Provider, Purpose, Request,
    Url, full_address, module,
};

use crate::dsn::Dsn;

struct Sentry;
module!(Sentry);

impl Module for Sentry {
    fn describe() -> Description {
        Description::new("An error or a transaction in Sentry", Purpose::Message)
    }

    fn check(provider: &Provider) -> Vec<String> {
        check(provider, full_address::get().as_deref())
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        next(&delivery, full_address::get().as_deref())
    }
}

fn check(provider: &Provider, address: Option<&str>) -> Vec<String> {
    Dsn::find(provider, address).err().into_iter().collect()
}

fn next(delivery: &Delivery, address: Option<&str>) -> Result<Action, Failure> {
    if let Some(response) = delivery.responses.last() {
        return answer::judge(response, delivery);
    }
    let dsn = Dsn::find(&delivery.provider, address).map_err(Failure::misconfigured)?;
    let Some(body) = envelope::body(delivery, &dsn) else {
        let severity = &delivery.event.severity;
        let why = ["severity ", severity, ": Sentry is told of info and error"].concat();
        return Ok(Action::skipped(&why));
    };
    let path = dsn.path.iter().copied().chain(["api", dsn.project, "envelope", ""]);
    let request = Request {
        method: "POST".to_owned(),
        url: Url::new(Base::Origin, path),
        headers: Vec::new(),
        body: vec![Fragment::Text(body)],
    };
    let authorization =
        dsn.authorization(&[envelope::SDK_NAME, "/", envelope::SDK_VERSION].concat());
    Ok(request
        .with_header("content-type", vec![Fragment::text("application/x-sentry-envelope")])
        .with_header("x-sentry-auth", vec![Fragment::Text(authorization)])
        // How long to wait stands in a header of Sentry's own.
        .ask_expecting(&[429]))
}

#[cfg(test)]
mod tests;
