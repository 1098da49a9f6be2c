//! The loop of replay: reads ahead a little, lets each part go when it is due, and waits for all there is at one place:
//! sources, our reader, signals, keys and the next deadline.

mod follow;
#[cfg_attr(not(feature = "http"), path = "replay/no_http.rs")]
mod http;
mod keys;
mod progress;
mod seek;
mod source;
mod step;
mod unpack;
mod waiting;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGPIPE, SIGTSTP};

use super::clock::Clock;
use super::input::{self, Read};
use super::output::{Output, warn_user};
use super::signal::{ENDS, OnRepeat, Signals};
use crate::exit::Exit;
use crate::filter::pace::{Gap, Pace};
use crate::filter::select;
use crate::replay::{Begin, Mark, Options, Replay, To};
use crate::stage::Io;
use crate::time::Time;

use follow::Tail;
use progress::Progress;
pub use source::Source;
use source::{Reader, Trouble};
use step::Stepping;

/// How far is read ahead of what is due, in bytes.
const AHEAD: usize = 128 << 10;

/// What may wait for a slow reader before nothing more is let go, in bytes.
const MAX_PENDING: usize = 256 << 10;

/// What is to be played, and how.
pub struct Plan {
    /// One after another.
    pub sources: Vec<Source>,
    /// What of them, and in which way.
    pub options: Options,
    /// How fast.
    pub pace: Pace,
    /// Who says when.
    pub hand: Hand,
    /// True if the last source may grow.
    pub follow: Follow,
    /// How long nothing may come from a source before it counts as ended.
    pub idle: Option<Duration>,
}

/// What the end of the last source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// The end.
    ToTheEnd,
    /// All there is yet: what is appended to a file is played too, and a server is asked again.
    Growing,
}

/// Who says when the next event leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// The recording.
    Recorded,
    /// A person at the keys.
    Keys,
}

/// Plays recordings to our stdout; a raw one to stderr too.
///
/// # Errors
/// That the loop itself cannot wait, or that there is no terminal for the keys.
pub fn replay(mut plan: Plan) -> Result<Exit> {
    plan.options.watched = Progress::is_wanted();
    let mut player = Player::new(plan)?;
    player.run()?;
    Ok(player.exit())
}

struct Player {
    replay: Replay,
    select: select::Options,
    waiting: VecDeque<Source>,
    reading: Option<Reader>,
    follow: Follow,
    /// The file whose end has been reached and that may grow.
    tail: Option<Tail>,
    idle: Option<Duration>,
    /// When something last came.
    news: Time,
    output: Output,
    io: Io,
    signals: Signals,
    clock: Clock,
    pace: Pace,
    stepping: Option<Stepping>,
    progress: Progress,
    /// True if somebody upstream still has something to say when we are interrupted.
    upstream: bool,
    /// True if nothing waits for its time any more.
    hurried: bool,
    /// True if it ends before the recording does.
    quit: bool,
    widened: bool,
    dies_of: Option<i32>,
    reader_gone: bool,
    cannot_write: bool,
}

impl Player {
    fn new(plan: Plan) -> Result<Self> {
        let stepping = match plan.hand {
            Hand::Recorded => None,
            Hand::Keys => {
                Some(Stepping::open().context("--step needs a terminal for its keys (/dev/tty)")?)
            }
        };
        let signals = if stepping.is_some() {
            // Each of them would leave the terminal as nobody wants it.
            Signals::catch(&[&ENDS[..], &[SIGTSTP]].concat(), OnRepeat::Report)
        } else {
            Signals::catch(&ENDS, OnRepeat::Default)
        };
        let lengths: Option<Vec<u64>> = plan.sources.iter().map(Source::length).collect();
        Ok(Self {
            replay: Replay::new(plan.options.clone()),
            select: plan.options.select,
            upstream: plan.sources.iter().any(Source::is_upstream),
            waiting: plan.sources.into(),
            reading: None,
            follow: plan.follow,
            tail: None,
            idle: plan.idle,
            news: Time::default(),
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
            reader_gone: false,
            cannot_write: false,
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
                && self.replay.queue().is_empty()
                && self.output.pending() == 0;
            if self.reader_gone || self.quit || nothing_left {
                // A Ctrl-C ends our reader too, and must not pass for an end of its own.
                self.on_signals();
                return Ok(());
            }
            if self.wait()? {
                self.read(&mut buf);
            }
        }
    }

    /// Begins the next source, at the place where what is wanted of it begins.
    fn next_source(&mut self) {
        if self.replay.is_done() {
            self.waiting.clear();
        }
        let Some(source) = self.waiting.pop_front() else {
            return;
        };
        let mut begin = Begin::first(&source.name());
        let mut jump = None;
        if let Source::Input { input, .. } = &source
            && !self.replay.has_begun()
            && let Some(start) = seek::seek(input.fd(), &self.select)
        {
            begin.offset = start.offset;
            begin.lines_before = seek::lines_before(input.fd(), start.offset);
            jump = Some(start);
        }
        self.replay.on_source(begin);
        if let Some(start) = jump {
            self.replay.jump(start.jump, start.first);
        }
        let follow = match self.waiting.is_empty() {
            true => self.follow,
            false => Follow::ToTheEnd,
        };
        if follow == Follow::Growing {
            self.tail = Tail::of(&source);
        }
        self.news = self.clock.now();
        match Reader::start(source, follow) {
            Ok(reader) => self.reading = Some(reader),
            Err(e) => self
                .end_source(Some(Trouble { why: format!("cannot read: {e}"), exit: Exit::Failed })),
        }
    }

    fn end_source(&mut self, trouble: Option<Trouble>) {
        let trouble = trouble.as_ref().map(|t| (t.why.as_str(), t.exit));
        self.replay.on_source_end(trouble, &mut self.io);
        if self.reading.is_none() && self.waiting.is_empty() {
            self.replay.on_end(&mut self.io);
        }
    }

    /// One read of the source.
    fn read(&mut self, buf: &mut Vec<u8>) {
        let Some(reader) = &mut self.reading else {
            return;
        };
        let trouble = match reader.read(buf) {
            Ok(Read::Later) => return,
            Ok(Read::Bytes(n)) => {
                self.news = self.clock.now();
                if n == buf.len() && !self.widened {
                    self.widened = true;
                    input::widen(reader.fd());
                    input::widen(self.output.fd());
                }
                let bytes = buf.get(..n).unwrap_or_default();
                self.replay.on_bytes(bytes, &mut self.io);
                if self.widened {
                    // As much as such a pipe holds: fewer turns of the loop for the same bytes.
                    buf.resize(input::PIPE, 0);
                }
                if self.replay.is_done() {
                    self.reading = None;
                    self.waiting.clear();
                }
                return;
            }
            Ok(Read::End) if self.tail.as_mut().is_some_and(|tail| tail.waits(reader)) => return,
            Ok(Read::End) => None,
            Err(e) => Some(Trouble { why: format!("cannot read: {e}"), exit: Exit::Failed }),
        };
        let reader = self.reading.take();
        let trouble = trouble.or_else(|| reader.and_then(Reader::end));
        self.end_source(trouble);
    }

    /// Lets go what is due.
    fn release(&mut self) {
        let now = self.clock.now();
        let mut left = None;
        while let Some(mark) = self.replay.queue().front() {
            let mark = mark.clone();
            if self.is_held_back(&mark) || !self.is_due(now, &mark) {
                break;
            }
            let out = match mark.to {
                To::Stderr => &mut self.io.err,
                To::Stdout | To::End(_) => &mut self.io.out,
            };
            self.replay.queue().pop(now, out);
            self.after(now, &mark);
            left = Some(mark);
        }
        if let Some(mark) = left {
            self.progress.pass(mark.time, mark.offset);
        }
    }

    /// True if what was said before must be written first.
    fn is_held_back(&self, mark: &Mark) -> bool {
        let pending = self.output.pending() + self.io.out.len();
        match mark.to {
            To::Stdout => pending > MAX_PENDING,
            // Both may go to the same place, and in their order.
            To::Stderr | To::End(_) => pending > 0,
        }
    }

    fn is_due(&self, now: Time, mark: &Mark) -> bool {
        match &self.stepping {
            _ if self.hurried || mark.gap == Gap::Joined => true,
            Some(at) if at.is_halted() => at.lets_go(),
            _ => self.pace.due(mark.gap).is_none_or(|due| due <= now),
        }
    }

    fn after(&mut self, now: Time, mark: &Mark) {
        match &mut self.stepping {
            Some(at) if at.is_halted() => {
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
        if self.io.out.is_empty() && self.output.pending() == 0 {
            return;
        }
        self.output.push(&mut self.io.out);
        self.io.out.clear();
        // One huge line must not keep its memory for good.
        self.io.out.shrink_to(1 << 20);
        if let Err(e) = self.output.flush_some() {
            self.reader_gone = true;
            if e.kind() != io::ErrorKind::BrokenPipe {
                warn_user(format!("spile: cannot write to stdout: {e}\n").as_bytes());
                self.cannot_write = true;
            }
        }
    }

    fn exit(self) -> Exit {
        match (self.dies_of, self.cannot_write, self.reader_gone) {
            (Some(signal), ..) => Exit::Signal(signal),
            (None, true, _) => self.replay.exit().or(Exit::CannotWrite),
            (None, false, true) => Exit::Signal(SIGPIPE),
            (None, false, false) => self.replay.exit(),
        }
    }
}
