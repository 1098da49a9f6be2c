//! One line as the rules look at it: the envelope checked (C1), the body checked (C2), and where each field stands.

use std::borrow::Cow;

use super::report::{Quoted, Report, ReportPlace, Rule};
use super::shape;
use super::units::Units;
use crate::codec::{Fields, Malformed, is_stream_id, string, unescape};
use crate::event::{Raw, Type};
use crate::time::Time;

/// Which line of the input a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) number: u64,
    pub(super) line: &'a str,
}

impl Source<'_> {
    /// The place of `value`, which is a slice of the line; of `near`'s if it is none, and at last the line's beginning.
    pub(super) fn place(self, value: &str, near: &str) -> ReportPlace {
        let start = self.line.as_ptr().addr();
        let column = [value, near]
            .iter()
            .find_map(|v| {
                let at = v.as_ptr().addr().checked_sub(start)?;
                (at < self.line.len() && !v.is_empty()).then_some(at + 1)
            })
            .unwrap_or(1);
        ReportPlace { line: self.number, column }
    }
}

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
    pub(super) source: Source<'a>,
    fields: &'r Fields<'a>,
    pub(super) kind: Type,
    /// `None` only on a diagnostic that belongs to no stream.
    pub(super) stream: Option<Cow<'a, str>>,
    pub(super) turn: Got<u64>,
    pub(super) seq: Got<u64>,
    pub(super) first_seq: Option<u64>,
    pub(super) ts: Option<Time>,
    /// The parent's name, of which only equality matters.
    pub(super) parent: Option<Units>,
}

impl<'r, 'a> Seen<'r, 'a> {
    /// Reads and checks one line of which `fields` are the fields. `Err`: it cannot be told what the event is or where it
    /// belongs.
    pub(super) fn read(
        source: Source<'a>,
        fields: &'r Fields<'a>,
        report: &mut Report,
    ) -> Result<Self, Malformed> {
        let line = source.line;
        let wrong = |value: &str, what: String| {
            Malformed::new(source.place(value, "").column.saturating_sub(1), what)
        };
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
            report.note(ReportPlace::line(source.number), &what);
        }
        let stream = match fields.get("stream") {
            None => None,
            Some(v) => match string(v).map(|raw| unescape(raw.0)) {
                Some(id) if is_stream_id(&id) => Some(id),
                _ => return Err(wrong(v, "stream must be 1 to 64 of [A-Za-z0-9._:-]".into())),
            },
        };
        if stream.is_none()
            && !(kind == Type::Status && fields.get("kind") == Some("\"diagnostic\""))
        {
            return Err(wrong("", "no stream, and it is no diagnostic".into()));
        }
        let mut seen = Self {
            source,
            fields,
            kind,
            stream,
            turn: Got::Absent,
            seq: Got::Absent,
            first_seq: None,
            ts: None,
            parent: None,
        };
        seen.read_envelope(report);
        shape::check_body(kind, fields, source, report);
        Ok(seen)
    }

    fn read_envelope(&mut self, report: &mut Report) {
        self.turn = self.number("turn", report);
        self.seq = self.number("seq", report);
        self.first_seq = self.number("first_seq", report).value();
        for key in ["label", "parent"] {
            if let Some(value) = self.fields.get(key)
                && string(value).is_none()
            {
                let what = format_args!("{key} must be a string, and {} came", Quoted(value));
                report.violation(self.source.place(value, ""), Rule::C1, what);
            }
        }
        self.parent = self.text("parent").map(|raw| Units::of(raw.0));
        if let Some(value) = self.fields.get("synthetic")
            && value != "true"
        {
            let what = format_args!("synthetic must be true, and {} came", Quoted(value));
            report.violation(self.source.place(value, ""), Rule::C2, what);
        }
        self.read_ts(report);
        if self.turn == Got::Absent && !matches!(self.kind, Type::Status | Type::Other) {
            let what = format_args!("the required field turn is missing");
            report.violation(ReportPlace::line(self.source.number), Rule::C2, what);
        }
    }

    fn number(&self, key: &str, report: &mut Report) -> Got<u64> {
        let Some(value) = self.fields.get(key) else {
            return Got::Absent;
        };
        match value.parse::<u64>() {
            Ok(n) if n >= 1 => Got::Is(n),
            _ => {
                let what = format_args!(
                    "{key} must be an integer of at least 1, and {} came",
                    Quoted(value)
                );
                report.violation(self.source.place(value, ""), Rule::C1, what);
                Got::Wrong
            }
        }
    }

    fn read_ts(&mut self, report: &mut Report) {
        let Some(value) = self.fields.get("ts") else {
            if self.stream.is_some() {
                let what = format_args!("no ts");
                report.violation(ReportPlace::line(self.source.number), Rule::C1, what);
            }
            return;
        };
        self.ts = string(value).and_then(|raw| time(&unescape(raw.0)));
        if self.ts.is_none() {
            let what = format_args!(
                "ts must be RFC 3339 in UTC with milliseconds, and {} came",
                Quoted(value)
            );
            report.violation(self.source.place(value, ""), Rule::C1, what);
        }
    }

    /// The string at `key`, if it is one.
    pub(super) fn text(&self, key: &str) -> Option<Raw<'a>> {
        self.fields.get(key).and_then(string)
    }

    /// A string of the object at `key`.
    pub(super) fn text_in(&self, key: &str, inner: &str) -> Option<Cow<'a, str>> {
        self.fields.object(key)?.text(inner)
    }

    pub(super) fn count(&self, key: &str) -> Option<u64> {
        self.fields.count(key)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.fields.get(key)?.parse().ok()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some()
    }

    /// Where the value of `key` stands.
    pub(super) fn at(&self, key: &str) -> ReportPlace {
        self.source.place(self.fields.get(key).unwrap_or_default(), "")
    }
}

/// `ts` in the one form that the contract has, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn time(ts: &str) -> Option<Time> {
    let b = ts.as_bytes();
    let form = b.len() == 24
        && b.get(10) == Some(&b'T')
        && b.get(19) == Some(&b'.')
        && b.get(23) == Some(&b'Z');
    form.then(|| Time::parse(ts)).flatten()
}
