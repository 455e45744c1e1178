//! `azureeventhub`: the whole event as JSON, to an event hub of Azure.
//!
//! Knows one call of the REST API of Event Hubs: <https://learn.microsoft.com/en-us/rest/api/eventhub/send-event>. Keys
//! and identities are the host's: it signs for a connection string, and obtains tokens of Microsoft Entra.

mod hub;

use herald_provider::json::Value;
use herald_provider::{
    Action, Delivery, Description, Event, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, event_json_within, hash, json, module, place,
};

use crate::hub::{Hub, SUFFIXES};

/// For people.
const NAME: &str = "Event Hubs";

/// What the host signs with a connection string's key, or obtains for an identity.
const IDENTITY: &str = "azure-event-hubs";

/// The host's word for the cloud that identities of its environment belong to.
const AUTHORITY: &str = "azure-authority-host";

/// The one version that there is (<https://learn.microsoft.com/en-us/rest/api/eventhub/event-hubs-runtime-rest>).
const API_VERSION: &str = "2014-01";

/// What the same page asks for, whatever the body is.
const CONTENT_TYPE: &str = "application/atom+xml;type=entry;charset=utf-8";

/// The longest event with its properties, by the namespace's tier
/// (<https://learn.microsoft.com/en-us/azure/event-hubs/event-hubs-quotas>, "Maximum size of Event Hubs publication").
const BASIC_LIMIT: usize = 256 << 10;
const STANDARD_LIMIT: usize = 1 << 20;

/// What is left of it to properties, Herald's own and those that Event Hubs makes of headers. The page does not say how
/// they are counted.
const PROPERTIES: usize = 4 << 10;

/// By this property a consumer can tell that it has the event already, after a second attempt whose first one had
/// arrived: <https://learn.microsoft.com/en-us/rest/api/eventhub/send-event>, "UserProperties".
const DELIVERY_ID: &str = "herald-delivery-id";

struct AzureEventHub;
module!(AzureEventHub);

impl Module for AzureEventHub {
    fn describe() -> Description {
        Description {
            hosts: SUFFIXES.iter().map(|suffix| ["*", suffix].concat()).collect(),
            secrets: vec![place("token", Places::HEADER)],
            credentials: vec![IDENTITY.to_owned()],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("The event as JSON, to an event hub of Azure", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        Hub::of(provider, "").err().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        match delivery.responses.as_slice() {
            [] => send(&delivery),
            // Nothing else is said of an event that was taken, so a page with status 200 is none of Event Hubs.
            [.., answer] if answer.status == 201 => Ok(Action::delivered()),
            [..] => Err(Failure::foreign_answer(NAME)),
        }
    }
}

fn send(delivery: &Delivery) -> Result<Action, Failure> {
    let authority = delivery.facts.iter().find(|(name, _)| name == AUTHORITY);
    let authority = authority.map_or("", |(_, host)| host.as_str());
    let hub = Hub::of(&delivery.provider, authority).map_err(Failure::misconfigured)?;
    let options = delivery.provider.options();
    let url = hub.messages().with_query("api-version", API_VERSION);
    let mut request = Request::post_json(url, body(&delivery.event, &options))
        .with_header("content-type", vec![Fragment::text(CONTENT_TYPE)])
        .with_header("authorization", hub.authorization())
        .with_header(DELIVERY_ID, vec![Fragment::text(&delivery.id)]);
    if options["ordering"] == "object" {
        let properties = broker_properties(&delivery.event);
        request = request.with_header("brokerproperties", vec![Fragment::Text(properties)]);
    }
    Ok(request.ask())
}

fn body(event: &Event, options: &Value) -> String {
    let limit = if options["tier"] == "standard" { STANDARD_LIMIT } else { BASIC_LIMIT };
    event_json_within(event, limit - PROPERTIES)
}

/// What sends all events of one object to one partition. A key has at most 128 characters
/// (<https://learn.microsoft.com/en-us/azure/event-hubs/event-hubs-features>), and a header only some of them, so it is
/// the digest of the object's name.
fn broker_properties(event: &Event) -> String {
    json::object(64, |o| {
        o.text("PartitionKey", &hash::sha1_hex(&event.involved_object.full_name()));
    })
}

#[cfg(test)]
mod tests;
