//! Lines of a raw recording (`spile wrap --record`): a header, output with times, and an exit.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::queue::To;
use crate::codec::{Fields, Malformed};
use crate::exit::Exit;
use crate::time::Time;

pub(crate) fn is_header(line: &str) -> bool {
    line.contains("\"spile\"")
        && Fields::parse(line).is_ok_and(|fields| fields.get("spile") == Some("\"raw\""))
}

/// An entry, its time counted from the start of the recording.
pub(crate) struct Entry {
    pub(crate) time: Time,
    pub(crate) to: To,
    pub(crate) bytes: Vec<u8>,
}

/// Parses `[ms, "o"|"e", text or {"b64": text}]` or `[ms, "x", status, {"signal": n}]`; skips the rest.
pub(crate) fn entry(line: &[u8]) -> Result<Entry, Malformed> {
    let parts: Vec<&RawValue> = serde_json::from_slice(line).map_err(|e| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let Malformed { offset, reason } = crate::codec::malformed(&e, text);
        Malformed::new(offset, reason.replace("a sequence", "an entry of a raw recording"))
    })?;
    let part = |n: usize| parts.get(n).map_or("", |part| part.get());
    let wrong = || Malformed::new(0, "no entry of a raw recording");
    let ms = serde_json::from_str(part(0)).ok().filter(|ms: &f64| *ms >= 0.0).ok_or_else(wrong)?;
    let data = part(2);
    let to = match part(1) {
        "\"o\"" => To::Stdout,
        "\"e\"" => To::Stderr,
        "\"x\"" => {
            let death: Option<Death> = serde_json::from_str(part(3)).ok();
            let signal = death.and_then(|death| death.signal);
            To::End(end(serde_json::from_str(data).ok(), signal).ok_or_else(wrong)?)
        }
        _ => return Err(wrong()),
    };
    let bytes = match (to, data.as_bytes().first()) {
        (To::End(_), _) => Vec::new(),
        (_, Some(b'"')) => serde_json::from_str::<String>(data).map_err(|_| wrong())?.into_bytes(),
        (_, Some(b'{')) => {
            let packed: Packed<'_> = serde_json::from_str(data).map_err(|_| wrong())?;
            let decoded = STANDARD.decode(packed.b64.as_bytes());
            decoded.map_err(|_| Malformed::new(0, "b64 is no base64"))?
        }
        _ => return Err(wrong()),
    };
    Ok(Entry {
        // Saturates.
        time: Time::from_micros((ms * 1000.0) as u64),
        to,
        bytes,
    })
}

#[derive(Deserialize)]
struct Packed<'a> {
    #[serde(borrow)]
    b64: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Death {
    signal: Option<i32>,
}

fn end(status: Option<i64>, signal: Option<i32>) -> Option<Exit> {
    if let Some(signal) = signal {
        return match signal {
            // Not deadly: a player that raised one would stop or continue.
            libc::SIGCHLD
            | libc::SIGCONT
            | libc::SIGSTOP
            | libc::SIGTSTP
            | libc::SIGTTIN
            | libc::SIGTTOU
            | libc::SIGURG
            | libc::SIGWINCH => None,
            1..=31 | 34..=64 => Some(Exit::Signal(signal)),
            _ => None,
        };
    }
    // As `exit(2)` takes it.
    Some(match u8::try_from(status? & 0xff).ok()? {
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
            r#"[9,"x",147,{"signal":19}]"#,
            r#"[9,"x",148,{"signal":20}]"#,
            r#"[9,"x",145,{"signal":17}]"#,
            r#"[9,"x",160,{"signal":32}]"#,
            r#"[9,"x",128,{"signal":0}]"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
