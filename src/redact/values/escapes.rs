//! Escapes of JSON strings, in the styles of the common encoders. A text has at most [`MOST`] forms.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Most forms of a text. At the levels one to three, the six combined styles write the slash in 2, 4 and 8 ways and what is
/// beyond ASCII in 3, 5 and 7, and once more each at the fourth; the three others have seven forms each.
pub(super) const MOST: usize = 2 * 3 + 4 * 5 + 2 * 8 * 7 + 3 * 7;

/// Depth of strings in strings that is covered in every combination of styles. One more is covered in the plain style: the
/// depth of a line that is searched as bytes.
const LEVELS: usize = 3;

/// Choices that the JSON standard (RFC 8259, section 7) leaves to an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    /// Printable ASCII that is escaped although it need not be, except the slash.
    numbered: &'static str,
    slash: Slash,
    wide: Wide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slash {
    AsIs,
    Escaped,
}

/// Characters beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wide {
    AsIs,
    /// As they are, except the two line separators, which JavaScript did not allow in strings.
    AllButSeparators,
    /// `\u` and lower-case hexadecimal digits.
    Lower,
    /// `\u` and upper-case hexadecimal digits.
    Upper,
}

const PLAIN: Style = Style { numbered: "", slash: Slash::AsIs, wide: Wide::AsIs };

/// Styles that may be combined in any way over the levels: serde_json and JavaScript, Python, PHP, Jackson and others.
const COMBINED: [Style; 6] = [
    PLAIN,
    Style { wide: Wide::Lower, ..PLAIN },
    Style { wide: Wide::Upper, ..PLAIN },
    Style { slash: Slash::Escaped, ..PLAIN },
    Style { slash: Slash::Escaped, wide: Wide::Lower, ..PLAIN },
    Style { slash: Slash::Escaped, wide: Wide::Upper, ..PLAIN },
];

/// Styles that escape more, each combined with itself and with the plain style only.
const OTHERS: [Style; 3] = [
    // encoding/json of Go, and Rails
    Style { numbered: "<>&", wide: Wide::AllButSeparators, ..PLAIN },
    // Gson
    Style { numbered: "<>&='", wide: Wide::AllButSeparators, ..PLAIN },
    // System.Text.Json
    Style { numbered: "\"&'+<>`", wide: Wide::Upper, ..PLAIN },
];

/// The contents of JSON strings that stand for a text, at one, two and three levels.
pub(super) fn json(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut level = BTreeSet::from([text.to_owned()]);
    for _ in 0..LEVELS {
        let next = level.iter().flat_map(|text| COMBINED.map(|style| escape(text, style)));
        level = next.collect();
        all.extend(level.iter().cloned());
    }
    all.extend(level.iter().map(|text| escape(text, PLAIN)));
    for style in OTHERS {
        for styles in [
            &[style][..],
            &[style, PLAIN],
            &[style, PLAIN, PLAIN],
            &[style, style],
            &[style, style, style],
            &[PLAIN, style],
            &[PLAIN, PLAIN, style],
        ] {
            all.insert(styles.iter().fold(text.to_owned(), |text, style| escape(&text, *style)));
        }
    }
    all
}

fn escape(text: &str, style: Style) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            _ if style.numbered.contains(c) => number(c, style, &mut escaped),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '/' if style.slash == Slash::Escaped => escaped.push_str("\\/"),
            '\0'..='\u{1f}' => number(c, style, &mut escaped),
            ' '..='~' => escaped.push(c),
            _ => match style.wide {
                Wide::AsIs => escaped.push(c),
                Wide::AllButSeparators if !matches!(c, '\u{2028}' | '\u{2029}') => escaped.push(c),
                _ => number(c, style, &mut escaped),
            },
        }
    }
    escaped
}

/// `\u` and four digits, or a surrogate pair.
fn number(c: char, style: Style, escaped: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing into a string cannot fail.
        let _ = match style.wide {
            Wide::Upper => write!(escaped, "\\u{unit:04X}"),
            _ => write!(escaped, "\\u{unit:04x}"),
        };
    }
}
