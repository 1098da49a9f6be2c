//! What stands before a line's text, quote marks and the room of list items, and how it is written again before another line.

/// The quote marks before a line's text, with those that it does without.
pub(super) fn quote(before: &str, lazy: usize) -> String {
    let marks = before.bytes().filter(|c| *c == b'>').count();
    "> ".repeat(marks + lazy)
}

/// The mark of a list item whose text stands at this column, so deep that without it the text would be indented code.
pub(super) fn item_mark(columns: usize) -> String {
    // A mark with up to four spaces behind it, and up to three before it.
    let mut mark = String::new();
    let mut left = columns;
    while left >= 4 {
        let width = if left < 12 { left.min(8) } else { 8 };
        let before = width.saturating_sub(5);
        mark.push_str(&" ".repeat(before));
        mark.push('-');
        mark.push_str(&" ".repeat(width - before - 1));
        left -= width;
    }
    mark + &" ".repeat(left)
}

/// A line that begins a list item whose text stands at this column, from the next line on.
pub(super) fn item_line(columns: usize) -> String {
    match columns {
        0..=5 => " ".repeat(columns.saturating_sub(2)) + "-\n",
        _ => item_mark(columns - 2) + "-\n",
    }
}

/// How many columns of white space a text has behind its last quote mark and the space of that.
pub(super) fn indent_columns(before: &str) -> usize {
    let (inner, quoted): (&str, usize) = match before.rfind('>') {
        Some(at) => (&before[at + 1..], 1),
        None => (before, 0),
    };
    let columns = inner
        .bytes()
        .fold(0usize, |column, c| column + if c == b'\t' { 4 - column % 4 } else { 1 });
    columns.saturating_sub(quoted)
}

/// What stands before a line's text, to be put before another line of the same containers: quote marks stay, a list's
/// marker becomes space.
pub(super) fn prefix(before: &str) -> String {
    before.chars().map(|c| if matches!(c, '>' | '\t') { c } else { ' ' }).collect()
}
