//! Input of the sinks' queues: whole lines, or the events that a sink selects.

use std::sync::Arc;

use super::ledger_intake::LedgerIntake;
use super::queue::{self, Chunk, Queue};
use crate::codec;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::sink::address::Selection;
use crate::stage::{Io, Reading, TOO_LONG, Warnings};

pub(super) struct SinkIntake {
    pub queue: Arc<Queue>,
    pub only: Option<Selection>,
    /// Lines of the selected events, until the end of a chunk.
    pub selected: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Intake {
    pub sinks: Vec<SinkIntake>,
    pub ledger: Option<LedgerIntake>,
    reading: Reading,
    looking: bool,
    outcome: Option<Outcome>,
    warnings: Warnings,
    held: Vec<u8>,
    long: bool,
    number: u64,
}

impl Intake {
    pub(super) fn new(
        sinks: Vec<SinkIntake>,
        ledger: Option<LedgerIntake>,
        reading: Reading,
        outcome: Option<Outcome>,
    ) -> Self {
        let selects = sinks.iter().any(|sink| sink.only.is_some());
        Self {
            looking: reading.strict || outcome.is_some() || selects || ledger.is_some(),
            ledger,
            sinks,
            reading,
            outcome,
            number: 1,
            ..Self::default()
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], io: &mut Io) {
        if self.sinks.is_empty() && !self.looking {
            return;
        }
        let end = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let (mut lines, mut tail) = bytes.split_at(end);
        if self.long {
            // The rest of the overlong line, line feed included.
            let rest = memchr::memchr(b'\n', lines).map_or(0, |at| at + 1);
            let (head, others) = lines.split_at(rest);
            if rest == 0 {
                self.give(Chunk::new(tail.to_vec()), io);
                return;
            }
            self.long = false;
            self.number += 1;
            self.give(Chunk::new(head.to_vec()), io);
            lines = others;
        }
        if !lines.is_empty() {
            let mut run = std::mem::take(&mut self.held);
            run.reserve_exact(lines.len());
            run.extend_from_slice(lines);
            self.run(run, io);
        }
        if self.held.len() + tail.len() > self.reading.max_line {
            self.warn_long(io);
            self.long = true;
            let mut start = std::mem::take(&mut self.held);
            start.extend_from_slice(tail);
            self.give(Chunk::new(start), io);
            tail = &[];
        }
        self.held.extend_from_slice(tail);
    }

    pub(super) fn end(&mut self, io: &mut Io) {
        let last = std::mem::take(&mut self.held);
        if !last.is_empty() {
            self.run(last, io);
        }
    }

    pub(super) fn exit(&self) -> Exit {
        let malformed = self.reading.strict && self.warnings.count() > 0;
        let exit = if malformed { Exit::Malformed } else { Exit::Success };
        exit.or(self.outcome.as_ref().map_or(Exit::Success, Outcome::exit))
    }

    fn run(&mut self, run: Vec<u8>, io: &mut Io) {
        if self.looking {
            self.look(&run, io);
        }
        self.give(Chunk::new(run), io);
        for sink in &mut self.sinks {
            if !sink.selected.is_empty() {
                let selected = std::mem::take(&mut sink.selected);
                put(sink, &Chunk::new(selected), io);
            }
        }
    }

    /// Passes bytes to the sinks without a selection.
    fn give(&self, chunk: Chunk, io: &mut Io) {
        if chunk.bytes.is_empty() {
            return;
        }
        for sink in self.sinks.iter().filter(|sink| sink.only.is_none()) {
            put(sink, &chunk, io);
        }
    }

    fn look(&mut self, run: &[u8], io: &mut Io) {
        for line in queue::lines(run).map(|at| &run[at]) {
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            if bare.len() > self.reading.max_line {
                self.warn_long(io);
            } else {
                match codec::decode(bare) {
                    Ok(event) => {
                        if let Some(outcome) = &mut self.outcome {
                            outcome.on_event(&event);
                        }
                        if let Some(ledger) = &mut self.ledger {
                            ledger.offer(&event);
                        }
                        for sink in &mut self.sinks {
                            if sink.only.as_ref().is_some_and(|only| only.takes(&event)) {
                                sink.selected.extend_from_slice(line);
                            }
                        }
                    }
                    Err(why) => self.warnings.warn(io, self.number, why.offset, &why.reason),
                }
            }
            self.number += 1;
        }
    }

    fn warn_long(&mut self, io: &mut Io) {
        if self.looking {
            self.warnings.warn(io, self.number, 0, TOO_LONG);
        }
    }
}

fn put(sink: &SinkIntake, chunk: &Chunk, io: &mut Io) {
    if let Some(why) = sink.queue.put(chunk) {
        let name = &sink.queue.status.name;
        io.warn(format_args!(
            "{name}: given up: it is too slow and its queue is full{why} (see --spool-max)"
        ));
    }
}
