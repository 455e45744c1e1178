//! What happened on the way of an event that the owner of an Alert or a Provider wants to hear of.
//!
//! Router and delivery tell it, a source that can show it listens. Nothing here knows how it is shown.

use herald_core::alert::Alert;
use herald_core::event::ObjectReference;
use herald_core::metadata::Conflict;
use jiff::Timestamp;

use crate::catalog::ProviderKey;

/// An attempt that ended, and with it perhaps the delivery.
#[derive(Clone, Copy, Debug)]
pub struct Attempted<'a> {
    /// Where it went.
    pub provider: &'a ProviderKey,
    /// The Alert that asked for it.
    pub alert_uid: &'a str,
    /// What the event is about.
    pub object: &'a ObjectReference,
    /// `delivered`, `accepted`, `skipped`, `retry`, `misconfigured` or `dead`.
    pub outcome: &'static str,
    /// Why, unless it arrived; nothing secret is in it.
    pub reason: &'a str,
    /// The attempts so far, this one included.
    pub attempts: u32,
    /// Whether a request was answered.
    pub was_answered: bool,
    /// When it ended.
    pub at: Timestamp,
}

/// Whoever wants to hear of it. It is told on the way of each event, so it must not take long.
pub trait Observer: Send + Sync {
    /// An attempt has ended.
    fn attempted(&self, attempted: &Attempted<'_>);

    /// Keys of the metadata of an event come from several sources.
    fn conflicting_metadata(&self, alert: &Alert, object: &ObjectReference, conflicts: &[Conflict]);

    /// An Alert selects by labels, and those of the object cannot be had.
    fn unknown_labels(&self, alert: &Alert, object: &ObjectReference, reason: &str);
}
