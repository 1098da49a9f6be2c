//! `application/vnd.amazon.eventstream`: binary messages with headers and two checksums. A message becomes one JSON object
//! whose key is the type of the event or the exception, as the SDKs print it.
//!
//! Source: AWS, "Event stream encoding". Numbers are big-endian; the checksums are CRC-32 of what stands before them.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The length of the prelude, in bytes: both lengths and their checksum.
pub(super) const PRELUDE: usize = 12;

/// The length of the checksum at the end, in bytes.
const CHECKSUM: usize = 4;

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The length of a message by its prelude; `None` if this is no prelude.
pub(super) fn length(prelude: &[u8]) -> Option<usize> {
    let (total, headers) = (number(prelude, 0)? as usize, number(prelude, 4)? as usize);
    let fits = total.checked_sub(headers)? >= PRELUDE + CHECKSUM;
    (fits && crc32fast::hash(&prelude[..8]) == number(prelude, 8)?).then_some(total)
}

/// The event's type, and the message as JSON text.
pub(super) fn decode(message: &[u8]) -> Result<(String, String), &'static str> {
    let (body, sum) = message.split_at(message.len().saturating_sub(CHECKSUM));
    if Some(crc32fast::hash(body)) != number(sum, 0) {
        return Err("wrong checksum of a message");
    }
    let headers = number(message, 4).unwrap_or(0) as usize;
    let (headers, payload) =
        body.get(PRELUDE..).and_then(|b| b.split_at_checked(headers)).ok_or("wrong lengths")?;
    let headers = read(headers).ok_or("headers of a message cannot be read")?;
    let header = |name: &str| headers.get(name).map(String::as_str);
    let error = header(":error-code");
    let name = header(":event-type").or(header(":exception-type")).or(error).unwrap_or("message");
    let payload: Value = match (error, std::str::from_utf8(payload)) {
        (Some(_), _) => json!({"message": header(":error-message")}),
        (None, Ok("")) => json!({}),
        (None, Ok(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        (None, Err(_)) => return Err("invalid UTF-8"),
    };
    Ok((name.to_owned(), json!({name: payload}).to_string()))
}

/// The headers that are strings; the others are passed over.
fn read(mut bytes: &[u8]) -> Option<HashMap<String, String>> {
    let mut headers = HashMap::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (type_, rest) = rest.split_first()?;
        let size = match type_ {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | 7 => 2 + usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
            9 => 16,
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(size)?;
        if *type_ == 7 {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            headers.entry(text(name)).or_insert_with(|| text(&value[2..]));
        }
        bytes = rest;
    }
    Some(headers)
}
