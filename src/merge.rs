//! Merge of several streams, line by line in the order of arrival. Pure: `run` reads and writes.
//!
//! Lines stay whole; a source's label is added to events without one. A stream belongs to its first source; events of
//! it from other sources are refused. At the end a `status` reports how each stream ended.

mod label;
mod streams;

use std::collections::HashSet;

use crate::codec::{self, Lines, Malformed, Piece, Place, Writer};
use crate::event::{Envelope, Event, Type};
use crate::exit::Exit;
use crate::stage::{Io, Reading, TOO_LONG, Warnings};
use crate::term::quoted;
use crate::time::Time;
use label::Label;
use streams::Streams;

/// Refusals (of a source and a stream) that are reported.
const MAX_REFUSALS: usize = 100;

#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub label: Option<String>,
}

#[derive(Default)]
pub struct Merge {
    inputs: Vec<Input>,
    streams: Streams,
    refused: HashSet<(usize, String)>,
    warnings: Warnings,
    strict: bool,
    /// Source in whose overlong line the output is, and since when; time zero if the line was cut before.
    pub holder: Option<(usize, Time)>,
    /// Worst exit status beside those of the turns.
    trouble: Exit,
}

struct Input {
    name: String,
    label: Option<Label>,
    lines: Lines,
    live: bool,
}

impl Merge {
    pub fn new(sources: Vec<Source>, reading: &Reading) -> Self {
        let inputs = sources.into_iter().map(|source| Input {
            name: source.name,
            label: source.label.as_deref().map(Label::new),
            lines: Lines::new(reading.max_line),
            live: true,
        });
        Self { inputs: inputs.collect(), strict: reading.strict, ..Self::default() }
    }

    /// Takes bytes of a source, by its index.
    pub fn on_bytes(&mut self, now: Time, source: usize, bytes: &[u8], io: &mut Io) {
        let mut lines = std::mem::replace(&mut self.inputs[source].lines, Lines::new(0));
        lines.feed(bytes, |piece| self.piece(now, source, piece, io));
        self.inputs[source].lines = lines;
    }

    /// Ends a source; `broken` is its read error.
    pub fn on_source_end(&mut self, now: Time, source: usize, broken: Option<&str>, io: &mut Io) {
        self.close(now, source, io);
        let silent = !self.streams.any_turn_of(source)
            && !self.refused.iter().any(|(refused, _)| *refused == source);
        let reason = match broken {
            Some(why) => why,
            None if silent => "no turn came from it",
            None => return,
        };
        io.warn(format_args!("{}: {reason}", self.inputs[source].name));
        self.trouble = self.trouble.or(Exit::Failed);
    }

    /// Ends the merge and reports how each stream ended.
    pub fn on_end(&mut self, now: Time, io: &mut Io) {
        for source in 0..self.inputs.len() {
            self.close(now, source, io);
        }
        self.streams.close(io);
    }

    fn close(&mut self, now: Time, source: usize, io: &mut Io) {
        if !std::mem::replace(&mut self.inputs[source].live, false) {
            return;
        }
        let mut lines = std::mem::replace(&mut self.inputs[source].lines, Lines::new(0));
        lines.end(|piece| self.piece(now, source, piece, io));
        if self.holder.is_some_and(|(holder, _)| holder == source) {
            self.release(io);
        }
    }

    pub fn exit(&self) -> Exit {
        let exit = self.streams.exit().or(self.trouble);
        if self.strict && self.warnings.count() > 0 { exit.or(Exit::Malformed) } else { exit }
    }

    fn warn(&mut self, source: usize, (line, column): (u64, usize), reason: &str, io: &mut Io) {
        self.warnings.warn_of(&self.inputs[source].name, io, line, column, reason);
    }

    fn piece(&mut self, now: Time, source: usize, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, offset, bytes, text, .. } => {
                if self.holder.is_some() {
                    self.release(io);
                }
                match text.map_or_else(|| codec::decode(bytes), codec::decode_text) {
                    Ok(event) => self.event(source, &event, io),
                    Err(why) => {
                        self.warn(source, (number, why.offset), &why.reason, io);
                        let place = Place { line: number, offset, bytes };
                        diagnostic(self.inputs[source].label.as_ref(), &place, &why, io);
                    }
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    self.warn(source, (number, 0), TOO_LONG, io);
                }
                let since = if first { now } else { Time::default() };
                self.long(since, source, bytes, io);
            }
        }
    }

    fn long(&mut self, since: Time, source: usize, bytes: &[u8], io: &mut Io) {
        let held = self.holder.filter(|(holder, _)| *holder == source);
        if held.is_none() {
            self.release(io);
            if bytes == b"\n" {
                // The line was cut.
                return;
            }
        }
        io.out.extend_from_slice(bytes);
        let goes_on = bytes.last() != Some(&b'\n');
        self.holder = goes_on.then_some(held.unwrap_or((source, since)));
    }

    fn release(&mut self, io: &mut Io) {
        if self.holder.take().is_some() {
            io.out.push(b'\n');
        }
    }

    fn event(&mut self, source: usize, event: &Event<'_>, io: &mut Io) {
        let label = self.inputs[source].label.as_ref();
        let owner = match event.stream.as_deref() {
            Some(stream) => self.streams.take(source, label, stream, event, io),
            // A diagnostic without a stream is never refused.
            None => source,
        };
        if owner == source {
            match label {
                Some(label) => label.put(event, &mut io.out),
                None => io.out.extend_from_slice(event.line.as_bytes()),
            }
            io.out.push(b'\n');
            return;
        }
        self.trouble = self.trouble.or(Exit::Failed);
        let stream = event.stream.as_deref().unwrap_or_default();
        if self.refused.len() < MAX_REFUSALS && self.refused.insert((source, stream.to_owned())) {
            let (name, first) = (&self.inputs[source].name, &self.inputs[owner].name);
            io.warn(format_args!(
                "{name}: stream {} is already that of {first}: left out (give each run its own id: wrap --stream)",
                quoted(stream)
            ));
        }
    }
}

fn diagnostic(label: Option<&Label>, place: &Place<'_>, why: &Malformed, io: &mut Io) {
    let envelope = Envelope {
        label: label.map(|label| label.text.as_str().into()),
        ..Envelope::of(Type::Status)
    };
    let body = codec::diagnostic(place, why);
    Writer::default().event(&mut io.out, &envelope, &body);
}

#[cfg(test)]
mod tests;
