//! Server-sent events (WHATWG HTML, 9.2): every event unchanged, with its type and an id from which a client resumes.

use std::borrow::Cow;

use super::TOO_LONG;
use crate::codec::{Malformed, body, without_lone};
use crate::event::{BlockFinal, Event, Type, event_id};
use crate::stage::{Io, OnLine};
use crate::time::Time;

pub(super) struct Sse;

impl OnLine for Sse {
    const TOO_LONG: &'static str = TOO_LONG;

    fn on_event(&mut self, _: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        let out = &mut io.out;
        if event.kind != Type::Other {
            out.extend_from_slice(format!("event: {}\n", event.kind.name()).as_bytes());
        }
        // A line end or a NUL in a foreign id would make another field, or no id.
        if let Some(id) = id(event)?.filter(|id| !id.contains(['\r', '\n', '\0'])) {
            out.extend_from_slice(format!("id: {id}\n").as_bytes());
        }
        out.extend_from_slice(b"data: ");
        let start = out.len();
        out.extend_from_slice(event.line.trim_end_matches('\r').as_bytes());
        // A carriage return, possible only between tokens, would end the line for a client.
        out[start..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b' ');
        out.extend_from_slice(b"\n\n");
        Ok(())
    }
}

/// The delivery id: a part's own, `stream/seq` of any other numbered event but a delta.
fn id(event: &Event<'_>) -> Result<Option<String>, Malformed> {
    let (Some(stream), Some(seq)) = (&event.stream, event.seq) else {
        return Ok(None);
    };
    Ok(match event.kind {
        Type::TextDelta => None,
        Type::BlockFinal => {
            let line = without_lone(event.line);
            let part: BlockFinal<'_> = body(&line)?;
            Some(part.delivery_id.map_or_else(|| event_id(stream, seq), Cow::into_owned))
        }
        _ => Some(event_id(stream, seq)),
    })
}
