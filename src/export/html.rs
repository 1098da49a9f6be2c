//! A transcript as one HTML file for a browser: no script, no request, every field escaped, styles allowed by their hash alone.

#[cfg(test)]
mod tests;
mod text;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::timeline::shares;
use super::transcript::{End, Page, Piece, Section, Totals};
use super::visible;
use crate::term::style::Look;
use crate::term::view::call::{Call, Cut, Finish, Input};
use crate::term::view::one_line;
use crate::term::view::words::{count, duration};
use crate::timing::{Class, Times};

const STYLE: &str = include_str!("html/style.css");

/// Bytes of a call's output, or of a line that is no event, that the page shows; past that the beginning and the end.
const MAX_OUTPUT: usize = 256 << 10;

/// Lines of a change that are shown without a click.
const MAX_CHANGE: usize = 24;

/// Failed turns that the summary lists.
const MAX_FAILURES: usize = 20;

/// The format.
#[derive(Debug, Default)]
pub(super) struct Html {
    /// Sections so far, for their anchors.
    sections: u64,
    /// True within a list of notices of little importance.
    in_log: bool,
    /// Anchor, end and reason of the turns that did not complete.
    failures: Vec<(u64, String, String)>,
    failed_calls: u64,
}

/// Adds foreign text.
fn esc(text: &str, out: &mut String) {
    visible::push(text, out, visible::html);
}

/// Adds an element with foreign text, unless that is empty.
fn element(open: &str, text: &str, close: &str, out: &mut String) {
    if !text.is_empty() {
        out.push_str(open);
        esc(text, out);
        out.push_str(close);
    }
}

fn class_of(look: Look) -> &'static str {
    match look {
        Look::Good => "ok",
        Look::Bad => "bad",
        Look::Warn => "warn",
        _ => "dim",
    }
}

impl Html {
    fn end_log(&mut self, out: &mut String) {
        if std::mem::take(&mut self.in_log) {
            out.push_str("</details>\n");
        }
    }

    fn notice(&mut self, look: Look, text: &str, out: &mut String) {
        if !matches!(look, Look::Dim | Look::Plain) {
            self.end_log(out);
            let open = format!("<p class=\"notice {}\">", class_of(look));
            return element(&open, text, "</p>\n", out);
        }
        if !std::mem::replace(&mut self.in_log, true) {
            out.push_str("<details class=log><summary>Log");
            element(" · ", &one_line(text, Some(90)), "", out);
            out.push_str("</summary>\n");
        }
        element("<p>", text, "</p>\n", out);
    }

    fn call(&mut self, call: &Call, finish: &Finish<'_>, out: &mut String) {
        let class = class_of(finish.look);
        let open = match &call.input {
            Input::Change(text) if text.lines().count() <= MAX_CHANGE => " open",
            Input::List(_) => " open",
            _ => "",
        };
        let has_body = call.input != Input::None || finish.output.is_some();
        let (begin, middle, end) = match has_body {
            true => (format!("<details{open} class=\"call {class}\""), "<summary>", "</summary>\n"),
            false => (format!("<div class=\"call {class}\""), "<div class=line>", "</div>"),
        };
        out.push_str(&begin);
        if finish.look == Look::Bad {
            self.failed_calls += 1;
            out.push_str(&format!(" id=f{}", self.failed_calls));
        }
        out.push('>');
        out.push_str(middle);
        element("<span class=mark>", finish.mark, "</span> ", out);
        element("<b>", &call.name, "</b> ", out);
        element("<code>", &call.title, "</code> ", out);
        element("<span class=words>", &finish.words, "</span>", out);
        out.push_str(end);
        input(&call.input, out);
        match (&finish.output, &call.input) {
            // Of a change that was made the output says no more.
            (Some(output), Input::Change(_) | Input::List(_)) if finish.look == Look::Good => {
                out.push_str("<details class=log><summary>Output</summary>\n");
                cut("<pre class=out>", output, out);
                out.push_str("</details>\n");
            }
            (Some(output), _) => cut("<pre class=out>", output, out),
            (None, _) => {}
        }
        out.push_str(if has_body { "</details>\n" } else { "</div>\n" });
        element("<pre class=why>", &finish.failure, "</pre>\n", out);
    }

    fn finish(&mut self, end: &End, out: &mut String) {
        let class = class_of(end.look);
        if end.look != Look::Good && self.failures.len() < MAX_FAILURES {
            self.failures.push((self.sections, end.mark.clone(), one_line(&end.reason, None)));
        }
        element(&format!("<footer class=\"end {class}\"><p><b>"), &end.mark, "</b>", out);
        element(" <span class=reason>", &end.reason, "</span>", out);
        element(" <span class=usage>", &end.usage.replace("  ", " · "), "</span>", out);
        out.push_str("</p>\n");
        if let Some(times) = end.times.as_ref().filter(|times| times.breakdown.total() > 0) {
            picture(times, out);
        }
        element("<pre class=why>", &end.stderr, "</pre>\n", out);
        out.push_str("</footer>\n");
    }
}

/// The timeline of a turn, and the legend with a number for each class that has any time.
fn picture(times: &Times, out: &mut String) {
    let total = times.breakdown.total();
    let shares = shares(&times.breakdown);
    let words: Vec<_> =
        shares.iter().map(|(_, name, _, words)| format!("{name} {words}")).collect();
    let words = words.join(", ");
    out.push_str(&format!(
        "<svg class=times viewBox=\"0 0 1000 10\" preserveAspectRatio=none role=img aria-label=\"{words}\">"
    ));
    // A thousandth of the picture is a unit of its width.
    let at = |ms: u64| ms as f64 * 1000.0 / total as f64;
    let mut begun = 0;
    for (class, ms) in &times.stretches {
        let (name, took) = (Class::ALL[*class as usize].1, duration(*ms));
        out.push_str(&format!(
            "<rect class=c{} x=\"{:.2}\" width=\"{:.2}\" height=\"10\"><title>{name} {took}</title></rect>",
            *class as usize, at(begun), at(*ms)
        ));
        begun += ms;
    }
    out.push_str("</svg>\n<ul class=legend>");
    for (class, name, ms, words) in shares {
        out.push_str(&format!(
            "<li data-ms={ms}><i class=c{}></i>{name} <b>{words}</b></li>",
            class as usize
        ));
    }
    out.push_str(&format!("<li class=sum>together <b>{}</b></li></ul>\n", duration(total)));
}

/// A text in full, or its beginning and its end with a note between them.
fn cut(open: &str, text: &str, out: &mut String) {
    let cut = Cut::bytes(text, MAX_OUTPUT);
    out.push_str(open);
    esc(&cut.head, out);
    if let Some(note) = &cut.left_out {
        element("</pre>\n<p class=\"notice warn\">", note, "</p>\n", out);
        out.push_str(open);
        esc(&cut.tail, out);
    }
    out.push_str("</pre>\n");
}

fn input(input: &Input, out: &mut String) {
    match input {
        Input::None => {}
        Input::Text(text) => element("<pre class=in>", text, "</pre>\n", out),
        Input::List(entries) => list(entries, out),
        Input::Change(text) => {
            out.push_str("<pre class=diff>");
            for line in text.lines() {
                match line.as_bytes().first() {
                    Some(b'+') => element("<ins>", line, "</ins>\n", out),
                    Some(b'-') => element("<del>", line, "</del>\n", out),
                    Some(b'@' | b'*') => element("<b>", line, "</b>\n", out),
                    _ => {
                        esc(line, out);
                        out.push('\n');
                    }
                }
            }
            out.push_str("</pre>\n");
        }
    }
}

/// Entries of a plan as check boxes.
fn list(entries: &[String], out: &mut String) {
    out.push_str("<ul class=plan>");
    for entry in entries {
        let (open, words, close) = match entry.split_at_checked(4) {
            Some(("[x] ", words)) => {
                ("<li><input type=checkbox disabled checked> ", words, "</li>")
            }
            Some(("[ ] ", words)) => ("<li><input type=checkbox disabled> ", words, "</li>"),
            Some(("[>] ", words)) => ("<li><input type=checkbox disabled> <b>", words, "</b></li>"),
            Some(("[-] ", words)) => ("<li><input type=checkbox disabled> <s>", words, "</s></li>"),
            _ => ("<li class=more>", entry.as_str(), "</li>"),
        };
        element(open, words, close, out);
    }
    out.push_str("</ul>\n");
}

impl Page for Html {
    fn begin(&mut self, out: &mut String) {
        let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        out.push_str(&format!(
            "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
             <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
             <meta name=referrer content=no-referrer>\n<meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
             <meta name=color-scheme content=\"light dark\">\n<title>Transcript of an agent</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Transcript</h1>\n"
        ));
    }

    fn open(&mut self, section: &Section<'_>, out: &mut String) {
        self.sections += 1;
        let Some(turn) = section.turn else {
            out.push_str(&format!("<section class=apart id=t{}>\n", self.sections));
            if section.beside_others {
                element("<p class=meta>", section.name, "</p>\n", out);
            }
            return;
        };
        out.push_str(&format!("<section class=turn id=t{}>\n<h2>", self.sections));
        if section.beside_others {
            element("<span class=name>", section.name, "</span> ", out);
        }
        out.push_str(&format!("Turn {}", turn.number));
        if section.continues {
            out.push_str(" <small>continues</small></h2>\n");
            return;
        }
        out.push_str("</h2>\n<p class=meta>");
        let name = if section.beside_others { "" } else { section.name };
        let started =
            turn.started.replace('T', " ").split('.').next().unwrap_or_default().to_owned();
        let fields = [&turn.runtime, &turn.model, &started, name].map(|text: &str| text);
        let fields: Vec<&str> = fields.into_iter().filter(|text| !text.is_empty()).collect();
        esc(&fields.join(" · "), out);
        out.push_str("</p>\n");
        element("<div class=prompt>", &turn.prompt, "</div>\n", out);
    }

    fn close(&mut self, out: &mut String) {
        self.end_log(out);
        out.push_str("</section>\n");
    }

    fn nest(&mut self, call: Option<&Call>, out: &mut String) {
        self.end_log(out);
        out.push_str("<section class=nest>\n<p class=meta>Sub-agent");
        if let Some(call) = call {
            element(" of <b>", &call.name, "</b>", out);
            element(" <code>", &call.title, "</code>", out);
        }
        out.push_str("</p>\n");
    }

    fn unnest(&mut self, out: &mut String) {
        self.end_log(out);
        out.push_str("</section>\n");
    }

    fn piece(&mut self, piece: &Piece<'_>, out: &mut String) {
        if !matches!(piece, Piece::Notice(..)) {
            self.end_log(out);
        }
        match piece {
            Piece::Answer(text) => {
                out.push_str("<div class=text>\n");
                text::render(text, out);
                out.push_str("</div>\n");
            }
            Piece::Reasoning(text) => {
                let first = one_line(text.trim_start_matches(['*', '#', '>', ' ', '\n']), Some(90));
                out.push_str("<details class=think><summary>Reasoning");
                element(" · ", &first.replace("**", ""), "", out);
                out.push_str("</summary>\n<div class=text>\n");
                text::render(text, out);
                out.push_str("</div></details>\n");
            }
            Piece::Call(call, finish) => self.call(call, finish, out),
            Piece::Notice(look, text) => self.notice(*look, text, out),
            Piece::List(title, entries) => {
                element("<p class=notice>", title, "</p>\n", out);
                list(entries, out);
            }
            Piece::Unreadable(text) => {
                out.push_str("<p class=\"notice warn\">A line that is no event:</p>\n");
                cut("<pre class=out>", text, out);
            }
            Piece::End(end) => self.finish(end, out),
        }
    }

    fn end(&mut self, totals: &Totals, out: &mut String) {
        out.push_str("<section class=summary aria-label=Summary>\n<p>");
        let plural =
            |n: u64, word: &str| format!("{} {word}{}", count(n), if n == 1 { "" } else { "s" });
        let ends = totals.ends().map(|(word, n)| {
            let class = if word == "completed" { "ok" } else { "bad" };
            format!("<b class={class}>{} {word}</b>", count(n))
        });
        let mut parts = vec![plural(totals.turns.iter().sum(), "turn")];
        parts.extend(ends);
        parts.push(plural(totals.calls, "tool call"));
        if totals.failed_calls > 0 {
            parts.push(format!("<a href=#f1>{} failed</a>", count(totals.failed_calls)));
        }
        parts.push(duration(totals.millis));
        if totals.cost > 0.0 {
            parts.push(format!("${:.4}", totals.cost));
        }
        out.push_str(&parts.join(" · "));
        out.push_str("</p>\n");
        for (section, mark, reason) in &self.failures {
            let open = format!("<p class=\"notice bad\"><a href=#t{section}>");
            element(&open, mark, "</a> ", out);
            esc(reason, out);
            out.push_str("</p>\n");
        }
        out.push_str("</section>\n</main>\n</body>\n</html>\n");
    }
}
