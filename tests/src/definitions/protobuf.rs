//! OTLP's binary form, read into its JSON form, so that one definition judges both. The numbers of fields are those that
//! `vendors/otel.json` has under `wire`.

use serde_json::{Map, Number, Value};

/// Reads a message of this name.
///
/// # Errors
/// Says what is no proper message.
pub(super) fn read(wire: &Value, name: &str, bytes: &[u8]) -> Result<Value, String> {
    let mut members = Map::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let number = (key >> 3).to_string();
        let field = &wire[name][&number];
        let (Some(member), Some(kind)) = (field[0].as_str(), field[1].as_str()) else {
            return Err(format!("{name} has no field {number}"));
        };
        let value = match (key & 7, kind) {
            (0, "bool") => Value::Bool(varint(&mut rest)? != 0),
            (0, "integer") => Value::String(varint(&mut rest)?.to_string()),
            (0, "number") => Value::Number(varint(&mut rest)?.into()),
            (1, "integer") => Value::String(u64::from_le_bytes(array(&mut rest)?).to_string()),
            (1, "double") => {
                let number = f64::from_le_bytes(array(&mut rest)?);
                Value::Number(Number::from_f64(number).ok_or("a number that is none")?)
            }
            (5, "number") => Value::Number(u32::from_le_bytes(array(&mut rest)?).into()),
            (2, "string" | "bytes" | "id" | "message") => {
                let length = usize::try_from(varint(&mut rest)?).unwrap_or(usize::MAX);
                let inner = take(&mut rest, length)?;
                match kind {
                    "string" => Value::String(text(member, inner)?),
                    "message" => {
                        let of = field.as_array().and_then(|field| field.last()?.as_str());
                        read(wire, of.unwrap_or_default(), inner)?
                    }
                    _ => Value::String(inner.iter().map(|byte| format!("{byte:02x}")).collect()),
                }
            }
            (form, _) => return Err(format!("{name}.{member} is written in form {form}")),
        };
        if field[2] == "list" {
            let list = members.entry(member).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        } else if members.insert(member.to_owned(), value).is_some() {
            return Err(format!("{name}.{member} is there twice"));
        }
    }
    Ok(Value::Object(members))
}

fn text(member: &str, bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("{member} is not UTF-8"))
}

fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = array(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number without an end".to_owned())
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let bytes = take(rest, N)?;
    bytes.try_into().map_err(|_| "too short".to_owned())
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Result<&'a [u8], String> {
    let (head, tail) = rest.split_at_checked(n).ok_or("it ends in the middle")?;
    *rest = tail;
    Ok(head)
}
