//! Where the message goes.

const WRONG_CHANNEL: &str = "spec.channel is not a channel and a topic: set it to `<channel>/<topic>`, such as `alerts/flux`";

/// A topic of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Channel<'a> {
    pub(crate) name: &'a str,
    /// May have slashes. One that is too long is left to Zulip, which cuts it with `...`: under another mark the
    /// messages would open a second topic beside the one that Flux began. Without a name it is the general chat.
    pub(crate) topic: &'a str,
}

impl<'a> Channel<'a> {
    /// Reads `<channel>/<topic>`, or says what to change.
    pub(crate) fn parse(channel: &'a str) -> Result<Self, &'static str> {
        match channel.split_once('/') {
            Some((name, topic)) if !name.is_empty() => Ok(Self { name, topic }),
            _ => Err(WRONG_CHANNEL),
        }
    }
}
