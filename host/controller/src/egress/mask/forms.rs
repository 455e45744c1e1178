//! The encodings of a value that leave nothing of its characters: base64 and hexadecimal. Escapes, which leave most of
//! them, are undone in the text instead.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::egress::url;

/// The shortest part of a longer base64 text that counts; shorter ones stand in innocent words.
const MIN_CORE_BYTES: usize = 8;

/// Every form of a value that is searched for.
pub(super) fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![value.to_vec()];
    // Who encodes a whole request encodes its URL and its body along, where the value was escaped before.
    let mut spellings = vec![value.to_vec(), url::encode(value).into_bytes()];
    if let Ok(text) = str::from_utf8(value) {
        let json = serde_json::Value::from(text).to_string();
        let json = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        spellings.push(json.unwrap_or_default().as_bytes().to_vec());
    }
    spellings.dedup();
    for spelling in spellings {
        forms.extend(encoded(&spelling));
    }
    forms
}

fn encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        STANDARD.encode(bytes).into_bytes(),
        STANDARD_NO_PAD.encode(bytes).into_bytes(),
        URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            forms.extend(core(&alphabet, bytes, before));
        }
    }
    forms
}

/// The characters of a longer base64 text that come from these bytes alone, with `before` bytes of a group ahead of them.
fn core(alphabet: &GeneralPurpose, bytes: &[u8], before: usize) -> Option<Vec<u8>> {
    let longer = [&[0; 3][..before], bytes].concat();
    let encoded = alphabet.encode(&longer).into_bytes();
    // Six bits make a character; those at the ends hold bits of the neighbors too.
    let (start, end) = ((before * 8).div_ceil(6), longer.len() * 8 / 6);
    encoded.get(start..end).filter(|core| core.len() >= MIN_CORE_BYTES).map(<[u8]>::to_vec)
}
