//! Places in a TOML file: lines and columns, and the bytes of a string before its escapes are decoded.

/// The line and the column of a byte, both from 1; the column is in characters.
pub(super) fn of(text: &str, at: usize) -> (usize, usize) {
    let mut end = at.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The byte of a TOML string, as it stands in the file with its quotes, that became the byte `offset` of its value.
pub(super) fn in_string(raw: &str, offset: usize) -> usize {
    let long = raw.starts_with("'''") || raw.starts_with("\"\"\"");
    let mut at = if long { 3 } else { 1 };
    if long {
        // A line end right behind the quotes is no part of the value.
        at += match raw.get(at..).map(str::as_bytes) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n', ..]) => 1,
            _ => 0,
        };
    }
    if raw.starts_with('\'') {
        return (at + offset).min(raw.len());
    }
    let mut decoded = 0;
    while decoded < offset && at < raw.len() {
        let (length, value) = unit(&raw[at..]);
        at += length;
        decoded += value;
    }
    at.min(raw.len())
}

/// Bytes of the first character or escape of a basic string, and bytes of what it stands for.
fn unit(text: &str) -> (usize, usize) {
    let mut characters = text.chars();
    let first = characters.next().map_or(1, char::len_utf8);
    if !text.starts_with('\\') {
        return (first, first);
    }
    let escaped = characters.next();
    let digits = match escaped {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some(c) if c.is_whitespace() => {
            // A backslash at the end of a line: what follows up to the next text is left out.
            return (text.len() - text[1..].trim_start().len(), 0);
        }
        _ => return (2, 1),
    };
    let code = text.get(2..2 + digits).and_then(|code| u32::from_str_radix(code, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
}
