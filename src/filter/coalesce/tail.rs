//! End and length of a raw text, read in its escaped form, so that held text is never decoded.

/// End of a text, from the least to the most complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// A first half: a joiner, half a flag, half a surrogate pair, a carriage return.
    Awaits,
    /// The middle of something.
    Open,
    /// White space.
    Word,
    /// Sentence punctuation and then white space, or full-width punctuation.
    Sentence,
    /// A line end.
    Line,
    /// An empty line.
    Paragraph,
}

/// Code points of the text that `raw` stands for; a surrogate pair is one.
pub(in crate::filter) fn chars(raw: &str) -> usize {
    let points = |s: &str| s.bytes().filter(|b| (*b as i8) >= -0x40).count();
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return points(raw);
    }
    let (mut count, mut rest, mut high) = (0, raw, false);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        count += points(&rest[..at]);
        high &= at == 0;
        let unit = unit(&rest[at..]);
        let low = matches!(unit, Some(0xDC00..=0xDFFF));
        count += usize::from(!(low && high));
        high = matches!(unit, Some(0xD800..=0xDBFF));
        let len = if rest.as_bytes().get(at + 1) == Some(&b'u') { 6 } else { 2 };
        rest = rest.get(at + len..).unwrap_or_default();
    }
    count + points(rest)
}

/// The code unit of `\uhhhh` at the start of `s`.
fn unit(s: &str) -> Option<u32> {
    u32::from_str_radix(s.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

/// End of the text that `raw` stands for.
pub(super) fn ending(raw: &str) -> Ending {
    let mut back = Back { rest: raw };
    match back.next() {
        None => Ending::Open,
        Some('\r' | '\u{200D}' | HALF) => Ending::Awaits,
        Some('\n') => {
            let before = back.find(|c| *c != '\r');
            if before == Some('\n') { Ending::Paragraph } else { Ending::Line }
        }
        Some(c) if is_flag_half(c) => {
            if back.take_while(|c| is_flag_half(*c)).count() % 2 == 0 {
                Ending::Awaits
            } else {
                Ending::Open
            }
        }
        Some('。' | '！' | '？' | '…') => Ending::Sentence,
        Some(c) if c.is_whitespace() => {
            match back.find(|c| !matches!(c, '"' | '\'' | ')' | ']' | '*' | '_')) {
                Some('.' | '!' | '?' | '…' | '。' | '！' | '？') => Ending::Sentence,
                _ => Ending::Word,
            }
        }
        Some(_) => Ending::Open,
    }
}

/// Stands for the high half of a surrogate pair.
const HALF: char = '\u{10FFFF}';

fn is_flag_half(c: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&c)
}

/// The characters of an escaped text, from its end.
struct Back<'a> {
    rest: &'a str,
}

impl Iterator for Back<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        // Only an escape ends in ASCII and stands for another character.
        if let Some((c, len)) = self.escape() {
            self.rest = &self.rest[..self.rest.len() - len];
            return Some(c);
        }
        let c = self.rest.chars().next_back()?;
        self.rest = &self.rest[..self.rest.len() - c.len_utf8()];
        Some(c)
    }
}

impl Back<'_> {
    /// The escape at the end and its length in bytes.
    fn escape(&self) -> Option<(char, usize)> {
        let bytes = self.rest.as_bytes();
        let escaped = |at: usize| {
            let slashes = bytes[..at].iter().rev().take_while(|b| **b == b'\\').count();
            slashes % 2 == 1
        };
        let n = bytes.len();
        if n >= 2 && bytes[n - 1].is_ascii() && escaped(n - 1) {
            let c = match bytes[n - 1] {
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                c => char::from(c),
            };
            return Some((c, 2));
        }
        if n >= 6 && bytes[n - 5] == b'u' && escaped(n - 5) {
            let unit = unit(&self.rest[n - 6..])?;
            return Some(match unit {
                0xD800..=0xDBFF => (HALF, 6),
                0xDC00..=0xDFFF => self.pair(unit),
                _ => (char::from_u32(unit).unwrap_or(HALF), 6),
            });
        }
        None
    }

    /// The pair of which `low` is the second half.
    fn pair(&self, low: u32) -> (char, usize) {
        let high =
            self.rest.len().checked_sub(12).and_then(|at| self.rest.get(at..)).and_then(unit);
        match high {
            Some(high @ 0xD800..=0xDBFF) => {
                let c = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                (char::from_u32(c).unwrap_or(HALF), 12)
            }
            _ => ('\u{FFFD}', 6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_code_points_behind_escapes() {
        for (raw, count) in [
            ("", 0),
            ("abc", 3),
            (r"a\nb", 3),
            ("é😀", 2),
            (r"\ud83d\ude00", 1),
            (r"\ud83d", 1),
            (r"\ude00", 1),
            (r"\\u0041", 6),
            (r"\ud83dx\ude00", 3),
            (r"\u00e9\u200d", 2),
            (r"\\", 1),
        ] {
            assert_eq!(chars(raw), count, "{raw}");
        }
    }

    #[test]
    fn sees_how_a_text_ends() {
        for (raw, want) in [
            ("word", Ending::Open),
            ("word ", Ending::Word),
            ("Done. ", Ending::Sentence),
            ("Done.", Ending::Open),
            (r"so.) ", Ending::Sentence),
            (r"a\n", Ending::Line),
            (r"a\n\n", Ending::Paragraph),
            (r"a\r\n\r\n", Ending::Paragraph),
            (r"a\r", Ending::Awaits),
            (r"a\\n", Ending::Open),
            (r"a\\\n", Ending::Line),
            ("👩\u{200d}", Ending::Awaits),
            (r"👩\u200d", Ending::Awaits),
            ("🇩", Ending::Awaits),
            ("🇩🇪", Ending::Open),
            (r"\ud83c\udde9", Ending::Awaits),
            (r"🇩\ud83c\uddea", Ending::Open),
            (r"\ud83d", Ending::Awaits),
            (r"\ud83d\ude00", Ending::Open),
            ("好。", Ending::Sentence),
            ("", Ending::Open),
            (r"\u000d", Ending::Awaits),
        ] {
            assert_eq!(ending(raw), want, "{raw}");
        }
    }
}
