//! Where events go: the one seam between whoever has deliveries to make (the queue of `tee`, the ledger) and the places that
//! take them. A sink never keeps a delivery for later and never sleeps between two tries: whether and when to try again
//! belongs to its caller, which has the queue, the clock and the person's settings.

pub mod access;
pub mod address;
mod command;
mod file;
#[cfg_attr(not(feature = "http"), path = "sink/no_http.rs")]
pub mod http;
mod mask;
pub mod own;
mod pipe;
mod unix;
mod words;

pub use command::{CommandSink, ask, end_commands};
pub use file::{Existing, FileSink, Reopening, canonical};
pub use mask::masked;
pub use pipe::PipeSink;
pub use unix::UnixSink;

use crate::backoff::Wait;
use crate::codec;
use crate::event::{Event, Type, event_id, part_id};

/// One thing to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// The same on every run, so that a sink can know it again ([`delivery_id`]). Without one it is given at most once.
    pub id: Option<&'a str>,
    /// The stream it belongs to; empty where that is not known or was not asked for.
    pub stream: &'a str,
    /// One line without its line feed. To a sink that takes [`Form::Bulk`] it may be a run of bytes as they came instead,
    /// line feeds and all, that begins and ends at line ends (but for a line too long to look at and the input's last).
    pub bytes: &'a [u8],
    /// Which of the two it is.
    pub form: Form,
}

/// How the bytes of a delivery lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One event, without its line feed.
    Event,
    /// Bytes as they came, with their line feeds.
    Bulk,
}

/// What has become of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is there. Never to be sent again.
    Sent {
        /// What the sink calls it (a message id, a `Location`), if it says so.
        receipt: Option<String>,
    },
    /// It is certain that nothing of it is there, and the next try may succeed: a full disk, no connection, a rate limit.
    /// The caller tries the same delivery again, whether it has an id or not.
    Retry {
        /// What that says about the next try.
        wait: Wait,
        /// For a person.
        why: String,
    },
    /// The sink has refused it for good (a 4xx, a status that is not 0). The next delivery may still be taken.
    Failed {
        /// For a person.
        why: String,
    },
    /// It may be there or not: no answer came, or one that does not say (a 5xx, a process killed by a signal). To be sent
    /// again only to a sink that is [`Needs::idempotent`] and only with an id; else by what the person has said of doubt.
    Unknown {
        /// What that says about the next try.
        wait: Wait,
        /// For a person.
        why: String,
    },
    /// The sink itself has ended and will take nothing any more, neither this delivery, of which nothing is there, nor any
    /// other.
    Gone {
        /// What of.
        gone: Gone,
        /// For a person.
        why: String,
    },
}

/// What a sink has ended of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Its reader has gone as `head` does: by the default of `--output-error` that is no trouble.
    Reader,
    /// Anything else.
    Broken,
}

/// What a sink wants of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// What it takes: with [`Form::Bulk`] both, so that nobody has to look into lines on its behalf.
    pub form: Form,
    /// Most deliveries for one call; those that can tell of each what became of it take several.
    pub batch: usize,
    /// True if it knows a delivery id again, so that sending a second time does no harm.
    pub idempotent: bool,
}

/// A place that takes deliveries. It is driven by one thread, which it may block; nobody else waits for it.
pub trait Sink: Send {
    /// What it wants; the same at every call.
    fn needs(&self) -> Needs;

    /// True if it takes what it is given as fast as a disk: then it is better to wait a moment for it than to put aside, on
    /// that very disk, what it cannot take at once.
    fn is_prompt(&self) -> bool {
        false
    }

    /// Called once by the thread that drives it, before the first delivery: what takes long to open is opened here. What
    /// does not succeed is tried again, and said, at the first delivery.
    fn begin(&mut self) {}

    /// Delivers in order and stops at the first that is not [`SendOutcome::Sent`] or [`SendOutcome::Failed`]. One outcome for each
    /// delivery that was tried, in order: fewer than the batch means that the rest was not tried. At least one.
    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome>;

    /// There is nothing more to come: lets what was taken reach its place. It may block.
    ///
    /// # Errors
    /// For a person: what was taken has not been dealt with after all (a process that ended with a status).
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// [`Sink::send`] of a sink that delivers one at a time.
fn one_by_one(
    batch: &[Delivery<'_>],
    mut deliver: impl FnMut(&Delivery<'_>) -> SendOutcome,
) -> Vec<SendOutcome> {
    let mut outcomes = Vec::new();
    for delivery in batch {
        let outcome = deliver(delivery);
        let go_on = matches!(outcome, SendOutcome::Sent { .. } | SendOutcome::Failed { .. });
        outcomes.push(outcome);
        if !go_on {
            break;
        }
    }
    outcomes
}

/// The id under which an event is delivered: `stream/turn/block/part` of a part, `stream/seq` of any other; `None` for a
/// `text_delta` and for what has no `seq`, which are delivered at most once.
#[must_use]
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

/// The block and the number of a part; `None` for an event that is none.
#[must_use]
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
