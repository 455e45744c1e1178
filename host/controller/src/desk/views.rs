//! What is asked and answered about deliveries, in the form that goes over the socket and is printed.

use std::collections::BTreeMap;
use std::time::Duration;

use herald_core::delivery::JournalId;
use herald_core::event::Event;
use herald_journal::{Attempt, DeliveryKey, DeliveryRow, Filter, Happened, Listed, Member, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::id::{self, IdPrefix, ParsePrefixError};

/// Which deliveries are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A pattern for the Provider's `namespace/name`, with `*` and `?`.
    pub provider: Option<String>,
    /// A pattern for the Alert's `namespace/name`.
    pub alert: Option<String>,
    /// A pattern for the object's `kind/namespace/name`.
    pub object: Option<String>,
    /// One of these states; any when empty.
    pub states: Vec<State>,
    /// The event was accepted before.
    pub accepted_before: Option<Timestamp>,
    /// The event was accepted then or later.
    pub accepted_from: Option<Timestamp>,
    /// Nothing happened to the delivery after this.
    pub unchanged_since: Option<Timestamp>,
}

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseQueryError {
    /// There is no such name.
    #[error(
        "deliveries are not looked for by {0:?}, but by provider, alert, object, state, accepted-before, accepted-from and unchanged-since"
    )]
    Name(String),
    /// There is no such state.
    #[error(
        "a delivery is never {0:?}, but waiting, delivered, accepted, skipped, dead or discarded"
    )]
    State(String),
    /// It is no time.
    #[error("{0:?} is no time such as 2026-01-31T12:00:00Z")]
    Time(String),
}

/// The deliveries that something is to be done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those with these ids.
    Ids(Vec<IdPrefix>),
    /// All that are meant.
    All(Query),
}

/// What is to be done, as it goes over the socket: `ids` or `query`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The beginnings of ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Names and values, as in the URL of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<BTreeMap<String, String>>,
    /// For a replay: also of what is finished and not dead.
    #[serde(default)]
    pub force: bool,
    /// For a discard: why.
    #[serde(default)]
    pub reason: String,
}

/// Why an order names no deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadOrderError {
    /// Neither or both are there.
    #[error("say which deliveries are meant: either by ids or by a query")]
    Which,
    /// An id is wrong.
    #[error(transparent)]
    Id(#[from] ParsePrefixError),
    /// The query is wrong.
    #[error(transparent)]
    Query(#[from] ParseQueryError),
}

impl Wanted {
    /// An order for these.
    #[must_use]
    pub fn order(&self) -> Order {
        match self {
            Wanted::Ids(ids) => {
                let ids = ids.iter().map(IdPrefix::to_string).collect();
                Order { ids: Some(ids), ..Order::default() }
            }
            Wanted::All(query) => {
                let pairs = query.pairs().into_iter();
                let query = pairs.map(|(name, value)| (name.to_owned(), value)).collect();
                Order { query: Some(query), ..Order::default() }
            }
        }
    }
}

impl TryFrom<&Order> for Wanted {
    type Error = ReadOrderError;

    fn try_from(order: &Order) -> Result<Self, Self::Error> {
        match (&order.ids, &order.query) {
            (Some(ids), None) => {
                let ids = ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
                Ok(Wanted::Ids(ids))
            }
            (None, Some(query)) => {
                let pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(Wanted::All(Query::from_pairs(pairs)?))
            }
            (None, None) | (Some(_), Some(_)) => Err(ReadOrderError::Which),
        }
    }
}

impl Query {
    /// Reads a query from names and values, as they stand in a URL.
    ///
    /// # Errors
    /// A name or a value is unknown.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ParseQueryError> {
        let time = |text: &str| {
            let time = text.parse().map_err(|_| ParseQueryError::Time(text.to_owned()))?;
            Ok(Some(time))
        };
        let mut query = Query::default();
        for (name, value) in pairs {
            match name {
                "provider" => query.provider = Some(value.to_owned()),
                "alert" => query.alert = Some(value.to_owned()),
                "object" => query.object = Some(value.to_owned()),
                "state" => {
                    for word in value.split(',') {
                        let state = State::of_word(word);
                        query
                            .states
                            .push(state.ok_or_else(|| ParseQueryError::State(word.to_owned()))?);
                    }
                }
                "accepted-before" => query.accepted_before = time(value)?,
                "accepted-from" => query.accepted_from = time(value)?,
                "unchanged-since" => query.unchanged_since = time(value)?,
                other => return Err(ParseQueryError::Name(other.to_owned())),
            }
        }
        Ok(query)
    }

    /// The same as names and values.
    #[must_use]
    pub fn pairs(&self) -> BTreeMap<&'static str, String> {
        let words: Vec<&str> = self.states.iter().map(|state| state.word()).collect();
        let time = |time: &Option<Timestamp>| time.map(|time| time.to_string());
        [
            ("provider", self.provider.clone()),
            ("alert", self.alert.clone()),
            ("object", self.object.clone()),
            ("state", (!words.is_empty()).then(|| words.join(","))),
            ("accepted-before", time(&self.accepted_before)),
            ("accepted-from", time(&self.accepted_from)),
            ("unchanged-since", time(&self.unchanged_since)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

impl From<&Query> for Filter {
    fn from(query: &Query) -> Self {
        let query = query.clone();
        Filter {
            states: query.states,
            provider: query.provider,
            alert_name: query.alert,
            object: query.object,
            accepted_before: query.accepted_before,
            accepted_from: query.accepted_from,
            unchanged_since: query.unchanged_since,
        }
    }
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// waiting, delivered, accepted, skipped, dead or discarded.
    pub state: String,
    /// The Provider as `namespace/name`.
    pub provider: String,
    /// The Alert as `namespace/name`, or its uid where that is not known.
    pub alert: String,
    /// The object as `kind/namespace/name`; empty where it is not known.
    pub object: String,
    /// When its event was accepted.
    pub accepted_at: String,
    /// When something last happened to it.
    pub changed_at: String,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// The status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it stands where it does.
    pub reason: String,
}

/// The deliveries of one page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The newest event first.
    pub deliveries: Vec<DeliveryView>,
    /// Where the next page begins, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Everything about one delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryView {
    /// Where it stands.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// The place of its event in the journal.
    pub event_id: i64,
    /// The places of the other events that it names, where it is a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digest_of: Vec<i64>,
    /// Its event; none when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    /// What happened to it, the first first.
    pub history: Vec<LineView>,
}

/// An event, as every module sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventView(pub Value);

/// One thing that happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineView {
    /// When.
    pub at: String,
    /// `attempt` or what else it was.
    pub what: String,
    /// The number of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The revision of the module that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// How it ended, or more about it.
    pub reason: String,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// To so many deliveries.
    pub done: usize,
    /// Those that it cannot be done to.
    pub refused: Vec<RefusedView>,
}

/// A delivery that something cannot be done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Its id.
    pub id: String,
    /// The state that it is in.
    pub state: String,
}

impl DeliveryView {
    pub(super) fn of(journal: &JournalId, listed: &Listed) -> Self {
        let row = &listed.row;
        let alert = if row.alert_name.is_empty() { &row.alert } else { &row.alert_name };
        DeliveryView {
            id: id::of(journal, &listed.key()).to_string(),
            state: row.state.word().to_owned(),
            provider: row.provider.to_string(),
            alert: alert.to_string(),
            object: row.object.to_string(),
            accepted_at: listed.accepted_at.to_string(),
            changed_at: row.at.to_string(),
            due_at: row.due.map(|due| due.to_string()),
            attempts: row.attempts,
            status: row.attempt.as_ref().and_then(|attempt| attempt.status),
            reason: row.note.clone(),
        }
    }
}

impl HistoryView {
    pub(super) fn of(
        journal: &JournalId,
        row: DeliveryRow,
        accepted_at: Timestamp,
        named: &[Member],
        event: Option<EventView>,
        history: &[Happened],
    ) -> Self {
        let mut lines: Vec<(Timestamp, LineView)> =
            history.iter().map(|happened| (happened.at, LineView::of(happened))).collect();
        if let Some(attempt) = row.attempt.clone() {
            let what = "attempt".to_owned();
            let attempt = Some((row.attempts, attempt));
            let last = Happened { at: row.at, what, attempt, note: row.note.clone() };
            lines.push((last.at, LineView::of(&last)));
        }
        // What is told beside an attempt may be written before it.
        lines.sort_by_key(|(at, _)| *at);
        let event_id = row.event.0;
        let delivery = DeliveryView::of(journal, &Listed { row, accepted_at });
        let history = lines.into_iter().map(|(_, line)| line).collect();
        let digest_of = named.iter().map(|named| named.event.0).collect();
        HistoryView { delivery, event_id, digest_of, event, history }
    }
}

impl EventView {
    pub(super) fn of(event: &Event) -> Self {
        EventView(event.to_json())
    }
}

impl LineView {
    fn of(happened: &Happened) -> Self {
        let facts: Option<&Attempt> = happened.attempt.as_ref().map(|(_, facts)| facts);
        let revision = facts.map(|facts| facts.revision.clone());
        let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        LineView {
            at: happened.at.to_string(),
            what: happened.what.clone(),
            attempt: happened.attempt.as_ref().map(|(number, _)| *number),
            revision: revision.filter(|revision| !revision.is_empty()),
            status: facts.and_then(|facts| facts.status),
            milliseconds: facts.map(|facts| millis(facts.took)),
            reason: happened.note.clone(),
        }
    }
}

impl RefusedView {
    pub(super) fn of(journal: &JournalId, key: &DeliveryKey, state: State) -> Self {
        RefusedView { id: id::of(journal, key).to_string(), state: state.word().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_names_and_values() {
        let query = Query {
            provider: Some("apps/*".to_owned()),
            states: vec![State::Dead, State::Waiting],
            accepted_before: Some("2026-01-31T12:00:00.5Z".parse().unwrap()),
            ..Query::default()
        };
        let pairs = query.pairs();
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(Query::from_pairs(pairs), Ok(query));
        assert_eq!(Query::from_pairs([]), Ok(Query::default()));
    }

    #[test]
    fn what_is_no_query_is_told() {
        for (name, value) in [("colour", "red"), ("state", "lost"), ("accepted-from", "today")] {
            let error = Query::from_pairs([(name, value)]).unwrap_err().to_string();
            assert!(error.contains(if name == "colour" { name } else { value }), "{error}");
        }
    }
}
