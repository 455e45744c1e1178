//! Durations as Go writes them, for flags that Flux users know: `5m`, `1m30s`, `1.5h`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a duration that is not negative.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let parsed: SignedDuration = text
        .parse()
        .map_err(|_| format!("{text:?} is no duration; write it like 30s, 5m or 1h30m"))?;
    Duration::try_from(parsed).map_err(|_| format!("{text:?} is negative"))
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
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "5", "m", "-5m", "five"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
