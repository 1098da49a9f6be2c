//! Merge of several streams, line by line in the order of arrival. Pure: `run` reads and writes.
//!
//! Lines stay whole; a source's label is added to events without one. A stream belongs to its first source; events of
//! it from other sources are refused. At the end a `status` reports how each stream ended.

mod label;
mod streams;

use std::collections::HashSet;

use crate::codec::{self, Lines, Malformed, Piece, Place, Writer};
use crate::event::{Envelope, Event, VERSION};
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

pub struct Merge {
    inputs: Vec<Input>,
    common: Common,
}

struct Input {
    label: Option<Label>,
    lines: Lines,
    live: bool,
}

struct Common {
    names: Vec<String>,
    streams: Streams,
    refused: HashSet<(usize, String)>,
    warnings: Warnings,
    strict: bool,
    /// Input in whose overlong line the output is, and since when.
    holder: Option<(usize, Time)>,
    /// Worst exit status beside those of the turns.
    trouble: Exit,
}

impl Merge {
    pub fn new(sources: Vec<Source>, reading: &Reading) -> Self {
        let names = sources.iter().map(|source| source.name.clone()).collect();
        let inputs = sources.into_iter().map(|source| Input {
            label: source.label.as_deref().map(Label::new),
            lines: Lines::new(reading.max_line),
            live: true,
        });
        Self {
            inputs: inputs.collect(),
            common: Common {
                names,
                streams: Streams::default(),
                refused: HashSet::new(),
                warnings: Warnings::default(),
                strict: reading.strict,
                holder: None,
                trouble: Exit::Success,
            },
        }
    }

    /// Takes bytes of a source, by its index.
    pub fn on_bytes(&mut self, now: Time, source: usize, bytes: &[u8], io: &mut Io) {
        let Self { inputs, common } = self;
        let Some(input) = inputs.get_mut(source) else { return };
        let from = From { number: source, label: input.label.as_ref() };
        input.lines.feed(bytes, |piece| common.piece(now, from, piece, io));
    }

    /// Ends a source; `broken` is its read error.
    pub fn on_source_end(&mut self, now: Time, source: usize, broken: Option<&str>, io: &mut Io) {
        self.close(now, source, io);
        let common = &mut self.common;
        let silent = !common.streams.any_turn_of(source)
            && !common.refused.iter().any(|(refused, _)| *refused == source);
        let reason = match broken {
            Some(why) => why,
            None if silent => "no turn came from it",
            None => return,
        };
        io.warn(format_args!("{}: {reason}", common.name(source)));
        common.trouble = common.trouble.or(Exit::Failed);
    }

    /// Ends the merge and reports how each stream ended.
    pub fn on_end(&mut self, now: Time, io: &mut Io) {
        for source in 0..self.inputs.len() {
            self.close(now, source, io);
        }
        self.common.streams.close(io);
    }

    fn close(&mut self, now: Time, source: usize, io: &mut Io) {
        let Self { inputs, common } = self;
        let Some(input) = inputs.get_mut(source).filter(|input| input.live) else { return };
        input.live = false;
        let from = From { number: source, label: input.label.as_ref() };
        input.lines.end(|piece| common.piece(now, from, piece, io));
        if common.holder.is_some_and(|(holder, _)| holder == source) {
            common.release(io);
        }
    }

    /// Source in whose overlong line the output is, and since when; time zero if the line was cut before. Output of
    /// another source cuts the line.
    pub fn holder(&self) -> Option<(usize, Time)> {
        self.common.holder
    }

    pub fn exit(&self) -> Exit {
        let Common { streams, warnings, strict, trouble, .. } = &self.common;
        let exit = streams.exit().or(*trouble);
        if *strict && warnings.count() > 0 { exit.or(Exit::Malformed) } else { exit }
    }
}

#[derive(Clone, Copy)]
struct From<'a> {
    number: usize,
    label: Option<&'a Label>,
}

impl Common {
    fn name(&self, source: usize) -> &str {
        self.names.get(source).map_or("", String::as_str)
    }

    fn warn(&mut self, source: usize, (line, column): (u64, usize), reason: &str, io: &mut Io) {
        let name = self.names.get(source).map_or("", String::as_str);
        self.warnings.warn_of(name, io, line, column, reason);
    }

    fn piece(&mut self, now: Time, from: From<'_>, piece: Piece<'_>, io: &mut Io) {
        match piece {
            Piece::Line { number, offset, bytes, text, .. } => {
                if self.holder.is_some() {
                    self.release(io);
                }
                match text.map_or_else(|| codec::decode(bytes), codec::decode_text) {
                    Ok(event) => self.event(from, &event, io),
                    Err(why) => {
                        self.warn(from.number, (number, why.offset), &why.reason, io);
                        let line = number;
                        let place = Place { line, offset, bytes };
                        diagnostic(from, &place, &why, io);
                    }
                }
            }
            Piece::Long { number, bytes, first, .. } => {
                if first {
                    self.warn(from.number, (number, 0), TOO_LONG, io);
                }
                let since = if first { now } else { Time::default() };
                self.long(since, from.number, bytes, io);
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

    fn event(&mut self, from: From<'_>, event: &Event<'_>, io: &mut Io) {
        let owner = match event.stream.as_deref() {
            Some(stream) => self.streams.take(from.number, from.label, stream, event, io),
            // A diagnostic without a stream is never refused.
            None => from.number,
        };
        if owner == from.number {
            match from.label {
                Some(label) => label.put(event, &mut io.out),
                None => io.out.extend_from_slice(event.line.as_bytes()),
            }
            io.out.push(b'\n');
            return;
        }
        self.trouble = self.trouble.or(Exit::Failed);
        let stream = event.stream.as_deref().unwrap_or_default();
        if self.refused.len() < MAX_REFUSALS
            && self.refused.insert((from.number, stream.to_owned()))
        {
            let (name, first) = (self.name(from.number), self.name(owner));
            io.warn(format_args!(
                "{name}: stream {} is already that of {first}: left out (give each run its own id: wrap --stream)",
                quoted(stream)
            ));
        }
    }
}

fn diagnostic(from: From<'_>, place: &Place<'_>, why: &Malformed, io: &mut Io) {
    let envelope = Envelope {
        v: VERSION,
        type_: "status".into(),
        label: from.label.map(|label| label.text().into()),
        ..Envelope::default()
    };
    let body = codec::diagnostic(place, why);
    Writer::default().event(&mut io.out, &envelope, &body);
}

#[cfg(test)]
mod tests;
