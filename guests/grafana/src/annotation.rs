//! The annotation: the object as its text, the rest as tags.

use herald_provider::json::quoted_length;
use herald_provider::metadata::{Limits, fitting};
use herald_provider::{Delivery, json, text};

/// The most that all tags take as a JSON list, in bytes. Grafana refuses an annotation beyond it
/// (<https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/#tags_length>: 500 unless configured).
const TAGS_LIMIT: usize = 500;

/// The longest name and value of a tag: two columns of Grafana's database, which the larger databases enforce with an
/// error 500 (`pkg/services/sqlstore/migrations/tag_mig.go` in <https://github.com/grafana/grafana>). Grafana counts
/// characters there and bytes in the list; bytes are enough for both.
const TAG_LIMIT: usize = 100;

/// What the list has besides its tags, and a tag besides its text.
const AROUND_LIST: usize = "[".len();
const AROUND_TAG: usize = "\"\",".len();

/// The JSON body for this event.
pub(crate) fn body(delivery: &Delivery) -> String {
    let event = &delivery.event;
    let text = event.involved_object.lower_full_name();
    // A time before 1970 is that of no event.
    let timestamp = event.timestamp.as_ref().filter(|timestamp| timestamp.seconds > 0);
    let seconds = timestamp.unwrap_or(&delivery.now).seconds;
    json::object(512 + TAGS_LIMIT, |o| {
        // As in Flux. Here `/api/annotations` reads the text and the tags, and its sibling the time and the tags.
        o.number("when", seconds).text("text", &text);
        o.array("tags", |a| {
            for tag in tags(delivery) {
                a.text(&tag);
            }
        });
        // And the time as the first one reads it, the text as the other one does.
        o.number("time", seconds.saturating_mul(1000)).text("what", &text);
    })
}

/// The event's own tags, and between them as much of the metadata as fits.
fn tags(delivery: &Delivery) -> Vec<String> {
    let event = &delivery.event;
    let object = &event.involved_object;
    let mut tags = vec!["flux".to_owned(), cut(&event.reporting_controller)];
    let place: Vec<String> =
        [("kind", &object.kind), ("name", &object.name), ("namespace", &object.namespace)]
            .map(|(key, value)| [key, ": ", &cut(value)].concat())
            .to_vec();
    let used: usize = tags
        .iter()
        .chain(&place)
        .map(|tag| text::measure(tag, quoted_length) + AROUND_TAG)
        .sum::<usize>()
        + AROUND_LIST;

    // The first colon ends a tag's name, and a second one its value.
    let metadata: Vec<(String, String)> = event
        .metadata
        .iter()
        .map(|(key, value)| (key.replace(':', "|"), value.replace(':', "|")))
        .collect();
    let limits = Limits {
        entries: usize::MAX,
        key: TAG_LIMIT,
        value: TAG_LIMIT,
        total: TAGS_LIMIT.saturating_sub(used),
        around: ": ".len() + AROUND_TAG,
        // A count has at most 20 digits.
        mark: "…:  more".len() + 20 + AROUND_TAG,
    };
    let metadata = fitting(&metadata, &limits, quoted_length);
    tags.extend(metadata.entries.iter().map(|(key, value)| [key, ": ", value].concat()));
    tags.extend(metadata.rest().map(|rest| ["…: ", &rest].concat()));
    tags.extend(place);
    tags
}

fn cut(text: &str) -> String {
    text::cut(text, TAG_LIMIT, quoted_length).into_owned()
}
