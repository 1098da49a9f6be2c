//! Loop of replay: reads ahead a little and releases each part when it is due.

mod follow;
#[cfg_attr(not(feature = "http"), path = "replay/no_http.rs")]
mod http;
mod keys;
mod progress;
mod seek;
mod source;
mod unpack;
mod waiting;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::SIGTSTP;

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, StdoutEnd, warn_user};
use super::signal::{ENDS, OnRepeat, Signals};
use crate::exit::{Exit, Refusal};
use crate::replay::pace::{Gap, Pace};
use crate::replay::{Begin, Mark, Options, Replay, To};
use crate::stage::Io;
use crate::time::Time;

use follow::Tail;
use keys::Stepping;
use progress::Progress;
use source::Reader;
pub use source::{Fetch, Source};

const AHEAD: usize = 128 << 10;

const MAX_PENDING: usize = 256 << 10;

pub struct Plan {
    pub sources: Vec<Source>,
    pub options: Options,
    pub pace: Pace,
    pub step: bool,
    /// True if the last source has no end: appended data is played, too, and a server is reconnected.
    pub follow: bool,
    /// Silence after which a source counts as ended.
    pub idle: Option<Duration>,
}

/// Plays recordings to stdout; a raw one to stderr, too.
pub fn replay(mut plan: Plan) -> Result<Exit> {
    plan.options.watched = Progress::is_wanted();
    let mut player = Player::new(plan)?;
    player.run()?;
    Ok(player.exit())
}

struct Player {
    replay: Replay,
    waiting: VecDeque<Source>,
    reading: Option<Reader>,
    follow: bool,
    tail: Option<Tail>,
    idle: Option<Duration>,
    last_data: Time,
    output: Output,
    io: Io,
    signals: Signals,
    clock: Clock,
    pace: Pace,
    stepping: Option<Stepping>,
    progress: Progress,
    /// True if an upstream has output left after an interrupt.
    upstream: bool,
    /// True if the rest leaves without pauses.
    hurried: bool,
    quit: bool,
    widened: bool,
    dies_of: Option<i32>,
    stdout: StdoutEnd,
}

impl Player {
    fn new(plan: Plan) -> Result<Self> {
        let stepping = plan.step.then(Stepping::open).transpose();
        let stepping = stepping.context("--step needs a terminal for its keys (/dev/tty)")?;
        let signals = if stepping.is_some() {
            // Each of them would leave the terminal in a wrong mode.
            Signals::catch(&[&ENDS[..], &[SIGTSTP]].concat(), OnRepeat::Report)
        } else {
            Signals::catch(&ENDS, OnRepeat::Default)
        };
        let lengths: Option<Vec<u64>> = plan.sources.iter().map(Source::length).collect();
        Ok(Self {
            replay: Replay::new(plan.options),
            upstream: plan.sources.iter().any(Source::is_upstream),
            waiting: plan.sources.into(),
            reading: None,
            follow: plan.follow,
            tail: None,
            idle: plan.idle,
            last_data: Time::default(),
            output: Output::open(),
            io: Io::default(),
            signals: signals.context("cannot catch signals")?,
            clock: Clock::start(),
            pace: plan.pace,
            stepping,
            progress: Progress::new(lengths.map(|lengths| lengths.iter().sum())),
            hurried: false,
            quit: false,
            widened: false,
            dies_of: None,
            stdout: StdoutEnd::default(),
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut buf = vec![0; input::CHUNK];
        self.show_keys();
        loop {
            if self.reading.is_none() {
                self.next_source();
            }
            self.release();
            self.write();
            let nothing_left = self.reading.is_none()
                && self.waiting.is_empty()
                && self.replay.queue.is_empty()
                && self.output.pending() == 0;
            if self.stdout.reader_gone || self.quit || nothing_left {
                // A Ctrl-C may have ended the reader, too: the signal counts first.
                self.on_signals();
                return Ok(());
            }
            if self.wait()? {
                self.read(&mut buf);
            }
        }
    }

    /// Opens the next source and seeks to the start of the selection.
    fn next_source(&mut self) {
        if self.replay.done {
            self.waiting.clear();
        }
        let Some(mut source) = self.waiting.pop_front() else { return };
        let mut begin = Begin::first(&source.name());
        if let Source::Input { input, .. } = &source
            && !self.replay.select.begun
            && let Some(start) = seek::seek(input.fd(), &self.replay.options.select)
        {
            begin.start = start;
            begin.lines_before = seek::lines_before(input.fd(), start.offset);
        }
        self.replay.on_source(begin);
        if self.follow && self.waiting.is_empty() {
            self.tail = Tail::of(&source);
            if let Source::Url(fetch) = &mut source {
                fetch.follow = true;
            }
        }
        self.last_data = self.clock.now();
        match Reader::start(source) {
            Ok(reader) => self.reading = Some(reader),
            Err(e) => self
                .end_source(Some(Refusal { why: format!("cannot read: {e}"), exit: Exit::Failed })),
        }
    }

    fn end_source(&mut self, trouble: Option<Refusal>) {
        let trouble = trouble.as_ref().map(|t| (t.why.as_str(), t.exit));
        self.replay.on_source_end(trouble, &mut self.io);
        if self.reading.is_none() && self.waiting.is_empty() {
            self.replay.on_end(&mut self.io);
        }
    }

    fn read(&mut self, buf: &mut Vec<u8>) {
        let Some(reader) = &mut self.reading else { return };
        let trouble = match reader.read(buf) {
            Ok(Read::Later) => return,
            Ok(Read::Bytes(n)) => {
                self.last_data = self.clock.now();
                if n == buf.len() && !self.widened {
                    self.widened = true;
                    input::widen(reader.fd());
                    input::widen(self.output.fd());
                }
                let bytes = buf.get(..n).unwrap_or_default();
                self.replay.on_bytes(bytes, &mut self.io);
                if self.widened {
                    // As much as a widened pipe holds.
                    buf.resize(input::PIPE, 0);
                }
                if self.replay.done {
                    self.reading = None;
                    self.waiting.clear();
                }
                return;
            }
            Ok(Read::End) if self.tail.as_mut().is_some_and(|tail| tail.waits(reader)) => return,
            Ok(Read::End) => None,
            Err(e) => Some(Refusal { why: format!("cannot read: {e}"), exit: Exit::Failed }),
        };
        let reader = self.reading.take();
        let trouble = trouble.or_else(|| reader.and_then(Reader::end));
        self.end_source(trouble);
    }

    fn release(&mut self) {
        let now = self.clock.now();
        let mut left = None;
        while let Some(mark) = self.replay.queue.front().copied() {
            if self.is_held_back(&mark) || !self.is_due(now, &mark) {
                break;
            }
            let out = match mark.to {
                To::Stderr => &mut self.io.err,
                To::Stdout | To::End(_) => &mut self.io.out,
            };
            self.replay.queue.pop(now, out);
            self.after(now, &mark);
            left = Some(mark);
        }
        if let Some(mark) = left {
            self.progress.pass(mark.time, mark.offset);
        }
    }

    /// True if earlier output must be written first.
    fn is_held_back(&self, mark: &Mark) -> bool {
        let pending = self.output.pending() + self.io.out.len();
        match mark.to {
            To::Stdout => pending > MAX_PENDING,
            // Both may go to the same terminal, in order.
            To::Stderr | To::End(_) => pending > 0,
        }
    }

    fn is_due(&self, now: Time, mark: &Mark) -> bool {
        match &self.stepping {
            _ if self.hurried || mark.gap == Gap::Joined => true,
            Some(at) if at.halted => at.lets_go(),
            _ => self.pace.due(mark.gap).is_none_or(|due| due <= now),
        }
    }

    fn after(&mut self, now: Time, mark: &Mark) {
        match &mut self.stepping {
            Some(at) if at.halted => {
                at.after(mark);
                self.pace.restart(now);
            }
            _ => self.pace.pass(now, mark.gap),
        }
        if let To::End(exit) = mark.to {
            self.replay.end(exit);
        }
    }

    fn write(&mut self) {
        if !self.io.err.is_empty() {
            self.progress.aside(|| warn_user(&self.io.err));
            self.io.err.clear();
        }
        if let Err(e) = self.output.send(&mut self.io.out) {
            self.stdout.fail(&e);
        }
    }

    fn exit(self) -> Exit {
        self.stdout.exit(self.dies_of, self.replay.exit())
    }
}
