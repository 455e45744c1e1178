//! From the host's words to the interface's: texts are borrowed, and only lists of pairs are built anew.

use herald_core::event::{ObjectReference, rfc3339_seconds};
use herald_core::formatter::{AlertRef, Delivery, ProviderAddress, ProviderView};

use super::formatter as wit;

/// Borrowed pairs, as the interface wants them.
type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// What of a delivery has to be built before it can be borrowed.
pub(super) struct Parts<'a> {
    delivery: &'a Delivery,
    now: String,
    timestamp: Option<String>,
    metadata: Pairs<'a>,
    secret_keys: Vec<&'a str>,
    headers: Vec<Pairs<'a>>,
    facts: Pairs<'a>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        let event = &delivery.event;
        Self {
            now: rfc3339_seconds(delivery.now),
            timestamp: event.timestamp.map(rfc3339_seconds),
            metadata: event
                .metadata
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            secret_keys: texts(&delivery.provider.secret_keys),
            headers: delivery.responses.iter().map(|response| pairs(&response.headers)).collect(),
            facts: pairs(&delivery.facts),
            delivery,
        }
    }

    /// The answers so far, whose headers these parts hold.
    pub(super) fn responses(&self) -> Vec<wit::Response<'_>> {
        let answers = self.delivery.responses.iter().zip(&self.headers);
        answers
            .map(|(response, headers)| wit::Response {
                status: response.status,
                headers,
                body: &response.body,
            })
            .collect()
    }

    pub(super) fn delivery<'b>(&'b self, responses: &'b [wit::Response<'b>]) -> wit::Delivery<'b> {
        let Delivery { id, now, event, alert, provider: to, commit_status, remembered, .. } =
            self.delivery;
        wit::Delivery {
            id: id.as_str(),
            now: wit::Timestamp { seconds: now.as_second(), rfc3339: &self.now },
            event: wit::Event {
                involved_object: reference(&event.involved_object),
                severity: &event.severity,
                timestamp: event
                    .timestamp
                    .zip(self.timestamp.as_deref())
                    .map(|(at, rfc3339)| wit::Timestamp { seconds: at.as_second(), rfc3339 }),
                message: &event.message,
                reason: &event.reason,
                metadata: &self.metadata,
                reporting_controller: &event.reporting_controller,
                reporting_instance: &event.reporting_instance,
            },
            alert: self::alert(alert),
            provider: provider(to, &self.secret_keys),
            commit_status: commit_status.as_deref(),
            remembered: remembered.as_deref(),
            responses,
            facts: &self.facts,
        }
    }
}

pub(super) fn provider<'a>(
    view: &'a ProviderView,
    secret_keys: &'a [&'a str],
) -> wit::Provider<'a> {
    wit::Provider {
        namespace: &view.namespace,
        name: &view.name,
        uid: &view.uid,
        channel: &view.channel,
        username: &view.username,
        address: view.address.as_ref().map(|address| match address {
            ProviderAddress::Url(origin) => wit::Address::Url(wit::Origin {
                scheme: &origin.scheme,
                host: &origin.host,
                port: origin.port,
            }),
            ProviderAddress::Name(name) => wit::Address::Name(name),
        }),
        secret_keys,
        config: &view.config,
    }
}

fn reference(object: &ObjectReference) -> wit::ObjectReference<'_> {
    wit::ObjectReference {
        api_version: &object.api_version,
        kind: &object.kind,
        namespace: &object.namespace,
        name: &object.name,
        uid: &object.uid,
        resource_version: &object.resource_version,
        field_path: &object.field_path,
    }
}

fn alert(alert: &AlertRef) -> wit::Alert<'_> {
    wit::Alert { namespace: &alert.namespace, name: &alert.name, uid: &alert.uid }
}

fn pairs(pairs: &[(String, String)]) -> Pairs<'_> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

pub(super) fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}
