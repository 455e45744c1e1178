//! What spec.channel names.

const NO_ROOM: &str = "there is no room: set spec.channel to a room's id such as `!id:example.org`, or to its alias such as `#name:example.org`";
const NO_NAME_OF_A_ROOM: &str = "spec.channel is no room: set it to a room's id, which begins with `!`, or to its alias, such as `#name:example.org`";

/// A room under one of its names (<https://spec.matrix.org/latest/appendices/#room-ids>).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room<'a> {
    /// What a message can be sent to.
    Id(&'a str),
    /// What a server has to be asked the id of.
    Alias(&'a str),
}

impl<'a> Room<'a> {
    /// Reads spec.channel, or says what to change.
    pub(crate) fn parse(channel: &'a str) -> Result<Self, &'static str> {
        if channel.is_empty() {
            return Err(NO_ROOM);
        }
        // Ids of rooms of version 12 name no server, aliases always do.
        let is_id = channel.strip_prefix('!').is_some_and(|rest| !rest.is_empty());
        let is_alias = channel
            .strip_prefix('#')
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(name, server)| !name.is_empty() && !server.is_empty());
        if is_id {
            Ok(Room::Id(channel))
        } else if is_alias {
            Ok(Room::Alias(channel))
        } else {
            Err(NO_NAME_OF_A_ROOM)
        }
    }
}
