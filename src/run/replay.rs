//! Loop of replay: reads ahead a little and releases each part when it is due.

#[cfg_attr(not(feature = "http"), path = "replay/no_http.rs")]
mod http;
mod keys;
mod progress;
mod seek;
mod source;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, StdoutEnd, warn_user};
use super::polling::{self, GONE};
use super::signal::{ENDS, OnRepeat, Signals};
use crate::exit::{Exit, Refusal};
use crate::replay::{Begin, Gap, Mark, Options, Pace, Replay, To};
use crate::stage::Io;
use crate::time::Time;

use keys::Stepping;
use progress::Progress;
pub use source::{Fetch, Source};
use source::{LOOK_AT_NAME, Reader, Tail};

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

    /// Waits for an event or deadline; `true` if the source can be read.
    fn wait(&mut self) -> Result<bool> {
        let now = self.clock.now();
        let rest = self.progress.rest();
        let quiet = self.idle.filter(|_| self.reading.is_some()).map(|idle| self.last_data + idle);
        let at_end = self.tail.as_ref().is_some_and(|tail| tail.waiting);
        let moments = [self.next_due(now), quiet].into_iter().flatten().map(|at| at.since(now));
        let timeout = moments.chain(rest).chain(at_end.then_some(LOOK_AT_NAME)).min();
        let wanted = self.replay.queue.len() < AHEAD && self.output.pending() <= MAX_PENDING;
        let mut fds = Vec::with_capacity(4);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        fds.push(self.output.poll_fd());
        if let Some(at) = &self.stepping {
            fds.push(PollFd::from_borrowed_fd(at.fd(), PollFlags::IN));
        }
        // A file is always ready: at its end the change notice is polled.
        match (&self.reading, &self.tail) {
            (Some(_), Some(tail)) if at_end => {
                if let Some(fd) = tail.fd() {
                    fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
                }
            }
            (Some(reader), _) if wanted => {
                fds.push(PollFd::from_borrowed_fd(reader.fd(), PollFlags::IN));
            }
            _ => {}
        }
        if polling::wait(&mut fds, timeout).context("cannot wait")? == 0 && rest.is_some() {
            self.progress.draw();
        }
        let mut events = fds.iter().map(PollFd::revents);
        let mut next = || events.next().unwrap_or(PollFlags::empty());
        let (signal, stdout) = (next(), next());
        let pressed = match self.stepping {
            Some(_) => next(),
            None => PollFlags::empty(),
        };
        let readable = next();
        if !signal.is_empty() {
            self.on_signals();
        }
        self.stdout.reader_gone |= stdout.intersects(GONE);
        if !pressed.is_empty() {
            self.on_keys();
        }
        if readable.is_empty() {
            self.end_if_idle();
        }
        if at_end && let Some(tail) = &mut self.tail {
            tail.look();
        }
        Ok((at_end || !readable.is_empty()) && wanted && !self.quit && !self.stdout.reader_gone)
    }

    fn end_if_idle(&mut self) {
        let now = self.clock.now();
        if self.reading.is_some() && self.idle.is_some_and(|idle| self.last_data + idle <= now) {
            self.reading = None;
            self.tail = None;
            self.end_source(None);
        }
    }

    /// Time of the next part, unless it waits for something else.
    fn next_due(&mut self, now: Time) -> Option<Time> {
        let mark = *self.replay.queue.front()?;
        let halted = self.stepping.as_ref().is_some_and(|at| at.halted);
        if self.is_held_back(&mark) {
            None
        } else if self.is_due(now, &mark) {
            Some(now)
        } else {
            self.pace.due(mark.gap).filter(|_| !halted)
        }
    }

    fn on_signals(&mut self) {
        for signal in self.signals.take() {
            match signal {
                SIGTSTP => self.stop(),
                SIGINT | SIGHUP if self.upstream && self.stepping.is_none() => {
                    self.dies_of.get_or_insert(signal);
                    self.hurried = true;
                }
                SIGTERM if self.stepping.is_none() => {
                    self.dies_of = Some(signal);
                    self.reading = None;
                    self.waiting.clear();
                    self.replay.queue.clear();
                }
                signal => {
                    self.dies_of.get_or_insert(signal);
                    self.quit = true;
                }
            }
        }
    }

    /// Ctrl-Z: the pause does not count as recorded time.
    fn stop(&mut self) {
        if let Some(at) = &self.stepping {
            at.stop();
        }
        self.pace.restart(self.clock.now());
    }

    fn on_keys(&mut self) {
        let now = self.clock.now();
        if let Some(at) = &mut self.stepping {
            self.quit |= at.on_keys(now, &mut self.pace).is_break();
        }
        self.show_keys();
    }

    fn show_keys(&mut self) {
        if let Some(at) = &self.stepping {
            let state = if at.halted { "halted" } else { "playing" };
            self.progress.keys(self.pace.speed, state);
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
