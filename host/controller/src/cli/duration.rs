//! Durations as Go writes them, for flags that Flux users know: `5m`, `1m30s`, `1.5h`; and days of 24 hours: `7d`, `1d12h`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a duration that is not negative.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let wrong = || format!("{text:?} is no duration; write it like 30s, 5m, 1h30m or 7d");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.parse::<u32>().map_err(|_| wrong())?, rest),
        None => (0, text),
    };
    let rest = if days > 0 && rest.is_empty() { "0s" } else { rest };
    let parsed: SignedDuration = rest.parse().map_err(|_| wrong())?;
    let rest = Duration::try_from(parsed).map_err(|_| format!("{text:?} is negative"))?;
    Ok(rest.saturating_add(Duration::from_secs(24 * 60 * 60).saturating_mul(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [
            ("0", 0.0),
            ("0s", 0.0),
            ("5m", 300.0),
            ("1m30s", 90.0),
            ("1.5h", 5400.0),
            ("250ms", 0.25),
            ("7d", 604_800.0),
            ("1d12h", 129_600.0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5", "m", "-5m", "five", "d", "-1d", "1dd", "1.5d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
