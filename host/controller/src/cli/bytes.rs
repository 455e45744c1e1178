//! Numbers of bytes, for flags: `512MiB`, `2Gi`, `1000000`.

/// Reads a number of bytes.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let shift = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 0,
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        "Ti" => 40,
        _ => return Err(wrong(text)),
    };
    // `parse` alone would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(text));
    }
    let number: u64 = digits.parse().map_err(|_| wrong(text))?;
    number.checked_mul(1 << shift).ok_or_else(|| wrong(text))
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no number of bytes; write it like 512MiB, 2GiB or 1000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_with_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("7B", 7),
            ("4KiB", 4 << 10),
            ("512Mi", 512 << 20),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "+1", "1GB", "1.5GiB", "1 GiB", "99999999TiB", "1BB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
