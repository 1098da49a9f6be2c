//! Comma-separated values (RFC 4180): a row for each turn, or for each call of a tool, written when it ends.

use std::collections::VecDeque;

use super::TOO_LONG;
use crate::codec::{Fields, Malformed};
use crate::event::{Event, Type};
use crate::named::Named;
use crate::stage::{Io, OnLine};
use crate::streams::Streams;
use crate::time::Time;
use crate::timing::{Breakdown, Class, Step, Timing};

/// Limit of a stream's open calls; past that the row of the oldest is written without an end.
const MAX_OPEN: usize = 256;

/// Names of the columns, for a row for each turn.
const TURNS: &str = "stream,label,turn,started,ended,outcome,stop,error_code,error,runtime,model,session,\
    duration_ms,permission_ms,retry_ms,tool_ms,start_ms,model_ms,other_ms,\
    input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,cost_usd,tools,tools_failed\n";

/// The same for a row for each call of a tool.
const TOOLS: &str =
    "stream,label,turn,id,parent,name,kind,title,started,ended,duration_ms,outcome,exit_code\n";

/// Rows of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Turns,
    Tools,
}

impl Named for Rows {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("turns", "A row for each turn", Self::Turns),
        ("tools", "A row for each call of a tool", Self::Tools),
    ];
}

/// The exporter.
pub(super) struct Csv {
    rows: Rows,
    /// True after the row of names.
    begun: bool,
    streams: Streams<Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    id: String,
    label: String,
    last: Time,
    turn: Option<Turn>,
    /// Number of the last turn that has ended.
    ended: String,
}

/// An open turn.
#[derive(Debug, Default)]
struct Turn {
    number: String,
    started: String,
    runtime: String,
    model: String,
    session: String,
    timing: Timing,
    tools: u64,
    failed: u64,
    /// Open calls.
    calls: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    id: String,
    /// Cells from its id to the time of its start.
    cells: [String; 6],
    at: Time,
}

/// The string at a key; empty if there is none.
fn text(fields: &Fields<'_>, key: &str) -> String {
    fields.text(key).unwrap_or_default().into_owned()
}

/// A value as it stands; empty if there is none.
fn raw(fields: Option<&Fields<'_>>, key: &str) -> String {
    fields.and_then(|fields| fields.raw(key)).unwrap_or_default().to_owned()
}

/// Text for a cell, with a `'` before one that a spreadsheet would run as a formula.
fn cell(mut text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        text.insert(0, '\'');
    }
    text
}

impl Csv {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, begun: false, streams: Streams::default() }
    }

    fn row(&mut self, row: &[String], io: &mut Io) {
        if !std::mem::replace(&mut self.begun, true) {
            io.out.extend_from_slice(match self.rows {
                Rows::Turns => TURNS.as_bytes(),
                Rows::Tools => TOOLS.as_bytes(),
            });
        }
        if !row.is_empty() {
            // Writing to memory cannot fail.
            let _ = csv::WriterBuilder::new().from_writer(&mut io.out).write_record(row);
        }
    }

    /// Writes the rows of a turn that has ended, or was cut off.
    fn end_turn(
        &mut self,
        stream: &mut Stream,
        end: Option<(&Event<'_>, &Fields<'_>)>,
        io: &mut Io,
    ) {
        let Some(mut turn) = stream.turn.take() else { return };
        match self.rows {
            Rows::Turns => self.row(&stream.turn_row(turn, end), io),
            Rows::Tools => {
                for call in turn.calls.drain(..) {
                    self.row(&stream.tool_row(&turn.number, call, None), io);
                }
            }
        }
    }

    /// Takes an event of an open turn that does not end it.
    fn on_step(&mut self, stream: &mut Stream, event: &Event<'_>, body: &Fields<'_>, io: &mut Io) {
        let Some(turn) = &mut stream.turn else { return };
        let tool = body.object("tool");
        let id = tool.as_ref().map(|tool| text(tool, "id")).unwrap_or_default();
        if body.raw("parent").is_none() && event.seq.is_some() {
            turn.timing.on_step(stream.last.as_millis(), Step::of(event, body, &id));
        }
        let ended = match (event.kind, tool) {
            (Type::ToolStarted, Some(tool)) => {
                turn.tools += 1;
                let [name, kind, title] = ["name", "kind", "title"].map(|key| text(&tool, key));
                let started = event.ts.as_deref().unwrap_or_default().to_owned();
                let cells = [id.clone(), text(body, "parent"), name, kind, title, started];
                turn.calls.push_back(Call { id, cells: cells.map(cell), at: stream.last });
                let full = turn.calls.len() > MAX_OPEN;
                full.then(|| turn.calls.pop_front()).flatten().map(|call| (call, None))
            }
            (Type::ToolFinished, Some(_)) => {
                turn.failed += u64::from(body.text("outcome").as_deref() != Some("ok"));
                let call = turn.calls.iter().position(|call| call.id == id);
                let call = call.and_then(|index| turn.calls.remove(index));
                call.map(|call| (call, Some((event, body))))
            }
            _ => None,
        };
        if let (Some((call, end)), Rows::Tools) = (ended, self.rows) {
            let number = turn.number.clone();
            self.row(&stream.tool_row(&number, call, end), io);
        }
    }
}

impl Stream {
    fn turn_row(&self, turn: Turn, end: Option<(&Event<'_>, &Fields<'_>)>) -> Vec<String> {
        let body = end.map(|(_, body)| body);
        let error = body.and_then(|body| body.object("error"));
        let usage =
            body.and_then(|body| body.object("usage").or_else(|| body.object("usage_total")));
        let of: Breakdown = turn.timing.end(self.last.as_millis());
        let outcome = match end.map(|(event, _)| event.kind) {
            Some(Type::TurnCompleted) => "completed",
            Some(Type::TurnFailed) => "failed",
            Some(Type::TurnCancelled) => "cancelled",
            _ => "truncated",
        };
        let of_body = |key| body.map(|body| text(body, key)).unwrap_or_default();
        let of_error = |key| error.as_ref().map(|error| text(error, key)).unwrap_or_default();
        let stop = Some(of_body("stop"))
            .filter(|stop| !stop.is_empty())
            .unwrap_or_else(|| of_body("reason"));
        let duration =
            body.and_then(|body| body.count("duration_ms")).unwrap_or_else(|| of.total());
        let ended = end.and_then(|(event, _)| event.ts.as_deref()).unwrap_or_default().to_owned();
        let mut row = vec![
            cell(self.id.clone()),
            cell(self.label.clone()),
            turn.number,
            cell(turn.started),
            cell(ended),
            outcome.to_owned(),
            cell(stop),
            cell(of_error("code")),
            cell(of_error("message")),
            cell(turn.runtime),
            cell(turn.model),
            cell(turn.session),
            duration.to_string(),
        ];
        row.extend(Class::ALL.map(|(class, _)| of.of(class).to_string()));
        let counts = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"];
        row.extend(counts.map(|key| raw(usage.as_ref(), key)));
        row.extend([raw(body, "cost_usd"), turn.tools.to_string(), turn.failed.to_string()]);
        row
    }

    fn tool_row(
        &self,
        turn: &str,
        call: Call,
        end: Option<(&Event<'_>, &Fields<'_>)>,
    ) -> Vec<String> {
        let body = end.map(|(_, body)| body);
        let took = self.last.as_millis().saturating_sub(call.at.as_millis());
        let took = body.map(|body| body.count("duration_ms").unwrap_or(took));
        let ended = end.and_then(|(event, _)| event.ts.as_deref()).unwrap_or_default().to_owned();
        let outcome = body.map(|body| text(body, "outcome")).unwrap_or_default();
        let took = took.map(|took| took.to_string()).unwrap_or_default();
        let mut row = vec![cell(self.id.clone()), cell(self.label.clone()), turn.to_owned()];
        row.extend(call.cells);
        row.extend([cell(ended), took, cell(outcome), raw(body, "exit_code")]);
        row
    }
}

impl OnLine for Csv {
    const TOO_LONG: &'static str = TOO_LONG;

    fn on_event(&mut self, _: Time, event: &Event<'_>, io: &mut Io) -> Result<(), Malformed> {
        let (Some(id), Some(number)) = (&event.stream, event.turn) else { return Ok(()) };
        let new = || Stream { id: id.to_string(), ..Stream::default() };
        let (at, removed) = self.streams.place(id, new, |s| (s.turn.is_some(), s.last));
        if let Some(mut forgotten) = removed {
            self.end_turn(&mut forgotten, None, io);
        }
        let stream = &mut self.streams[at];
        stream.last = event.time().unwrap_or(stream.last).max(stream.last);
        if let (Some(delta), Some(turn)) = (&event.delta, &mut stream.turn) {
            if delta.parent.is_none() {
                turn.timing.on_step(stream.last.as_millis(), Step::Text);
            }
            return Ok(());
        }
        let body = Fields::parse(event.line)?;
        let mut stream = std::mem::take(stream);
        let number = number.to_string();
        let is_new = stream.turn.as_ref().is_none_or(|turn| turn.number != number);
        if event.kind == Type::TurnStarted || (is_new && stream.ended != number) {
            // The turn before was cut off; of this one the beginning may be missing.
            self.end_turn(&mut stream, None, io);
            stream.begin(event, &body, number);
        }
        if event.kind.is_terminal() {
            self.end_turn(&mut stream, Some((event, &body)), io);
            stream.ended = event.turn.map(|turn| turn.to_string()).unwrap_or_default();
        } else {
            self.on_step(&mut stream, event, &body, io);
        }
        self.streams[at] = stream;
        Ok(())
    }

    /// Writes the rows of turns that were cut off; an input without any turn is a table without rows.
    fn on_end(&mut self, _: Time, io: &mut Io) {
        let streams: Vec<Stream> = self.streams.drain().collect();
        for mut stream in streams {
            self.end_turn(&mut stream, None, io);
        }
        if !self.begun {
            self.row(&[], io);
        }
    }
}

impl Stream {
    fn begin(&mut self, event: &Event<'_>, body: &Fields<'_>, number: String) {
        self.label = text(body, "label");
        let of_start =
            |key| if event.kind == Type::TurnStarted { text(body, key) } else { String::new() };
        self.turn = Some(Turn {
            number,
            started: event.ts.as_deref().unwrap_or_default().to_owned(),
            runtime: of_start("runtime"),
            model: of_start("model"),
            session: of_start("session"),
            timing: Timing::new(self.last.as_millis()),
            ..Turn::default()
        });
    }
}
