//! Reads an event as Go's `encoding/json` fills the emitters' struct. Knows Go's rules for keys, `null`, duplicates and
//! broken text; must not know what any field means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Event, ObjectReference, ParseTimestampError, timestamp};

/// Metadata keys come from outside, so errors show only their beginning.
const MAX_SHOWN_CHARS: usize = 64;

/// Why a body is no event.
#[derive(Debug, thiserror::Error)]
pub enum ParseEventError {
    /// It is not JSON.
    #[error("the body is not one JSON document")]
    Syntax(#[source] serde_json::Error),
    /// A part has the wrong type.
    #[error("{field} must be {expected}, not {found}")]
    WrongType {
        /// The JSON path of the part, or `the event`.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The timestamp cannot be read.
    #[error("timestamp is not in RFC 3339")]
    Timestamp(#[source] ParseTimestampError),
}

impl ParseEventError {
    /// A word for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ParseEventError::Syntax(_) => "syntax",
            ParseEventError::WrongType { .. } => "wrong-type",
            ParseEventError::Timestamp(_) => "timestamp",
        }
    }
}

/// Reads an event.
pub(super) fn decode(body: &[u8]) -> Result<Event, ParseEventError> {
    let body = replace_lone_surrogates(replace_invalid_utf8(body));
    let mut event = Event::default();
    let mut problem = None;

    let mut json = serde_json::Deserializer::from_slice(&body);
    Fill(EventFields { event: &mut event, problem: &mut problem })
        .deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(ParseEventError::Syntax)?;
    // As in Go a wrong type is reported only when the whole body is JSON, and the first one wins.
    problem.map_or(Ok(event), Err)
}

/// Puts one U+FFFD in place of each byte that is not UTF-8.
fn replace_invalid_utf8(body: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(body).is_ok() {
        return Cow::Borrowed(body);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text.into_bytes())
}

/// Puts `\ufffd` in place of each escape that is half of a surrogate pair; serde would refuse it.
fn replace_lone_surrogates(mut body: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut at = 0;
    while let Some(offset) =
        body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        at += offset;
        match escaped_unit(&body, at) {
            Some(0xD800..=0xDBFF)
                if matches!(escaped_unit(&body, at + 6), Some(0xDC00..=0xDFFF)) =>
            {
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                if let Some(digits) = body.to_mut().get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                at += 6;
            }
            // Two bytes at least, so that the second of `\\` begins no escape.
            Some(_) | None => at += 2,
        }
    }
    body
}

/// The UTF-16 unit that is written as `\u` and four hexadecimal digits at this place.
fn escaped_unit(body: &[u8], at: usize) -> Option<u32> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Whether Go takes `key` for the field `name`, which is ASCII.
///
/// Two letters beyond ASCII fold into it: the long s and the Kelvin sign.
fn is_field(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        'ſ' => 'S',
        '\u{212A}' => 'K',
        other => other.to_ascii_uppercase(),
    };
    key == name || key.chars().map(fold).eq(name.chars().map(fold))
}

/// A JSON object that is read into what is there already: a later duplicate overwrites, it does not start afresh.
trait Fields {
    const EXPECTED: &'static str = "an object";

    /// Takes the value of one key.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: String, map: &mut A) -> Result<(), A::Error>;
    /// The value is `null`; Go leaves a struct as it is.
    fn take_null(&mut self) {}
    /// The value is something else.
    fn refuse(&mut self, found: &'static str);
}

struct EventFields<'a> {
    event: &'a mut Event,
    problem: &'a mut Option<ParseEventError>,
}

impl Fields for EventFields<'_> {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: String, map: &mut A) -> Result<(), A::Error> {
        let Event {
            involved_object,
            severity,
            timestamp,
            message,
            reason,
            metadata,
            reporting_controller,
            reporting_instance,
        } = &mut *self.event;
        let problem = &mut *self.problem;
        if is_field(&key, "involvedObject") {
            map.next_value_seed(Fill(ReferenceFields { reference: involved_object, problem }))
        } else if is_field(&key, "metadata") {
            map.next_value_seed(Fill(MetadataFields { metadata, problem }))
        } else if is_field(&key, "timestamp") {
            match map.next_value_seed(ReadScalar)? {
                Scalar::Null => *timestamp = None,
                Scalar::Text(text) => match timestamp::parse(&text) {
                    Ok(moment) => *timestamp = moment,
                    Err(error) => note(problem, ParseEventError::Timestamp(error)),
                },
                Scalar::Other(found) => {
                    note_type(problem, "timestamp".to_owned(), "a string", found)
                }
            }
            Ok(())
        } else {
            let texts = [
                ("severity", severity),
                ("message", message),
                ("reason", reason),
                ("reportingController", reporting_controller),
                ("reportingInstance", reporting_instance),
            ];
            take_text(&key, "", texts, map, problem)
        }
    }

    fn refuse(&mut self, found: &'static str) {
        note_type(self.problem, "the event".to_owned(), Self::EXPECTED, found);
    }
}

struct ReferenceFields<'a> {
    reference: &'a mut ObjectReference,
    problem: &'a mut Option<ParseEventError>,
}

impl Fields for ReferenceFields<'_> {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: String, map: &mut A) -> Result<(), A::Error> {
        let ObjectReference {
            api_version,
            kind,
            namespace,
            name,
            uid,
            resource_version,
            field_path,
        } = &mut *self.reference;
        let texts = [
            ("kind", kind),
            ("namespace", namespace),
            ("name", name),
            ("uid", uid),
            ("apiVersion", api_version),
            ("resourceVersion", resource_version),
            ("fieldPath", field_path),
        ];
        take_text(&key, "involvedObject.", texts, map, self.problem)
    }

    fn refuse(&mut self, found: &'static str) {
        note_type(self.problem, "involvedObject".to_owned(), Self::EXPECTED, found);
    }
}

struct MetadataFields<'a> {
    metadata: &'a mut BTreeMap<String, String>,
    problem: &'a mut Option<ParseEventError>,
}

impl Fields for MetadataFields<'_> {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: String, map: &mut A) -> Result<(), A::Error> {
        let value = match map.next_value_seed(ReadScalar)? {
            Scalar::Null => String::new(),
            Scalar::Text(text) => text,
            Scalar::Other(found) => {
                let shown: String = key.chars().take(MAX_SHOWN_CHARS).collect();
                note_type(self.problem, format!("metadata[{shown:?}]"), "a string", found);
                return Ok(());
            }
        };
        self.metadata.insert(key, value);
        Ok(())
    }

    fn take_null(&mut self) {
        self.metadata.clear();
    }

    fn refuse(&mut self, found: &'static str) {
        note_type(self.problem, "metadata".to_owned(), Self::EXPECTED, found);
    }
}

/// Takes the value of `key` when it names one of the texts, and passes over it otherwise.
fn take_text<'de, A: MapAccess<'de>, const N: usize>(
    key: &str,
    prefix: &str,
    texts: [(&'static str, &mut String); N],
    map: &mut A,
    problem: &mut Option<ParseEventError>,
) -> Result<(), A::Error> {
    let Some((name, slot)) = texts.into_iter().find(|(name, _)| is_field(key, name)) else {
        return map.next_value::<IgnoredAny>().map(|_| ());
    };
    match map.next_value_seed(ReadScalar)? {
        Scalar::Null => {}
        Scalar::Text(text) => *slot = text,
        Scalar::Other(found) => note_type(problem, format!("{prefix}{name}"), "a string", found),
    }
    Ok(())
}

fn note(problem: &mut Option<ParseEventError>, error: ParseEventError) {
    problem.get_or_insert(error);
}

fn note_type(
    problem: &mut Option<ParseEventError>,
    field: String,
    expected: &'static str,
    found: &'static str,
) {
    note(problem, ParseEventError::WrongType { field, expected, found });
}

/// A value that should be a text.
enum Scalar {
    Null,
    Text(String),
    Other(&'static str),
}

struct ReadScalar;

impl<'de> DeserializeSeed<'de> for ReadScalar {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Scalar, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadScalar {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
        Ok(Scalar::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other("an object"))
    }
}

/// Reads a JSON object into its fields.
struct Fill<F>(F);

impl<'de, F: Fields> DeserializeSeed<'de> for Fill<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, F: Fields> Visitor<'de> for Fill<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.take(key, &mut map)?;
        }
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.0.take_null();
        Ok(())
    }

    fn visit_str<E>(mut self, _: &str) -> Result<(), E> {
        self.0.refuse("a string");
        Ok(())
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.0.refuse("a boolean");
        Ok(())
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.0.refuse("a number");
        Ok(())
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.0.refuse("a number");
        Ok(())
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.0.refuse("a number");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        self.0.refuse("an array");
        Ok(())
    }
}
