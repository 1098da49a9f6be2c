//! Loop of a wrap with a command. [`crate::lifecycle`] decides, this loop polls and acts.

mod ask;
mod backlog;
mod console;
mod driven;
mod feed;
mod outlet;
mod requests;
mod run_file;
mod starting;
mod wait;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::background::Background;
use super::child::{Agent, Guarded, Stdin};
use super::clock::Clock;
use super::guardian::Message;
use super::input::{self, Read};
use super::once::KeyLock;
use super::output::{Output, StdoutEnd};
use super::record::Record;
use super::signal::{Death, Signals};
use super::spool::{Spool, SpoolLimits};
use crate::adapter::Order;
use crate::drive::Driver;
use crate::exit::Exit;
use crate::lifecycle::{Action, EscalationStep, Lifecycle, Limits, Phase, Stop, View};
use crate::tap::Tap;
use crate::time::Time;
use ask::QuestionQueue;
use backlog::{Command, Source};
use console::Console;
pub use driven::Drive;
use driven::Sends;
use feed::{Feed, Wants};
pub use outlet::Outlet;
use requests::PendingRequests;
use run_file::RunFile;
use starting::{spawn_failed, start};
use wait::Whose;

/// Output that may wait for the reader, in bytes; past that the agent's output waits in the spool.
const MAX_PENDING: usize = 1 << 20;

/// Size of one read of the agent's output: a whole widened pipe.
const CHUNK: usize = 256 << 10;

/// Interval at which an inherited stdin is checked for its end.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Interval at which the control socket is made anew if its file is gone.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// Time for the guardian to kill the rest of the agent. A process in an uninterruptible wait takes longer.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Plan {
    pub argv: Vec<OsString>,
    /// Command line without secrets, for recordings and events.
    pub shown: Vec<String>,
    pub stdin: Stdin,
    /// True if stdin, stdout and stderr are a terminal, at which its input is typed.
    pub pty: bool,
    pub limits: Limits,
    pub spool: SpoolLimits,
    pub record: Option<Record>,
    /// Driver of the agent's stdin, if it has one.
    pub drive: Option<Drive>,
    /// Way of the events to stdout.
    pub outlet: Outlet,
    /// Lock held until no process of the agent is left; see [`super::lock`].
    pub lock: Option<KeyLock>,
    /// Background run whose event file is stdout.
    pub background: Option<Box<Background>>,
}

/// Runs an agent to its end; its output goes through `tap` to stdout. No process of it is left.
pub fn host(tap: &mut Tap, mut plan: Plan) -> Result<Exit> {
    let stream = tap.guard().stream().to_owned();
    match start(&mut plan, stream) {
        Ok((agent, console, signals)) => {
            let shown = plan.shown.iter().map(|word| plan.outlet.apart(word.clone())).collect();
            let prompt = plan.drive.as_mut().and_then(|drive| drive.prompt.take());
            let mut host = Host::new(tap, (agent, console), signals, &mut plan)?;
            host.begin(shown);
            let pid = host.agent.pid;
            host.run_file.iter_mut().for_each(|file| file.report(pid));
            prompt.iter().for_each(|prompt| host.give_prompt(prompt));
            host.run()
        }
        Err(error) => Ok(spawn_failed(tap, &mut plan, &error)),
    }
}

struct Host<'a> {
    tap: &'a mut Tap,
    agent: Agent,
    life: Lifecycle,
    spool: Spool,
    /// Commands whose places are in the spool.
    commands: VecDeque<Command>,
    /// Time up to which the tap has read.
    seen_at: Time,
    held_back: bool,
    warned: bool,
    record: Option<&'a mut Record>,
    feed: Option<Feed>,
    driver: Option<Driver>,
    sends: Sends,
    questions: QuestionQueue,
    console: Option<Console>,
    /// True if the agent reads our stdin itself.
    inherits_stdin: bool,
    /// True if an argument says that the agent reads prompts from its stdin; otherwise only the adapter may know.
    names_prompts: bool,
    outlet: &'a mut Outlet,
    output: Output,
    run_file: Option<RunFile<'a>>,
    stdout: StdoutEnd,
    signals: Signals,
    clock: Clock,
    dies_of: Death,
    /// True if the pipes were closed while another process held them.
    detached: bool,
    finish_by: Option<Time>,
    end_emitted: bool,
    left: Vec<i32>,
    /// True if the reader is not waited for.
    abandoned: bool,
    /// True if the agent may begin another turn.
    may_continue: bool,
    /// True if the agent was stopped by a condition on time, which is queued behind its output.
    stopped_ahead: bool,
    requests: PendingRequests,
}

impl<'a> Host<'a> {
    fn new(
        tap: &'a mut Tap,
        (mut agent, mut console): (Agent, Option<Console>),
        signals: Signals,
        plan: &'a mut Plan,
    ) -> Result<Self> {
        let clock = Clock::start();
        let now = clock.now();
        let from = if plan.drive.is_some() { feed::Source::Driver } else { feed::Source::Stdin };
        let feed = agent.stdin.take().map(|fd| Feed::new(fd, from)).transpose();
        let mut life = Lifecycle::new(now, plan.limits.clone());
        if let Some(console) = &mut console {
            life.has_terminal = true;
            console.enter();
        }
        Ok(Self {
            tap,
            agent,
            life,
            spool: Spool::new(plan.spool),
            commands: VecDeque::new(),
            seen_at: now,
            held_back: false,
            warned: false,
            record: plan.record.as_mut(),
            feed: feed.context("cannot feed the agent's stdin")?,
            driver: plan.drive.as_ref().map(|drive| Driver::new(now, drive.config.clone())),
            sends: Sends::default(),
            questions: QuestionQueue::default(),
            inherits_stdin: plan.stdin == Stdin::Inherit && console.is_none(),
            names_prompts: feed::names_prompts(&plan.shown),
            console,
            outlet: &mut plan.outlet,
            output: Output::open(),
            run_file: plan.background.as_deref_mut().map(RunFile::new),
            stdout: StdoutEnd::default(),
            signals,
            clock,
            dies_of: Death::default(),
            detached: false,
            finish_by: None,
            end_emitted: false,
            left: Vec::new(),
            abandoned: false,
            may_continue: false,
            stopped_ahead: false,
            requests: PendingRequests::default(),
        })
    }

    fn run(&mut self) -> Result<Exit> {
        let mut buf = vec![0; CHUNK];
        self.note_exit();
        // The `session` event leaves at once, though the agent may be silent for long.
        self.collect();
        while !self.is_over() {
            let now = self.clock.now();
            let ready = wait::wait(self, self.deadline().map(|at| at.since(now)))?;
            self.tap.guard().set_ahead(self.clock.ahead());
            self.requests.server.iter_mut().for_each(|server| server.polled(&ready.control));
            for whose in ready.whose {
                match whose {
                    Whose::Signal => self.on_signals(),
                    Whose::Reader => {
                        self.stdout.reader_gone = true;
                        self.stop(Stop::ReaderGone);
                    }
                    Whose::Guardian => self.read_guardian(),
                    Whose::Stdout => self.read(Source::Stdout, &mut buf)?,
                    Whose::Stderr => self.read(Source::Stderr, &mut buf)?,
                    Whose::StdinClosed => self.feed = None,
                    Whose::Feed => self.feed(&mut buf),
                    Whose::Control => self.serve(),
                    Whose::Keys => self.read_keys(&mut buf),
                    Whose::Question | Whose::Console => {}
                }
            }
            self.on_console();
            self.work()?;
            // A prompt that follows a cancelled turn comes before the end of the agent's input.
            self.settle();
            self.on_time();
            self.settle();
            self.collect();
            self.write();
        }
        Ok(self.exit())
    }

    fn is_over(&self) -> bool {
        self.abandoned
            || (self.end_emitted && (self.output.pending() == 0 || self.stdout.reader_gone))
    }

    fn deadline(&self) -> Option<Time> {
        let tap = match self.spool.is_empty() {
            true => self.tap.deadline(),
            false => self.condition_due(),
        };
        let finish = self.finish_by.filter(|_| !self.end_emitted && self.spool.is_empty());
        let console = self.console.as_ref();
        let console = console.and_then(|c| c.deadline(self.clock.now()));
        // The end of a stdin that is not ours to read is not signalled.
        let stdin =
            (self.life.is_between() && self.inherits_stdin).then(|| self.clock.now() + LOOK_EVERY);
        let renewal = self.requests.renewal.filter(|_| !self.end_emitted);
        let driver = self.driver_deadline();
        let outlet = self.outlet.deadline();
        let file = self.run_file.as_ref().and_then(RunFile::deadline);
        let life = [self.life.deadline(), self.agent.deadline(), driver, renewal, outlet, file];
        [tap, finish, console, stdin].into_iter().chain(life).flatten().min()
    }

    fn on_signals(&mut self) {
        for signal in self.signals.take() {
            if self.on_job_signal(signal) {
                continue;
            }
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            self.enqueue(Command::Cancel(name.to_owned()));
            let again = self.dies_of.request(self.clock.now(), signal);
            // The agent has ended and the reader does not read: a repeated signal ends the wait.
            self.abandoned |= again && self.life.finished;
            // The meaning of any other signal to the agent is unknown.
            let known = [SIGINT, SIGHUP, SIGQUIT].contains(&signal);
            self.stop(Stop::Signal(if known { signal } else { SIGTERM }));
        }
    }

    fn stop(&mut self, stop: Stop) {
        self.life.stop(self.clock.now(), stop);
        self.act();
    }

    fn read_guardian(&mut self) {
        self.agent.listen();
        self.note_exit();
        if self.agent.guarded == Guarded::Lost && !self.end_emitted {
            let message = match self.agent.disobeyed {
                true => "the guardian did not obey: it was killed, and the agent with it",
                false => "the guardian was killed, and the agent with it",
            };
            self.emit("warning", Some(message), None);
        }
    }

    fn note_exit(&mut self) {
        for change in std::mem::take(&mut self.agent.changes) {
            self.emit_change(change);
        }
        if self.agent.is_unkillable() {
            // An unkillable agent is reported at the end.
            self.life.exited(self.clock.now());
            self.act();
        }
        if let Some(ended) = self.agent.ended {
            self.note_interrupt(ended);
            self.tap.guard().stop_timing();
            self.life.exited(self.clock.now());
            self.act();
        }
    }

    fn read(&mut self, source: Source, buf: &mut [u8]) -> Result<()> {
        let pipe = match source {
            Source::Stderr => &mut self.agent.stderr,
            _ => &mut self.agent.stdout,
        };
        let Some(fd) = pipe else { return Ok(()) };
        match input::read(fd.as_fd(), buf).context("cannot read the agent's output")? {
            Read::Later => {}
            Read::End => {
                *pipe = None;
                self.take_last_text();
                if self.agent.stdout.is_none() && self.agent.stderr.is_none() {
                    self.life.pipes_closed(self.clock.now());
                    self.act();
                }
            }
            Read::Bytes(n) => {
                if n == input::CHUNK {
                    input::widen(fd.as_fd());
                }
                let now = self.clock.now();
                let bytes = buf.get(..n).unwrap_or_default();
                self.life.output(now);
                if let Some(record) = &mut self.record {
                    let from = if source == Source::Stderr { "e" } else { "o" };
                    record.read(now, from, bytes);
                }
                let text = self.console.as_mut().map(|c| c.text(bytes));
                self.take(now, source, text.as_ref().map_or(bytes, String::as_bytes));
                // Behind the conditions of the run: what they end is not permitted any more.
                if source == Source::Stdout {
                    self.drive_output(now, bytes);
                }
            }
        }
        Ok(())
    }

    fn feed(&mut self, buf: &mut [u8]) {
        if let Some(feed) = &mut self.feed {
            feed.copy(buf);
            if feed.wants() == Wants::Nothing {
                self.feed = None;
            }
        }
    }

    fn on_time(&mut self) {
        let now = self.clock.now();
        match self.spool.is_empty() {
            true => self.tap.on_tick(now),
            false => self.stop_overdue(now),
        }
        self.drive_time(now);
        self.renew_socket(now);
        self.update_view();
        self.agent.on_time(now);
        self.life.tick(now);
        self.act();
        let late = self.finish_by.is_some_and(|at| at <= now) && !self.agent.kill_if_stopped();
        let gone = matches!(self.agent.guarded, Guarded::Finished | Guarded::Lost) || late;
        if self.life.finished && gone && self.spool.is_empty() && !self.end_emitted {
            self.emit_end(now);
        }
    }

    fn update_view(&mut self) {
        let behind = (!self.spool.is_empty()).then_some(self.seen_at);
        let typing = self.console.as_ref().is_some_and(|console| console.typing);
        let more = self.feed.is_some() || typing;
        let has_result = self.tap.has_result();
        let more = more || has_result && self.may_prompt();
        self.may_continue = more;
        let guard = self.tap.guard();
        let phase = match (guard.turns_open() > 0, guard.all_turns()) {
            (true, _) => Phase::InTurn,
            (false, 0) => Phase::Starting,
            (false, _) if has_result && !more => Phase::Done,
            (false, _) => Phase::Between,
        };
        let ended = guard.all_turns() - guard.turns_open();
        let tool_since = guard.tool_since();
        let view = View { phase, ended, tool_since, behind };
        self.life.seen(self.clock.now(), view);
    }

    fn escalate(&mut self, step: EscalationStep) {
        let now = self.clock.now();
        match step {
            EscalationStep::Interrupt => self.interrupt(),
            EscalationStep::Key => self.type_text("\u{3}"),
            EscalationStep::Signal(signal) => self.agent.signal(now, signal),
            EscalationStep::Tree => return self.agent.order(now, Message::KillTree),
        }
        // A stopped agent handles no signal.
        self.agent.signal(now, SIGCONT);
    }

    /// True if the agent may read another prompt from an inherited stdin.
    fn may_prompt(&self) -> bool {
        let takes = || self.names_prompts || self.tap.order(Order::Prompt(""), 0).is_some();
        self.inherits_stdin && takes() && !input::has_ended()
    }

    fn act(&mut self) {
        while let Some(action) = self.life.action() {
            match action {
                Action::Escalation(step) => self.escalate(step),
                Action::Fail(code, message) => {
                    self.enqueue(Command::Fail(code, message));
                }
                Action::ClosePipes => {
                    self.detached = true;
                    (self.agent.stdout, self.agent.stderr) = (None, None);
                    self.take_last_text();
                }
                Action::Finish => {
                    self.finish_by = Some(self.clock.now() + FINISH_WITHIN);
                    self.agent.finish();
                }
            }
        }
    }
}
