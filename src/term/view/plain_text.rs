//! The answer and nothing else: the text of the main agent, block by block.

use super::layout::{Flow, Layout, Pace, Who};
use super::page::Page;
use super::streams::{Missing, ShownBlock, Streams, Turn};
use super::turn_result::TurnResult;
use super::{Face, Options};
use crate::codec::Fields;
use crate::event::{Event, Raw, Type};
use crate::stage::Io;
use crate::term::marks::{Forbidden, without_commands};
use crate::term::sanitize::clean;
use crate::term::style::{Look, Paint};

#[derive(Debug)]
pub(super) struct PlainText {
    page: Page,
    streams: Streams,
}

impl PlainText {
    pub(super) fn new(options: &Options) -> Self {
        let page = Page::new(Layout {
            paint: Paint { colour: false },
            pace: Pace::Lines,
            wrap: None,
            bytes: options.text,
            forbidden: Forbidden::Commands,
        });
        Self { page, streams: Streams::default() }
    }
}

impl Face for PlainText {
    fn page(&self) -> &Page {
        &self.page
    }

    fn page_mut(&mut self) -> &mut Page {
        &mut self.page
    }

    fn delta(&mut self, event: &Event<'_>) {
        let Some(delta) =
            event.delta.as_ref().filter(|d| d.parent.is_none() && d.kind.decode() == "answer")
        else {
            return;
        };
        let id = delta.block.decode();
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let label = delta.label.map(Raw::decode);
        let name = event.stream.as_deref().unwrap_or_default();
        let (stream, who) = self.streams.enter(name, label.as_deref(), event.ts.as_deref());
        if stream.block(&id).is_none() {
            stream.keep_block(ShownBlock::new(&id, flow));
        }
        if let Some(block) = stream.block(&id) {
            let text = block.take(delta.text);
            self.page.flow(&nameless(&who), &mut block.flow, &text);
        }
    }

    /// Any event but a `text_delta`. A turn that did not complete is reported on stderr.
    fn event(&mut self, event: &Event<'_>, body: &Fields<'_>, io: &mut Io) {
        let flow = Flow::new(self.streams.flow_id(), Look::Plain);
        let name = event.stream.as_deref().unwrap_or_default();
        let label = body.text("label");
        let (stream, who) = self.streams.enter(name, label.as_deref(), event.ts.as_deref());
        let who = nameless(&who);
        match event.kind {
            Type::TurnStarted => {
                stream.blocks.clear();
                stream.turn = Some(Turn { began: stream.now() });
            }
            Type::BlockFinal => {
                let answer = body.text("kind").as_deref() == Some("answer");
                if answer && body.text("parent").is_none() {
                    let id = body.text("block").unwrap_or_default();
                    let block = stream.close_block(&id);
                    let mut block = block.unwrap_or_else(|| ShownBlock::new(&id, flow));
                    if body.raw("part").is_none() {
                        return block_final(&mut self.page, &who, &mut block, body);
                    }
                    part(&mut self.page, &who, &mut block.flow, body);
                    // The next part continues where this one ends.
                    if body.raw("last") == Some("false") {
                        stream.keep_block(block);
                    } else {
                        self.page.finish(&who, &mut block.flow);
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
    fn end(&mut self, io: &mut Io) {
        self.page.end();
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
