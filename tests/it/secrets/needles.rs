//! The forms in which a secret may come back, and the search for them.

/// How a receiver writes down what it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Percent,
    PercentLower,
    Json,
    JsonOfGo,
    Base64,
    Base64Url,
    Hex,
    HexUpper,
}

impl Form {
    pub(crate) const ALL: [Form; 9] = [
        Form::Plain,
        Form::Percent,
        Form::PercentLower,
        Form::Json,
        Form::JsonOfGo,
        Form::Base64,
        Form::Base64Url,
        Form::Hex,
        Form::HexUpper,
    ];

    pub(crate) fn of(self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        match self {
            Form::Plain => text.into_owned(),
            Form::Percent => percent(&text, "-._~", true),
            Form::PercentLower => percent(&text, "", false),
            Form::Json => json(&text),
            Form::JsonOfGo => json_of_go(&text),
            Form::Base64 => base64(bytes, STANDARD),
            Form::Base64Url => base64(bytes, URL).trim_end_matches('=').to_owned(),
            Form::Hex => hex(bytes),
            Form::HexUpper => hex(bytes).to_uppercase(),
        }
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for place in 0..4 {
            let index = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap();
            text.push(if place > chunk.len() { '=' } else { char::from(alphabet[index]) });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encoded but for letters, digits and these.
pub(crate) fn percent(text: &str, kept: &str, upper: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ if kept.as_bytes().contains(&byte) => char::from(byte).to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').unwrap().strip_suffix('"').unwrap().to_owned()
}

/// Go's encoder keeps `<`, `>` and `&` out of HTML.
fn json_of_go(text: &str) -> String {
    json(text).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Every form of a value that is searched for.
pub(crate) fn forms(value: &str) -> Vec<String> {
    // What others keep as it is: nobody, RFC 3986, a path in Go, a path and a query of browsers, forms of HTML.
    let kept = ["", "-._~", "-._~$&+:=@/", "-._~!$&'()*+,;=:@/%|", "*-._", "-._~!$'()*,:@", "+/%"];
    let mut forms = vec![
        value.to_owned(),
        json(value),
        json_of_go(value),
        json(value).replace('/', "\\/"),
        json_of_go(value).replace('/', "\\/"),
        hex(value.as_bytes()),
        hex(value.as_bytes()).to_uppercase(),
    ];
    for kept in kept {
        forms.extend([percent(value, kept, true), percent(value, kept, false)]);
    }
    for alphabet in [STANDARD, URL] {
        for before in 0..3_usize {
            let longer = [vec![0; before], value.as_bytes().to_vec()].concat();
            let whole = base64(&longer, alphabet);
            // Characters that hold bits of the neighbors differ from text to text.
            let end = longer.len() * 8 / 6;
            let start = (before * 8).div_ceil(6);
            forms.push(whole.chars().take(end).skip(start).collect());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What must not be found.
#[derive(Default)]
pub(crate) struct Needles(Vec<(String, String)>);

impl Needles {
    pub(crate) fn add(&mut self, place: &str, value: &str) {
        assert!(value.len() >= 12, "{place}: too short to be sure of");
        self.0.extend(forms(value).into_iter().map(|form| (place.to_owned(), form)));
    }

    /// The places whose values are in there, with what stands around them.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let mut found = Vec::new();
        for (place, form) in &self.0 {
            if let Some(at) = text.find(form) {
                let before: Vec<char> = text.get(..at).unwrap().chars().rev().take(300).collect();
                let before: String = before.into_iter().rev().collect();
                let after: String = text.get(at..).unwrap().chars().take(form.len() + 60).collect();
                found.push(format!("{place} as {form} in …{before}{after}…"));
            }
        }
        found
    }

    pub(crate) fn assert_absent(&self, outputs: &[(String, Vec<u8>)]) {
        let mut found = Vec::new();
        for (name, bytes) in outputs {
            found.extend(self.found_in(bytes).into_iter().map(|text| format!("{name}: {text}")));
        }
        let shown: Vec<&str> = found.iter().take(40).map(String::as_str).collect();
        assert!(found.is_empty(), "{} secrets in outputs:\n{}", found.len(), shown.join("\n\n"));
    }
}
