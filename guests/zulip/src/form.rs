//! A form as the body of a request: `application/x-www-form-urlencoded` with the bytes of Go's `url.Values.Encode`.

use herald_provider::form::escape;

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
