//! Containers around a line, quotes and list items: the marks that put another line into them.

/// Quote marks before a line's text, with those that a lazy line leaves out.
pub(super) fn quote(before: &str, lazy: usize) -> String {
    let marks = before.bytes().filter(|c| *c == b'>').count();
    "> ".repeat(marks + lazy)
}

/// Mark of a list item with its text at this column, so deep that without it the text would be indented code.
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

/// Line that begins a list item with its text at this column, from the next line on.
pub(super) fn item_line(columns: usize) -> String {
    match columns {
        0..=5 => " ".repeat(columns.saturating_sub(2)) + "-\n",
        _ => item_mark(columns - 2) + "-\n",
    }
}

/// Columns of white space behind the last quote mark and its space.
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

/// The text before a line's text, for another line of the same containers: quote marks stay, a list's marker becomes
/// space.
pub(super) fn prefix(before: &str) -> String {
    before.chars().map(|c| if matches!(c, '>' | '\t') { c } else { ' ' }).collect()
}
