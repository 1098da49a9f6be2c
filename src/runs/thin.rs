//! Events of a run whose file cannot be written for so long that nothing more can wait: deltas are left out, and a `gap`
//! stands in their place. Every other event stays; the text of the deltas is in the `block_final`.

use std::collections::BTreeMap;

use memchr::memchr_iter;
use serde_json::json;

use crate::codec::{self, Writer};
use crate::event::{Envelope, Event, Status, Type};

/// Filter of lines that leaves out deltas.
#[derive(Debug, Default)]
pub struct Thinner {
    /// Left out since the last line, by stream.
    gaps: BTreeMap<String, Gap>,
    writer: Writer,
}

/// Deltas of a stream that were left out, one after another.
#[derive(Debug)]
struct Gap {
    turn: Option<u64>,
    from: u64,
    to: u64,
    bytes: u64,
    ts: String,
}

impl Thinner {
    /// Appends `lines`, which are whole, to `out` without their deltas.
    pub fn thin(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        let mut start = 0;
        for end in memchr_iter(b'\n', lines).map(|feed| feed + 1) {
            let line = &lines[start..end];
            start = end;
            match codec::decode(&line[..line.len() - 1]) {
                Ok(event) if event.kind == Type::TextDelta && event.seq.is_some() => {
                    self.leave_out(&event);
                }
                event => {
                    if let Some(stream) = event.ok().and_then(|event| event.stream) {
                        self.write_gap(&stream, out);
                    }
                    out.extend_from_slice(line);
                }
            }
        }
    }

    /// Ends all gaps, before lines that are whole again.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let streams: Vec<String> = self.gaps.keys().cloned().collect();
        streams.iter().for_each(|stream| self.write_gap(stream, out));
    }

    fn leave_out(&mut self, event: &Event<'_>) {
        let (Some(stream), Some(seq)) = (event.stream.as_deref(), event.seq) else { return };
        let first = event.delta.as_ref().and_then(|delta| delta.first_seq).unwrap_or(seq);
        let gap = self.gaps.entry(stream.to_owned()).or_insert_with(|| Gap {
            turn: event.turn,
            from: first,
            to: seq,
            bytes: 0,
            ts: String::new(),
        });
        gap.to = seq;
        gap.bytes += event.line.len() as u64 + 1;
        event.ts.as_deref().unwrap_or_default().clone_into(&mut gap.ts);
    }

    fn write_gap(&mut self, stream: &str, out: &mut Vec<u8>) {
        let Some(gap) = self.gaps.remove(stream) else { return };
        let Gap { turn, from, to, bytes, ts } = gap;
        let envelope = Envelope {
            stream: Some(stream.into()),
            turn,
            ts: Some(ts.into()),
            ..Envelope::of(Type::Status)
        };
        let message = Some("deltas were left out: the event file could not be written".into());
        let data = Some(json!({"from_seq": from, "to_seq": to, "bytes": bytes}));
        self.writer.event(out, &envelope, &Status { kind: "gap".into(), message, data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, stream: &str, seq: u64, rest: &str) -> String {
        format!(
            r#"{{"v":1,"type":"{kind}","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.{seq:03}Z"{rest}}}"#
        ) + "\n"
    }

    fn delta(stream: &str, seq: u64) -> String {
        event("text_delta", stream, seq, r#","block":"b1","kind":"answer","text":"x""#)
    }

    #[test]
    fn deltas_become_a_gap_and_all_else_stays() {
        let last = event("turn_completed", "a", 6, r#","stop":"end_turn""#);
        let last_b =
            event("tool_started", "b", 3, r#","tool":{"id":"t","name":"n","kind":"other"}"#);
        let lines = [&delta("a", 3), &delta("b", 2), &delta("a", 4), "no event\n", &last_b];
        let (mut thinner, mut out) = (Thinner::default(), Vec::new());
        thinner.thin(lines.map(ToString::to_string).concat().as_bytes(), &mut out);
        thinner.thin((delta("a", 5) + &last).as_bytes(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let got: Vec<&str> = text.lines().collect();
        assert_eq!(got.len(), 5, "{text}");
        assert_eq!((got[0], got[2]), ("no event", last_b.trim_end()));
        assert!(got[1].contains(r#""stream":"b","turn":1"#) && got[1].contains(r#""kind":"gap""#));
        let bytes = 3 * delta("a", 3).len();
        let data = format!(r#""data":{{"from_seq":3,"to_seq":5,"bytes":{bytes}}}"#);
        assert!(got[3].contains(&data), "{}", got[3]);
        assert_eq!(got[4], last.trim_end());
    }

    #[test]
    fn a_gap_ends_before_whole_lines() {
        let (mut thinner, mut out) = (Thinner::default(), Vec::new());
        thinner.thin(delta("a", 3).as_bytes(), &mut out);
        assert!(out.is_empty());
        thinner.finish(&mut out);
        assert!(String::from_utf8(out.clone()).unwrap().contains(r#""from_seq":3,"to_seq":3"#));
        let before = out.len();
        thinner.finish(&mut out);
        assert_eq!(out.len(), before);
    }
}
