//! The answer and nothing else: the text of the main agent as it was said, block by block.

use super::page::Flow;
use super::streams::{Block, Missing, Streams, Turn};
use super::verdict::Verdict;
use super::{Options, TextBytes};
use crate::codec::Fields;
use crate::event::{Event, Raw, Type};
use crate::stage::Io;
use crate::term::sanitize::{Sanitizer, clean};
use crate::term::style::Look;

/// What must be known to go on with the text.
#[derive(Debug)]
pub(super) struct PlainText {
    streams: Streams,
    bytes: TextBytes,
    cleaner: Sanitizer,
    cleaned: String,
    /// The block that spoke last, as its flow.
    last: Option<u64>,
    /// Whether what it said did not end in a line feed.
    mid_line: bool,
}

impl PlainText {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            streams: Streams::default(),
            bytes: options.text,
            cleaner: Sanitizer::default(),
            cleaned: String::new(),
            last: None,
            mid_line: false,
        }
    }

    /// A `text_delta`.
    pub(super) fn delta(&mut self, event: &Event<'_>, io: &mut Io) {
        let Some(delta) =
            event.delta.as_ref().filter(|d| d.parent.is_none() && d.kind.decode() == "answer")
        else {
            return;
        };
        let id = delta.block.decode();
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let label = delta.label.map(Raw::decode);
        let name = event.stream.as_deref().unwrap_or_default();
        let (stream, _) = self.streams.enter(name, label.as_deref(), event.time());
        if stream.block(&id).is_none() {
            stream.open_block(&id, flow);
        }
        if let Some(block) = stream.block(&id) {
            let text = block.take(delta.text);
            let flow = block.flow.id;
            self.say(flow, &text, io);
        }
    }

    /// Any other event. A turn that did not complete is told to stderr.
    pub(super) fn event(&mut self, event: &Event<'_>, body: &Fields<'_>, io: &mut Io) {
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let name = event.stream.as_deref().unwrap_or_default();
        let label = body.text("label");
        let (stream, _) = self.streams.enter(name, label.as_deref(), event.time());
        match event.kind {
            Type::TurnStarted => {
                stream.blocks.clear();
                stream.turn = Some(Turn { began: stream.now });
            }
            Type::BlockFinal => {
                let answer = body.text("kind").as_deref() == Some("answer");
                if answer && body.text("parent").is_none() {
                    let id = body.text("block").unwrap_or_default();
                    let block = stream.close_block(&id);
                    let block = block.unwrap_or_else(|| Block::new(&id, flow));
                    let (flow, more) = (block.flow.id, body.raw("last") == Some("false"));
                    if body.raw("part").is_some() {
                        // Its other parts go on where this one ends.
                        if more {
                            stream.keep_block(block);
                        }
                        return self.part(flow, body, io);
                    }
                    self.block_final(&block, body, io);
                }
            }
            kind if kind.is_terminal() => {
                stream.blocks.clear();
                let began = stream.turn.take().and_then(|t| t.began);
                let took = body.count("duration_ms").or_else(|| stream.since(began));
                if kind != Type::TurnCompleted {
                    complain(&Verdict::of(kind, body, took), io);
                }
            }
            _ => {}
        }
    }

    /// The input has ended.
    pub(super) fn end(&mut self, io: &mut Io) {
        self.end_line(io);
        for (_, took) in self.streams.unfinished() {
            complain(&Verdict::truncated(took), io);
        }
    }

    /// The bodies of the parts, each with its glue, are the block's text.
    fn part(&mut self, flow: u64, body: &Fields<'_>, io: &mut Io) {
        let field = |key| body.text(key).unwrap_or_default();
        let text = field("text");
        let said = text.strip_prefix(field("open").as_ref());
        let said = said.and_then(|t| t.strip_suffix(field("close").as_ref()));
        self.say(flow, said.unwrap_or(&text), io);
        self.say(flow, &field("glue"), io);
    }

    fn block_final(&mut self, block: &Block, body: &Fields<'_>, io: &mut Io) {
        let text = body.text("text").unwrap_or_default();
        let flow = block.flow.id;
        match block.missing(&text) {
            Missing::Nothing => {}
            Missing::Tail(tail) => self.say(flow, tail, io),
            // What was said was not the beginning: all of it, on a line of its own.
            Missing::Head(_) | Missing::Whole(_) => {
                self.end_line(io);
                self.say(flow, &text, io);
            }
        }
    }

    fn say(&mut self, flow: u64, text: &str, io: &mut Io) {
        if text.is_empty() {
            return;
        }
        if self.last != Some(flow) {
            self.end_line(io);
            self.last = Some(flow);
            self.cleaner = Sanitizer::default();
        }
        let text = match self.bytes {
            TextBytes::Exact => text,
            TextBytes::Sanitised => {
                self.cleaned.clear();
                self.cleaner.push(text, &mut self.cleaned);
                &self.cleaned
            }
        };
        if !text.is_empty() {
            self.mid_line = !text.ends_with('\n');
            io.out.extend_from_slice(text.as_bytes());
        }
    }

    fn end_line(&mut self, io: &mut Io) {
        if std::mem::take(&mut self.mid_line) {
            io.out.push(b'\n');
        }
    }
}

/// A line for stderr.
fn complain(verdict: &Verdict, io: &mut Io) {
    let line = format!("{}{}\n", verdict.mark, verdict.rest);
    io.err.extend_from_slice(clean(&line).as_bytes());
}
