//! One event as a Markdown page: what Zulip and the types that comment on change requests show.
//!
//! Knows the form of Flux, which its users may parse; the limits are the modules' own.

use crate::Event;

/// The key of the metadata that says where a comment goes, and is not shown.
const CHANGE_REQUEST: &str = "change_request";

/// A heading, the object, the message, and the metadata as a list.
///
/// The message is not escaped: controllers write Markdown into it, and whoever reads it is the owner's own team.
#[must_use]
pub fn markdown_report(event: &Event) -> String {
    let object = &event.involved_object;
    // With the selector that asks for a picture: WARNING SIGN and INFORMATION SOURCE.
    let emoji = if event.is_error() { "\u{26a0}\u{fe0f}" } else { "\u{2139}\u{fe0f}" };
    let mut out = [
        "## Flux Status\n\n",
        emoji,
        " ",
        &object.kind,
        "/",
        &object.namespace,
        "/",
        &object.name,
        "\n\n",
        &event.message,
        "\n\nMetadata:\n",
    ]
    .concat();
    for (key, value) in event.metadata.iter().filter(|(key, _)| key != CHANGE_REQUEST) {
        out.push_str(&["* `", key, "`: ", value, "\n"].concat());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_event_is_a_page() {
        let mut event = testing::event();
        event.metadata.insert(0, ("change_request".to_owned(), "7".to_owned()));
        assert_eq!(
            markdown_report(&event),
            "## Flux Status\n\n\u{2139}\u{fe0f} GitRepository/gitops-system/webapp\n\nmessage\n\nMetadata:\n* `test`: metadata\n"
        );
        event.severity = "error".to_owned();
        event.metadata.clear();
        assert_eq!(
            markdown_report(&event),
            "## Flux Status\n\n\u{26a0}\u{fe0f} GitRepository/gitops-system/webapp\n\nmessage\n\nMetadata:\n"
        );
    }
}
