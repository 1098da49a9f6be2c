//! Lone surrogate escapes (`"\ud83d"`): legal in JSON text, refused by serde_json, and the half of an emoji when a
//! runtime cuts its deltas by UTF-16 units. They survive: escaped in a line, as stand-ins in a `String`.

use std::borrow::Cow;

use super::special::{self, Stop};
use crate::event::Raw;

impl<'a> Raw<'a> {
    /// The text that it stands for; a lone surrogate becomes U+FFFD.
    pub fn decode(self) -> Cow<'a, str> {
        unescape(self.0)
    }

    /// The text that it stands for, if there is no lone surrogate in it.
    pub fn whole(self) -> Option<Cow<'a, str>> {
        unescape_with(self.0, || None)
    }
}

/// First stand-in: the last 2,048 code points of the private plane 16 stand for one surrogate each.
///
/// Text that uses these code points itself is at risk only in a stream that also holds lone surrogates, and where two of
/// them that would make a pair meet between two deltas.
const STAND_IN: u32 = 0x10_F800;

/// The text that the inside of a JSON string stands for; a lone surrogate or a broken escape becomes U+FFFD.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    let text = unescape_with(raw, || Some(char::REPLACEMENT_CHARACTER));
    text.unwrap_or_default()
}

/// [`unescape`] with `lone` as the replacement of a lone surrogate or a broken escape; `None` if there is no replacement.
fn unescape_with(raw: &str, lone: impl Fn() -> Option<char>) -> Option<Cow<'_, str>> {
    // Nothing else in a string needs one, and most are short: a call of memchr costs more than the look at them.
    let first = special::first(raw.as_bytes(), Stop::Special);
    let Some(first) = first.and_then(|at| Some(at + memchr::memchr(b'\\', &raw.as_bytes()[at..])?))
    else {
        return Some(Cow::Borrowed(raw));
    };
    let mut out = String::with_capacity(raw.len());
    out.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let (c, len) = escape(&rest[at..]);
        out.push(c.or_else(&lone)?);
        rest = &rest[at + len..];
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// The character of the escape at the start of `s`, if it is one, and how many bytes it took.
fn escape(s: &str) -> (Option<char>, usize) {
    let simple = match s.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unicode(s),
        Some(c @ (b'"' | b'\\' | b'/')) => char::from(*c),
        _ => return (None, 1),
    };
    (Some(simple), 2)
}

fn unicode(s: &str) -> (Option<char>, usize) {
    match hex(s) {
        None => (None, 2),
        Some(high @ 0xD800..=0xDBFF) => match hex(&s[6..]) {
            Some(low @ 0xDC00..=0xDFFF) => {
                let c = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(c), 12)
            }
            _ => (None, 6),
        },
        Some(c) => (char::from_u32(c), 6),
    }
}

/// The code unit of `\uhhhh` at the start of `s`.
fn hex(s: &str) -> Option<u32> {
    let digits = s.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|c| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Replaces the lone surrogates among the escapes of a line of JSON by `lone`; `None` if there is none.
fn map_lone(line: &str, lone: impl Fn(u32) -> char) -> Option<String> {
    let mut out = String::new();
    let (mut at, mut copied) = (memchr::memchr(b'\\', line.as_bytes())?, 0);
    memchr::memmem::find(&line.as_bytes()[at..], b"\\u")?;
    while let Some(found) = memchr::memchr(b'\\', &line.as_bytes()[at..]) {
        at += found;
        match hex(&line[at..]) {
            Some(0xD800..=0xDBFF) if matches!(hex(&line[at + 6..]), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(unit @ 0xD800..=0xDFFF) => {
                out.push_str(&line[copied..at]);
                out.push(lone(unit));
                at += 6;
                copied = at;
            }
            Some(_) => at += 6,
            // The character after a backslash may be of any length in a broken line.
            None => at += 1 + line[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    (copied > 0).then(|| out + &line[copied..])
}

/// The line with every lone surrogate escape replaced by U+FFFD.
pub(super) fn replace_lone(line: &str) -> Option<String> {
    map_lone(line, |_| char::REPLACEMENT_CHARACTER)
}

/// The line with every lone surrogate escape replaced by its stand-in, for serde_json; `None` if it has none.
/// A stand-in that never meets its other half is written as U+FFFD.
pub fn replace_lone_surrogates(line: &str) -> Option<String> {
    map_lone(line, for_half)
}

/// Puts `more` behind `text`. Where the one ends in the first half of a character and the other begins with the second,
/// both as stand-ins, the character itself stands there.
pub fn append(text: &mut String, more: &str) {
    if let Some((kept, c, rest)) = joined(text, more) {
        text.truncate(kept);
        text.push(c);
        text.push_str(rest);
    } else {
        text.push_str(more);
    }
}

/// Length of `text` that stays, the character that two halves make, and the rest of `more`.
fn joined<'m>(text: &str, more: &'m str) -> Option<(usize, char, &'m str)> {
    let (last, first) = (text.chars().next_back()?, more.chars().next()?);
    let units = [half(last)?, half(first)?];
    let mut chars = char::decode_utf16(units);
    let c = chars.next()?.ok()?;
    Some((text.len() - last.len_utf8(), c, &more[first.len_utf8()..]))
}

/// Suffix of `whole` not emitted yet; `None` if `emitted`, which may end in the first half of a character, is no prefix of it.
pub fn strip_emitted<'w>(whole: &'w str, emitted: &str) -> Option<Cow<'w, str>> {
    if let Some(rest) = whole.strip_prefix(emitted) {
        return Some(Cow::Borrowed(rest));
    }
    let last = emitted.chars().next_back()?;
    let first = half(last)?;
    let rest = whole.strip_prefix(&emitted[..emitted.len() - last.len_utf8()])?;
    let c = rest.chars().next()?;
    let mut units = [0; 2];
    match c.encode_utf16(&mut units) {
        [high, low] if *high == first => {
            let rest = &rest[c.len_utf8()..];
            Some(Cow::Owned(format!("{}{rest}", for_half(u32::from(*low)))))
        }
        _ => None,
    }
}

/// The text without the stand-in of a first half at its end, and that stand-in: its second half may still come.
pub fn split_half(text: &str) -> (&str, &str) {
    // All stand-ins begin with this byte.
    if text.len() < 4 || text.as_bytes()[text.len() - 4] != 0xF4 {
        return (text, "");
    }
    let first = |c: char| half(c).is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
    match text.chars().next_back().filter(|c| first(*c)) {
        Some(c) => text.split_at(text.len() - c.len_utf8()),
        None => (text, ""),
    }
}

/// The inside of a JSON string without the escaped first half of a surrogate pair at its end, and that escape.
pub fn split_escaped_half(raw: &str) -> (&str, &str) {
    let Some((head, tail)) = raw.len().checked_sub(6).map(|at| raw.as_bytes().split_at(at)) else {
        return (raw, "");
    };
    let high = matches!(tail, [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', x, y]
        if x.is_ascii_hexdigit() && y.is_ascii_hexdigit());
    let slashes = head.iter().rev().take_while(|b| **b == b'\\').count();
    if high && slashes.is_multiple_of(2) { raw.split_at(head.len()) } else { (raw, "") }
}

/// The surrogate for which `c` stands in, as a unit.
fn half(c: char) -> Option<u16> {
    u16::try_from(stand_in(c)?).ok()
}

/// Stand-in of a surrogate.
fn for_half(unit: u32) -> char {
    char::from_u32(STAND_IN + unit - 0xD800).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The surrogate for which `c` stands in.
pub(super) fn stand_in(c: char) -> Option<u32> {
    u32::from(c).checked_sub(STAND_IN).map(|n| n + 0xD800)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_pairs_and_replaces_halves() {
        assert_eq!(unescape(r"a\ud83d\ude00b"), "a😀b");
        assert_eq!(unescape(r"a\ud83d"), "a\u{fffd}");
        assert_eq!(unescape(r"\ud83d\n\u00e9\u2028"), "\u{fffd}\né\u{2028}");
        assert_eq!(unescape("plain é"), "plain é");
        assert_eq!(unescape(r"\"), "\u{fffd}");
    }

    #[test]
    fn halves_that_meet_are_a_character() {
        let of = |json: &str| replace_lone_surrogates(json).unwrap().trim_matches('"').to_owned();
        let (first, second) = (of(r#""a\ud83d""#), of(r#""\ude00b""#));
        let mut text = first.clone();
        append(&mut text, &second);
        assert_eq!(text, "a😀b");
        assert_eq!(strip_emitted("a😀b", &first).unwrap(), second);
        assert_eq!(strip_emitted("a😀b", "a").unwrap(), "😀b");
        assert_eq!(strip_emitted("a\u{1f980}b", &first), None);
        assert_eq!(strip_emitted("b", "a"), None);
        let mut apart = second.clone();
        append(&mut apart, &first);
        assert_eq!(apart, second + &first);
    }

    #[test]
    fn mends_only_what_is_alone() {
        assert_eq!(replace_lone_surrogates(r#"{"a":"\ud83d\ude00 \\ud83d"}"#), None);
        let mended = replace_lone_surrogates(r#"{"a":"x\ud83d"}"#).unwrap();
        let value: serde_json::Value = serde_json::from_str(&mended).unwrap();
        let last = value["a"].as_str().unwrap().chars().last().unwrap();
        assert_eq!(stand_in(last), Some(0xD83D));
    }
}
