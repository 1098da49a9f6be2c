//! One event as a line: every string, key and number of it is searched, and what is found is replaced.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::finder::{Finder, TextEnd};
use super::hiding::Hiding;
use super::search::Form;
use super::text::{Hidden, Text};
use super::walk::{Found, Path, Token, walk};
use crate::check::shape::{CANCELLED_BY, CODES, OUTCOMES, TEXT_KINDS, TOOL_KINDS};
use crate::event::{Event, Type};

/// Fields of the envelope and ids of blocks: they name what belongs together and are never changed.
const NAMES: [&str; 13] = [
    "v",
    "type",
    "stream",
    "turn",
    "seq",
    "first_seq",
    "ts",
    "label",
    "parent",
    "synthetic",
    "block",
    "supersedes",
    "continues",
];

/// Keys of signatures of reasoning. A rule that matches by chance must not change one: its provider would refuse it.
const SIGNATURES: [&str; 4] =
    ["signature", "thought_signature", "thoughtSignature", "encrypted_content"];

/// Keys of names and paths, which nobody cuts: one that ends like the beginning of a secret is none.
const WHOLE: [&str; 9] =
    ["paths", "files", "cwd", "path", "file_path", "kind", "runtime", "model", "name"];

/// Words of the format, by the keys of their fields: a field that has one of its words is not searched, though the word may
/// be the beginning of a secret.
const WORDS: [(&[&str], &[&str]); 5] = [
    (&["kind"], TEXT_KINDS),
    (&["outcome"], OUTCOMES),
    (&["by"], CANCELLED_BY),
    (&["tool", "kind"], TOOL_KINDS),
    (&["error", "code"], CODES),
];

/// Kinds of status with fields of their own.
const STATUSES: [(&str, &str); 2] =
    [("session", r#""kind":"session""#), ("diagnostic", r#""kind":"diagnostic""#)];

/// Shortest number that is searched.
const MIN_NUMBER: usize = 8;

/// Reason why a line is not redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// A secret stands in a field that is never changed.
    Refused { field: String, rule: String },
    /// The line is no JSON.
    Broken,
    /// A part of a block, whose delivery id promises its text.
    Parts,
}

/// A string whose hidden parts are known: it is not searched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Place of its inside in the line.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hidden: &'a [Hidden],
}

/// Replacement of a part of a line.
type Edit = (Range<usize>, Vec<u8>);

struct Redaction<'a, 'f> {
    line: &'a str,
    /// Type of the event, and the kind of a status.
    kind: Type,
    status: Option<&'static str>,
    finder: &'f mut Finder,
    hiding: &'f mut Hiding,
    edits: Vec<Edit>,
    keys: usize,
    stop: Option<Stop>,
}

/// The line of an event without secrets; `None` if it has none.
pub(super) fn redact(
    event: &Event<'_>,
    known: Option<Known<'_>>,
    finder: &mut Finder,
    hiding: &mut Hiding,
) -> Result<Option<Vec<u8>>, Stop> {
    let line = event.line;
    if is_clean(event, known, finder, hiding) {
        return Ok(None);
    }
    // Whatever the line says besides: a status of these kinds says this.
    let of_kind = |(_, field): &(_, &str)| line.contains(field);
    let status = match event.kind {
        Type::Status => STATUSES.into_iter().find(of_kind).map(|(kind, _)| kind),
        _ => None,
    };
    let mut redaction = Redaction {
        line,
        kind: event.kind,
        status,
        finder,
        hiding,
        edits: Vec::new(),
        keys: 0,
        stop: None,
    };
    let walked = walk(line, |found, path| match known {
        Some(known) if (found.start, found.end) == (known.start, known.end) => {
            redaction.known(known);
            Some(())
        }
        _ => redaction.token(found, path),
    });
    match (walked, redaction.stop) {
        (_, Some(stop)) => Err(stop),
        (None, None) => Err(Stop::Broken),
        (Some(()), None) => Ok(spliced(line, &redaction.edits)),
    }
}

/// True if a line surely leaves as it is.
pub(super) fn is_clean(
    event: &Event<'_>,
    known: Option<Known<'_>>,
    finder: &mut Finder,
    hiding: &Hiding,
) -> bool {
    let line = event.line;
    let parts = match known {
        None => [line, ""],
        Some(known) => [&line[..known.start], &line[known.end..]],
    };
    hiding.is_empty()
        && known.is_none_or(|known| known.hidden.is_empty())
        && event.kind != Type::TurnFailed
        && parts.iter().all(|part| finder.is_clean(part.as_bytes(), Form::Json))
        && !(event.kind == Type::Status && finder.has_base64(line))
}

fn spliced(line: &str, edits: &[Edit]) -> Option<Vec<u8>> {
    if edits.is_empty() {
        return None;
    }
    let (mut out, mut at) = (Vec::with_capacity(line.len()), 0);
    for (range, new) in edits {
        out.extend_from_slice(&line.as_bytes()[at..range.start]);
        out.extend_from_slice(new);
        at = range.end;
    }
    out.extend_from_slice(&line.as_bytes()[at..]);
    Some(out)
}

impl Redaction<'_, '_> {
    fn known(&mut self, Known { start, end, hidden }: Known<'_>) {
        if !hidden.is_empty() {
            let mut new = Vec::new();
            self.finder.replace(&self.line[start..end], 0, hidden, &mut new);
            self.edits.push((start..end, new));
        }
    }

    fn token(&mut self, Found { token, start, end }: Found, path: &Path<'_>) -> Option<()> {
        let raw = &self.line[start..end];
        match token {
            Token::Number if raw.len() < MIN_NUMBER => return Some(()),
            Token::Text if self.is_sound(raw, path) => return Some(()),
            _ => {}
        }
        if token == Token::Text
            && self.status == Some("diagnostic")
            && path.keys() == ["data", "base64"]
            && self.base64(start..end).is_some()
        {
            return Some(());
        }
        let Some(text) = self.search(token, raw, path) else { return Some(()) };
        if text.hidden().is_empty() {
            return Some(());
        }
        if token != Token::Key && self.is_fixed(path) {
            let rule = text.hidden().first().map(|part| self.finder.secrets.name(part.rule));
            self.stop = Some(Stop::Refused {
                // Keys further inside are the input's own.
                field: path.keys().iter().take(2).copied().collect::<Vec<_>>().join("."),
                rule: rule.unwrap_or_default().to_owned(),
            });
            return None;
        }
        let mut new = Vec::new();
        self.finder.replace(raw, 0, text.hidden(), &mut new);
        match token {
            // Two keys of an object must not become one.
            Token::Key => {
                self.keys += 1;
                new.extend_from_slice(format!("#{}", self.keys).as_bytes());
            }
            Token::Number => new = [b"\"", &new[..], b"\""].concat(),
            Token::Text => {}
        }
        self.edits.push((start..end, new));
        Some(())
    }

    /// True for texts that the format prescribes.
    fn is_sound(&self, raw: &str, path: &Path<'_>) -> bool {
        if path.depth() != path.keys().len() {
            return false;
        }
        match path.keys() {
            ["ts"] => is_time(raw),
            _ if self.kind == Type::Other => false,
            ["type"] => raw == self.kind.name(),
            keys => WORDS.iter().any(|(field, words)| *field == keys && words.contains(&raw)),
        }
    }

    /// True for a field that is never changed.
    fn is_fixed(&self, path: &Path<'_>) -> bool {
        match (path.depth(), path.keys()) {
            (1, [name]) => NAMES.contains(name),
            (2, ["tool", "id"]) => true,
            (_, ["data", "control", ..]) => self.status == Some("session"),
            _ => false,
        }
    }

    fn search(&mut self, token: Token, raw: &str, path: &Path<'_>) -> Option<Text> {
        let is_fixed = self.is_fixed(path);
        let Self { finder, hiding, .. } = self;
        if token != Token::Text {
            return finder.string(raw, TextEnd::Whole, None);
        }
        let is_in = |names: &[&str]| path.keys().last().is_some_and(|key| names.contains(key));
        if is_in(&SIGNATURES) {
            let mut text = finder.string(raw, TextEnd::Whole, None)?;
            text.keep(|rule| finder.is_value(rule));
            return Some(text);
        }
        if path.keys() == ["stderr_tail"] {
            return self.tail(raw);
        }
        let is_whole = is_in(&WHOLE) || is_fixed;
        let end = if is_whole { TextEnd::Whole } else { TextEnd::Cut };
        let earlier = hiding.of(self.kind.name(), path.keys());
        let had = earlier.is_some();
        let text = finder.string(raw, end, earlier);
        let search = text.as_ref().and_then(Text::hiding);
        if had || search.is_some() {
            hiding.set(self.kind.name(), path.keys(), search);
        }
        if let (["message"], Some(text)) = (path.keys(), &text) {
            finder.decoded(raw, |_, line| hiding.logged.add(line, text.hidden()));
        }
        text
    }

    /// The tail of stderr, which may begin within a secret.
    fn tail(&mut self, raw: &str) -> Option<Text> {
        let Self { finder, hiding, .. } = self;
        let mut text = finder.string(raw, TextEnd::Cut, None).unwrap_or_default();
        text.hide(finder.decoded(raw, |_, tail| hiding.logged.find(tail)));
        Some(text)
    }

    /// Replaces what is found in bytes that wrap or another filter could not read as text.
    fn base64(&mut self, place: Range<usize>) -> Option<()> {
        let bytes = STANDARD.decode(&self.line[place.clone()]).ok()?;
        let Cow::Owned(new) = self.finder.bytes(&bytes) else { return None };
        self.edits.push((place, STANDARD.encode(new).into_bytes()));
        Some(())
    }
}

/// True for a time as spile writes it, in 24 characters.
pub(super) fn is_time(raw: &str) -> bool {
    let fits = |(byte, pattern): (u8, u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    raw.len() == 24 && raw.bytes().zip(*b"0000-00-00T00:00:00.000Z").all(fits)
}
