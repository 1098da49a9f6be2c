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
        let text = codec::text(literal).filter(|_| is_told(literal)).unwrap_or_default();
        match escapes::plain(&text) {
            Cow::Borrowed(_) => out.push_str(literal),
            Cow::Owned(clean) => out.push_str(&codec::to_json(&clean)),
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
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
}
