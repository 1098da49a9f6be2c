//! Parts of a block that was closed without its end. If its stream continues, the block was complete; if the input ends
//! there, its writer may have been killed, and on a replay the same ids will stand for longer texts.

use std::collections::HashMap;

use serde::Deserialize;

use crate::codec;
use crate::event::{Event, Type};

type Wanted = (String, Vec<i64>);

/// Parts by stream, until their stream continues.
#[derive(Debug, Default)]
pub(super) struct PendingParts(HashMap<String, Vec<Wanted>>);

impl PendingParts {
    /// Passes an event on to `sure`, or holds it; held parts of its stream go first if it shows that the stream
    /// continues.
    pub(super) fn take(&mut self, event: &Event<'_>, line: Wanted, sure: &mut Vec<Wanted>) {
        let stream = event.stream.as_deref().unwrap_or_default();
        if is_closed_early(event) {
            self.0.entry(stream.to_owned()).or_default().push(line);
            return;
        }
        // An event without a number may be a remark on the part itself.
        if event.seq.is_some() && !self.0.is_empty() {
            sure.extend(self.0.remove(stream).unwrap_or_default());
        }
        sure.push(line);
    }

    pub(super) fn streams(&self) -> Vec<String> {
        let mut streams: Vec<String> = self.0.keys().cloned().collect();
        streams.sort();
        streams
    }
}

fn is_closed_early(event: &Event<'_>) -> bool {
    #[derive(Deserialize)]
    struct RowHead {
        #[serde(default)]
        synthetic: bool,
        part: Option<u64>,
    }
    let maybe = event.kind == Type::BlockFinal && event.line.contains("\"synthetic\"");
    maybe
        && codec::body::<RowHead>(&codec::without_lone(event.line))
            .is_ok_and(|head| head.synthetic && head.part.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(stream: &str, seq: u64, synthetic: bool) -> String {
        let synthetic = if synthetic { r#","synthetic":true"# } else { "" };
        format!(
            r#"{{"v":1,"type":"block_final","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z"{synthetic},"block":"b1","kind":"answer","text":"x","part":0,"last":true}}"#
        )
    }

    fn end(stream: &str, seq: u64) -> String {
        format!(
            r#"{{"v":1,"type":"turn_failed","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z"}}"#
        )
    }

    #[test]
    fn a_part_that_nothing_follows_stays() {
        let lines = [
            part("a", 1, false),
            part("a", 2, true),
            part("b", 1, true),
            r#"{"v":1,"type":"status","stream":"a","ts":"2026-01-01T00:00:00.000Z","kind":"diagnostic"}"#.to_owned(),
            end("a", 3),
        ];
        let (mut pending_parts, mut sure) = (PendingParts::default(), Vec::new());
        let mut seen = Vec::new();
        for line in &lines {
            let event = codec::decode_text(line).unwrap();
            pending_parts.take(&event, (line.clone(), Vec::new()), &mut sure);
            seen.push(sure.len());
        }
        assert_eq!(seen, [1, 1, 1, 2, 4]);
        assert_eq!(sure[2].0, lines[1]);
        assert_eq!(pending_parts.streams(), ["b"]);
    }
}
