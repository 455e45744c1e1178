//! What was decided about a delivery when it was routed, in the form in which the journal keeps it beside the delivery's
//! row. It must not know how that was decided.

use herald_core::floods::gate::Notice;
use herald_journal::WaitingRow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was decided about a delivery; the default is that its event is sent as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// What goes with its own event.
    pub notice: Notice,
    /// It is a digest, which gathers events until then; in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    gathers_until: Option<i64>,
}

impl Plan {
    /// A delivery that sends its event with this.
    #[must_use]
    pub fn of(notice: Notice) -> Self {
        Self { notice, gathers_until: None }
    }

    /// A digest that begins with its own event.
    #[must_use]
    pub fn digest(notice: Notice, until: Timestamp) -> Self {
        Self { notice, gathers_until: Some(until.as_millisecond()) }
    }

    /// Reads what [`Plan::text`] wrote; none when it is of another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What was decided about a delivery that waits; none where that was nothing.
    #[must_use]
    pub fn of_row(row: &WaitingRow) -> Option<Self> {
        let text = row.plan.as_deref()?;
        let plan = Plan::parse(text);
        if plan.is_none() {
            tracing::error!(event.id = row.event.0, "a delivery's plan cannot be read: {text:?}");
        }
        plan
    }

    /// The form in which it is kept; none for what need not be.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let text = || serde_json::to_string(self).expect("it holds texts and a number");
        (*self != Self::default()).then(text)
    }

    /// Until when it gathers events, if it is a digest.
    #[must_use]
    pub fn gathers_until(&self) -> Option<Timestamp> {
        let until = self.gathers_until?;
        Some(Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_text() {
        let metadata = vec![("recovered".to_owned(), "after 2 failures".to_owned())];
        let notice = Notice { is_change: true, metadata };
        let until = Timestamp::from_millisecond(1_800_000_000_123).unwrap();
        for plan in [
            Plan::of(notice.clone()),
            Plan::digest(notice, until),
            Plan::digest(Notice::default(), until),
        ] {
            let text = plan.text().unwrap();
            assert_eq!(Plan::parse(&text), Some(plan), "{text}");
        }
        assert_eq!(Plan::default().text(), None, "an event that is sent as it is needs none");
        assert_eq!(Plan::parse("{}"), Some(Plan::default()));
        assert_eq!(Plan::parse("never"), None);
    }
}
