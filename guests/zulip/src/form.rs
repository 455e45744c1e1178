//! A form as the body of a request: `application/x-www-form-urlencoded` with the bytes of Go's `url.Values.Encode`.

/// These fields in their order, which has to be sorted by name to be Go's.
pub(crate) fn encode(fields: &[(&str, &str)]) -> String {
    let length = fields.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
    let mut out = String::with_capacity(length + length / 2);
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        escape(&mut out, name);
        out.push('=');
        escape(&mut out, value);
    }
    out
}

fn escape(out: &mut String, text: &str) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => {
                out.push('%');
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 0xf)]);
            }
        }
    }
}
