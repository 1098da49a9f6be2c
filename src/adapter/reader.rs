//! The reader: an agent's bytes to the messages of its runtime, in any framing. A line that is no message becomes a log,
//! bytes that cannot be read a diagnostic; no byte is dropped.

use serde_json::Result;
use serde_json::value::RawValue;

use super::emit::Input;
use super::failure::failure;
use super::framing::{Frame, Frames, Tail};
use super::{Emit, Framing, Order, Runtime, Spec};
use crate::codec::{self, Lines, MAX_LINE, Malformed, Piece, Place};
use crate::event::UsageAndCost;
use crate::guard::{Guard, Notice, TurnVerdict};
use crate::time::Time;

/// A line that cannot be a message leaves in pieces from this length on, in bytes.
const PIECE: usize = 64 << 10;

/// The reader of one agent's stdout.
pub struct Reader {
    framing: Framing,
    lines: Lines,
    frames: Frames,
    messages: Messages,
}

/// The messages on their way to the runtime's adapter.
struct Messages {
    runtime: Box<dyn Runtime>,
    input: Input,
}

impl Reader {
    /// A reader before the first byte, for a command with these arguments; a line over `max_line` bytes is no message.
    pub fn new(spec: &Spec, argv: &[String], max_line: usize) -> Self {
        Self {
            framing: spec.framing,
            lines: Lines::new(max_line),
            frames: Frames::new(MAX_LINE),
            messages: Messages { runtime: (spec.new)(argv), input: Input::new(spec.keys) },
        }
    }

    /// The line by which the runtime takes an order on its stdin; see [`Runtime::order`].
    pub fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        self.messages.runtime.order(order, number)
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, now: Time, bytes: &[u8], guard: &mut Guard) {
        let Self { framing, lines, frames, messages } = self;
        match framing {
            Framing::Bytes => {
                let (line, offset) = lines.place();
                let place = Place { line, offset, bytes };
                messages.runtime.on_bytes(place, &mut Emit::new(now, guard, &mut messages.input));
                lines.skip(bytes);
            }
            Framing::Frames => frames.feed(bytes, &mut |frame| messages.frame(now, frame, guard)),
            Framing::Lines => {
                lines.feed(bytes, |piece| messages.piece(now, piece, frames, guard));
                // No message begins like this, so nothing is gained by waiting for its end.
                let begun = lines.held().trim_ascii_start();
                let message = begun.starts_with(b"data:") || matches!(begun, [b'{' | b'[', ..]);
                if lines.held().len() >= PIECE && !message {
                    lines.release(|piece| messages.piece(now, piece, frames, guard));
                }
            }
        }
    }

    /// The output has ended.
    pub fn end(&mut self, now: Time, guard: &mut Guard) -> TurnVerdict {
        let Self { framing, lines, frames, messages } = self;
        lines.end(|piece| messages.piece(now, piece, frames, guard));
        let tail = frames.end(&mut |frame| messages.frame(now, frame, guard));
        let status = messages.input.head.as_ref().map_or(0, |head| head.status);
        let emit = &mut Emit::new(now, guard, &mut messages.input);
        let verdict = messages.runtime.on_end(tail, emit);
        emit.fail_last();
        if emit.turn_open() {
            emit.start_all_held();
        }
        if status >= 400 && emit.turns() == 0 {
            let error = failure(&format!("HTTP status {status}"), "", Some(status.into()));
            emit.fail(error, &UsageAndCost::default());
        }
        if tail == Tail::Cut && *framing == Framing::Frames {
            TurnVerdict::Truncated
        } else {
            verdict
        }
    }
}

impl Messages {
    fn piece(&mut self, now: Time, piece: Piece<'_>, frames: &mut Frames, guard: &mut Guard) {
        let (bytes, line, offset, text) = match piece {
            Piece::Line { bytes, number, offset, text, .. } => (bytes, number, offset, text),
            Piece::Long { bytes, number: line, mut offset, .. } => {
                let why = Malformed::new(0, "a piece of a line that is too long");
                for bytes in bytes.chunks(PIECE) {
                    guard.at(now).diagnostic(&Place { line, offset, bytes }, &why);
                    offset += bytes.len() as u64;
                }
                return;
            }
        };
        let text = text.or_else(|| std::str::from_utf8(bytes).ok());
        if let Some(text) = text.map(str::trim_ascii)
            && text.starts_with('{')
            && frames.is_idle()
            && self.message(now, "", text, guard).is_ok()
        {
            return;
        }
        frames.line(Place { line, offset, bytes }, &mut |frame| self.frame(now, frame, guard));
    }

    fn frame(&mut self, now: Time, frame: Frame<'_>, guard: &mut Guard) {
        match frame {
            Frame::Message { event, text, at: (line, offset) } => {
                if let Err(error) = self.message(now, event, text, guard)
                    && !matches!(event, "ping" | "heartbeat" | "keepalive")
                {
                    let place = Place { line, offset, bytes: text.as_bytes() };
                    guard.at(now).diagnostic(&place, &codec::malformed(&error, text));
                }
            }
            Frame::Log(line) => {
                let notice = Notice { kind: "log", message: Some(line), ..Notice::default() };
                guard.at(now).notice(&notice);
            }
            Frame::Broken(place, why) => guard.at(now).diagnostic(&place, &why),
            Frame::Head(head) => {
                self.input.head = Some(head.clone());
                let emit = &mut Emit::new(now, guard, &mut self.input);
                emit.status("info", &head.line, head.data());
            }
        }
    }

    /// Hands the text of a message to the adapter. A lone surrogate escape, which serde_json refuses, becomes a stand-in.
    fn message(&mut self, now: Time, event: &str, text: &str, guard: &mut Guard) -> Result<()> {
        if text.starts_with('[') {
            if text.trim_ascii() == "[DONE]" {
                self.runtime.on_done(&mut Emit::new(now, guard, &mut self.input));
                return Ok(());
            }
            // All of a batch must be readable before any of it is emitted.
            let values: Vec<&RawValue> = serde_json::from_str(text)?;
            return values
                .iter()
                .try_for_each(|value| self.message(now, event, value.get(), guard));
        }
        let emit = &mut Emit::new(now, guard, &mut self.input);
        let Err(error) = self.runtime.on_text(event, text, emit) else { return Ok(()) };
        let Some(mended) = codec::replace_lone_surrogates(text) else { return Err(error) };
        emit.expect_lone_surrogates();
        self.runtime.on_text(event, &mended, emit).map_err(|_| error)
    }
}
