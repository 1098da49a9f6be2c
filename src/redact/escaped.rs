//! The inside of a JSON string: the text that it stands for, and replacements at offsets of that text. What is not
//! replaced keeps its bytes, escapes and all.

use super::text::Hidden;

/// Appends the text that `raw` stands for. A lone surrogate or a broken escape becomes U+FFFD.
pub(super) fn decode(raw: &str, text: &mut Vec<u8>) {
    let mut rest = raw.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        let (len, char) = escape(&rest[at..]);
        text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[at + len..];
    }
    text.extend_from_slice(rest);
}

/// The escape at the beginning of `bytes`: its length, and the character that it stands for.
pub(super) fn escape(bytes: &[u8]) -> (usize, char) {
    let simple = |char| (2, char);
    match bytes.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(quoted @ (b'"' | b'\\' | b'/')) => simple(char::from(*quoted)),
        Some(b'u') => surrogates(bytes),
        _ => (1, char::REPLACEMENT_CHARACTER),
    }
}

fn surrogates(bytes: &[u8]) -> (usize, char) {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    };
    let Some(first) = unit(0) else { return (1, char::REPLACEMENT_CHARACTER) };
    if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, unit(6))
        && let Some(char) = char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    {
        return (12, char);
    }
    (6, char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Position in a string and in the text that it stands for.
struct RawPlace<'a> {
    raw: &'a [u8],
    at: usize,
    offset: u64,
}

impl RawPlace<'_> {
    /// Moves on to `offset` in the text, or to the end. A character that begins before `offset` is passed whole.
    fn pass(&mut self, offset: u64) {
        while self.offset < offset && self.at < self.raw.len() {
            let rest = &self.raw[self.at..];
            let missing = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
            let plain = &rest[..missing.min(rest.len())];
            let plain = memchr::memchr(b'\\', plain).unwrap_or(plain.len());
            (self.at, self.offset) = (self.at + plain, self.offset + plain as u64);
            if plain == 0 {
                let (len, char) = escape(rest);
                self.at += len;
                self.offset += char.len_utf8() as u64;
            }
        }
    }
}

/// Copies `raw`, whose text begins at the offset `begin`, with a replacement for each hidden part: `mark` writes one where
/// a part begins. What began before is left out without one.
pub(super) fn replace(
    raw: &str,
    begin: u64,
    hidden: &[Hidden],
    mut mark: impl FnMut(&Hidden, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let mut place = RawPlace { raw: raw.as_bytes(), at: 0, offset: begin };
    let first = hidden.partition_point(|part| part.end <= begin);
    for part in &hidden[first..] {
        let kept = place.at;
        place.pass(part.start);
        if place.at == raw.len() && place.offset <= part.start {
            out.extend_from_slice(&raw.as_bytes()[kept..]);
            return;
        }
        out.extend_from_slice(&raw.as_bytes()[kept..place.at]);
        if part.start >= begin {
            mark(part, out);
        }
        place.pass(part.end);
    }
    out.extend_from_slice(&raw.as_bytes()[place.at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::RuleId;

    fn part(start: u64, end: u64) -> Hidden {
        Hidden { start, end, rule: RuleId(0), digest: None }
    }

    fn replaced(raw: &str, begin: u64, hidden: &[Hidden]) -> String {
        let mut out = Vec::new();
        replace(raw, begin, hidden, |_, out| out.push(b'#'), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_stand_for_characters() {
        let mut text = Vec::new();
        decode(r#"a\n\"\\\/\u00e4\ud83d\ude00\ud83d!\q\u12"#, &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "a\n\"\\/ä😀\u{fffd}!\u{fffd}q\u{fffd}u12");
    }

    #[test]
    fn what_is_not_hidden_keeps_its_escapes() {
        assert_eq!(replaced(r"a\u0062\/cd", 0, &[part(2, 4)]), r"a\u0062#d");
        assert_eq!(replaced(r"\n\n\n", 10, &[part(11, 12)]), r"\n#\n");
    }

    #[test]
    fn a_part_that_began_before_gets_no_second_mark() {
        assert_eq!(replaced("abcdef", 10, &[part(4, 12), part(13, 20)]), "c#");
        assert_eq!(replaced("abc", 10, &[part(4, 8), part(13, 20)]), "abc");
        assert_eq!(replaced("abc", 10, &[part(9, 13)]), "");
    }
}
