//! Puts a backslash before text that a CI system would take for a command, or a reader for a line of `view`. Nothing is
//! removed, and no other text changes.
//!
//! Sources: GitHub's runner (`ActionCommand.cs`: `::name::` behind white space, `##[name]` anywhere in a line), Azure
//! Pipelines (`##vso[`, `##[`), TeamCity (service messages, `##teamcity[`), GitLab (`section_start:`, `section_end:`), Travis
//! (`travis_fold:`), Buildkite (`--- `, `+++ `, `~~~ ` and `^^^ ` at the start of a line).

/// Marks that a text may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forbidden {
    /// Those of CI systems.
    #[default]
    Commands,
    /// Those of CI systems, and those at the start of `view`'s own lines.
    OwnLines,
}

/// Text that must follow a mark for it to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Anything,
    /// White space within the line.
    Blank,
    /// Anything but white space.
    Word,
}

/// A mark at the start of a line.
struct Mark(&'static str, Then);

/// Commands that may have white space before them.
const COMMANDS: [Mark; 1] = [Mark("::", Then::Word)];

/// Commands that begin in the first column.
const FIRST_COLUMN: [Mark; 4] = [
    Mark("---", Then::Blank),
    Mark("+++", Then::Blank),
    Mark("~~~", Then::Blank),
    Mark("^^^", Then::Blank),
];

/// Starts of `view`'s own lines.
const OWN_LINES: [Mark; 14] = [
    Mark("[RUNNING]", Then::Anything),
    Mark("[COMPLETED", Then::Anything),
    Mark("[FAILED", Then::Anything),
    Mark("[CANCELLED", Then::Anything),
    Mark("[TRUNCATED", Then::Anything),
    Mark("→", Then::Blank),
    Mark("✓", Then::Blank),
    Mark("✗", Then::Blank),
    Mark("?", Then::Blank),
    Mark("started as process", Then::Anything),
    Mark("started:", Then::Anything),
    Mark("exited with status", Then::Anything),
    Mark("ended by signal", Then::Anything),
    Mark("stderr:", Then::Anything),
];

/// Words that a bracket or a colon makes commands, anywhere in a line; in lower case.
const BRACKETED: [&str; 3] = ["##", "##vso", "##teamcity"];
const SECTIONS: [&str; 3] = ["section_start", "section_end", "travis_fold"];

/// Length of the longest of those words.
const MAX_WORD: usize = 13;

/// Writer of one output, which may arrive in pieces, without such marks.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    place: MarkPlace,
    /// Beginning of the line that may still become a mark.
    held: String,
    /// End of the last word, in lower case.
    word: String,
}

/// Position of the text in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum MarkPlace {
    #[default]
    FirstColumn,
    /// Behind white space alone.
    Indented,
    Within,
}

impl Marks {
    /// Adds the next piece of the text to `out`. At most the beginning of a mark is held back.
    pub fn push(&mut self, forbidden: Forbidden, text: &str, out: &mut String) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = if self.place == MarkPlace::Within && !matches!(c, '\n' | '\r') {
                self.put_within(rest, out)
            } else {
                self.put(forbidden, c, out);
                c.len_utf8()
            };
            rest = &rest[taken..];
        }
    }

    /// Text follows that does not stand at the start of its line.
    pub fn begin_within(&mut self) {
        self.place = MarkPlace::Within;
    }

    /// Ends the line, or its part on this output: releases the held beginning.
    pub fn end_line(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
        self.word.clear();
        self.place = MarkPlace::default();
    }

    fn put(&mut self, forbidden: Forbidden, c: char, out: &mut String) {
        if matches!(c, '\n' | '\r') {
            self.end_line(out);
            out.push(c);
        } else if self.held.is_empty() && is_blank(c) {
            self.place = MarkPlace::Indented;
            out.push(c);
        } else {
            self.put_at_start(forbidden, c, out);
        }
    }

    fn put_at_start(&mut self, forbidden: Forbidden, c: char, out: &mut String) {
        let first = |mark: &Mark| mark.0.starts_with(c);
        if self.held.is_empty() && !marks(forbidden, self.place).any(first) {
            self.place = MarkPlace::Within;
            let mut bytes = [0; 4];
            self.put_within(c.encode_utf8(&mut bytes), out);
            return;
        }
        let before = self.held.len();
        self.held.push(c);
        let (mut whole, mut begun) = (false, false);
        for Mark(mark, then) in marks(forbidden, self.place) {
            let follows = match then {
                Then::Anything => self.held == *mark,
                Then::Blank => is_blank(c) && self.held[..before] == **mark,
                Then::Word => !is_blank(c) && self.held[..before] == **mark,
            };
            whole |= follows;
            begun |= mark.starts_with(&self.held);
        }
        if begun && !whole {
            return;
        }
        if whole {
            out.push('\\');
        }
        self.place = MarkPlace::Within;
        let held = std::mem::take(&mut self.held);
        self.put_within(&held, out);
    }

    /// Adds text that begins no line, up to the end of the line; the answer is its length.
    fn put_within(&mut self, text: &str, out: &mut String) -> usize {
        let stops = |c: u8| matches!(c, b'[' | b':' | b'\n' | b'\r');
        let (mut from, mut at) = (0, 0);
        loop {
            at += text[at..].bytes().position(stops).unwrap_or(text.len() - at);
            self.note_word(&text[from..at]);
            out.push_str(&text[from..at]);
            from = at;
            let words = match text.as_bytes().get(at) {
                Some(b'[') => &BRACKETED,
                Some(b':') => &SECTIONS,
                _ => return at,
            };
            if words.iter().any(|word| self.word.ends_with(word)) {
                out.push('\\');
            }
            at += 1;
        }
    }

    /// Remembers the word in which the text ends; it may go on one that was remembered.
    fn note_word(&mut self, text: &str) {
        let in_word = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'#' | b'_');
        if text.as_bytes().last().is_some_and(|c| !in_word(c)) {
            return self.word.clear();
        }
        let len = text.bytes().rev().take(MAX_WORD).take_while(in_word).count();
        if len < text.len() {
            self.word.clear();
        }
        self.word.push_str(&text[text.len() - len..]);
        self.word.make_ascii_lowercase();
        let over = self.word.len().saturating_sub(MAX_WORD);
        self.word.drain(..over);
    }
}

/// Marks that count at this position.
fn marks(forbidden: Forbidden, place: MarkPlace) -> impl Iterator<Item = &'static Mark> {
    let first = if place == MarkPlace::FirstColumn { FIRST_COLUMN.as_slice() } else { &[] };
    let own = if forbidden == Forbidden::OwnLines { OWN_LINES.as_slice() } else { &[] };
    COMMANDS.iter().chain(first).chain(own)
}

/// True for white space and invisible characters, behind which the start of a line may hide.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}')
}

/// A whole text without commands.
pub fn without_commands(text: &str) -> String {
    let (mut marks, mut out) = (Marks::default(), String::with_capacity(text.len()));
    marks.push(Forbidden::Commands, text, &mut out);
    marks.end_line(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(text: &str) -> String {
        let (mut marks, mut out) = (Marks::default(), String::new());
        marks.push(Forbidden::OwnLines, text, &mut out);
        marks.end_line(&mut out);
        out
    }

    #[test]
    fn commands_of_ci_systems_get_a_backslash() {
        let cases = [
            ("::error file=a,line=1::x", r"\::error file=a,line=1::x"),
            ("a\n \t\u{a0}::add-mask::x", "a\n \t\u{a0}\\::add-mask::x"),
            ("a\r::error::x", "a\r\\::error::x"),
            ("see ##[warning]x", r"see ##\[warning]x"),
            ("a##vso[task.setvariable]b", r"a##vso\[task.setvariable]b"),
            ("##TeamCity[message text='x']", r"##TeamCity\[message text='x']"),
            ("###[x]", r"###\[x]"),
            ("section_start:1:x", r"section_start\:1:x"),
            ("travis_fold:start:x", r"travis_fold\:start:x"),
            ("--- a\n+++ b\n~~~ c\n^^^ +++", "\\--- a\n\\+++ b\n\\~~~ c\n\\^^^ +++"),
        ];
        for (text, want) in cases {
            assert_eq!(without_commands(text), want);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [
            "a ::b:: c",
            "::",
            "::\n",
            ":: x",
            "std::fmt::Write",
            "---\ntitle: x\n---\n",
            "----- x",
            " --- x",
            "```sh\n# [x]\n```",
            "## [x]",
            "~~~~ x",
            "- [ ] x",
            "[COMPLETED] x",
            "→ x",
            "--",
            "#",
        ] {
            assert_eq!(without_commands(text), text);
        }
    }

    #[test]
    fn lines_that_look_like_ours_get_a_backslash() {
        assert_eq!(own("[COMPLETED 1.0s]"), r"\[COMPLETED 1.0s]");
        assert_eq!(own("ok\n  → Bash rm"), "ok\n  \\→ Bash rm");
        assert_eq!(own("exited with status 0"), r"\exited with status 0");
        assert_eq!(own("[link](x) → y"), "[link](x) → y");
        assert_eq!(own("exited early"), "exited early");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[:#\\[a-z \\-+\n\r→C]{0,30}(::|##|##vso)?[\\[a-z ]{0,3}", cuts in prop::collection::vec(1usize..4, 0..30)) {
            let (mut marks, mut out) = (Marks::default(), String::new());
            let mut rest: Vec<char> = text.chars().collect();
            for cut in cuts {
                let piece: String = rest.drain(..cut.min(rest.len())).collect();
                marks.push(Forbidden::OwnLines, &piece, &mut out);
            }
            marks.push(Forbidden::OwnLines, &rest.iter().collect::<String>(), &mut out);
            marks.end_line(&mut out);
            prop_assert_eq!(&out, &own(&text));
            prop_assert_eq!(out.replace('\\', ""), text);
            prop_assert_eq!(own(&out), out);
        }
    }
}
