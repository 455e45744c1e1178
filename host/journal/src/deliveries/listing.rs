//! The queries of people: deliveries by what they are looked for.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::{DELIVERY, delivery};
use crate::desk::{DeliveryKey, Filter, Listed};
use crate::statements::time;
use crate::types::EventId;

/// A transaction of a reader keeps the log from beginning anew, so it looks at the deliveries of so many events at most.
const STRIDE: i64 = 20_000;

/// A part of the events, the newest first, after a delivery or from the newest event on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Only what comes after it.
    pub(crate) after: Option<DeliveryKey>,
    /// Only events up to this one.
    pub(crate) up_to: Option<i64>,
}

/// What a part holds, and where the next one begins.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) found: T,
    /// Nothing when there is nothing older.
    pub(crate) next: Option<Part>,
}

/// The first deliveries of this part that the filter takes.
pub(crate) fn list(
    connection: &Connection,
    filter: &Filter,
    part: &Part,
    limit: usize,
) -> rusqlite::Result<Found<Vec<Listed>>> {
    let Some((oldest, newest)) = span(connection, part)? else {
        return Ok(Found { found: Vec::new(), next: None });
    };
    let mut conditions = Conditions::of(filter, part, oldest, newest);
    let limit = conditions.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let columns = DELIVERY.split(", ").map(|name| format!("d.{name}")).collect::<Vec<_>>();
    let sql = format!(
        "select {}, e.at from deliveries d join events e on e.id = d.event where {} order by d.event desc, d.alert limit {limit}",
        columns.join(", "),
        conditions.text,
    );
    let found = connection
        .prepare_cached(&sql)?
        .query_map(conditions.values().as_slice(), |row| {
            Ok(Listed { row: delivery(row)?, accepted_at: time(row, columns.len())? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Found { found, next: next(oldest) })
}

/// How many deliveries of this part the filter takes.
pub(crate) fn count(
    connection: &Connection,
    filter: &Filter,
    part: &Part,
) -> rusqlite::Result<Found<u64>> {
    let Some((oldest, newest)) = span(connection, part)? else {
        return Ok(Found { found: 0, next: None });
    };
    let conditions = Conditions::of(filter, part, oldest, newest);
    let sql = format!(
        "select count(*) from deliveries d join events e on e.id = d.event where {}",
        conditions.text
    );
    let found: i64 = connection
        .prepare_cached(&sql)?
        .query_row(conditions.values().as_slice(), |row| row.get(0))?;
    Ok(Found { found: u64::try_from(found).unwrap_or(0), next: next(oldest) })
}

/// The keys of all deliveries of this part.
pub(crate) fn keys(
    connection: &Connection,
    part: &Part,
) -> rusqlite::Result<Found<Vec<DeliveryKey>>> {
    let Some((oldest, newest)) = span(connection, part)? else {
        return Ok(Found { found: Vec::new(), next: None });
    };
    let found = connection
        .prepare_cached("select event, alert from deliveries where event between ?1 and ?2")?
        .query_map([oldest, newest], |row| {
            Ok(DeliveryKey { event: EventId(row.get(0)?), alert: row.get(1)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Found { found, next: next(oldest) })
}

/// The first and the last event to look at.
fn span(connection: &Connection, part: &Part) -> rusqlite::Result<Option<(i64, i64)>> {
    let up_to = part.up_to.or(part.after.as_ref().map(|key| key.event.0)).unwrap_or(i64::MAX);
    let newest: Option<i64> = connection
        .prepare_cached("select max(event) from deliveries where event <= ?1")?
        .query_row([up_to], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(newest.map(|newest| (newest.saturating_sub(STRIDE - 1), newest)))
}

fn next(oldest: i64) -> Option<Part> {
    (oldest > 1).then(|| Part { after: None, up_to: Some(oldest - 1) })
}

/// A where clause and its values.
struct Conditions {
    text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn of(filter: &Filter, part: &Part, oldest: i64, newest: i64) -> Self {
        let mut conditions = Conditions { text: String::new(), values: Vec::new() };
        let (oldest, newest) = (conditions.value(oldest), conditions.value(newest));
        conditions.text = format!("d.event between {oldest} and {newest}");
        if let Some(key) = &part.after {
            let (event, alert) =
                (conditions.value(key.event.0), conditions.value(key.alert.to_string()));
            conditions.and(&format!("(d.event < {event} or d.alert > {alert})"));
        }
        if !filter.states.is_empty() {
            let words: Vec<String> =
                filter.states.iter().map(|state| format!("'{}'", state.word())).collect();
            conditions.and(&format!("d.state in ({})", words.join(", ")));
        }
        for (column, pattern) in [
            ("d.provider", &filter.provider),
            ("d.alert_name", &filter.alert_name),
            ("d.object", &filter.object),
        ] {
            if let Some(pattern) = pattern {
                let value = conditions.value(pattern.clone());
                conditions.and(&format!("{column} glob {value}"));
            }
        }
        for (comparison, time) in [
            ("e.at <", filter.accepted_before),
            ("e.at >=", filter.accepted_from),
            ("d.at <=", filter.unchanged_since),
        ] {
            if let Some(time) = time.map(Timestamp::as_millisecond) {
                let value = conditions.value(time);
                conditions.and(&format!("{comparison} {value}"));
            }
        }
        conditions
    }

    /// Where in the values this one stands.
    fn value(&mut self, value: impl ToSql + 'static) -> String {
        self.values.push(Box::new(value));
        format!("?{}", self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.text.push_str(" and ");
        self.text.push_str(condition);
    }

    fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(|value| &**value).collect()
    }
}
