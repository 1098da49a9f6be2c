//! The page that people read: lines that only grow. Whatever goes onto it is cleaned here, so nothing gets past.

use std::sync::Arc;

use crate::term::sanitize::{Sanitizer, clean};
use crate::term::style::{Look, Paint};

/// Who says a line, for the marks before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    /// What stands before the bar; clean and on one line.
    pub(super) label: Option<Arc<str>>,
    /// Whether a sub-agent says it.
    pub(super) nested: bool,
}

/// Text that comes in pieces and may be interrupted by others.
#[derive(Debug)]
pub(super) struct Flow {
    /// Unlike that of any other flow.
    pub(super) id: u64,
    /// How it looks.
    pub(super) look: Look,
    clean: Sanitizer,
    /// Whether the flow's last line has not ended.
    mid_line: bool,
}

impl Flow {
    pub(super) fn new(id: u64, look: Look) -> Self {
        Self { id, look, clean: Sanitizer::default(), mid_line: false }
    }
}

/// The lines, and which of them has not ended.
#[derive(Debug)]
pub(super) struct Page {
    paint: Paint,
    /// What is ready to be written; whoever drives the page takes it.
    pub(super) ready: String,
    /// The flow whose line is open.
    open: Option<u64>,
    scratch: String,
}

impl Page {
    pub(super) fn new(paint: Paint) -> Self {
        Self { paint, ready: String::new(), open: None, scratch: String::new() }
    }

    /// Adds text to a flow. One that was interrupted goes on in a line of its own.
    pub(super) fn flow(&mut self, who: &Who, flow: &mut Flow, text: &str) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        flow.clean.push(text, &mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        self.give_back(cleaned);
    }

    /// As [`Page::flow`], for bytes that may be no text.
    pub(super) fn flow_bytes(&mut self, who: &Who, flow: &mut Flow, bytes: &[u8]) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        flow.clean.push_bytes(bytes, &mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        self.give_back(cleaned);
    }

    /// Ends a flow, and its line.
    pub(super) fn finish(&mut self, who: &Who, flow: &mut Flow) {
        let mut cleaned = std::mem::take(&mut self.scratch);
        flow.clean.finish(&mut cleaned);
        self.flow_clean(who, flow, &cleaned);
        self.give_back(cleaned);
        if self.open == Some(flow.id) {
            self.end_line();
        }
    }

    /// Says a line made of pieces. A line feed in one of them goes on in an indented line.
    pub(super) fn line(&mut self, who: &Who, spans: &[(Look, &str)]) {
        self.end_line();
        self.start_line(who);
        for (look, text) in spans {
            for (i, part) in clean(text).split('\n').enumerate() {
                if i > 0 {
                    self.ready.push('\n');
                    self.start_line(who);
                    self.ready.push_str("    ");
                }
                self.paint.put(*look, part, &mut self.ready);
            }
        }
        self.ready.push('\n');
    }

    /// Ends the line that is open, if one is.
    pub(super) fn end_line(&mut self) {
        if self.open.take().is_some() {
            self.ready.push('\n');
        }
    }

    fn flow_clean(&mut self, who: &Who, flow: &mut Flow, text: &str) {
        let mut text = text;
        if text.is_empty() {
            return;
        }
        if self.open != Some(flow.id) {
            self.end_line();
            // The line feed for which it was interrupted has been written already.
            if std::mem::take(&mut flow.mid_line) {
                text = text.strip_prefix('\n').unwrap_or(text);
            }
        }
        for part in text.split_inclusive('\n') {
            let body = part.strip_suffix('\n');
            if self.open.is_none() {
                self.start_line(who);
            }
            self.paint.put(flow.look, body.unwrap_or(part), &mut self.ready);
            self.open = body.is_none().then_some(flow.id);
            if body.is_some() {
                self.ready.push('\n');
            }
        }
        flow.mid_line = self.open == Some(flow.id);
    }

    fn start_line(&mut self, who: &Who) {
        if let Some(label) = &who.label {
            self.paint.put(Look::of_label(label), label, &mut self.ready);
            self.ready.push_str(" | ");
        }
        if who.nested {
            self.paint.put(Look::Dim, "> ", &mut self.ready);
        }
    }

    /// One huge text must not keep its memory for good.
    fn give_back(&mut self, mut cleaned: String) {
        cleaned.clear();
        if cleaned.capacity() <= 1 << 20 {
            self.scratch = cleaned;
        }
    }
}
