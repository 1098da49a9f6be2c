//! asciicast v3: the screen of `view` at a terminal, at the times of the events.
//!
//! Source: asciinema's documentation of the format. Each line after the header is `[INTERVAL, CODE, DATA]`, with the seconds
//! since the line before; `o` is output, `m` a marker, `x` the exit status.

use serde_json::json;

use super::TOO_LONG;
use crate::codec::{self, Fields, Malformed, Place};
use crate::event::{Event, Type};
use crate::outcome::Outcome;
use crate::stage::{Io, OnLine, Stage};
use crate::term::view::{self, View};
use crate::time::Time;

/// Width of the terminal, in columns.
const COLUMNS: u16 = 80;

/// Height of the terminal, in rows.
const ROWS: u16 = 24;

pub(super) struct Cast {
    view: View,
    outcome: Outcome,
    /// Time of the last line; `None` before the header.
    last: Option<Time>,
}

impl Cast {
    pub(super) fn new() -> Self {
        let options = view::Options {
            format: view::Format::Tty,
            colour: true,
            width: Some(COLUMNS),
            ..view::Options::default()
        };
        Self { view: View::new(&options), outcome: Outcome::default(), last: None }
    }

    /// Shows a line, and before it what the view shows in the time that has passed.
    fn show(&mut self, at: Time, line: &[u8], io: &mut Io) {
        self.begin(at, io);
        while let Some(due) = self.view.deadline().filter(|due| *due <= at) {
            self.output(due, io, |view, shown| view.on_tick(due, shown));
        }
        self.output(at, io, |view, shown| {
            view.on_bytes(at, line, shown);
            view.on_bytes(at, b"\n", shown);
        });
    }

    fn begin(&mut self, at: Time, io: &mut Io) {
        if self.last.is_none() {
            let header = json!({"version": 3, "term": {"cols": COLUMNS, "rows": ROWS},
                "timestamp": at.as_millis() / 1000});
            io.out.extend_from_slice(format!("{header}\n").as_bytes());
            self.last = Some(at);
        }
    }

    /// Writes the output of the view as one line.
    fn output(&mut self, at: Time, io: &mut Io, show: impl FnOnce(&mut View, &mut Io)) {
        let mut shown = Io::default();
        show(&mut self.view, &mut shown);
        if !shown.out.is_empty() {
            let text = String::from_utf8_lossy(&shown.out).replace('\n', "\r\n");
            self.line(at, "o", &text, io);
        }
    }

    fn line(&mut self, at: Time, code: &str, data: &str, io: &mut Io) {
        let last = self.last.unwrap_or(at);
        let at = at.max(last);
        let passed = at.as_millis() - last.as_millis();
        let data = codec::to_json(data);
        let line = format!("[{}.{:03}, \"{code}\", {data}]\n", passed / 1000, passed % 1000);
        io.out.extend_from_slice(line.as_bytes());
        self.last = Some(at);
    }
}

impl OnLine for Cast {
    const TOO_LONG: &'static str = TOO_LONG;

    fn on_event(&mut self, now: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        let last = self.last.unwrap_or_default();
        let at = event.time().unwrap_or(if self.last.is_none() { now } else { last }).max(last);
        self.outcome.on_event(event);
        if event.kind == Type::ToolStarted {
            let tool = Fields::parse(event.line)?.object("tool");
            let text = |key| tool.as_ref().and_then(|tool| tool.text(key)).unwrap_or_default();
            let label = format!("{} {}", text("name"), text("title"));
            self.begin(at, io);
            self.line(at, "m", &view::one_line(label.trim(), None), io);
        }
        self.show(at, event.line.as_bytes(), io);
        Ok(())
    }

    fn on_malformed(&mut self, now: Time, place: &Place<'_>, _: &Malformed, io: &mut Io) {
        self.show(self.last.unwrap_or(now), place.bytes, io);
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        let at = self.last.unwrap_or(now);
        self.begin(at, io);
        self.output(at, io, |view, shown| view.on_end(at, shown));
        self.line(at, "x", &self.outcome.exit().code().to_string(), io);
    }
}
