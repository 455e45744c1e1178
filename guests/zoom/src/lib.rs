//! `zoom`: one message for each event, through Zoom's Incoming Webhook app.
//!
//! Knows the app's full format and its answers:
//! <https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0067640>.

mod answer;
mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose, Request,
    Url, module, place,
};

const TOKEN: &str = "token";
const NO_TOKEN: &str = "there is no verification token: put the connection's into the Secret of spec.secretRef under `token`";

struct Zoom;
module!(Zoom);

impl Module for Zoom {
    fn describe() -> Description {
        Description {
            secrets: vec![place(TOKEN, Places::HEADER)],
            ..Description::new("A message in a Zoom Team Chat channel", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let token = (!provider.has_secret(TOKEN)).then(|| NO_TOKEN.to_owned());
        provider.http_address_problem().into_iter().chain(token).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        if !delivery.provider.has_secret(TOKEN) {
            return Err(Failure::misconfigured(NO_TOKEN));
        }
        // The host leaves out the format where the address has one.
        let url = Url::address().with_query("format", "full");
        let request = Request::post_json(url, message::body(&delivery.event))
            .with_header("authorization", vec![Fragment::secret(TOKEN)]);
        Ok(request.ask_expecting(&answer::EXPECTED))
    }
}

#[cfg(test)]
mod tests;
