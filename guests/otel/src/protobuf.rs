//! As much of the wire format of Protocol Buffers as one small message takes:
//! <https://protobuf.dev/programming-guides/encoding/>.
//!
//! Written here, as it is little: `prost` would bring six more crates and a type with generated code for each message.

/// The kinds of values on the wire.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is being written.
#[derive(Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// What `fill` writes.
    pub(crate) fn write(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        fill(&mut writer);
        writer.out
    }

    /// Bytes or a text, also when it is empty.
    pub(crate) fn bytes(&mut self, field: u64, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        self.key(field, BYTES);
        self.raw_varint(value.len() as u64);
        self.out.extend_from_slice(value);
        self
    }

    /// A message within this one.
    pub(crate) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Writer)) -> &mut Self {
        self.bytes(field, Writer::write(fill))
    }

    /// A number of variable length.
    pub(crate) fn varint(&mut self, field: u64, value: u64) -> &mut Self {
        self.key(field, VARINT);
        self.raw_varint(value);
        self
    }

    /// A number of eight bytes.
    pub(crate) fn fixed64(&mut self, field: u64, value: u64) -> &mut Self {
        self.key(field, FIXED64);
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A number of four bytes.
    pub(crate) fn fixed32(&mut self, field: u64, value: u32) -> &mut Self {
        self.key(field, FIXED32);
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.raw_varint(field << 3 | kind);
    }

    /// Seven bits in a byte, the lowest first; the highest bit says that more follow.
    fn raw_varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}

/// A field that was read; numbers of fixed length are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers; none when it is not one.
pub(crate) fn read(mut message: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let value = match key & 7 {
            VARINT => Field::Varint(take_varint(&mut message)?),
            BYTES => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                Field::Bytes(take(&mut message, length)?)
            }
            FIXED64 => {
                take(&mut message, 8)?;
                continue;
            }
            FIXED32 => {
                take(&mut message, 4)?;
                continue;
            }
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_bytes_of_the_specification() {
        let check = |fill: fn(&mut Writer), expected: &[u8]| {
            assert_eq!(Writer::write(fill), expected);
        };
        check(|_| {}, b"");
        // The examples of the page above.
        check(|w| _ = w.varint(1, 150), b"\x08\x96\x01");
        check(|w| _ = w.bytes(2, "testing"), b"\x12\x07testing");
        check(|w| _ = w.message(3, |w| _ = w.varint(1, 150)), b"\x1a\x03\x08\x96\x01");
        check(|w| _ = w.bytes(1, ""), b"\x0a\x00");
        check(|w| _ = w.fixed64(7, 1), b"\x39\x01\0\0\0\0\0\0\0");
        check(|w| _ = w.fixed32(16, 769), b"\x85\x01\x01\x03\0\0");
        check(|w| _ = w.varint(1, u64::MAX), b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    }

    #[test]
    fn what_was_written_is_read() {
        let message = Writer::write(|w| {
            w.varint(1, 0).fixed64(2, 2).varint(3, u64::MAX).fixed32(4, 4).bytes(500, "text");
        });
        assert_eq!(
            read(&message),
            Some(vec![
                (1, Field::Varint(0)),
                (3, Field::Varint(u64::MAX)),
                (500, Field::Bytes(b"text")),
            ])
        );
        assert_eq!(read(b""), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_message_is_not_read() {
        for bytes in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x0a\x05four",
            b"\x0b",
            b"\x39\x01",
            b"\x85\x01\x01",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
            b"<html>",
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
