//! Readers of a line as an event: a byte scan for spile's own key order, and one for any order of the keys.

use std::borrow::Cow;

use super::{Cursor, Fields, Malformed, is_stream_id, string};
use crate::event::{Delta, Event, Raw, Type, VERSION};

/// The keys of an event that belong to the envelope.
const ENVELOPE: [&str; 10] =
    ["v", "type", "stream", "turn", "seq", "first_seq", "ts", "label", "parent", "synthetic"];

/// The event of a line in spile's own key order; `None` if it has another, and may be an event all the same.
pub(super) fn scan(line: &str) -> Option<Event<'_>> {
    const { assert!(VERSION == 1) };
    let mut at = Cursor::new(line);
    at.literal("{\"v\":1,\"type\":\"")?;
    // Nine of ten events are deltas.
    let kind = if at.literal("text_delta\"").is_some() {
        Type::TextDelta
    } else {
        Type::parse(at.plain()?)
    };
    at.literal(",\"stream\":\"")?;
    let stream = at.plain()?;
    if !is_stream_id(stream) {
        return None;
    }
    // Events without a turn or a number are rare; only the general reader finds these keys further on.
    at.literal(",\"turn\":")?;
    let turn = at.integer()?;
    at.literal(",\"seq\":")?;
    let seq = at.integer()?;
    let first_seq =
        if at.literal(",\"first_seq\":").is_some() { Some(at.integer()?) } else { None };
    at.literal(",\"ts\":\"")?;
    let ts = at.plain()?;
    let delta = if kind == Type::TextDelta {
        Some(delta(&mut at, first_seq)?)
    } else {
        // A complete object by the look of it: whole lines are what is cut short in practice.
        if !line.ends_with('}') || !matches!(at.peek(), Some(b',' | b'}')) {
            return None;
        }
        None
    };
    Some(Event {
        line,
        kind,
        stream: Some(Cow::Borrowed(stream)),
        turn: Some(turn),
        seq: Some(seq),
        ts: Some(Cow::Borrowed(ts)),
        delta,
    })
}

/// The rest of a `text_delta`, to the end of the line: an unknown field sends the whole line to the general reader.
fn delta<'a>(at: &mut Cursor<'a>, first_seq: Option<u64>) -> Option<Delta<'a>> {
    let mut delta = Delta { first_seq, extra: Cow::Borrowed(""), ..Delta::default() };
    if at.literal(",\"label\":\"").is_some() {
        delta.label = Some(at.string()?);
    }
    if at.literal(",\"parent\":\"").is_some() {
        delta.parent = Some(at.string()?);
    }
    delta.synthetic = at.literal(",\"synthetic\":true").is_some();
    at.literal(",\"block\":\"")?;
    delta.block = at.string()?;
    at.literal(",\"kind\":\"")?;
    delta.kind = at.string()?;
    at.literal(",\"text\":\"")?;
    delta.text = at.string()?;
    at.literal("}")?;
    (at.is_over() && !delta.text.0.is_empty()).then_some(delta)
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
