//! What is said: a card with a section for the message and one for the metadata.

use std::borrow::Cow;

use herald_provider::json::{Array, Object};
use herald_provider::metadata::{Fitting, Limits, fitting};
use herald_provider::{Event, Provider, html, json, text};

/// The longest body, in bytes: "The maximum message size, including the message contents, is 32,000 bytes"
/// (<https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>). JSON is never
/// shorter than what is counted.
const BODY_LIMIT: usize = 32_000;

/// The most widgets of a card; Google passes over all others
/// (<https://developers.google.com/workspace/chat/api/reference/rest/v1/cards#card>). One is the message.
const ENTRIES_LIMIT: usize = 100 - 1;

/// What a card takes besides its texts and entries.
const FRAME: usize = 512;

/// What an entry takes besides its texts; the longer one is that of the old form.
const ENTRY_FRAME: usize = 128;

/// The longest title and subtitle. A name has at most 253 characters, its namespace 63 and its kind 63.
const HEADER_LIMIT: usize = 400;

/// The longest key and value of the metadata, and what all of it may take from a long message. Google has no limits of
/// its own for them.
const KEY_LIMIT: usize = 128;
const VALUE_LIMIT: usize = 2_000;
const ENTRIES_LENGTH_LIMIT: usize = 8_000;

/// Room for the entry that stands for those left out: `…` and a count.
const MARK: usize = ENTRY_FRAME + 32;

/// Stands for an empty text, which Google refuses (<https://github.com/grafana/grafana/pull/23559>; of a key's value
/// its reference says "always required"): a space without width.
const NOTHING: &str = "\u{200b}";

/// The form of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// <https://developers.google.com/workspace/chat/api/reference/rest/v1/cards-v1>.
    Cards,
    /// <https://developers.google.com/workspace/chat/api/reference/rest/v1/cards>.
    CardsV2,
}

impl Format {
    /// What the Provider's owner chose, or else what Flux sends.
    pub(crate) fn of(provider: &Provider) -> Self {
        match provider.options()["format"].as_str() {
            Some("cardsV2") => Format::CardsV2,
            _ => Format::Cards,
        }
    }
}

/// The JSON body for this event.
pub(crate) fn body(event: &Event, format: Format) -> String {
    // Texts in the body of a card are read as HTML; header and JSON take them as they are.
    let length = html::quoted_length;
    let title = event.involved_object.lower_full_name();
    let title = text::cut(&title, HEADER_LIMIT, json::quoted_length);
    let subtitle = text::cut(&event.reporting_controller, HEADER_LIMIT, json::quoted_length);
    let room = BODY_LIMIT
        - FRAME
        - text::measure(&title, json::quoted_length)
        - text::measure(&subtitle, json::quoted_length);
    let beside_message = room.saturating_sub(text::measure(&event.message, length));
    let limits = Limits {
        entries: ENTRIES_LIMIT,
        key: KEY_LIMIT,
        value: VALUE_LIMIT,
        total: beside_message.max(ENTRIES_LENGTH_LIMIT),
        around: ENTRY_FRAME,
        mark: MARK,
    };
    let entries = fitting(&event.metadata, &limits, length);
    let message = text::cut(&event.message, room.saturating_sub(entries.length), length);
    let message = html::escape(&message);
    let message = if event.is_error() {
        Cow::Owned(["<font color=\"#ff0000\">", &message, "</font>"].concat())
    } else {
        message
    };
    let capacity = FRAME + title.len() + subtitle.len() + 2 * message.len() + 2 * entries.length;
    let card = Card { title: &title, subtitle: &subtitle, message: or_nothing(&message), entries };
    json::object(capacity, |o| match format {
        Format::Cards => card.write_cards(o),
        Format::CardsV2 => card.write_cards_v2(o),
    })
}

/// What a card says, cut to what fits. The message is HTML already.
struct Card<'a> {
    title: &'a str,
    subtitle: &'a str,
    message: &'a str,
    entries: Fitting<'a>,
}

impl Card<'_> {
    fn write_cards(&self, o: &mut Object<'_>) {
        o.array("cards", |a| {
            a.object(|o| {
                o.object("header", |o| {
                    o.text("title", self.title).text("subtitle", self.subtitle);
                    o.null("imageUrl").null("imageStyle");
                });
                o.array("sections", |a| {
                    a.object(|o| {
                        o.text("header", "");
                        o.array("widgets", |a| {
                            a.object(|o| {
                                o.object("textParagraph", |o| {
                                    o.text("text", self.message);
                                });
                                o.null("keyValue");
                            });
                        });
                    });
                    if !self.entries.entries.is_empty() {
                        a.object(|o| {
                            o.text("header", "");
                            o.array("widgets", |a| {
                                self.each_entry(|key, value| key_value(a, key, value));
                            });
                        });
                    }
                });
            });
        });
    }

    fn write_cards_v2(&self, o: &mut Object<'_>) {
        o.array("cardsV2", |a| {
            a.object(|o| {
                o.text("cardId", "event");
                o.object("card", |o| {
                    o.object("header", |o| {
                        o.text("title", self.title).text_unless_empty("subtitle", self.subtitle);
                    });
                    o.array("sections", |a| {
                        a.object(|o| {
                            o.array("widgets", |a| {
                                a.object(|o| {
                                    o.object("textParagraph", |o| {
                                        o.text("text", self.message);
                                    });
                                });
                            });
                        });
                        if !self.entries.entries.is_empty() {
                            a.object(|o| {
                                o.array("widgets", |a| {
                                    self.each_entry(|key, value| decorated_text(a, key, value));
                                });
                            });
                        }
                    });
                });
            });
        });
    }

    /// The entries and, where some are left out, the mark that says so.
    fn each_entry(&self, mut write: impl FnMut(&str, &str)) {
        for (key, value) in &self.entries.entries {
            write(key, value);
        }
        if let Some(rest) = self.entries.rest() {
            write("…", &rest);
        }
    }
}

fn key_value(widgets: &mut Array<'_>, key: &str, value: &str) {
    widgets.object(|o| {
        o.null("textParagraph");
        o.object("keyValue", |o| {
            o.text("topLabel", &html::escape(key));
            o.text("content", or_nothing(&html::escape(value)));
            o.boolean("contentMultiline", false).null("bottomLabel").null("icon");
        });
    });
}

/// The label of this widget is plain text.
fn decorated_text(widgets: &mut Array<'_>, key: &str, value: &str) {
    widgets.object(|o| {
        o.object("decoratedText", |o| {
            o.text("topLabel", key).text("text", or_nothing(&html::escape(value)));
            o.boolean("wrapText", true);
        });
    });
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { NOTHING } else { text }
}
