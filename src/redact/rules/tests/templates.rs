//! Examples of secrets, built from templates, so that no source file holds one.

use std::ops::Range;

use crate::redact::rules::Rule;
use regex::Regex;

/// A text and the part of it that a rule has to hide.
#[derive(Debug, Clone)]
pub(in crate::redact) struct Example {
    pub(in crate::redact) text: String,
    pub(in crate::redact) secret: Range<usize>,
}

impl Example {
    /// The text of a template: `<36 alnum>` becomes 36 characters of the class, and what stands between `«` and `»` is the
    /// secret; without these marks, it is the whole.
    pub(in crate::redact) fn new(template: &str, seed: u64) -> Self {
        let mut random = seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut text = String::new();
        let (mut start, mut end) = (0, None);
        let mut rest = template;
        while let Some(c) = rest.chars().next() {
            if let Some((count, class, behind)) = placeholder(rest) {
                run(count, class, &mut random, &mut text);
                rest = behind;
                continue;
            }
            match c {
                '«' => start = text.len(),
                '»' => end = Some(text.len()),
                _ => text.push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
        Self { secret: start..end.unwrap_or(text.len()), text }
    }

    /// The example between two other texts.
    pub(in crate::redact) fn within(&self, before: &str, behind: &str) -> Self {
        let secret = self.secret.start + before.len()..self.secret.end + before.len();
        Self { text: format!("{before}{}{behind}", self.text), secret }
    }
}

/// The count and the class of a placeholder at the beginning of a text, and what follows it.
fn placeholder(text: &str) -> Option<(usize, &'static [u8], &str)> {
    let (inside, behind) = text.strip_prefix('<')?.split_once('>')?;
    let (count, class) = inside.split_once(' ')?;
    Some((count.parse().ok()?, characters(class)?, behind))
}

fn characters(class: &str) -> Option<&'static [u8]> {
    Some(match class {
        "digits" => b"0123456789",
        "hex" => b"0123456789abcdef",
        "lower" => b"abcdefghijklmnopqrstuvwxyz",
        "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "letters" => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "alnum" => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "base32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "bech32" => b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        "base64" => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
        "url" => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
        _ => return None,
    })
}

/// So many characters of a class. The last one is a letter or a digit, as a boundary of a word needs one.
fn run(count: usize, class: &[u8], random: &mut u64, text: &mut String) {
    let mut n = 0;
    while n < count {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let byte = class[usize::try_from(*random >> 33).unwrap() % class.len()];
        if n + 1 < count || byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
            n += 1;
        }
    }
}

/// Beginning of a word, or an escape behind which one may begin, as a part of the match.
const WORD_START: &str = r"(?:(?-u:\b)|\\[nrt]|[0-9\[]m)";

/// A rule whose regexes are compiled.
pub(in crate::redact) struct Compiled {
    pub(in crate::redact) rule: &'static Rule,
    regex: Regex,
    end: Option<Regex>,
}

impl Compiled {
    pub(in crate::redact) fn new(rule: &'static Rule) -> Self {
        let compile = |regex: &str| {
            let regex = regex.replace("(?<word_start>)", WORD_START);
            Regex::new(&regex).unwrap_or_else(|e| panic!("{}: {e}", rule.name))
        };
        Self { rule, regex: compile(rule.regex), end: rule.until.map(|until| compile(until.end)) }
    }

    /// The parts of a text that the rule hides.
    pub(in crate::redact) fn hidden(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.regex.captures_iter(text).map(|captures| {
            let secret = captures.name("secret").or(captures.get(0)).unwrap();
            let end = self.end.as_ref().and_then(|end| end.find_at(text, secret.end()));
            secret.start()..end.map_or(secret.end(), |end| end.end())
        });
        found.collect()
    }
}
