//! Cutting held against random documents at every preset, and against small models of how channels find code.

use spile::filter::chunk::{PRESETS, preset_limits};
use spile::text::cut::{self, Cutter, Fences, Options, Pace, Part};
use spile::text::units::{Limit, Limits, Unit};

use crate::harness::stress;

/// Random numbers that a seed repeats (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % n.max(1)
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn words(&mut self, most: usize) -> String {
        let n = 1 + self.below(most);
        (0..n).map(|_| self.of(WORDS)).collect::<Vec<_>>().join(" ")
    }
}

const WORDS: &[&str] = &[
    "the",
    "agent",
    "reads",
    "it.",
    "Then!",
    "why:",
    "`code`",
    "`` ``` ``",
    "[a link](https://example.org/a?b=c)",
    "<https://example.org/a|label of it>",
    "👨‍👩‍👧",
    "今天天气很好。",
    "まず確認し、次に",
    "यह वाक्य है।",
    "e\u{301}",
    "a\u{a0}b",
    "supercalifragilisticexpialidocious",
    "<b>",
    "x|y",
    "**bold:**",
];

/// A document of which a model can say what is code: blocks of prose, fences, quotes and inline code, all of them ended,
/// with white space between them that may be long.
fn document(dice: &mut Dice, fences: Fences) -> String {
    let mut text = String::new();
    if dice.below(6) == 0 {
        text.push_str(&space(dice));
    }
    for _ in 0..1 + dice.below(7) {
        let block = match dice.below(8) {
            0 | 1 => fence(dice),
            2 if fences == Fences::Anywhere => middle(dice),
            3 => {
                let quoted = dice.words(60);
                format!("> {quoted}\n> {}", dice.words(9))
            }
            4 => format!("`{}` {}", "inline code ".repeat(dice.below(40)) + "x", dice.words(5)),
            5 => format!("{}:", dice.words(8)),
            _ => dice.words(50),
        };
        text.push_str(&block);
        text.push_str(&space(dice));
    }
    match dice.below(6) {
        0 => text.replace('\n', "\r\n"),
        1 => text.trim_end().to_owned(),
        _ => text,
    }
}

/// What stands between two blocks: at least a blank line.
fn space(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => "\n".repeat(2 + dice.below(900)),
        1 => format!("\n{}\n", " ".repeat(dice.below(500))),
        2 => " \n".repeat(2 + dice.below(90)),
        _ => "\n".repeat(2 + dice.below(2)),
    }
}

fn code(dice: &mut Dice) -> String {
    let mut lines: Vec<String> = Vec::new();
    for n in 0..1 + dice.below(20) {
        lines.push(match dice.below(9) {
            0 if n > 0 => "\n".repeat(dice.below(9)),
            1 => format!("    indented_{n}();"),
            2 => "long_".repeat(dice.below(90)) + "name",
            _ => format!("value_{n} = \"{}\"", dice.of(&["x", "今天", "👨‍👩‍👧", "a  b"])),
        });
    }
    lines.push("end()".to_owned());
    lines.join("\n")
}

/// A fence at the beginning of a line, in a quote or not, indented or not.
fn fence(dice: &mut Dice) -> String {
    let mark = dice.of(&["```", "```", "```", "````"]);
    let language = if mark.len() == 3 { dice.of(&["", "py", "c++"]) } else { "" };
    let block = format!("{mark}{language}\n{}\n{mark}", code(dice));
    let before = dice.of(&["", "", "", "> ", "  "]);
    block.lines().map(|line| format!("{before}{line}\n")).collect()
}

/// A fence that begins in the middle of a line, ends at one, or both.
fn middle(dice: &mut Dice) -> String {
    let before = match dice.below(3) {
        0 => String::new(),
        _ => format!("{} ", dice.words(5)),
    };
    let open = dice.of(&["```sh\n", "```a = 1;\n", "```one two "]);
    let close = dice.of(&["```", "\n```", "\n    ```"]);
    let behind = dice.of(&["", " and more", "\nand more"]);
    format!("{before}{open}{}{close}{behind}", code(dice))
}

/// What a channel shows as code, without white space and quote marks.
fn shown(text: &str, fences: Fences) -> String {
    let mut code = String::new();
    match fences {
        Fences::Anywhere => anywhere(text, &mut code),
        Fences::Lines => lines(text, &mut code),
    }
    code.retain(|c| !c.is_whitespace() && c != '>');
    code
}

/// Three backticks or more open code anywhere, and the next end it; a language may follow the first, and a line feed that.
/// Inline code ends in its line.
fn anywhere(text: &str, code: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let run = ticks(&rest[at..]);
        let behind = &rest[at + run..];
        let end = match run {
            1 | 2 => inline_end(behind, run),
            _ => behind.find("```").map(|end| (end, ticks(&behind[end..]))),
        };
        let Some((end, len)) = end else {
            rest = behind;
            continue;
        };
        let mut inner = &behind[..end];
        if run >= 3
            && let Some((info, lines)) = inner.split_once('\n')
            && info.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || "_+-.#".contains(c))
        {
            inner = lines;
        }
        code.push_str(inner);
        rest = &behind[end + len..];
    }
}

/// Lines that begin with the mark open and end code, in a quote or not; in other lines there is inline code.
fn lines(text: &str, code: &mut String) {
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let outer = line.trim_start_matches(['>', ' ']);
        let run = ticks(outer);
        match open {
            Some(n) if run >= n && outer[run..].trim().is_empty() => open = None,
            Some(_) => code.push_str(line),
            None if run >= 3 && !outer[run..].contains('`') => open = Some(run),
            None => inline(line, code),
        }
    }
}

fn inline(line: &str, code: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let run = ticks(&rest[at..]);
        let behind = &rest[at + run..];
        rest = match inline_end(behind, run) {
            Some((end, len)) => {
                code.push_str(&behind[..end]);
                &behind[end + len..]
            }
            None => behind,
        };
    }
}

/// Where inline code ends, and the length of its mark.
fn inline_end(behind: &str, run: usize) -> Option<(usize, usize)> {
    let line = behind.lines().next().unwrap_or_default();
    let mut at = 0;
    while let Some(found) = line[at..].find('`') {
        let start = at + found;
        let len = ticks(&line[start..]);
        if len == run {
            return Some((start, len));
        }
        at = start + len;
    }
    None
}

fn ticks(text: &str) -> usize {
    text.bytes().take_while(|c| *c == b'`').count()
}

/// A preset's limits, smaller, so that a document has several parts.
fn scaled(limits: Vec<Limit>, most: usize) -> Limits {
    let smaller = |limit: Limit| match limit.unit {
        Unit::LineFeeds => limit,
        _ => Limit { max: limit.max.min(most), ..limit },
    };
    Limits::new(&limits.into_iter().map(smaller).collect::<Vec<_>>())
}

fn sliced(dice: &mut Dice, text: &str, options: &Options) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut cutter = Cutter::new(options.clone());
    let most = [1, 9, 200][dice.below(3)];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut len = (first.len_utf8() + dice.below(most)).min(rest.len());
        while !rest.is_char_boundary(len) {
            len += 1;
        }
        cutter.push(&rest[..len], |part| parts.push(part));
        rest = &rest[len..];
    }
    cutter.finish(|part| parts.push(part));
    parts
}

#[test]
fn random_documents_are_cut_for_every_channel_without_a_loss() {
    let mut cuts = 0;
    let documents = (2 * stress(10_000)).min(10_000);
    for seed in 1..=documents {
        let mut dice = Dice::new(seed);
        let preset = PRESETS[dice.below(PRESETS.len())];
        let text = document(&mut dice, preset.fences);
        let most = 80 + dice.below(500);
        let options = Options {
            limits: scaled(preset_limits(preset.limits, preset.lines), most),
            min: None,
            pace: [Pace::Full, Pace::Eager][dice.below(2)],
            fences: preset.fences,
        };
        let parts = cut::cut(&text, &options);
        let about = || format!("seed {seed} {} {options:?}\n{parts:#?}\n{text:?}", preset.name);
        let joined: String = parts.iter().flat_map(|p| [&*p.lead, &*p.body, &*p.glue]).collect();
        assert!(joined == text, "the text is another: {}", about());
        let mut code = String::new();
        for part in &parts {
            let sent = format!("{}{}{}", part.open, part.body, part.close);
            let size = options.limits.size(&sent);
            assert!(size.within(options.limits.max()), "over the limit: {}", about());
            let blank = part.body.trim().is_empty();
            assert!(!blank || text.trim().is_empty(), "an empty part: {}", about());
            if options.limits.one_line() {
                assert!(!sent.contains(['\r', '\0', '\u{1}']), "no line: {}", about());
            }
            code.push_str(&shown(&sent, preset.fences));
        }
        if !options.limits.one_line() {
            assert_eq!(code, shown(&text, preset.fences), "other code: {}", about());
        }
        assert!(parts == sliced(&mut dice, &text, &options), "slices matter: {}", about());
        cuts += parts.len() - 1;
    }
    assert!(cuts > 1000, "{cuts} cuts");
}
