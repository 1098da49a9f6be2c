//! A transcript as Markdown for a pull request or a chat: an agent's own Markdown keeps its structure and stays in its place,
//! everything else is code or escaped.

mod agent_text;
#[cfg(test)]
mod tests;

use super::timeline::shares;
use super::transcript::{End, Page, Piece, Section, Totals};
use super::visible;
use crate::term::style::Look;
use crate::term::view::call::{Call, Cut, Finish, Input};
use crate::term::view::words::count;

/// Lines from the beginning and from the end of an output or an input, by what it is worth.
const OF_SUCCESS: usize = 4;
const OF_FAILURE: usize = 10;
const FOLDED: usize = 40;

/// Use of `<details>`, with which reasoning and notices of little importance are written too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fold {
    #[default]
    Never,
    Details,
}

/// The format.
#[derive(Debug)]
pub(super) struct Markdown {
    fold: Fold,
    /// Frames of sub-agents around the next piece, each of which puts a mark before its lines.
    depth: usize,
    /// True if the last piece was an entry of a list of calls or notices, behind which an entry follows without an empty line.
    in_list: bool,
    scratch: String,
}

/// Foreign text that is no Markdown, on one line or several.
fn plain(text: &str, out: &mut String) {
    visible::push(text, out, |byte| match byte {
        b'\\' => "\\\\",
        b'`' => "\\`",
        b'*' => "\\*",
        b'_' => "\\_",
        b'[' => "\\[",
        b']' => "\\]",
        b'<' => "\\<",
        b'>' => "\\>",
        b'&' => "\\&",
        b'~' => "\\~",
        b'|' => "\\|",
        b'#' => "\\#",
        _ => "",
    });
}

/// The longest run of backticks in a text.
fn run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text as inline code.
fn code(text: &str, out: &mut String) {
    let mut shown = String::new();
    visible::push(text, &mut shown, visible::bare);
    let marks = "`".repeat(run(&shown) + 1);
    let pad = if shown.starts_with(['`', ' ']) || shown.ends_with(['`', ' ']) { " " } else { "" };
    out.push_str(&format!("{marks}{pad}{}{pad}{marks}", shown.replace('\n', " ")));
}

/// Text as a block of code, behind a fence that is longer than any run of backticks in it.
fn fenced(text: &str, language: &str, out: &mut String) {
    let mut shown = String::new();
    visible::push(text, &mut shown, visible::bare);
    let fence = "`".repeat((run(&shown) + 1).max(3));
    out.push_str(&format!("{fence}{language}\n{}\n{fence}\n", shown.trim_end_matches('\n')));
}

impl Markdown {
    pub(super) fn new(fold: Fold) -> Self {
        Self { fold, depth: 0, in_list: false, scratch: String::new() }
    }

    /// Adds what `write` writes, with an empty line before it and the marks of the frames before its lines.
    fn put(&mut self, out: &mut String, write: impl FnOnce(&mut Self, &mut String)) {
        self.in_list = false;
        self.line(out);
        let mut piece = std::mem::take(&mut self.scratch);
        write(self, &mut piece);
        self.marked(&piece, "", out);
        piece.clear();
        self.scratch = piece;
    }

    fn line(&self, out: &mut String) {
        out.push_str("> ".repeat(self.depth).trim_end());
        out.push('\n');
    }

    /// Adds lines behind the marks of the frames and an indent.
    fn marked(&self, text: &str, indent: &str, out: &mut String) {
        if self.depth == 0 && indent.is_empty() {
            out.push_str(text);
            if !text.ends_with('\n') {
                out.push('\n');
            }
            return;
        }
        let marks = "> ".repeat(self.depth);
        for line in text.lines() {
            let before = if line.is_empty() { marks.trim_end() } else { &marks };
            out.push_str(before);
            out.push_str(if line.is_empty() { "" } else { indent });
            out.push_str(line);
            out.push('\n');
        }
    }

    /// Adds an entry of the list of calls and notices, and what belongs to it.
    fn entry(&mut self, head: &str, below: &str, out: &mut String) {
        if !std::mem::replace(&mut self.in_list, below.is_empty()) {
            self.line(out);
        }
        self.marked(&format!("- {head}"), "", out);
        if !below.is_empty() {
            self.line(out);
            self.marked(below, "  ", out);
        }
    }

    fn call(&mut self, call: &Call, finish: &Finish<'_>, out: &mut String) {
        let limit = match (self.fold, finish.look) {
            (Fold::Details, _) => FOLDED,
            (_, Look::Bad | Look::Warn) => OF_FAILURE,
            _ => OF_SUCCESS,
        };
        // A hyphen would begin a list.
        let mark = if finish.mark == "-" { "–" } else { finish.mark };
        let mut below = String::new();
        match &call.input {
            Input::None => {}
            Input::Change(text) => {
                fenced(&Cut::lines(text, limit.max(OF_FAILURE)).joined(), "diff", &mut below);
            }
            Input::List(entries) => entries.iter().for_each(|entry| task(entry, &mut below)),
            Input::Text(text) if self.fold == Fold::Details => {
                fenced(&Cut::lines(text, limit).joined(), "text", &mut below);
            }
            Input::Text(_) => {}
        }
        // Of a change that was made the output says no more.
        let done =
            matches!(call.input, Input::Change(_) | Input::List(_)) && finish.look == Look::Good;
        if let Some(output) = finish.output.as_ref().filter(|_| !done || self.fold == Fold::Details)
        {
            if !below.is_empty() {
                below.push('\n');
            }
            fenced(&Cut::lines(output, limit).joined(), "text", &mut below);
        }
        let words =
            if finish.words.is_empty() { String::new() } else { format!(" ({})", finish.words) };
        if self.fold == Fold::Details && !below.is_empty() {
            self.put(out, |_, out| {
                out.push_str("<details><summary>");
                let parts = [
                    ("", mark, " "),
                    ("<b>", &call.name, "</b> "),
                    ("<code>", &call.title, "</code>"),
                    ("", &words, ""),
                ];
                for (open, text, close) in parts.into_iter().filter(|(_, text, _)| !text.is_empty())
                {
                    out.push_str(open);
                    visible::push(text, out, visible::html);
                    out.push_str(close);
                }
                out.push_str("</summary>\n\n");
                out.push_str(&below);
                out.push_str("\n</details>\n");
            });
            return;
        }
        let mut head = format!("{mark} **");
        // A name like `run_command` would have more marks than letters.
        match call.name.contains('_') {
            true => code(&call.name, &mut head),
            false => plain(&call.name, &mut head),
        }
        head.push_str("**");
        if !call.title.is_empty() {
            head.push(' ');
            code(&call.title, &mut head);
        }
        plain(&words, &mut head);
        self.entry(&head, &below, out);
    }

    fn details(&mut self, summary: &str, text: &str, out: &mut String) {
        self.put(out, |_, out| {
            out.push_str(&format!("<details><summary>{summary}</summary>\n\n"));
            agent_text::push(text, out);
            out.push_str("\n</details>\n");
        });
    }

    fn finish(&mut self, end: &End, out: &mut String) {
        self.put(out, |_, out| {
            let mark = match end.look {
                Look::Good => "✓",
                Look::Bad => "✗",
                _ => "–",
            };
            out.push_str(&format!("**{mark} {}**", end.mark));
            if !end.reason.is_empty() {
                out.push(' ');
                plain(&end.reason.replace('\n', " "), out);
            }
            let times = end.times.iter().flat_map(|times| shares(&times.breakdown));
            let times: Vec<String> =
                times.map(|(_, name, _, words)| format!("{name} {words}")).collect();
            for part in [times.join(", "), end.usage.replace("  ", " · ")]
                .iter()
                .filter(|part| !part.is_empty())
            {
                out.push_str(" · ");
                plain(part, out);
            }
            out.push('\n');
        });
        if !end.stderr.trim().is_empty() {
            self.put(out, |_, out| {
                fenced(&Cut::lines(&end.stderr, OF_FAILURE).joined(), "text", out);
            });
        }
    }
}

/// An entry of a plan as one of a task list.
fn task(entry: &str, out: &mut String) {
    let (mark, words) = entry.split_at_checked(4).unwrap_or(("", entry));
    let mark = match mark {
        "[x] " => "- [x] ",
        "[ ] " | "[>] " | "[-] " => "- [ ] ",
        _ => return out.push_str(&format!("- {entry}\n")),
    };
    out.push_str(mark);
    plain(words, out);
    out.push_str(if entry.starts_with("[>]") { " (in progress)\n" } else { "\n" });
}

impl Page for Markdown {
    fn begin(&mut self, out: &mut String) {
        out.push_str("## Transcript\n");
    }

    fn open(&mut self, section: &Section<'_>, out: &mut String) {
        self.in_list = false;
        let Some(turn) = section.turn else {
            if section.beside_others {
                out.push_str("\n### ");
                plain(section.name, out);
                out.push('\n');
            }
            return;
        };
        out.push_str("\n### ");
        if section.beside_others {
            plain(section.name, out);
            out.push_str(" · ");
        }
        out.push_str(&format!("Turn {}", turn.number));
        for field in [&turn.runtime, &turn.model]
            .into_iter()
            .filter(|text| !text.is_empty() && !section.continues)
        {
            out.push_str(" · ");
            plain(field, out);
        }
        out.push_str(if section.continues { " (continues)\n" } else { "\n" });
        if !turn.prompt.is_empty() && !section.continues {
            out.push_str("\n> **Prompt:**\n");
            let mut prompt = String::new();
            fenced(&Cut::lines(&turn.prompt, FOLDED).joined(), "text", &mut prompt);
            prompt.lines().for_each(|line| out.push_str(&format!("> {line}\n")));
        }
    }

    fn close(&mut self, _: &mut String) {}

    fn nest(&mut self, call: Option<&Call>, out: &mut String) {
        self.in_list = false;
        self.line(out);
        self.depth += 1;
        let mut head = "**Sub-agent**".to_owned();
        if let Some(call) = call {
            head.push_str(" of ");
            plain(&call.name, &mut head);
            if !call.title.is_empty() {
                head.push(' ');
                code(&call.title, &mut head);
            }
        }
        self.marked(&head, "", out);
    }

    fn unnest(&mut self, _: &mut String) {
        self.in_list = false;
        self.depth -= 1;
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut String) {
        match piece {
            Piece::Answer(text) => self.put(out, |_, out| agent_text::push(text, out)),
            Piece::Reasoning(text) if self.fold == Fold::Details => {
                self.details("Reasoning", text, out);
            }
            Piece::Call(call, finish) => self.call(call, finish, out),
            Piece::Notice(Look::Dim | Look::Plain, _) if self.fold == Fold::Never => {}
            Piece::Reasoning(_) => {}
            Piece::Notice(_, text) => {
                let mut head = String::new();
                let lines = Cut::lines(text, OF_FAILURE).joined();
                plain(&lines.replace('\n', " "), &mut head);
                self.entry(&head, "", out);
            }
            Piece::List(title, entries) => self.put(out, |_, out| {
                plain(title, out);
                out.push_str("\n\n");
                entries.iter().for_each(|entry| task(entry, out));
            }),
            Piece::Unreadable(text) => self.put(out, |_, out| {
                out.push_str("A line that is no event:\n\n");
                fenced(&Cut::lines(text, OF_FAILURE).joined(), "text", out);
            }),
            Piece::End(end) => self.finish(end, out),
        }
    }

    fn end(&mut self, totals: &Totals, out: &mut String) {
        let ends = totals.ends().map(|(word, n)| format!("{} {word}", count(n)));
        let turns = ends.collect::<Vec<_>>().join(", ");
        if totals.turns.iter().sum::<u64>() > 1 {
            out.push_str(&format!(
                "\n**Turns:** {turns} · **tool calls:** {}",
                count(totals.calls)
            ));
            if totals.failed_calls > 0 {
                out.push_str(&format!(", {} failed", count(totals.failed_calls)));
            }
            out.push('\n');
        }
    }
}
