//! The lines of a raw recording (`spile wrap --record`): a header, what the agent wrote and when, and how it ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::queue::To;
use crate::codec::{Fields, Malformed};
use crate::exit::Exit;
use crate::time::Time;

/// Whether a first line is the header of a raw recording.
pub(super) fn is_header(line: &str) -> bool {
    line.contains("\"spile\"")
        && Fields::parse(line).is_ok_and(|fields| fields.get("spile") == Some("\"raw\""))
}

/// One entry: when, counted from the beginning of the recording, where to, and what.
pub(super) struct Entry {
    pub(super) time: Time,
    pub(super) to: To,
    pub(super) bytes: Vec<u8>,
}

/// Reads `[ms, "o"|"e", text or {"b64": text}]` or `[ms, "x", status]`; a death by a signal has the signal behind it.
pub(super) fn entry(line: &[u8]) -> Result<Entry, Malformed> {
    let value: Value = serde_json::from_slice(line).map_err(|e| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        crate::codec::malformed(&e, text)
    })?;
    let wrong = || Malformed::new(0, "no entry of a raw recording");
    let at = |n: usize| value.get(n).unwrap_or(&Value::Null);
    let ms = at(0).as_f64().filter(|ms| *ms >= 0.0).ok_or_else(wrong)?;
    let to = match at(1).as_str() {
        Some("o") => To::Stdout,
        Some("e") => To::Stderr,
        Some("x") => To::End(end(at(2), at(3)).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    let bytes = match (to, at(2)) {
        (To::End(_), _) => Vec::new(),
        (_, Value::String(text)) => text.clone().into_bytes(),
        (_, data) => {
            let text = data.get("b64").and_then(Value::as_str).ok_or_else(wrong)?;
            let decoded = STANDARD.decode(text);
            decoded.map_err(|_| Malformed::new(0, "b64 is no base64"))?
        }
    };
    Ok(Entry {
        // Beyond the range of a number it is the last moment there is.
        time: Time::from_micros((ms * 1000.0) as u64),
        to,
        bytes,
    })
}

fn end(status: &Value, more: &Value) -> Option<Exit> {
    let signal = more.get("signal").and_then(Value::as_i64);
    if let Some(signal) = signal.and_then(|n| i32::try_from(n).ok()) {
        return (1..=64).contains(&signal).then_some(Exit::Signal(signal));
    }
    // As `exit(2)` takes it.
    let code = status.as_i64()? & 0xff;
    Some(match u8::try_from(code).ok()? {
        0 => Exit::Success,
        code => Exit::Child(code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_apart() {
        assert!(is_header(r#"{"spile":"raw","v":1,"argv":["x"]}"#));
        assert!(is_header(r#"{ "v": 1, "spile": "raw" }"#));
        assert!(!is_header(r#"{"v":1,"type":"status","kind":"info"}"#));
        assert!(!is_header("\"spile\""));
    }

    #[test]
    fn entries_are_read() {
        let read = |line: &str| entry(line.as_bytes());
        let said = read(r#"[12,"o","h\u00e9\n"]"#).unwrap();
        assert_eq!((said.time, said.to), (Time::from_millis(12), To::Stdout));
        assert_eq!(said.bytes, "hé\n".as_bytes());
        let said = read(r#"[0.5,"e",{"b64":"/w=="}]"#).unwrap();
        assert_eq!((said.to, said.bytes.as_slice()), (To::Stderr, &[0xff][..]));
        let end = |line| read(line).unwrap().to;
        assert_eq!(end(r#"[9,"x",0]"#), To::End(Exit::Success));
        assert_eq!(end(r#"[9,"x",137]"#), To::End(Exit::Child(137)));
        assert_eq!(end(r#"[9,"x",137,{"signal":9}]"#), To::End(Exit::Signal(9)));
        for wrong in [
            "",
            "{}",
            "[]",
            r#"[1,"o"]"#,
            r#"["1","o","x"]"#,
            r#"[1,"q","x"]"#,
            r#"[1,"x","y"]"#,
            r#"[-1,"o","x"]"#,
            r#"[1,"o",{"b64":"?"}]"#,
            r#"[1,"o","x"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
