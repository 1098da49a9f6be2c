//! The answer and nothing else: the text of the main agent, block by block.

use super::layout::{Flow, Layout, Pace, Who};
use super::page::Page;
use super::streams::{Missing, ShownBlock, Streams, Turn};
use super::turn_result::TurnResult;
use super::{Face, Options};
use crate::codec::Fields;
use crate::event::{Delta, Event, Raw, Type};
use crate::stage::Io;
use crate::term::marks::{Forbidden, without_commands};
use crate::term::sanitize::clean;
use crate::term::style::{Look, Paint};

#[derive(Debug, Default)]
pub(super) struct PlainText {
    streams: Streams,
}

pub(super) fn layout(options: &Options) -> Layout {
    Layout {
        paint: Paint { colour: false },
        pace: Pace::Lines,
        wrap: None,
        bytes: options.text,
        forbidden: Forbidden::Commands,
        gutter: false,
    }
}

impl Face for PlainText {
    fn delta(&mut self, page: &mut Page, event: &Event<'_>, delta: &Delta<'_>) {
        if delta.parent.is_some() || delta.kind.decode() != "answer" {
            return;
        }
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let label = delta.label.map(Raw::decode);
        let (stream, who) = self.streams.enter(event, label.as_deref());
        let block = stream.block_or(&delta.block.decode(), flow);
        let text = block.take(delta.text);
        page.flow(&nameless(&who), &mut block.flow, &text);
    }

    /// Any event but a `text_delta`. A turn that did not complete is reported on stderr.
    fn event(&mut self, page: &mut Page, event: &Event<'_>, body: &Fields<'_>, io: &mut Io) {
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let label = body.text("label");
        let (stream, who) = self.streams.enter(event, label.as_deref());
        let who = nameless(&who);
        match event.kind {
            Type::TurnStarted => {
                stream.blocks.clear();
                stream.turn = Some(Turn::new(stream.now()));
            }
            Type::BlockFinal => {
                let answer = body.text("kind").as_deref() == Some("answer");
                if answer && body.text("parent").is_none() {
                    let id = body.text("block").unwrap_or_default();
                    let block = stream.close_block(&id);
                    let mut block = block.unwrap_or_else(|| ShownBlock::new(&id, flow));
                    if body.raw("part").is_none() {
                        return block_final(page, &who, &mut block, body);
                    }
                    part(page, &who, &mut block.flow, body);
                    // The next part continues where this one ends.
                    if body.raw("last") == Some("false") {
                        stream.keep_block(block);
                    } else {
                        page.finish(&who, &mut block.flow);
                    }
                }
            }
            kind if kind.is_terminal() => {
                stream.blocks.clear();
                let began = stream.turn.take().and_then(|t| t.began);
                let took = body.count("duration_ms").or_else(|| stream.since(began));
                if kind != Type::TurnCompleted {
                    warn(&TurnResult::of(kind, body, took), io);
                }
            }
            _ => {}
        }
    }

    /// The input has ended.
    fn end(&mut self, page: &mut Page, io: &mut Io) {
        page.end();
        for (_, took) in self.streams.unfinished() {
            warn(&TurnResult::truncated(took), io);
        }
    }
}

/// The voice without its label.
fn nameless(who: &Who) -> Who {
    Who { voice: who.voice, ..Who::default() }
}

/// Adds a part. The bodies of the parts, each between its lead and its glue, are the text of the block.
fn part(page: &mut Page, who: &Who, flow: &mut Flow, body: &Fields<'_>) {
    let field = |key| body.text(key).unwrap_or_default();
    let text = field("text");
    let body = text.strip_prefix(field("open").as_ref());
    let body = body.and_then(|t| t.strip_suffix(field("close").as_ref())).unwrap_or(&text);
    for text in [&field("lead"), body, &field("glue")] {
        page.flow(who, flow, text);
    }
}

fn block_final(page: &mut Page, who: &Who, block: &mut ShownBlock, body: &Fields<'_>) {
    let text = body.text("text").unwrap_or_default();
    let rest = match block.missing(&text) {
        Missing::Tail(tail) => tail,
        // The shown text was not the beginning: the whole text follows on a new line.
        Missing::Head(_) | Missing::Whole(_) => {
            page.finish(who, &mut block.flow);
            &text
        }
    };
    page.flow(who, &mut block.flow, rest);
    page.finish(who, &mut block.flow);
}

/// Reports how a turn ended on stderr.
fn warn(result: &TurnResult, io: &mut Io) {
    let line = format!("{}{}\n", result.mark, result.rest);
    io.err.extend_from_slice(without_commands(&clean(&line)).as_bytes());
}
