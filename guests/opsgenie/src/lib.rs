//! `opsgenie`: an alert for each event and, if asked for, the close of an object's alerts when it is well again.
//!
//! Knows two calls of Opsgenie's Alert API: <https://docs.opsgenie.com/docs/alert-api>. Both answer 202, as what they ask
//! for is done later. An alert is known by its alias, which has the reason of the failure in it: which ones to close is
//! remembered.

mod body;
mod open;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, module, place,
};

use crate::open::Open;

const KEY: &str = "token";
const NO_KEY: &str = "there is no API key: put the key of an Opsgenie API integration in the Secret of spec.secretRef under `token`";

struct Opsgenie;
module!(Opsgenie);

impl Module for Opsgenie {
    fn describe() -> Description {
        Description {
            secrets: vec![place(KEY, Places::HEADER)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("An alert in Opsgenie", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let key = (!provider.has_secret(KEY)).then(|| NO_KEY.to_owned());
        provider.http_address_problem().into_iter().chain(key).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let Delivery { event, provider, responses, .. } = &delivery;
        if !provider.has_secret(KEY) {
            return Err(Failure::misconfigured(NO_KEY));
        }
        let alias = body::alias(event, &provider.uid);
        let create = || post(Url::address(), body::create(event, &alias));
        if provider.options()["closeOnRecovery"] != true {
            return Ok(create().finish());
        }
        let mut open = Open::read(delivery.remembered.as_deref());
        if event.is_error() {
            if responses.is_empty() {
                return Ok(create().ask());
            }
            open.add(&alias);
            return Ok(Action::delivered_remembering(open.to_text()));
        }
        if !event.is_recovery() {
            return Ok(Action::skipped("it is neither a failure nor the end of one"));
        }
        if open.aliases.is_empty() {
            return Ok(Action::skipped("no alert of this object is known to be open"));
        }
        // One after the other; after a failure all are closed anew, which does nothing to a closed one.
        Ok(match open.aliases.get(responses.len()) {
            Some(alias) => post(close_url(alias), body::close(event)).ask(),
            None => Action::delivered_remembering(String::new()),
        })
    }
}

fn close_url(alias: &str) -> Url {
    Url::new(Base::Address, [alias, "close"]).with_query("identifierType", "alias")
}

fn post(url: Url, body: String) -> Request {
    Request::post_json(url, body)
        .with_header("authorization", vec![Fragment::text("GenieKey "), Fragment::secret(KEY)])
}

#[cfg(test)]
mod tests;
