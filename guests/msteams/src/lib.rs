//! `msteams`: one card for each event, to a workflow's webhook or to an old connector.
//!
//! Knows the two forms of a card, and which addresses lead to a connector:
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>.

mod answer;
mod message;

use herald_provider::{
    Action, Delivery, Description, Failure, Module, Provider, Purpose, Request, Url, module,
};

use message::Format;

struct MsTeams;
module!(MsTeams);

impl Module for MsTeams {
    fn describe() -> Description {
        Description {
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A card in a Microsoft Teams channel", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let is_connector = is_connector(&delivery.provider);
        if let Some(response) = delivery.responses.last() {
            return if is_connector {
                answer::of_connector(response)
            } else {
                answer::of_workflow(response)
            };
        }
        let body = message::body(delivery.event, &Format::of(&delivery.provider, is_connector));
        let request = Request::post_json(Url::address(), body);
        Ok(if is_connector {
            request.ask()
        } else {
            request.ask_expecting(&answer::EXPECTED_OF_WORKFLOW)
        })
    }
}

/// Whether the address leads to an Office 365 connector, by the rule of Flux. Workflows are at
/// `*.environment.api.powerplatform.com`, and were at `*.logic.azure.com`.
fn is_connector(provider: &Provider) -> bool {
    provider.origin().is_some_and(|origin| {
        let host = origin.host.strip_suffix('.').unwrap_or(&origin.host);
        host.ends_with(".webhook.office.com")
    })
}

#[cfg(test)]
mod tests;
