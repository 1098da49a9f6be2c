//! The output of a tool as text: the strings in it without escape sequences and without what was written over.

use std::borrow::Cow;

use crate::codec;
use crate::text::escapes;

/// JSON with each string as a terminal would leave it. All other bytes stay as they are.
pub(super) fn clean_json(json: &str) -> Cow<'_, str> {
    let escaped = [r"\u00", r"\r", r"\b", r"\f"].iter().any(|escape| json.contains(escape));
    if !escaped && !json.chars().any(|c| matches!(c, '\u{7f}'..='\u{9f}')) {
        return Cow::Borrowed(json);
    }
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(start) = rest.find('"') {
        let (before, from) = rest.split_at(start);
        let (literal, after) = from.split_at(end_of(from));
        out.push_str(before);
        let text = codec::text(literal).unwrap_or_default();
        match escapes::plain(&text) {
            Cow::Borrowed(_) => out.push_str(literal),
            Cow::Owned(clean) => out.push_str(&codec::to_json(&clean)),
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the string that `json` begins with ends, in bytes.
fn end_of(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
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
