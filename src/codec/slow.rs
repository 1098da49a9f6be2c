//! The general path: an event in any order of its keys.

use std::borrow::Cow;

use super::fields::string;
use super::{Fields, Malformed, is_stream_id};
use crate::event::{Delta, Event, Raw, Type, VERSION};

/// The keys of an event that belong to the envelope.
const ENVELOPE: [&str; 10] =
    ["v", "type", "stream", "turn", "seq", "first_seq", "ts", "label", "parent", "synthetic"];

pub(super) fn event(line: &str) -> Result<Event<'_>, Malformed> {
    Fields::parse(line)?.event(line)
}

impl<'a> Fields<'a> {
    /// The event that these fields make; [`Malformed`] if a field of the envelope is missing or has another type.
    pub fn event(&self, line: &'a str) -> Result<Event<'a>, Malformed> {
        let place = |value: &str| value.as_ptr().addr().saturating_sub(line.as_ptr().addr());
        let wrong = |key: &str, value: &str, want: &str| {
            Malformed::new(place(value), format!("{key:?} is not {want}"))
        };
        let text = |key: &'static str| match self.get(key) {
            None => Ok(None),
            Some(v) => string(v).map(Some).ok_or_else(|| wrong(key, v, "a string")),
        };
        let number = |key: &'static str| match self.get(key) {
            None => Ok(None),
            Some(v) => match v.parse::<u64>() {
                Ok(n) if n >= 1 => Ok(Some(n)),
                _ => Err(wrong(key, v, "an integer of at least 1")),
            },
        };
        match self.get("v") {
            None => {
                return Err(Malformed::new(
                    0,
                    "no \"v\": not a canonical event (is `spile wrap` missing?)",
                ));
            }
            Some("1") => const { assert!(VERSION == 1) },
            Some(v) => {
                return Err(wrong("v", v, "1, the contract version that this spile speaks"));
            }
        }
        let type_ = text("type")?.ok_or_else(|| Malformed::new(0, "no \"type\""))?;
        let stream = text("stream")?.map(Raw::decode);
        if let Some(id) = &stream
            && !is_stream_id(id)
        {
            return Err(wrong(
                "stream",
                self.get("stream").unwrap_or_default(),
                "1 to 64 of [A-Za-z0-9._:-]",
            ));
        }
        let synthetic = match self.get("synthetic") {
            None => false,
            Some("true") => true,
            Some(v) => return Err(wrong("synthetic", v, "true")),
        };
        let kind = Type::parse(&type_.decode());
        let (label, parent) = (text("label")?, text("parent")?);
        let (turn, seq, first_seq) = (number("turn")?, number("seq")?, number("first_seq")?);
        let ts = text("ts")?.map(Raw::decode);
        let delta = match (kind, text("block"), text("kind"), text("text")) {
            (Type::TextDelta, Ok(Some(block)), Ok(Some(kind)), Ok(Some(text)))
                if !text.0.is_empty() =>
            {
                Some(Delta {
                    first_seq,
                    label,
                    parent,
                    synthetic,
                    block,
                    kind,
                    text,
                    extra: self.extra(&["block", "kind", "text"]),
                })
            }
            _ => None,
        };
        Ok(Event { line, kind, stream, turn, seq, ts, delta })
    }

    /// Fields beside the envelope and the fields `body` of a body, in their order; a duplicate key is kept.
    pub fn unknown(&self, body: &[&str]) -> impl Iterator<Item = &(Cow<'a, str>, &'a str)> {
        let known = |key: &str| ENVELOPE.contains(&key) || body.contains(&key);
        self.0.iter().filter(move |(key, _)| !known(key))
    }

    /// As [`Fields::unknown`], as it is put behind other fields.
    fn extra(&self, body: &[&str]) -> Cow<'a, str> {
        let mut extra = String::new();
        for (key, value) in self.unknown(body) {
            extra.push(',');
            extra.push_str(&super::to_json(key.as_ref()));
            extra.push(':');
            extra.push_str(value);
        }
        Cow::Owned(extra)
    }
}
