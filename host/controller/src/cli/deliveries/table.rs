//! Deliveries as text for people: aligned columns, times as distances, and nothing that a terminal would take for a
//! command.

use jiff::Timestamp;

use crate::desk::{Answer, DeliveryView, HistoryView, LineView};

/// So many digits of an id tell it from every other of a journal, in practice.
const ID_DIGITS: usize = 12;

/// The table of a list; the reasons come last, as they are of any length.
pub(super) fn list(deliveries: &[DeliveryView], now: Timestamp) -> String {
    let head = ["ID", "STATE", "AGE", "PROVIDER", "ALERT", "OBJECT", "TRIED", "NEXT", "REASON"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(deliveries.iter().map(|delivery| {
        [
            first(&delivery.id, ID_DIGITS).to_owned(),
            delivery.state.clone(),
            distance(&delivery.accepted_at, now),
            delivery.provider.clone(),
            delivery.alert.clone(),
            or_dash(&delivery.object),
            delivery.attempts.to_string(),
            next(delivery, now),
            first_line(&delivery.reason),
        ]
        .map(|cell| clean(&cell))
    }));
    aligned(&rows)
}

/// Everything about one delivery.
pub(super) fn show(shown: &HistoryView, now: Timestamp) -> String {
    let delivery = &shown.delivery;
    let mut facts = vec![
        ["id".to_owned(), delivery.id.clone()],
        ["state".to_owned(), delivery.state.clone()],
        ["provider".to_owned(), delivery.provider.clone()],
        ["alert".to_owned(), delivery.alert.clone()],
        ["object".to_owned(), or_dash(&delivery.object)],
        ["accepted".to_owned(), moment(&delivery.accepted_at, now)],
        ["changed".to_owned(), moment(&delivery.changed_at, now)],
        ["tried".to_owned(), delivery.attempts.to_string()],
        ["next".to_owned(), next(delivery, now)],
        ["reason".to_owned(), or_dash(&first_line(&delivery.reason))],
    ];
    if !shown.digest_of.is_empty() {
        facts.push(["digest of".to_owned(), events_of(shown)]);
    }
    facts.iter_mut().for_each(|[_, value]| *value = clean(value));
    let mut text = aligned(&facts);
    text.push_str("\n\nhistory\n");
    let lines: Vec<[String; 6]> = shown.history.iter().map(line).collect();
    text.push_str(&indented(&if lines.is_empty() {
        "nothing yet".to_owned()
    } else {
        aligned(&lines)
    }));
    text.push_str("\n\nevent\n");
    let event = shown.event.as_ref().and_then(|event| serde_json::to_string_pretty(&event.0).ok());
    text.push_str(&indented(&event.unwrap_or_else(|| "it cannot be read".to_owned())));
    text
}

/// Such as `events 12, 15 and 16`.
fn events_of(shown: &HistoryView) -> String {
    let others: Vec<String> = shown.digest_of.iter().map(i64::to_string).collect();
    let (last, others) = others.split_last().expect("it names at least one event more");
    let others = others.iter().map(|id| format!(", {id}")).collect::<String>();
    format!("events {}{others} and {last}", shown.event_id)
}

/// What a repair did.
pub(super) fn done(verb: &str, answer: &Answer) -> String {
    let deliveries = if answer.done == 1 { "delivery" } else { "deliveries" };
    let mut text = format!("{} {deliveries} {verb}ed", answer.done);
    for refused in &answer.refused {
        let advice = match verb {
            "replay" => "replay it with --force",
            _ => "it is finished",
        };
        text.push_str(&format!(
            "\n{} is {}: {advice}",
            first(&refused.id, ID_DIGITS),
            refused.state
        ));
    }
    text
}

fn line(line: &LineView) -> [String; 6] {
    let what = match line.attempt {
        Some(number) => format!("{} {number}", line.what),
        None => line.what.clone(),
    };
    [
        line.at.clone(),
        what,
        line.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
        line.milliseconds.map_or_else(|| "-".to_owned(), |millis| format!("{millis} ms")),
        line.revision.clone().unwrap_or_else(|| "-".to_owned()),
        first_line(&line.reason),
    ]
    .map(|cell| clean(&cell))
}

/// When it is tried again.
fn next(delivery: &DeliveryView, now: Timestamp) -> String {
    match (&delivery.due_at, delivery.state.as_str()) {
        (Some(due), "waiting") => match due.parse::<Timestamp>() {
            Ok(due) if due > now => format!("in {}", span(due, now)),
            Ok(_) | Err(_) => "now".to_owned(),
        },
        (None, "waiting") => "on change".to_owned(),
        _ => "-".to_owned(),
    }
}

fn moment(text: &str, now: Timestamp) -> String {
    format!("{text} ({} ago)", distance(text, now))
}

/// How long ago a time was.
fn distance(text: &str, now: Timestamp) -> String {
    text.parse().map_or_else(|_| text.to_owned(), |then| span(now, then))
}

/// The time between two moments with its largest unit, or its two largest.
fn span(later: Timestamp, earlier: Timestamp) -> String {
    let seconds = later.duration_since(earlier).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

fn first(text: &str, n_chars: usize) -> &str {
    text.char_indices().nth(n_chars).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// Texts come from emitters and receivers: what moves a terminal's cursor or changes its colours is shown as a mark.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Columns two blanks apart, as wide as their widest cell; nothing at the ends of lines.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::EventView;

    fn delivery() -> DeliveryView {
        DeliveryView {
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            state: "waiting".to_owned(),
            provider: "apps/hook".to_owned(),
            alert: "apps/all".to_owned(),
            object: "Kustomization/apps/storefront".to_owned(),
            accepted_at: "2026-01-01T00:00:00Z".to_owned(),
            changed_at: "2026-01-01T00:00:30Z".to_owned(),
            due_at: Some("2026-01-01T03:00:00Z".to_owned()),
            attempts: 2,
            status: Some(503),
            reason: "status 503: \u{1b}[31mred\nframe 0".to_owned(),
        }
    }

    fn now() -> Timestamp {
        "2026-01-01T01:30:00Z".parse().unwrap()
    }

    #[test]
    fn a_list_is_aligned_and_has_no_control_characters() {
        let dead = DeliveryView { state: "dead".to_owned(), object: String::new(), ..delivery() };
        let expected = "\
ID            STATE    AGE    PROVIDER   ALERT     OBJECT                         TRIED  NEXT      REASON
0123456789ab  waiting  1h30m  apps/hook  apps/all  Kustomization/apps/storefront  2      in 1h30m  status 503: \u{fffd}[31mred
0123456789ab  dead     1h30m  apps/hook  apps/all  -                              2      -         status 503: \u{fffd}[31mred";
        assert_eq!(list(&[delivery(), dead], now()), expected);
    }

    #[test]
    fn a_delivery_is_shown_with_its_attempts_and_its_event() {
        let attempt = LineView {
            at: "2026-01-01T00:00:30Z".to_owned(),
            what: "attempt".to_owned(),
            attempt: Some(2),
            revision: Some("0123456789ab".to_owned()),
            status: Some(503),
            milliseconds: Some(20),
            reason: "status 503".to_owned(),
        };
        let shown = HistoryView {
            delivery: delivery(),
            event_id: 7,
            digest_of: Vec::new(),
            event: Some(EventView(serde_json::json!({"message": "a\u{1b}b"}))),
            history: vec![attempt],
        };
        let text = show(&shown, now());
        for part in [
            "id        0123456789abcdef0123456789abcdef\n",
            "\naccepted  2026-01-01T00:00:00Z (1h30m ago)\n",
            "\n  2026-01-01T00:00:30Z  attempt 2  503  20 ms  0123456789ab  status 503\n",
            "\\u001bb",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        for (others, expected) in [(vec![8], "events 7 and 8"), (vec![8, 11], "events 7, 8 and 11")]
        {
            let text = show(&HistoryView { digest_of: others, ..shown.clone() }, now());
            assert!(text.contains(&format!("\ndigest of  {expected}\n")), "{text}");
        }
    }

    #[test]
    fn spans_have_their_largest_units() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (7260, "2h1m"), (90_000, "1d1h"), (-5, "0s")]
        {
            let later = Timestamp::from_second(1_000_000 + seconds).unwrap();
            assert_eq!(span(later, Timestamp::from_second(1_000_000).unwrap()), expected);
        }
    }
}
