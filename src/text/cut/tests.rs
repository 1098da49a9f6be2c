//! Cutting: the same parts for any slicing, limits in every unit, C9 with equality, balanced fences, whole graphemes.

mod examples;

use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::text::units::{Limit, Limits, Unit};

/// A small generator of numbers; the same seed, the same documents.
pub(crate) struct Random {
    state: u64,
    /// Every fence of its documents is closed.
    closes: bool,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0xD1B5_4A32_D192_ED03) | 1, closes: true }
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % n.max(1)
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const WORDS: &[&str] = &[
    "the",
    "agent",
    "reads",
    "it.",
    "Then!",
    "why?",
    "`code span`",
    "``a ` b``",
    "[a link](https://example.org/a_(b)?c=d)",
    "https://example.com/a/very/long/path/index.html",
    "👨‍👩‍👧‍👦",
    "👩🏽‍💻",
    "🇩🇪🇫🇷🇯🇵",
    "今天天气很好。",
    "我们去公园吧！然后",
    "e\u{301}a\u{308}\u{323}",
    "שלום",
    "مرحبا",
    "\u{200f}abc\u{200e}",
    "สวัสดีครับ",
    "**bold**",
    "_it_",
    "a\u{a0}b",
    "|",
    "x|y",
    "[",
    "](",
    "`",
    "(",
    "&amp;",
    "supercalifragilisticexpialidociousandmuchlongerthanthat",
    "…",
    "wait…",
    "\t",
    "  ",
    "क्षत्रिय",
    "\\`",
    "$x$",
    "<b>",
    ":",
];

fn words(r: &mut Random, most: usize) -> String {
    let n = 1 + r.below(most);
    let mut text = String::new();
    for i in 0..n {
        if i > 0 && r.below(12) > 0 {
            text.push(' ');
        }
        text.push_str(r.of(WORDS));
    }
    if r.below(40) == 0 {
        text.push_str(&"long".repeat(r.below(60)));
    }
    text
}

/// One block of Markdown, each of its lines behind `indent`.
fn block(r: &mut Random, indent: &str, depth: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    match r.below(if depth > 2 { 6 } else { 9 }) {
        0 => lines.push(format!("{} {}", "#".repeat(1 + r.below(6)), words(r, 6))),
        1 => lines.extend([words(r, 5), r.of(&["===", "---", "-"]).to_owned()]),
        2 | 3 => {
            let mark = r.of(&["```", "~~~", "````"]);
            lines.push(format!("{mark}{}", r.of(&["", "rust", "js title=\"a b\"", " py"])));
            for _ in 0..r.below(9) {
                lines.push(match r.below(6) {
                    0 => String::new(),
                    1 => "    indented();".to_owned(),
                    2 if mark == "````" => "```".to_owned(),
                    _ => words(r, 6),
                });
            }
            if r.below(12) > 0 || r.closes {
                lines.push(mark.to_owned());
            }
        }
        4 => {
            lines.push("| a | b |".to_owned());
            lines.push("|---|:-:|".to_owned());
            for _ in 0..r.below(8) {
                lines.push(format!("| {} | {} |", words(r, 2), words(r, 3)));
            }
        }
        5 | 6 => lines.extend((0..1 + r.below(3)).map(|_| words(r, 25))),
        7 => {
            for n in 0..1 + r.below(4) {
                let mark = if r.below(2) == 0 { "- ".to_owned() } else { format!("{}. ", n + 1) };
                let inner = block(r, "", depth + 1);
                for (i, line) in inner.lines().enumerate() {
                    let before = if i == 0 { mark.clone() } else { " ".repeat(mark.len()) };
                    lines.push(format!("{before}{line}"));
                }
            }
        }
        _ => {
            let inner = block(r, "", depth + 1);
            lines.extend(inner.lines().map(|line| format!("> {line}")));
        }
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(indent);
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// A document of Markdown and of what looks like it.
pub(crate) fn document(r: &mut Random) -> String {
    let mut text = String::new();
    if r.below(10) == 0 {
        text.push_str(&"\n".repeat(r.below(4)));
    }
    for _ in 0..1 + r.below(7) {
        let indent = r.of(&["", "", "", "", "  "]);
        text.push_str(&block(r, indent, 0));
        text.push_str(&"\n".repeat(r.below(3)));
        if r.below(60) == 0 {
            text.push_str(&" \n".repeat(r.below(80)));
        }
    }
    if r.below(3) == 0 {
        text = text.trim_end().to_owned();
    }
    match r.below(8) {
        0 => text.replace('\n', "\r\n"),
        _ => text,
    }
}

fn options(r: &mut Random) -> Options {
    let units = [Unit::Codepoints, Unit::Utf16, Unit::Bytes, Unit::Graphemes];
    let size = [30, 120, 700][r.below(3)];
    let max = 16 + r.below(size);
    let mut limits = vec![Limit { unit: units[r.below(4)], max }];
    if r.below(4) == 0 {
        limits.push(Limit { unit: Unit::Bytes, max: 20 + r.below(300) });
    }
    if r.below(4) == 0 {
        limits.push(Limit { unit: Unit::LineFeeds, max: r.below(12) });
    }
    Options {
        limits: Limits::new(&limits),
        min: (r.below(3) == 0).then(|| r.below(60)),
        pace: if r.below(4) == 0 { Pace::Eager } else { Pace::Full },
        fences: if r.below(3) == 0 { Fences::Anywhere } else { Fences::Lines },
    }
}

fn sliced(r: &mut Random, text: &str, options: &Options) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut cutter = Cutter::new(options.clone());
    let mut rest = text;
    let most = [1, 4, 30, 300][r.below(4)];
    while let Some(first) = rest.chars().next() {
        let mut len = (first.len_utf8() + r.below(most)).min(rest.len());
        while !rest.is_char_boundary(len) {
            len += 1;
        }
        cutter.push(&rest[..len], |part| parts.push(part));
        rest = &rest[len..];
    }
    cutter.finish(|part| parts.push(part));
    parts
}

fn check(text: &str, options: &Options, parts: &[Part]) {
    let joined: String = parts.iter().flat_map(|p| [&*p.lead, &*p.body, &*p.glue]).collect();
    assert_eq!(joined, text, "C9");
    for (i, part) in parts.iter().enumerate() {
        assert_eq!(part.last, i + 1 == parts.len());
        assert!(!shows(&part.glue) && !shows(&part.lead), "{part:#?}");
        assert!(shows(&part.body) || !shows(text), "nothing shows: {part:#?}");
        let sent = format!("{}{}{}", part.open, part.body, part.close);
        let size = options.limits.size(&sent);
        assert!(size.within(options.limits.max()), "{size:?} {part:#?}");
    }
    let mut cuts = Vec::new();
    let mut at = 0;
    for part in parts {
        for piece in [&part.lead, &part.body, &part.glue] {
            at += piece.len();
            cuts.push(at);
        }
    }
    let mut cuts = cuts.into_iter().peekable();
    for (start, cluster) in text.grapheme_indices(true) {
        while cuts.next_if(|cut| *cut <= start).is_some() {}
        while cuts.next_if(|cut| *cut < start + cluster.len()).is_some() {
            let size = options.limits.size(cluster);
            assert!(!size.within(options.limits.max()), "{cluster:?} is cut");
        }
    }
}

/// True if every fence that a text opens is closed in it, told by its lines alone, markers and indentation left aside.
fn balanced(text: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        let outer = line.trim_start_matches([' ', '>', '\t', '-', '.']);
        let outer = outer
            .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' ' | '-' | '>'));
        let mark = outer.chars().next().unwrap_or(' ');
        let run = outer.chars().take_while(|c| *c == mark).count();
        if !matches!(mark, '`' | '~') || run < 3 {
            continue;
        }
        let rest = &outer[run..];
        match open {
            Some((m, n)) if m == mark && run >= n && rest.trim().is_empty() => open = None,
            None if mark == '~' || !rest.contains('`') => open = Some((mark, run)),
            _ => {}
        }
    }
    open.is_none()
}

/// True if a line of a fence, behind the shortest opener that a part may need before it, is longer than the limit: the
/// limit comes first, so that the line is cut and the fence with it.
fn fence_over_limit(text: &str, limits: &Limits) -> bool {
    let marks = |line: &str| line.contains("```") || line.contains("~~~");
    let mut fences = text.lines().filter(|line| marks(line));
    fences.any(|line| {
        let alone = format!("````\n{line}");
        !limits.size(&alone).within(limits.max())
    })
}

#[test]
fn fences_are_balanced_in_every_part() {
    let (mut cuts, mut broken) = (0, 0);
    for seed in 1..=10_000u64 {
        let mut r = Random::new(seed);
        let text = document(&mut r);
        assert!(balanced(&text), "{text:?}");
        let units = [Unit::Codepoints, Unit::Utf16, Unit::Bytes, Unit::Graphemes];
        let unit = units[r.below(4)];
        let max = match r.below(2) {
            0 => 16 + r.below(45),
            _ => 60 + r.below(400),
        };
        let limits = Limits::new(&[Limit { unit, max }]);
        let options =
            Options { limits: limits.clone(), min: None, pace: Pace::Full, fences: Fences::Lines };
        for part in cut(&text, &options) {
            let sent = format!("{}{}{}", part.open, part.body, part.close);
            cuts += usize::from(!part.close.is_empty());
            if balanced(&sent) {
                continue;
            }
            broken += 1;
            assert!(
                fence_over_limit(&text, &limits),
                "seed {seed} {max} {unit:?}\n{part:#?}\n{text:?}"
            );
        }
    }
    assert!(cuts > 10_000, "{cuts} fences were cut");
    assert!(broken < 10, "{broken} fences were broken");
}

#[test]
fn parts_are_a_function_of_text_and_options() {
    let from = std::option_env!("SEED").and_then(|s| s.parse().ok()).unwrap_or(1);
    for seed in from..=10_000u64 {
        let mut r = Random { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, closes: false };
        let text = document(&mut r);
        let options = options(&mut r);
        let parts = cut(&text, &options);
        let result = std::panic::catch_unwind(|| check(&text, &options, &parts));
        assert!(result.is_ok(), "seed {seed} {options:?}\n{text:?}");
        let other = sliced(&mut r, &text, &options);
        if other != parts {
            let n = parts.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let before = n.checked_sub(1).and_then(|n| parts.get(n));
            let (whole, slices) = (parts.get(n), other.get(n));
            panic!("seed {seed} {options:?}\n{before:?}\n{whole:?}\n{slices:?}\n{text:?}");
        }
    }
}
