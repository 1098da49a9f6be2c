//! The output of a tool as text: the strings in it without escape sequences and without what was written over.

use std::borrow::Cow;

use crate::codec;
use crate::text::escapes;

/// JSON with each string as a terminal would leave it. All other bytes stay as they are.
pub(super) fn clean_json(json: &str) -> Cow<'_, str> {
    if !is_told(json) {
        return Cow::Borrowed(json);
    }
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(start) = rest.find('"') {
        let (before, from) = rest.split_at(start);
        let (literal, after) = from.split_at(end_of(from));
        out.push_str(before);
        if !is_told(literal) {
            out.push_str(literal);
        } else if let Some(clean) = without_returns(literal) {
            out.push_str(&clean);
        } else {
            match escapes::plain(&codec::text(literal).unwrap_or_default()) {
                Cow::Borrowed(_) => out.push_str(literal),
                Cow::Owned(clean) => out.push_str(&codec::to_json(&clean)),
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A string whose carriage returns all stand before line feeds, without them; none if it holds more that a terminal obeys,
/// or an escape that need not be one.
fn without_returns(literal: &str) -> Option<String> {
    let (mut out, mut rest) = (String::with_capacity(literal.len()), literal);
    while let Some(at) = memchr::memchr3(b'\\', 0x7f, 0xc2, rest.as_bytes()) {
        let (kept, after) = match &rest.as_bytes()[at..] {
            [b'\\', b'n' | b't' | b'"' | b'\\', ..] | [0xc2, 0xa0..=0xff, ..] => (at + 2, at + 2),
            [b'\\', b'r', b'\\', b'r' | b'n', ..] => (at, at + 2),
            _ => return None,
        };
        out.push_str(&rest[..kept]);
        rest = &rest[after..];
    }
    out.push_str(rest);
    Some(out)
}

/// True if there may be a control character in it that a terminal obeys.
fn is_told(json: &str) -> bool {
    let bytes = json.as_bytes();
    let is = |at: usize| match &bytes[at..] {
        [b'\\', b'r' | b'b' | b'f', ..] | [b'\\', b'u', b'0', b'0', ..] => true,
        // U+0080 to U+009F.
        [0x7f, ..] | [0xc2, 0..0xa0, ..] => true,
        _ => false,
    };
    memchr::memchr3_iter(b'\\', 0x7f, 0xc2, bytes).any(is)
}

/// Where the string that `json` begins with ends, in bytes.
fn end_of(json: &str) -> usize {
    let (bytes, mut at) = (json.as_bytes(), 1);
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_strings_of_an_output_become_text() {
        let cases = [
            (r#""\u001b[31mred\u001b[0m 1%\r99%\n""#, r#""99%\n""#),
            (
                r#"{"a\"":["x\u001b[1m",1.50,"\\\""],"b":"c\r\nd"}"#,
                r#"{"a\"":["x",1.50,"\\\""],"b":"c\nd"}"#,
            ),
            (r#""plain \u0041""#, r#""plain \u0041""#),
            (r#"{"n": 12345678901234567890}"#, r#"{"n": 12345678901234567890}"#),
        ];
        for (json, want) in cases {
            assert_eq!(clean_json(json), want);
        }
        assert_eq!(clean_json("\"a\u{9b}b\""), "\"ab\"");
    }

    proptest! {
        #[test]
        fn strings_are_as_a_terminal_leaves_them(text in "([a-zé°\u{7f}\u{80}\u{9f}\"\\\\/\t\r日\x1b]|\r\n|\n){0,30}", slashes in any::<bool>()) {
            let mut json = codec::to_json(&text);
            if slashes {
                json = json.replace('/', "\\/");
            }
            let clean = clean_json(&json);
            prop_assert_eq!(codec::text(&clean).unwrap(), escapes::plain(&text));
            if clean != json {
                prop_assert_eq!(clean, codec::to_json(&escapes::plain(&text)));
            }
        }
    }
}
