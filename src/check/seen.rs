//! One line as the rules see it: the envelope checked (C1), the body checked (C2), and the place of each field.

use std::borrow::Cow;
use std::fmt;

use super::report::Rule::{self, C1, C2};
use super::report::{Quoted, Report, ReportPlace};
use super::units::Units;
use crate::codec::{Fields, Malformed, is_stream_id, string, unescape};
use crate::event::{Raw, Type};
use crate::time::Time;

/// A field that may be missing, or there and already reported as wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got<T> {
    Absent,
    Wrong,
    Is(T),
}

impl<T> Got<T> {
    pub(super) fn value(self) -> Option<T> {
        match self {
            Got::Is(value) => Some(value),
            Got::Absent | Got::Wrong => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Seen<'r, 'a> {
    /// Number of the line in the input.
    pub(super) number: u64,
    line: &'a str,
    pub(super) fields: &'r Fields<'a>,
    pub(super) report: &'r Report,
    pub(super) kind: Type,
    /// `None` only on a diagnostic that belongs to no stream.
    pub(super) stream: Option<Cow<'a, str>>,
    pub(super) turn: Got<u64>,
    pub(super) seq: Got<u64>,
    pub(super) first_seq: Option<u64>,
    pub(super) ts: Option<Time>,
    /// Name of the parent, of which only equality matters.
    pub(super) parent: Option<Units>,
}

impl<'r, 'a> Seen<'r, 'a> {
    /// Reads and checks a line with these `fields`. [`Malformed`] if its type or its stream cannot be told.
    pub(super) fn read(
        (number, line): (u64, &'a str),
        fields: &'r Fields<'a>,
        report: &'r Report,
    ) -> Result<Self, Malformed> {
        let wrong = |value: &str, what: String| Malformed::new(offset(line, value), what);
        if let Some(key) = fields.duplicate() {
            return Err(wrong("", format!("key {} stands twice", Quoted(key))));
        }
        match fields.get("v") {
            Some("1") => {}
            Some(v) => return Err(wrong(v, format!("v must be 1, and {} came", Quoted(v)))),
            None if line.is_empty() => return Err(wrong("", "an empty line".into())),
            None => return Err(wrong("", "no v: not a canonical event".into())),
        }
        let name = match fields.get("type") {
            None => return Err(wrong("", "no type: not a canonical event".into())),
            Some(v) => string(v).ok_or_else(|| wrong(v, "type must be a string".into()))?,
        };
        let name = unescape(name.0);
        let kind = Type::parse(&name);
        if kind == Type::Other {
            let what = format!("the type {} is not known", Quoted(&name));
            report.note(ReportPlace::line(number), &what);
        }
        let stream = match fields.get("stream").map(|v| (v, string(v).map(|raw| unescape(raw.0)))) {
            None => None,
            Some((_, Some(id))) if is_stream_id(&id) => Some(id),
            Some((v, _)) => {
                return Err(wrong(v, "stream must be 1 to 64 of [A-Za-z0-9._:-]".into()));
            }
        };
        let diagnostic = kind == Type::Status && fields.get("kind") == Some("\"diagnostic\"");
        if stream.is_none() && !diagnostic {
            return Err(wrong("", "no stream, and it is no diagnostic".into()));
        }
        let mut seen = Self {
            number,
            line,
            fields,
            report,
            kind,
            stream,
            turn: Got::Absent,
            seq: Got::Absent,
            first_seq: None,
            ts: None,
            parent: None,
        };
        seen.read_envelope();
        Ok(seen)
    }

    fn read_envelope(&mut self) {
        self.turn = self.integer("turn");
        self.seq = self.integer("seq");
        self.first_seq = self.integer("first_seq").value();
        for key in ["label", "parent"] {
            if self.fields.get(key).is_some_and(|value| string(value).is_none()) {
                self.wrong(C1, key, "a string");
            }
        }
        self.parent = self.text("parent").map(|raw| Units::of(raw.0));
        if self.fields.get("synthetic").is_some_and(|value| value != "true") {
            self.wrong(C2, "synthetic", "true");
        }
        self.ts = self.text("ts").and_then(|raw| time(&unescape(raw.0)));
        if self.ts.is_none() && self.has("ts") {
            self.wrong(C1, "ts", "RFC 3339 in UTC with milliseconds");
        } else if self.ts.is_none() && self.stream.is_some() {
            self.broken(C1, "ts", format_args!("no ts"));
        }
        if self.turn == Got::Absent && !matches!(self.kind, Type::Status | Type::Other) {
            self.broken(C2, "turn", format_args!("the required field turn is missing"));
        }
    }

    fn integer(&self, key: &str) -> Got<u64> {
        match self.fields.get(key).map(str::parse::<u64>) {
            None => Got::Absent,
            Some(Ok(n)) if n >= 1 => Got::Is(n),
            Some(_) => {
                self.wrong(C1, key, "an integer of at least 1");
                Got::Wrong
            }
        }
    }

    /// Reports a violation at the value of `key`.
    pub(super) fn broken(&self, rule: Rule, key: &str, what: fmt::Arguments<'_>) {
        let value = self.fields.get(key).unwrap_or_default();
        self.report.violation(self.place(value), rule, what);
    }

    /// Reports that the value of `key` is not `want`.
    fn wrong(&self, rule: Rule, key: &str, want: &str) {
        let value = self.fields.get(key).unwrap_or_default();
        self.broken(rule, key, format_args!("{key} must be {want}, and {} came", Quoted(value)));
    }

    /// Place of `value`, a slice of the line; the beginning of the line for any other text.
    pub(super) fn place(&self, value: &str) -> ReportPlace {
        ReportPlace { line: self.number, column: offset(self.line, value) + 1 }
    }

    /// Reports once something about the line that breaks no rule.
    pub(super) fn note(&self, what: &str) {
        self.report.note(ReportPlace::line(self.number), what);
    }

    /// The string at `key`, if it is one.
    pub(super) fn text(&self, key: &str) -> Option<Raw<'a>> {
        self.fields.get(key).and_then(string)
    }

    /// A string of the object at `key`.
    pub(super) fn text_in(&self, key: &str, inner: &str) -> Option<Cow<'a, str>> {
        self.fields.object(key)?.text(inner)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.fields.get(key)?.parse().ok()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some()
    }
}

/// Offset of `value` in `line` if it is a slice of it, else 0.
fn offset(line: &str, value: &str) -> usize {
    let at = value.as_ptr().addr().checked_sub(line.as_ptr().addr());
    at.filter(|at| *at < line.len() && !value.is_empty()).unwrap_or(0)
}

/// `ts` in the one form that the contract has, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn time(ts: &str) -> Option<Time> {
    let b = ts.as_bytes();
    let form = b.len() == 24 && (b[10], b[19], b[23]) == (b'T', b'.', b'Z');
    form.then(|| Time::parse(ts)).flatten()
}
