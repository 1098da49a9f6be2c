//! `scaffold/streamChunk`: the main agent's answer, one numbered stream for each turn, and nothing else.

use serde_json::json;

use super::TOO_LONG;
use crate::codec::{self, Malformed};
use crate::event::{BlockFinal, Event, Failure, TurnCancelled, Type};
use crate::stage::{Io, OnLine};
use crate::streams::Streams;
use crate::time::Time;

#[derive(Default)]
pub(super) struct StreamChunk {
    /// Open turn of each stream; past the limit the one with the fewest chunks is forgotten.
    open: Streams<Open>,
}

/// An open turn.
#[derive(Default)]
struct Open {
    turn: u64,
    /// Chunks written so far.
    sequence: u64,
    /// Block whose deltas were written, so that its final has nothing new.
    block: String,
}

impl OnLine for StreamChunk {
    const TOO_LONG: &'static str = TOO_LONG;

    fn on_event(&mut self, _: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        let out = &mut io.out;
        let (Some(stream), Some(turn)) = (event.stream.as_deref(), event.turn) else {
            return Ok(());
        };
        let (at, _) = self.open.place(stream, Open::default, |open| open.sequence);
        let open = &mut self.open[at];
        if open.turn != turn {
            *open = Open { turn, ..Open::default() };
        }
        let id = format!("{stream}:{turn}");
        if let Some(delta) = &event.delta {
            if delta.parent.is_none() && delta.kind.0 == "answer" {
                delta.block.0.clone_into(&mut open.block);
                // Its escapes stay, as it may end in half a character.
                open.chunk(&id, &format!("\"{}\"", codec::on_one_line(delta.text.0)), out);
            }
        } else if event.kind == Type::BlockFinal {
            open.last(&id, event.line, out)?;
        } else if event.kind.is_terminal() {
            open.end(&id, event, out)?;
            *open = Open::default();
        }
        Ok(())
    }
}

impl Open {
    /// Writes a chunk, whose text is a JSON string.
    fn chunk(&mut self, id: &str, chunk: &str, out: &mut Vec<u8>) {
        self.sequence += 1;
        let line = format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"scaffold/streamChunk\",\"params\":{{\"stream_id\":\"{id}\",\"chunk\":{chunk},\"sequence\":{},\"done\":false}}}}\n",
            self.sequence
        );
        out.extend_from_slice(line.as_bytes());
    }

    /// Takes a block's final, whose text counts if there was no delta.
    fn last(&mut self, id: &str, line: &str, out: &mut Vec<u8>) -> Result<(), Malformed> {
        #[derive(serde::Deserialize)]
        struct Parent {
            parent: Option<serde::de::IgnoredAny>,
        }
        let line = codec::without_lone(line);
        let part: BlockFinal<'_> = codec::body(&line)?;
        let Parent { parent } = codec::body(&line)?;
        if part.kind != "answer"
            || parent.is_some()
            || (part.part.is_none() && part.block == self.block.as_str())
        {
            return Ok(());
        }
        // The body of a part and the white space left out at the cut are the block's text; the rest was put around it.
        let text =
            part.text.strip_prefix(part.open.as_deref().unwrap_or_default()).unwrap_or(&part.text);
        let text = text.strip_suffix(part.close.as_deref().unwrap_or_default()).unwrap_or(text);
        let [lead, glue] = [&part.lead, &part.glue].map(|s| s.as_deref().unwrap_or_default());
        let text = format!("{lead}{text}{glue}");
        if !text.is_empty() {
            self.chunk(id, &codec::to_json(&text), out);
        }
        Ok(())
    }

    /// Writes the end of a turn.
    fn end(&mut self, id: &str, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let line = codec::without_lone(event.line);
        let (method, params) = match event.kind {
            Type::TurnFailed => {
                #[derive(serde::Deserialize)]
                struct Body<'a> {
                    #[serde(borrow)]
                    error: Failure<'a>,
                }
                let Body { error } = codec::body(&line)?;
                let error = json!({"code": error.code, "message": error.message});
                ("scaffold/streamError", json!({"stream_id": id, "error": error}))
            }
            Type::TurnCancelled => {
                let body: TurnCancelled<'_> = codec::body(&line)?;
                ("scaffold/streamCancel", json!({"stream_id": id, "reason": body.reason}))
            }
            _ => {
                let sequence = self.sequence + 1;
                let params =
                    json!({"stream_id": id, "chunk": "", "sequence": sequence, "done": true});
                ("scaffold/streamChunk", params)
            }
        };
        if self.sequence == 0 && event.kind != Type::TurnCompleted {
            // A stream begins with a chunk, even if it fails without text.
            self.chunk(id, "\"\"", out);
        }
        let line = codec::to_json(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        Ok(())
    }
}
