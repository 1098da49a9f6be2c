//! State of a stream in a transcript: its open turn, blocks and calls, all of it bounded by [`super::Transcript`].

use std::borrow::Cow;

use super::{Page, Piece, Writer};
use crate::codec::{self, Fields};
use crate::event::Raw;
use crate::term::style::Look;
use crate::term::view::call::{Call, Finish};
use crate::term::view::{folder, one_line, status, within};
use crate::text::digest::Digest;
use crate::time::Time;
use crate::timing::{Step, Timeline};

/// Bytes of a report of progress that is compared with the next.
const MAX_NOTICE: usize = 4096;

/// Bytes of the messages that become the prompt of a turn.
const MAX_GIVEN: usize = 2 << 20;

/// Depth of sub-agents within sub-agents that is shown.
const MAX_DEPTH: usize = 8;

/// An open turn.
#[derive(Debug, Default)]
pub(in crate::export) struct Turn {
    pub(in crate::export) number: u64,
    /// Fields of `turn_started`, empty where it has none.
    pub(in crate::export) runtime: String,
    pub(in crate::export) model: String,
    pub(in crate::export) prompt: String,
    folder: String,
    pub(in crate::export) started: String,
    pub(super) began: Option<Time>,
    pub(super) timeline: Timeline,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) ts: String,
    pub(super) turn: Option<Turn>,
    /// Messages that were given to the agent since the last turn: the prompt of the next.
    pub(super) given: String,
    /// Number of the last turn that has ended.
    pub(super) ended: Option<u64>,
    /// True if the current section has been opened once.
    pub(super) opened: bool,
    pub(super) blocks: Vec<OpenBlock>,
    pub(super) calls: Vec<Call>,
    pub(super) held: usize,
    /// Text of the last notice, which progress does not repeat.
    pub(super) notice: String,
    pub(super) used: u64,
}

/// An open block of text.
#[derive(Debug, Default)]
pub(super) struct OpenBlock {
    pub(super) id: String,
    pub(super) reasons: bool,
    pub(super) parent: Option<String>,
    pub(super) text: String,
    /// Text of deltas behind it, still escaped.
    pub(super) raw: String,
    pub(super) written: Digest,
}

impl Stream {
    pub(super) fn now(&self) -> Option<Time> {
        Time::parse(&self.ts)
    }

    /// Milliseconds since `began`.
    pub(super) fn since(&self, began: Option<Time>) -> Option<u64> {
        u64::try_from(self.now()?.since(began?).as_millis()).ok()
    }

    /// Ids of the calls around a piece, the outermost first.
    pub(super) fn path(&self, parent: Option<&str>) -> Vec<String> {
        let mut path = Vec::new();
        let mut next = parent.map(str::to_owned);
        while let Some(id) = next.filter(|id| path.len() < MAX_DEPTH && !path.contains(id)) {
            next =
                self.calls.iter().find(|call| call.id == id).and_then(|call| call.parent.clone());
            path.push(id);
        }
        path.reverse();
        path
    }

    pub(super) fn begin_turn(&mut self, number: u64, body: Option<&Fields<'_>>) {
        let text = |key| body.and_then(|body| body.text(key)).unwrap_or_default();
        let began = self.now();
        self.opened = false;
        self.turn = Some(Turn {
            number,
            runtime: one_line(&text("runtime"), None),
            model: one_line(&text("model"), None),
            prompt: match text("prompt").trim() {
                "" => std::mem::take(&mut self.given),
                prompt => prompt.to_owned(),
            },
            folder: body.map_or_else(String::new, folder),
            started: self.ts.clone(),
            began,
            timeline: Timeline::new(began),
        });
    }

    /// A call as its event has it, a file in its title relative to the turn's working directory.
    pub(super) fn call(&self, body: &Fields<'_>, tool: &Fields<'_>, began: Option<Time>) -> Call {
        let mut call = Call::new(body, tool, began);
        let folder = self.turn.as_ref().map_or("", |turn| &turn.folder);
        let kind = tool.text("kind").unwrap_or_default();
        call.title = within(folder, &kind, &call.title).to_owned();
        call
    }

    /// Takes an event for the timing of the turn, or of the sub-agent under a call.
    pub(super) fn step(&mut self, parent: Option<&str>, step: Step<'_>) {
        let now = self.now();
        match (parent, &mut self.turn) {
            (Some(id), _) => {
                let call = self.calls.iter_mut().find(|call| call.id == id);
                call.into_iter().for_each(|call| call.on_step(now, step));
            }
            (None, Some(turn)) => turn.timeline.on_step(now, step),
            (None, None) => {}
        }
    }

    /// The open block with this id.
    pub(super) fn block(
        &mut self,
        id: &str,
        kind: &str,
        parent: Option<Cow<'_, str>>,
    ) -> &mut OpenBlock {
        let at = self.blocks.iter().position(|block| block.id == id).unwrap_or_else(|| {
            let (id, parent) = (id.to_owned(), parent.map(Cow::into_owned));
            let reasons = kind == "reasoning";
            self.blocks.push(OpenBlock { id, parent, reasons, ..OpenBlock::default() });
            self.blocks.len() - 1
        });
        &mut self.blocks[at]
    }

    pub(super) fn size(&self) -> usize {
        let blocks = self.blocks.iter().map(|block| {
            let ids = block.id.len() + block.parent.as_ref().map_or(0, String::len);
            size_of::<OpenBlock>() + ids + block.text.len() + block.raw.len()
        });
        let prompts = self.given.len() + self.turn.as_ref().map_or(0, |turn| turn.prompt.len());
        prompts + blocks.sum::<usize>() + self.calls.iter().map(Call::size).sum::<usize>()
    }

    /// Writes a block's text so far, up to its last line end if it is `open` and has one.
    pub(super) fn write_text<P: Page>(
        &mut self,
        mut block: OpenBlock,
        open: Open,
        to: &mut Writer<P>,
    ) -> OpenBlock {
        let raw = std::mem::take(&mut block.raw);
        let (whole, half) =
            if open == Open::Yes { codec::split_escaped_half(&raw) } else { (raw.as_str(), "") };
        block.text.push_str(&Raw(whole).decode());
        block.raw.push_str(half);
        let all = block.text.len();
        let end =
            if open == Open::Yes { block.text.rfind('\n').map_or(all, |at| at + 1) } else { all };
        let rest = block.text.split_off(end);
        block.written.add(&block.text);
        self.put(&block, &block.text, to);
        block.text = rest;
        block
    }

    fn put<P: Page>(&mut self, block: &OpenBlock, text: &str, to: &mut Writer<P>) {
        let piece = if block.reasons { Piece::Reasoning(text) } else { Piece::Answer(text) };
        if !text.trim().is_empty() {
            to.write(self, block.parent.as_deref(), &piece);
        }
    }

    /// Writes all that it holds for what may still come; texts go on behind it.
    pub(super) fn flush<P: Page>(&mut self, to: &mut Writer<P>) {
        let given = std::mem::take(&mut self.given);
        match &self.turn {
            _ if !given.is_empty() => to.write(self, None, &Piece::Notice(Look::Plain, &given)),
            Some(turn) if !turn.prompt.is_empty() => to.turn_to(self, Vec::new()),
            _ => {}
        }
        let blocks = std::mem::take(&mut self.blocks).into_iter();
        let open = blocks.map(|block| self.write_text(block, Open::Yes, to)).collect();
        while self.write_next(to) {}
        self.blocks = open;
    }

    /// Writes the next block or call that waits for an end that does not come; `false` if none does.
    pub(super) fn write_next<P: Page>(&mut self, to: &mut Writer<P>) -> bool {
        if !self.blocks.is_empty() {
            let block = self.blocks.remove(0);
            self.write_text(block, Open::No, to);
            return true;
        }
        // Calls within frames before those that the frames belong to.
        let Some(last) = self.calls.len().checked_sub(1) else { return false };
        let at = self.calls.iter().position(|call| !call.nests).unwrap_or(last);
        let call = self.calls.remove(at);
        self.write_call(call, &Finish::missing(), to);
        true
    }

    /// Writes a call that is no longer open; behind its sub-agent in the frame of that.
    pub(super) fn write_call<P: Page>(
        &mut self,
        call: Call,
        finish: &Finish<'_>,
        to: &mut Writer<P>,
    ) {
        if call.nests {
            let (id, name) = (call.id.clone(), call.name.clone());
            let (parent, title) = (call.parent.clone(), call.title.clone());
            self.calls.push(Call { id, name, parent, title, ..Call::default() });
            to.write(self, Some(&call.id), &Piece::Call(&call, finish));
            self.calls.pop();
        } else {
            to.write(self, call.parent.as_deref(), &Piece::Call(&call, finish));
        }
    }

    pub(super) fn on_final<P: Page>(&mut self, body: &Fields<'_>, to: &mut Writer<P>) {
        let text = |key| body.text(key).unwrap_or_default();
        let (id, kind, parent, whole) =
            (text("block"), text("kind"), body.text("parent"), text("text"));
        let block = self.block(&id, &kind, parent);
        if body.raw("part").is_some() {
            // The body of a part and the white space left out at the cut are the block's text; the rest was put around it.
            let part = whole.strip_prefix(text("open").as_ref()).unwrap_or(&whole);
            let part = part.strip_suffix(text("close").as_ref()).unwrap_or(part);
            block.raw.clear();
            [&text("lead"), part, &text("glue")]
                .iter()
                .for_each(|piece| block.text.push_str(piece));
            if body.raw("last") != Some("true") {
                return;
            }
        }
        let Some(at) = self.blocks.iter().position(|block| block.id == id) else { return };
        let block = self.blocks.remove(at);
        if body.raw("supersedes").is_some() {
            let piece = Piece::Notice(Look::Warn, "The next text replaces an earlier one.");
            to.write(self, block.parent.as_deref(), &piece);
        }
        if body.raw("part").is_some() {
            self.write_text(block, Open::No, to);
        } else {
            let rest = block.written.rest(&whole).unwrap_or(&whole);
            self.put(&block, rest, to);
        }
    }

    /// Takes a message to the agent, or the prompt of a redirection; `false` for any other status and for too long ones.
    fn take_given(&mut self, kind: &str, body: &Fields<'_>) -> bool {
        let data = body.object("data");
        let text = match (kind, &data) {
            ("message", Some(data)) => data.text("text"),
            ("redirected", Some(data)) => data.text("prompt"),
            _ => None,
        };
        let room = MAX_GIVEN.saturating_sub(self.given.len());
        let Some(text) = text.filter(|text| text.len() < room) else { return false };
        let apart = if self.given.is_empty() { "" } else { "\n\n" };
        self.given.push_str(apart);
        self.given.push_str(text.trim());
        true
    }

    pub(super) fn on_status<P: Page>(&mut self, body: &Fields<'_>, to: &mut Writer<P>) {
        let kind = body.text("kind").unwrap_or_default();
        let (look, text) = status::line(body);
        let parent = body.text("parent");
        if self.turn.is_none() && self.take_given(&kind, body) {
            return;
        }
        let repeats = kind == "progress" && text == self.notice;
        if text.is_empty() || kind == "heartbeat" || repeats {
            return;
        }
        let lines = text.split('\n').map(str::to_owned).collect::<Vec<_>>();
        let piece = match (kind.as_ref(), lines.as_slice()) {
            ("plan", [title, entries @ ..]) if !entries.is_empty() => Piece::List(title, entries),
            _ => Piece::Notice(look, &text),
        };
        to.write(self, parent.as_deref(), &piece);
        // Progress is what repeats.
        self.notice =
            if kind == "progress" && text.len() <= MAX_NOTICE { text } else { String::new() };
    }
}

/// State of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Yes,
    No,
}
