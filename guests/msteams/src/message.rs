//! What is said, in the two forms that Teams takes.

use herald_provider::json::Array;
use herald_provider::metadata::{Fitting, Limits, fitting};
use herald_provider::{Event, Provider, json, text};

/// The longest body with an adaptive card, in bytes. Teams takes 28 KB
/// (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>), but
/// counts what it makes of the card: a request of 24,453 bytes was refused for 28,897
/// (<https://github.com/MicrosoftDocs/msteams-docs/issues/11274>). A workflow refuses only after it has answered 202,
/// so that nobody would hear of it: better to be well below.
const ADAPTIVE_CARD_LIMIT: usize = 20_000;

/// The longest body with a message card, in bytes. Connectors seem to count the same 28 KB in UTF-16: there is
/// trouble reported with 15,553 bytes (<https://github.com/MicrosoftDocs/msteams-docs/issues/2574>).
const MESSAGE_CARD_LIMIT: usize = 14_000;

/// What a card takes besides its texts and facts; the longer one is the adaptive card.
const FRAME: usize = 512;

/// What a fact takes besides its texts: `{"title":"","value":""},`.
const FACT_FRAME: usize = 24;

/// The longest name of the object. A name has at most 253 characters, its namespace 63 and its kind 63.
const OBJECT_LIMIT: usize = 400;

/// The longest key and value of the metadata, and what all of it may take from a long message. Teams has no limits of
/// its own for them.
const KEY_LIMIT: usize = 128;
const VALUE_LIMIT: usize = 2_000;
const FACTS_LIMIT: usize = 5_000;

/// Room for the fact that stands for those left out: `…` and a count.
const MARK: usize = FACT_FRAME + 32;

/// The form of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// What connectors were made for.
    MessageCard,
    /// What workflows take, and connectors too.
    AdaptiveCard {
        /// The version of the form.
        version: String,
    },
}

impl Format {
    /// What the Provider's owner chose, or else what Flux takes for such an address.
    pub(crate) fn of(provider: &Provider, is_connector: bool) -> Self {
        let options = provider.options();
        match options["format"].as_str() {
            Some("messageCard") => Format::MessageCard,
            Some("adaptiveCard") => Format::adaptive_card(options["cardVersion"].as_str()),
            _ if is_connector => Format::MessageCard,
            _ => Format::adaptive_card(options["cardVersion"].as_str()),
        }
    }

    fn adaptive_card(version: Option<&str>) -> Self {
        Format::AdaptiveCard { version: version.unwrap_or("1.4").to_owned() }
    }
}

/// The JSON body for this event.
pub(crate) fn body(mut event: Event, format: &Format) -> String {
    let limit = match format {
        Format::MessageCard => MESSAGE_CARD_LIMIT,
        Format::AdaptiveCard { .. } => {
            summary_first(&mut event.metadata);
            ADAPTIVE_CARD_LIMIT
        }
    };
    let length = json::quoted_length;
    let object = event.involved_object.lower_full_name();
    let object = text::cut(&object, OBJECT_LIMIT, length);
    // A message card names the object twice.
    let room = limit - FRAME - 2 * text::measure(&object, length);
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: usize::MAX,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(FACTS_LIMIT),
        around: FACT_FRAME,
        mark: MARK,
    };
    let facts = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(facts.length), length);
    let card = Card { is_error: event.is_error(), object: &object, message: &message, facts };
    match format {
        Format::MessageCard => card.message_card(),
        Format::AdaptiveCard { version } => card.adaptive_card(version),
    }
}

/// The Alert's summary is the first fact of an adaptive card, as in Flux.
fn summary_first(metadata: &mut [(String, String)]) {
    let at = metadata.iter().position(|(key, _)| key == "summary");
    if let Some(until) = at.and_then(|at| metadata.get_mut(..=at)) {
        until.rotate_right(1);
    }
}

/// What a card says, cut to what fits.
struct Card<'a> {
    is_error: bool,
    object: &'a str,
    message: &'a str,
    facts: Fitting<'a>,
}

impl Card<'_> {
    /// <https://learn.microsoft.com/outlook/actionable-messages/message-card-reference>.
    fn message_card(&self) -> String {
        json::object(self.capacity(), |o| {
            o.text("@type", "MessageCard").text("@context", "http://schema.org/extensions");
            o.text("themeColor", if self.is_error { "FF0000" } else { "0076D7" });
            o.text("summary", self.object);
            o.array("sections", |a| {
                a.object(|o| {
                    o.text("activityTitle", self.message).text("activitySubtitle", self.object);
                    o.array("facts", |a| self.facts(a, "name"));
                });
            });
        })
    }

    /// <https://learn.microsoft.com/adaptive-cards/schema-explorer/adaptive-card>, in the envelope of a webhook.
    fn adaptive_card(&self, version: &str) -> String {
        json::object(self.capacity(), |o| {
            o.text("type", "message");
            o.array("attachments", |a| {
                a.object(|o| {
                    o.text("contentType", "application/vnd.microsoft.card.adaptive");
                    o.object("content", |o| {
                        o.text("$schema", "http://adaptivecards.io/schemas/adaptive-card.json")
                            .text("type", "AdaptiveCard")
                            .text("version", version);
                        o.array("body", |a| {
                            a.object(|o| {
                                o.text("type", "Container");
                                o.array("items", |a| self.items(a));
                            });
                        });
                        o.object("msteams", |o| {
                            o.text("width", "Full");
                        });
                    });
                });
            });
        })
    }

    /// A block without its text, or a set without facts, would make the card invalid: they are left out.
    fn items(&self, items: &mut Array<'_>) {
        items.object(|o| {
            o.text("type", "TextBlock").text("text", self.object);
            o.text("size", "large").text("weight", "bolder").boolean("wrap", true);
        });
        if !self.message.is_empty() {
            items.object(|o| {
                o.text("type", "TextBlock").text("text", self.message);
                if self.is_error {
                    o.text("color", "attention");
                }
                o.boolean("wrap", true);
            });
        }
        if !self.facts.entries.is_empty() {
            items.object(|o| {
                o.text("type", "FactSet");
                o.array("facts", |a| self.facts(a, "title"));
            });
        }
    }

    /// The facts; `name` is the name of their names.
    fn facts(&self, facts: &mut Array<'_>, name: &str) {
        for (key, value) in &self.facts.entries {
            facts.object(|o| {
                o.text(name, key).text("value", value);
            });
        }
        if let Some(rest) = self.facts.rest() {
            facts.object(|o| {
                o.text(name, "…").text("value", &rest);
            });
        }
    }

    fn capacity(&self) -> usize {
        FRAME + 2 * self.object.len() + 2 * self.message.len() + self.facts.length
    }
}
