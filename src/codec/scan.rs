//! The fast path: an event in spile's own key order, read by a byte scan. Whatever is not exactly that goes to `slow`.

use std::borrow::Cow;

use super::cursor::Cursor;
use crate::event::{Delta, Event, Type, VERSION};

/// `None`: not in the known order; it may be an event all the same.
pub(super) fn event(line: &str) -> Option<Event<'_>> {
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
    if !super::is_stream_id(stream) {
        return None;
    }
    // Events without a turn or a number are rare; only the slow path finds these keys further on.
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

/// The rest of a `text_delta`, to the end of the line: an unknown field sends the whole line to the slow path.
fn delta<'a>(at: &mut Cursor<'a>, first_seq: Option<u64>) -> Option<Delta<'a>> {
    let mut label = None;
    let mut parent = None;
    if at.literal(",\"label\":\"").is_some() {
        label = Some(at.string()?);
    }
    if at.literal(",\"parent\":\"").is_some() {
        parent = Some(at.string()?);
    }
    let synthetic = at.literal(",\"synthetic\":true").is_some();
    at.literal(",\"block\":\"")?;
    let block = at.string()?;
    at.literal(",\"kind\":\"")?;
    let kind = at.string()?;
    at.literal(",\"text\":\"")?;
    let text = at.string()?;
    at.literal("}")?;
    (at.is_over() && !text.0.is_empty()).then_some(Delta {
        first_seq,
        label,
        parent,
        synthetic,
        block,
        kind,
        text,
        extra: Cow::Borrowed(""),
    })
}
