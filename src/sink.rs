//! Sinks: the interface between delivery and the places that take events. A sink never keeps a delivery for later and
//! never retries: that belongs to its caller, which has queue, clock and settings.

use std::path::PathBuf;
use std::time::Duration;

pub mod access;
pub mod address;
mod command;
mod file;
#[cfg_attr(not(feature = "http"), path = "sink/no_http.rs")]
pub mod http;
mod mask;
mod pipe;
pub mod reach;
pub mod signature;
mod unix;

pub use command::{CommandSink, end_commands};
pub use file::{Existing, FileSink, open_private, reopen_requests, request_reopen};
pub use mask::masked;
pub use pipe::PipeSink;
#[cfg(feature = "ledger")]
pub use {command::probe, file::canonical};

pub use crate::backoff::{Gone, SendOutcome};
use crate::codec;
use crate::event::{Event, Type, event_id, part_id};

/// Lines in one write where each is accounted for.
const BATCH: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// Delivery id, the same on every run ([`delivery_id`]). Without one it is delivered at most once.
    pub id: Option<&'a str>,
    /// One line without its line feed; with [`Form::Bulk`] lines as they came, line feeds included, from line end to
    /// line end (except an overlong line and the input's last).
    pub bytes: &'a [u8],
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One event, without its line feed.
    Event,
    /// Bytes as they came, with their line feeds.
    Bulk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Accepted form; with [`Form::Bulk`] both, so that lines need not be parsed.
    pub form: Form,
    /// Largest batch; more than one only if the sink reports the outcome of each.
    pub batch: usize,
    /// True if it recognises a delivery id, so that a second send is harmless.
    pub idempotent: bool,
}

/// A destination of deliveries. Driven by one thread, which it may block.
pub trait Sink: Send {
    fn needs(&self) -> Needs {
        Needs { form: Form::Event, batch: 1, idempotent: false }
    }

    /// True if it is as fast as a disk: then a short wait is better than a spill to that disk.
    fn is_prompt(&self) -> bool {
        false
    }

    /// Called once before the first delivery, to open what takes long. Errors surface at the first delivery.
    fn begin(&mut self) {}

    /// Delivers in order and stops at the first outcome that is neither [`SendOutcome::Sent`] nor
    /// [`SendOutcome::Failed`]. Returns an outcome for each delivery that was tried, at least one.
    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome>;

    /// Ends the input and waits until accepted deliveries have reached their place.
    fn finish(&mut self) -> Finished {
        Ok(None)
    }
}

/// End of a sink: a warning that is no failure, or why it has failed, both for the user.
pub type Finished = Result<Option<String>, String>;

/// Sink as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Key, the same on every run.
    pub key: String,
    /// Keys of the same sink in older ledgers.
    pub older: Vec<String>,
    pub proof: Proof,
}

impl Identity {
    fn new(key: String) -> Self {
        Self { key, older: Vec::new(), proof: Proof::Nothing }
    }
}

/// Proof that a delivery in doubt has arrived, or need for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Nothing,
    /// The sink recognises a delivery id for this long, so a second send is harmless.
    Key(Duration),
    /// The lines of this file.
    File(PathBuf),
    /// The answer of a command.
    Command(Vec<String>),
}

/// An opened sink, or why it cannot be opened, for the user.
pub fn boxed(opened: Result<impl Sink + 'static, impl ToString>) -> Result<Box<dyn Sink>, String> {
    opened.map(|sink| Box::new(sink) as Box<dyn Sink>).map_err(|e| e.to_string())
}

/// Bytes of a batch for one write, line feeds included.
fn joined<'a>(batch: &[Delivery<'a>], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if let [Delivery { form: Form::Bulk, bytes, .. }] = batch {
        return bytes;
    }
    buffer.clear();
    for delivery in batch {
        buffer.extend_from_slice(delivery.bytes);
        if delivery.form == Form::Event {
            buffer.push(b'\n');
        }
    }
    buffer
}

/// [`Sink::send`] of a sink that delivers one at a time.
fn one_by_one(
    batch: &[Delivery<'_>],
    mut deliver: impl FnMut(&Delivery<'_>) -> SendOutcome,
) -> Vec<SendOutcome> {
    let mut outcomes = Vec::new();
    for delivery in batch {
        let outcome = deliver(delivery);
        let go_on = matches!(outcome, SendOutcome::Sent(..) | SendOutcome::Failed(..));
        outcomes.push(outcome);
        if !go_on {
            break;
        }
    }
    outcomes
}

/// Delivery id of an event: `stream/turn/block/part` of a part, `stream/seq` of any other; `None` for a `text_delta`
/// and events without `seq`, which are delivered at most once.
pub fn delivery_id(event: &Event<'_>) -> Option<String> {
    let stream = event.stream.as_deref()?;
    if event.kind == Type::TextDelta {
        return None;
    }
    if let (Some(turn), Some((block, part))) = (event.turn, part(event)) {
        return Some(part_id(stream, turn, &block, part));
    }
    event.seq.map(|seq| event_id(stream, seq))
}

/// Block and number of a part; `None` for any other event.
pub fn part(event: &Event<'_>) -> Option<(String, u64)> {
    #[derive(serde::Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        block: codec::Str<'a>,
        part: u64,
    }
    if event.kind != Type::BlockFinal
        || memchr::memmem::find(event.line.as_bytes(), b"\"part\"").is_none()
    {
        return None;
    }
    let line = codec::without_lone(event.line);
    let part = codec::body::<Part<'_>>(&line).ok()?;
    Some((part.block.0.into_owned(), part.part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(line: &str) -> Option<String> {
        delivery_id(&codec::decode(line.as_bytes()).unwrap())
    }

    #[test]
    fn ids() {
        let ts = r#""ts":"2026-01-01T00:00:00.000Z""#;
        let part = format!(
            r#"{{"v":1,"type":"block_final","stream":"s","turn":2,"seq":9,{ts},"block":"b1","kind":"answer","text":"x","part":3,"last":true,"delivery_id":"s/2/b1/3"}}"#
        );
        assert_eq!(id(&part).as_deref(), Some("s/2/b1/3"));
        let whole = format!(
            r#"{{"v":1,"type":"block_final","stream":"s","turn":2,"seq":9,{ts},"block":"b1","kind":"answer","text":"\"part\":1"}}"#
        );
        assert_eq!(id(&whole).as_deref(), Some("s/9"));
        let delta = format!(
            r#"{{"v":1,"type":"text_delta","stream":"s","turn":2,"seq":9,{ts},"block":"b1","kind":"answer","text":"x"}}"#
        );
        assert_eq!(id(&delta), None);
        let injected =
            format!(r#"{{"v":1,"type":"status","stream":"s","turn":2,{ts},"kind":"heartbeat"}}"#);
        assert_eq!(id(&injected), None);
    }
}
