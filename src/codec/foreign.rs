//! Inputs that are no lines of events: how they are recognised by their beginning, and what to do with them.

use super::Fields;

/// Limit of a first line that is inspected, in bytes.
const MAX_FIRST: usize = 64 << 10;

/// Message for an input that is compressed or in another encoding, by its first bytes; it follows the input's name.
pub fn packed(head: &[u8]) -> Option<&'static str> {
    let magic: [(&[u8], &str); 8] = [
        (b"\xfd7zXZ\0", "is packed with xz: unpack it first (xz -dc)"),
        (b"BZh", "is packed with bzip2: unpack it first (bzip2 -dc)"),
        (b"PK\x03\x04", "is a zip archive: unpack it first (unzip -p)"),
        (b"\x04\x22\x4d\x18", "is packed with lz4: unpack it first (lz4 -dc)"),
        (b"\xff\xfe", UTF_16),
        (b"\xfe\xff", UTF_16),
        (b"{\0", UTF_16),
        (b"\0{", UTF_16),
    ];
    magic.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

const UTF_16: &str = "is UTF-16: make it UTF-8 first (iconv -f UTF-16 -t UTF-8)";

/// Message for an input of another program, by its first line.
pub fn first_line(line: &str) -> Option<&'static str> {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let fields = Fields::parse(line).ok()?;
    if fields.get("spile") == Some("\"raw\"") {
        return Some(
            "is a raw recording, not events: play it into wrap (spile wrap -- spile replay FILE)",
        );
    }
    // One of them alone: an event that is damaged. An object without a field is nobody's.
    if !line.contains('"') || ["v", "ts", "seq"].iter().any(|name| fields.get(name).is_some()) {
        return None;
    }
    let cast = fields.get("version").is_some()
        && (fields.get("width").is_some() || fields.get("term").is_some());
    Some(if cast {
        "is an asciinema recording of a terminal, not events: record the agent itself (spile wrap -- AGENT >FILE)"
    } else {
        "is JSON, but no events: if it is what an agent prints, make events of it first (spile wrap <FILE)"
    })
}

/// Inspects the beginning of an input, once.
#[derive(Debug, Default)]
pub struct Beginning {
    seen: Vec<u8>,
    done: bool,
}

impl Beginning {
    /// Takes the next bytes of the input; a message as soon as there is one, also for gzip and zstd.
    pub fn look(&mut self, bytes: &[u8]) -> Option<&'static str> {
        if self.done {
            return None;
        }
        let end = memchr::memchr(b'\n', bytes);
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if end.is_none() && self.seen.len() + line.len() < MAX_FIRST {
            self.seen.extend_from_slice(line);
            return None;
        }
        self.seen.extend_from_slice(line);
        self.end()
    }

    /// The input has ended.
    pub fn end(&mut self) -> Option<&'static str> {
        if std::mem::replace(&mut self.done, true) {
            return None;
        }
        let seen = std::mem::take(&mut self.seen);
        if seen.starts_with(b"\x1f\x8b") {
            return Some(
                "is packed with gzip: unpack it first (gzip -dc, or spile replay --instant)",
            );
        }
        if seen.starts_with(b"\x28\xb5\x2f\xfd") {
            return Some(
                "is packed with zstd: unpack it first (zstd -dc, or spile replay --instant)",
            );
        }
        packed(&seen).or_else(|| first_line(std::str::from_utf8(&seen).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_stream_of_events_is_recognised_by_its_beginning() {
        let message = |bytes: &[u8]| {
            let whole = Beginning::default().look(&[bytes, b"\n"].concat());
            let mut piecemeal = Beginning::default();
            let pieces = bytes.iter().find_map(|byte| piecemeal.look(&[*byte]));
            assert_eq!(pieces.or_else(|| piecemeal.end()), whole);
            whole.unwrap_or_default()
        };
        for (bytes, word) in [
            (&b"\xfd7zXZ\0\x01"[..], "xz -dc"),
            (b"\x1f\x8b\x08", "gzip -dc"),
            (b"\x28\xb5\x2f\xfd\x01", "zstd -dc"),
            (b"\xff\xfe{\0", "iconv"),
            (b"{\0\"\0", "iconv"),
            (b"{\"version\":2,\"width\":80,\"height\":24}", "asciinema"),
            (b"{\"type\":\"system\",\"subtype\":\"init\"}", "spile wrap"),
            (b"{\"spile\":\"raw\",\"v\":1}", "spile replay"),
            (b"{\"v\":1,\"type\":\"status\"}", ""),
            (b"\xef\xbb\xbf{\"v\":1,\"type\":\"status\"}", ""),
            (b"{\"w\":1,\"type\":\"status\",\"ts\":\"x\"}", ""),
            (b"{}", ""),
            (b"garbage", ""),
            (b"", ""),
        ] {
            let what = message(bytes);
            assert!(if word.is_empty() { what.is_empty() } else { what.contains(word) }, "{what}");
        }
    }
}
