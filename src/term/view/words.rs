//! Numbers, times and titles in few words.

use unicode_width::UnicodeWidthChar;

use crate::codec::Fields;
use crate::term::sanitize::clean;
use crate::time::Time;
use crate::timing::Breakdown;

/// Longest one-line title, in columns, where no width is given.
pub(super) const MAX_TITLE: usize = 200;

/// Longest working directory that is remembered, in bytes.
const MAX_FOLDER: usize = 4096;

/// A duration: `12ms`, `3.2s`, `2m05s`, `1h02m`.
pub(crate) fn duration(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms}ms"),
        seconds @ 1..60 => format!("{seconds}.{}s", ms % 1000 / 100),
        seconds @ 60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        seconds => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// [`duration`] without fractions of a second.
pub(crate) fn silence(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 1..60 => format!("{seconds}s"),
        _ => duration(ms),
    }
}

/// Time of the day (UTC): `12:34:56`.
pub(super) fn clock_time(time: Time) -> String {
    let seconds = time.as_millis() / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    match n / 1000 {
        0 => n.to_string(),
        thousands => format!("{},{:03}", count(thousands), n % 1000),
    }
}

/// Usage and cost of a turn: `1,234 in (1,000 cached) / 567 out tokens  $0.0123`; empty if neither is known.
pub(crate) fn usage_and_cost(body: &Fields<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(tokens) = body.object("usage").and_then(|u| tokens(&u)) {
        parts.push(tokens);
    } else if let Some(tokens) = body.object("usage_total").and_then(|u| tokens(&u)) {
        parts.push(format!("{tokens} so far"));
    }
    // A runtime that knows no price reports 0.
    if let Some(cost) = body.number("cost_usd").filter(|cost| *cost != 0.0) {
        parts.push(if cost.abs() < 1.0 { format!("${cost:.4}") } else { format!("${cost:.2}") });
    }
    parts.join("  ")
}

/// Tokens in words; `None` if there is no count.
pub(super) fn tokens(usage: &Fields<'_>) -> Option<String> {
    let cached = usage
        .count("cache_read_tokens")
        .filter(|n| *n > 0)
        .map_or(String::new(), |n| format!(" ({} cached)", count(n)));
    let input = usage.count("input_tokens").map(|n| format!("{} in{cached}", count(n)));
    let output = usage.count("output_tokens").map(|n| format!("{} out", count(n)));
    match (input, output) {
        (Some(i), Some(o)) => Some(format!("{i} / {o} tokens")),
        (Some(one), None) | (None, Some(one)) => Some(format!("{one} tokens")),
        (None, None) => usage.count("total_tokens").map(|n| format!("{} tokens", count(n))),
    }
}

/// The two classes with the most time: `(tools 31.0s, model 8.2s)`; empty if there is only one.
pub(super) fn longest(breakdown: &Breakdown) -> String {
    let longest = breakdown.longest();
    let longest: Vec<_> =
        longest.iter().take(2).map(|(name, ms)| format!("{name} {}", duration(*ms))).collect();
    if longest.len() < 2 { String::new() } else { format!("({})", longest.join(", ")) }
}

/// Longest word that is left out whole where a line is cut, in columns.
const MAX_CUT: usize = 16;

/// First line of `text`, cleaned and cut to `columns`, with an ellipsis for a part left out; the cut is behind a word unless
/// the last word is long.
pub(crate) fn one_line(text: &str, columns: Option<usize>) -> String {
    let text = text.trim();
    let first = text.lines().next().unwrap_or_default();
    let more = first.len() < text.len();
    let columns = columns.unwrap_or(MAX_TITLE).max(8);
    // Cleaning never shortens, so a prefix of this many characters fills the columns even with marks of no width.
    let end = first.char_indices().nth(columns.saturating_mul(4)).map_or(first.len(), |(at, _)| at);
    let cleaned = clean(&first[..end]).replace('\t', " ");
    let (mut width, mut cut, mut fits) = (0, cleaned.len(), true);
    for (at, c) in cleaned.char_indices() {
        if width < columns {
            cut = at;
        }
        width += c.width().unwrap_or(0);
        if width > columns {
            fits = false;
            break;
        }
    }
    if fits && !more && end == first.len() {
        return cleaned;
    }
    if fits && width < columns {
        return format!("{cleaned}…");
    }
    let (kept, rest) = cleaned.split_at(cut);
    // The ellipsis replaces white space, or a short word that would be cut.
    let word = kept.rfind(' ').filter(|_| !rest.starts_with(' '));
    let whole = word.filter(|at| self::width(&kept[*at..]) <= MAX_CUT.min(columns / 2));
    format!("{}…", kept[..whole.unwrap_or(cut)].trim_end())
}

/// Columns of a text.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Working directory of a `turn_started`; empty if unknown.
pub(crate) fn folder(body: &Fields<'_>) -> String {
    body.text("cwd").filter(|f| f.len() < MAX_FOLDER).unwrap_or_default().into_owned()
}

/// Title of a call without the turn's working directory before a file; a command stays as it is.
pub(crate) fn within<'t>(folder: &str, kind: &str, title: &'t str) -> &'t str {
    let file = title.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let is_within = |file: &&str| kind != "execute" && folder.len() > 1 && !file.is_empty();
    file.filter(is_within).unwrap_or(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers() {
        let got = [0, 12, 999, 1000, 3260, 59_999, 60_000, 125_000, 3_720_000].map(duration);
        assert_eq!(
            got,
            ["0ms", "12ms", "999ms", "1.0s", "3.2s", "59.9s", "1m00s", "2m05s", "1h02m"]
        );
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn tokens_and_cost() {
        let words = |json: &str| usage_and_cost(&Fields::parse(json).expect("an object"));
        assert_eq!(words("{}") + &words(r#"{"cost_usd":0}"#), "");
        assert_eq!(
            words(
                r#"{"usage":{"input_tokens":1234,"output_tokens":567,"cache_read_tokens":1000},"cost_usd":0.0123}"#
            ),
            "1,234 in (1,000 cached) / 567 out tokens  $0.0123"
        );
        assert_eq!(
            words(r#"{"usage_total":{"total_tokens":9},"cost_usd":2.5}"#),
            "9 tokens so far  $2.50"
        );
        assert_eq!(words(r#"{"usage":[],"cost_usd":"1e999"}"#), "");
    }

    #[test]
    fn titles_fit_in_their_columns() {
        assert_eq!(one_line("cargo test", Some(20)), "cargo test");
        assert_eq!(one_line("cargo test", Some(10)), "cargo test");
        assert_eq!(one_line("cargo tests", Some(10)), "cargo…");
        assert_eq!(one_line("日本語日本語", Some(8)), "日本語…");
        assert_eq!(one_line("one\ntwo", Some(20)), "one…");
        assert_eq!(one_line("\x1b[31m\u{202e}", Some(20)), "^[[31m<U+202E>");
        assert_eq!(one_line("", Some(20)), "");
        for text in [
            "日本語日本語日本語",
            "abcdefghijklmnop",
            "a\u{301}bcdefghijklm\nx",
            "\x1b\x1b\x1b\x1b\x1b\x1b",
        ] {
            for columns in 8..14 {
                assert!(width(&one_line(text, Some(columns))) <= columns, "{text}");
            }
        }
    }
}
