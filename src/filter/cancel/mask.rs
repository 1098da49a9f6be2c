//! Mask over the parts of a result that differ although nothing else does: numbers, durations, addresses and UUIDs.
//!
//! It must not make different results the same. So it hides no words, no hash sums and no version's number of parts, and
//! nothing between numbers but the white space of a column.

use std::hash::Hasher;

/// Marks of what is masked; no UTF-8 text has these bytes.
const NUMBER: u8 = 0xff;
const DURATION: u8 = 0xfe;
const UUID: u8 = 0xfd;

/// Units of time, the longest first.
const UNITS: [&[&str]; 6] = [
    &["h", "hr", "hrs", "hour", "hours"],
    &["m", "min", "mins", "minute", "minutes"],
    &["s", "sec", "secs", "second", "seconds"],
    &["ms", "msec", "millisecond", "milliseconds"],
    &["us", "\u{b5}s", "\u{3bc}s", "microsecond", "microseconds"],
    &["ns", "nanosecond", "nanoseconds"],
];

/// Lengths of the groups of a UUID.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Hashes a text with its mask.
pub(super) fn hash(text: &str, hasher: &mut impl Hasher) {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (0, 0);
    while at < bytes.len() {
        let Some((mark, end)) = masked(bytes, at) else {
            at += 1;
            continue;
        };
        // White space before a number fills a column.
        let before = bytes.get(plain..at).unwrap_or_default();
        hasher.write(if mark == UUID { before } else { without_padding(before) });
        hasher.write_u8(mark);
        (plain, at) = (end, end);
    }
    hasher.write(bytes.get(plain..).unwrap_or_default());
    hasher.write_u8(0);
}

/// The bytes without the spaces and tabs at their end.
fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    bytes.get(..end.map_or(0, |end| end + 1)).unwrap_or_default()
}

/// Mark of what begins at `at`, and its end.
fn masked(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let begins =
        at.checked_sub(1).and_then(|before| bytes.get(before)).is_none_or(|b| !is_word(*b));
    if begins && let Some(end) = uuid(bytes, at) {
        return Some((UUID, end));
    }
    let digits = digits(bytes, at)?;
    // Digits within a name, or the third part of a version.
    if !begins || bytes.get(..at).unwrap_or_default().ends_with(b".") {
        return Some((NUMBER, digits));
    }
    if let Some(end) = address(bytes, at) {
        return Some((NUMBER, end));
    }
    let end = fraction(bytes, digits);
    Some(duration(bytes, end).map_or((NUMBER, end), |end| (DURATION, end)))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// End of the run of bytes that `is` allows; `None` if it is empty.
fn run(bytes: &[u8], at: usize, is: impl Fn(&u8) -> bool) -> Option<usize> {
    let len = bytes.get(at..)?.iter().take_while(|byte| is(byte)).count();
    (len > 0).then_some(at + len)
}

fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    run(bytes, at, u8::is_ascii_digit)
}

/// End of a number whose whole part ends at `end`.
fn fraction(bytes: &[u8], end: usize) -> usize {
    let behind = (bytes.get(end) == Some(&b'.')).then(|| digits(bytes, end + 1));
    behind.flatten().unwrap_or(end)
}

/// End of an address such as `0x7ffd12`.
fn address(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..)?.starts_with(b"0x").then_some(at + 2)?;
    let end = run(bytes, digits, u8::is_ascii_hexdigit)?;
    ends_word(bytes, end).then_some(end)
}

fn ends_word(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|byte| !is_word(*byte))
}

fn uuid(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    for (n, len) in GROUPS.into_iter().enumerate() {
        if n > 0 {
            end = (bytes.get(end) == Some(&b'-')).then_some(end + 1)?;
        }
        end = run(bytes, end, u8::is_ascii_hexdigit).filter(|group| *group == end + len)?;
    }
    ends_word(bytes, end).then_some(end)
}

/// End of a duration whose first number ends at `end`: `1.2s`, `900 ms`, `1m 2.5s`.
fn duration(bytes: &[u8], end: usize) -> Option<usize> {
    let (mut last, mut end) = unit(bytes, end)?;
    loop {
        let next = if bytes.get(end) == Some(&b' ') { end + 1 } else { end };
        let next = digits(bytes, next).map(|digits| fraction(bytes, digits));
        match next.and_then(|number| unit(bytes, number)) {
            // Units get shorter; else it is another duration.
            Some((rank, behind)) if rank > last => (last, end) = (rank, behind),
            _ => return Some(end),
        }
    }
}

/// Rank of a unit of time, and its end. A space may precede it, unless it may be a unit of something else.
fn unit(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let space = bytes.get(at) == Some(&b' ');
    let start = if space { at + 1 } else { at };
    let end = run(bytes, start, |byte| byte.is_ascii_alphabetic() || !byte.is_ascii())?;
    let word = std::str::from_utf8(bytes.get(start..end)?).ok()?;
    let rank = UNITS.iter().position(|names| names.contains(&word))?;
    let is_sure = match space {
        true => ends_word(bytes, end) && !matches!(word, "m" | "h"),
        false => bytes.get(end) != Some(&b'_'),
    };
    is_sure.then_some((rank, end))
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash(text, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn times_counters_and_ids_are_the_same() {
        for (a, b) in [
            ("failed after 1.5 s", "failed after 10.25 s"),
            ("failed after 1.2s", "failed after 2s"),
            ("Finished in 950ms", "Finished in 1.1s"),
            ("real 1m2.003s", "real 59.9s"),
            ("took 1h 3m 2s.", "took 3 seconds."),
            ("took 1 second", "took 2 seconds"),
            ("at 12:01:59", "at 12:02:00"),
            ("2026-11-29T15:31:00.123Z retry", "2026-11-30T05:01:12.9Z retry"),
            ("( 9%) done", "(100%) done"),
            ("object at 0x7f3a9c>", "object at 0x1>"),
            (
                "request 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed",
                "request aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee failed",
            ),
            ("pid4711: gone", "pid9: gone"),
            ("5\u{b5}s", "6ms"),
        ] {
            assert_eq!(of(a), of(b), "{a} {b}");
        }
    }

    #[test]
    fn different_results_stay_different() {
        for (a, b) in [
            ("failed after 1.5 s", "passed after 1.5 s"),
            ("1.2.3", "1.2"),
            ("[1,2,3]", "[1,2]"),
            ("1s 2s 3s", "1s 2s"),
            ("1 2", "1"),
            ("commit 3f2504e", "commit 9a0c030"),
            ("sha 3f2504e0", "sha aaaaaaaa"),
            ("5 m tall", "5 h tall"),
            ("5 apples", "5 pears"),
            ("5s", "5x"),
            ("5_ms", "5_s"),
            ("-1", "1"),
            ("1\n2", "1 2"),
            ("", "0"),
            ("a", "a "),
        ] {
            assert_ne!(of(a), of(b), "{a} {b}");
        }
    }

    fn filled(template: &[(String, u8)], numbers: &[u32]) -> String {
        let part = |((word, kind), n): (&(String, u8), &u32)| match kind {
            0 => format!("{word}{n} "),
            1 => format!("{word}{}.{n} ", n % 7),
            2 => format!("{word}:{}{} ", n, ["s", "ms", "min"][*n as usize % 3]),
            3 => format!("{word}@0x{n:x} "),
            _ => format!("{word} {n:08x}-0000-4000-8000-{n:012x} "),
        };
        template.iter().zip(numbers).map(part).collect()
    }

    proptest! {
        /// Law: texts are the same exactly if they differ in nothing but what is masked.
        #[test]
        fn nothing_but_the_masked_parts_is_ignored(
            a in prop::collection::vec(("[a-gp-r{}:\n]{1,6}", 0u8..5), 0..6),
            b in prop::collection::vec(("[a-gp-r{}:\n]{1,6}", 0u8..5), 0..6),
            n in prop::collection::vec(any::<u32>(), 6),
            m in prop::collection::vec(any::<u32>(), 6),
        ) {
            prop_assert_eq!(of(&filled(&a, &n)), of(&filled(&a, &m)));
            // Shapes of numbers may be the same, words are not.
            let words = |template: &[(String, u8)]| -> Vec<String> {
                template.iter().map(|(word, _)| word.clone()).collect()
            };
            if words(&a) != words(&b) {
                prop_assert_ne!(of(&filled(&a, &n)), of(&filled(&b, &m)));
            }
        }
    }
}
