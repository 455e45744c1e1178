//! `matrix`: one message for each event, in a room of a Matrix homeserver.
//!
//! Knows two calls of the Client-Server API, <https://spec.matrix.org/latest/client-server-api/>: the directory, which
//! gives the id of a room for its alias, and the sending of a message.

mod answer;
mod message;
mod room;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Module, Places, Provider, Purpose, Request, Url,
    bearer, json, module, place,
};

use crate::message::Form;
use crate::room::Room;

const TOKEN: &str = "token";
const NO_TOKEN: &str = "there is no access token: put it in the Secret of spec.secretRef under `token`, and invite its user into the room";

struct Matrix;
module!(Matrix);

impl Module for Matrix {
    fn describe() -> Description {
        Description {
            secrets: vec![place(TOKEN, Places::HEADER)],
            config_schema: include_str!("config-schema.json").to_owned(),
            ..Description::new("A message in a Matrix room", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        let token = (!provider.has_secret(TOKEN)).then(|| NO_TOKEN.to_owned());
        let room = Room::parse(&provider.channel).err().map(str::to_owned);
        provider.http_address_problem().into_iter().chain(room).chain(token).collect()
    }

    /// Asks for the room's id where spec.channel is an alias, sends, and reads what the server says.
    fn next(delivery: Delivery) -> Result<Action, Failure> {
        let provider = &delivery.provider;
        if !provider.has_secret(TOKEN) {
            return Err(Failure::misconfigured(NO_TOKEN));
        }
        match (Room::parse(&provider.channel), delivery.responses.as_slice()) {
            (Err(why), _) => Err(Failure::misconfigured(why)),
            (Ok(Room::Id(id)), []) => Ok(send(&delivery, id)),
            (Ok(Room::Alias(alias)), []) => {
                let request = Request::get(api(["directory", "room", alias]));
                Ok(ask(request))
            }
            (Ok(Room::Alias(_)), [found]) => Ok(send(&delivery, &answer::room(found)?)),
            (Ok(_), [.., sent]) => answer::judge(sent),
        }
    }
}

/// The message as a request of its own transaction.
///
/// A server sends once what it is asked to send twice under one transaction id. Flux takes a hash of the event; the
/// delivery's id is as stable over the attempts, and also tells deliveries of two Alerts apart, which a hash would make
/// one message.
fn send(delivery: &Delivery, room: &str) -> Action {
    let form = Form::of(&delivery.provider.options());
    let body = json::object(256 + 2 * delivery.event.message.len(), |o| {
        message::write(o, &delivery.event, form);
    });
    let url = api(["rooms", room, "send", "m.room.message", &delivery.id]);
    ask(Request { method: "PUT".to_owned(), ..Request::post_json(url, body) })
}

fn ask(request: Request) -> Action {
    request.with_header("authorization", bearer(TOKEN)).ask_expecting(&answer::EXPECTED)
}

/// A resource of the API. Servers keep `r0` for what the specification has called `v3` since its version 1.1.
fn api<'a>(resource: impl IntoIterator<Item = &'a str>) -> Url {
    Url::new(Base::Address, ["_matrix", "client", "r0"].into_iter().chain(resource))
}

#[cfg(test)]
mod tests;
