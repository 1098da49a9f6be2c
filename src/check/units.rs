//! Text as UTF-16 code units: the one form in which escapes, and a surrogate pair cut between two deltas, compare equal.

use memchr::memchr;

/// Length and hash of a text. Equal for equal texts, however they were sliced and escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units {
    /// In UTF-16 code units.
    pub(super) len: u64,
    hash: u64,
}

impl Units {
    pub(super) fn new() -> Self {
        // FNV-1a, a unit at a time. Collisions made on purpose do no harm here.
        Self { len: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// The text of the inside of a JSON string.
    pub(super) fn of(raw: &str) -> Self {
        let mut units = Self::new();
        units.add(raw);
        units
    }

    /// Appends the inside of a JSON string.
    pub(super) fn add(&mut self, raw: &str) {
        let Self { mut len, mut hash } = *self;
        each(raw, |unit| {
            hash = (hash ^ u64::from(unit)).wrapping_mul(0x100_0000_01b3);
            len += 1;
        });
        *self = Self { len, hash };
    }
}

/// Code units of the inside of a JSON string.
pub(super) fn units(raw: &str) -> Vec<u16> {
    let mut all = Vec::with_capacity(raw.len());
    each(raw, |unit| all.push(unit));
    all
}

fn each(raw: &str, mut take: impl FnMut(u16)) {
    let mut rest = raw;
    loop {
        let plain = memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(plain);
        head.encode_utf16().for_each(&mut take);
        if tail.is_empty() {
            return;
        }
        let (unit, len) = escape(tail);
        take(unit);
        rest = tail.get(len..).unwrap_or_default();
    }
}

/// Unit of the escape at the start of `s`, and its length in bytes. The string was checked when it was parsed.
fn escape(s: &str) -> (u16, usize) {
    let simple = match s.as_bytes().get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'u') => {
            let unit = s.get(2..6).and_then(|hex| u16::from_str_radix(hex, 16).ok());
            return (unit.unwrap_or(0xFFFD), 6);
        }
        Some(c @ (b'"' | b'\\' | b'/')) => *c,
        _ => return (0xFFFD, 1),
    };
    (u16::from(simple), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_escapes_do_not_matter() {
        let mut cut = Units::new();
        for part in [r"a\ud83d", r"\ude00\n", "é"] {
            cut.add(part);
        }
        assert_eq!(cut, Units::of("a😀\\u000a\\u00e9"));
        assert_ne!(cut, Units::of("a😀\\n\\u00e8"));
        assert_eq!(cut.len, 5);
        assert_eq!(units(r#"\"\\\/"#), [34, 92, 47]);
        assert_eq!(units(r"\"), [0xFFFD]);
    }
}
