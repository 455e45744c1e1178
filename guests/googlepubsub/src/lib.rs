//! `googlepubsub`: the whole event as JSON, to a topic of Google Cloud Pub/Sub.
//!
//! Knows one call of its REST API: <https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish>.
//! Tokens are the host's to obtain.

mod message;

use herald_provider::{
    Action, Address, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider,
    Purpose, Request, Response, Url, module, place,
};

/// For people.
const NAME: &str = "Pub/Sub";

/// The token that the host obtains.
const IDENTITY: &str = "google";

/// Where topics are, unless the user names another place.
const ENDPOINT: &str = "pubsub.googleapis.com";

/// Locational endpoints, such as `europe-west1-pubsub.googleapis.com`
/// (<https://cloud.google.com/pubsub/docs/reference/service_apis_overview>).
const LOCATIONS: &str = "*.googleapis.com";

struct GooglePubSub;
module!(GooglePubSub);

impl Module for GooglePubSub {
    fn describe() -> Description {
        Description {
            hosts: vec![ENDPOINT.to_owned(), LOCATIONS.to_owned()],
            secrets: vec![place("headers/*", Places::BODY)],
            credentials: vec![IDENTITY.to_owned()],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("The event as JSON, to a topic of Pub/Sub", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let problems = [project(provider).err(), topic_problem(&provider.channel)];
        problems.into_iter().flatten().chain(message::attribute_problems(provider)).collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        match delivery.responses.as_slice() {
            [] => publish(&delivery),
            [.., answer] if has_id(answer) => Ok(Action::delivered()),
            [..] => Err(Failure::foreign_answer(NAME)),
        }
    }
}

fn publish(delivery: &Delivery) -> Result<Action, Failure> {
    let provider = &delivery.provider;
    let problems = GooglePubSub::check(provider);
    if !problems.is_empty() {
        return Err(Failure::misconfigured(problems.join("; ")));
    }
    let project = project(provider).map_err(Failure::misconfigured)?;
    let options = provider.options();
    let endpoint = options["endpoint"].as_str().unwrap_or(ENDPOINT);
    let topic = [provider.channel.trim(), ":publish"].concat();
    let url = Url::new(
        Base::Site(["https://", endpoint].concat()),
        ["v1", "projects", project, "topics", &topic],
    );
    let body = message::body(delivery, options["ordering"] == "object");
    let request = Request { body, ..Request::post_json(url, String::new()) }
        .with_header("authorization", vec![Fragment::Authorization(IDENTITY.to_owned())]);
    Ok(request.ask())
}

/// The project that the topic is in.
fn project(provider: &Provider) -> Result<&str, String> {
    const CHANGE: &str = "set spec.address, or `address` in the Secret, to the id of the project, such as my-project";
    let wrong = match &provider.address {
        Some(Address::Name(project)) => return Ok(project),
        Some(Address::Url(_)) => "the address is a URL",
        None => "there is no project",
    };
    Err([wrong, ": ", CHANGE].concat())
}

/// A topic has letters, digits and a few marks: <https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names>.
fn topic_problem(channel: &str) -> Option<String> {
    let topic = channel.trim();
    let is_in_topic = |c: char| c.is_ascii_alphanumeric() || "-_.~+%".contains(c);
    let problem = if topic.is_empty() {
        "there is no topic: set spec.channel to its id, such as flux-events"
    } else if !topic.chars().all(is_in_topic) {
        "spec.channel is no topic's id: set it to the last part of the topic's name, such as flux-events for projects/my-project/topics/flux-events"
    } else {
        return None;
    };
    Some(problem.to_owned())
}

/// Whether Pub/Sub gave the message an id, which it does once the message is kept.
fn has_id(answer: &Response) -> bool {
    let answer = answer.json().unwrap_or_default();
    answer["messageIds"][0].as_str().is_some_and(|id| !id.is_empty())
}

#[cfg(test)]
mod tests;
