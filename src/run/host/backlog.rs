//! Output of the agent on its way to stdout: to the tap, directly or through the spool when the reader is slow; the
//! host's own events; the exit status.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTTIN, SIGTTOU};

use super::console::MAX_SHOWN;
use super::requests::TurnCancel;
use super::run_file::RunFile;
use super::{Host, MAX_PENDING};
use crate::exit::Exit;
use crate::guard::{Ended, Notice};
use crate::lifecycle::Stop;
use crate::run::child::Guarded;
use crate::run::guardian::Message;
use crate::run::output::warn;
use crate::run::spool::Record;
use crate::time::Time;

const MAX_LEFT: usize = 16;

/// Kind of a record in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stdout,
    Stderr,
    /// The place of the next [`Command`].
    Command,
}

impl Source {
    /// The sources by their tags in the spool.
    const ALL: [Self; 3] = [Self::Stdout, Self::Stderr, Self::Command];
}

/// Order that takes effect at its place in the agent's output.
#[derive(Debug)]
pub(super) enum Command {
    /// Cancels the open turns, for this signal or key.
    Cancel(String),
    /// Fails them with this code and message.
    Fail(&'static str, String),
    /// Cancels the turn that a client means.
    Ask(TurnCancel),
    /// Emits a status.
    Note(&'static str, Option<String>, Option<Value>),
    /// Cancels the turn for a condition on time, for which the agent was stopped.
    Due,
}

impl Host<'_> {
    /// Passes input to the tap, or queues it behind earlier input.
    pub(super) fn take(&mut self, now: Time, source: Source, bytes: &[u8]) {
        if self.stdout.reader_gone || bytes.is_empty() {
            return;
        }
        if self.spool.is_empty() && self.has_room() {
            self.pass_to_tap(now, source, bytes);
            return;
        }
        let bytes = Arc::new(bytes.to_vec());
        self.spool.push(Record { number: now.as_micros(), tag: source as u8, bytes });
        if self.spool.is_full() && !self.thins() {
            self.held_back = true;
            self.life.hold();
            self.warn_full();
        }
    }

    fn warn_full(&mut self) {
        if std::mem::replace(&mut self.warned, true) {
            return;
        }
        let message = match &self.spool.failed {
            Some(e) => format!(
                "the agent is held back: the reader is slow and what waits for it cannot be stored: {e}"
            ),
            None => {
                "the agent is held back: the reader is slow and the spool is full (see --spool-max)"
                    .to_owned()
            }
        };
        self.emit("warning", Some(&message), None);
    }

    /// Carries out a command, or queues it behind earlier input.
    pub(super) fn enqueue(&mut self, command: Command) {
        if self.stdout.reader_gone {
            return;
        }
        if self.spool.is_empty() && self.has_room() {
            self.seen_at = self.clock.now();
            return self.carry_out(command);
        }
        self.commands.push_back(command);
        let number = self.clock.now().as_micros();
        let bytes = Arc::new(vec![0]);
        self.spool.push(Record { number, tag: Source::Command as u8, bytes });
    }

    fn has_room(&mut self) -> bool {
        self.output.pending() + self.tap.guard().out.len() <= MAX_PENDING
    }

    /// True if nothing more can wait for the event file: deltas are left out then.
    fn thins(&self) -> bool {
        self.run_file.as_ref().is_some_and(RunFile::is_blocked)
            && self.spool.is_full()
            && self.output.pending() < self.spool.memory().max(2 * MAX_PENDING)
    }

    /// Passes queued input to the tap as long as the reader takes its output.
    pub(super) fn work(&mut self) -> Result<()> {
        if self.stdout.reader_gone {
            self.spool.clear();
            self.commands.clear();
        }
        let thins = self.thins();
        self.run_file.iter_mut().for_each(|file| file.thins = thins);
        while !self.spool.is_empty() && (self.has_room() || self.thins()) {
            let record = self.spool.pop();
            let record = record.context("cannot read what waits for a slow reader")?;
            if let Some(Record { number, tag, bytes }) = record {
                let source = Source::ALL[usize::from(tag)];
                self.pass_to_tap(Time::from_micros(number), source, &bytes);
            }
        }
        let slow = self.console.as_ref().is_some_and(|console| console.shown.len() >= MAX_SHOWN);
        if slow && !self.held_back {
            self.held_back = true;
            self.life.hold();
        }
        if self.held_back && !slow && (!self.spool.is_full() || self.thins()) {
            self.held_back = false;
            self.life.release(self.clock.now());
        }
        Ok(())
    }

    fn pass_to_tap(&mut self, at: Time, source: Source, bytes: &[u8]) {
        self.seen_at = at;
        match source {
            Source::Stdout => self.tap.on_stdout(at, bytes),
            Source::Stderr => self.tap.on_stderr(at, bytes),
            Source::Command => {
                if let Some(command) = self.commands.pop_front() {
                    self.carry_out(command);
                }
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Cancel(reason) => self.tap.guard().request_cancel("signal", &reason),
            Command::Fail(code, message) => self.tap.guard().request_fail(code, &message),
            Command::Ask(cancel) => {
                self.update_view();
                self.decide(cancel);
            }
            Command::Due => {
                self.tap.guard().on_condition_due(self.seen_at);
                self.stop_cancelled();
                self.stopped_ahead = false;
            }
            Command::Note(kind, message, data) => self.emit(kind, message.as_deref(), data),
        }
    }

    pub(super) fn emit_end(&mut self, now: Time) {
        self.end_emitted = true;
        if let Some(console) = &mut self.console {
            console.leave();
        }
        if self.detached {
            let message =
                "a process that outlives the agent held its output open; it was not waited for";
            self.emit("detached_writers", Some(message), None);
        }
        let left = self.agent.left();
        self.left = left.iter().map(|(pid, _)| *pid).collect();
        let ended = self.agent.ended.unwrap_or(Ended::Eof);
        self.tap.on_end(now, ended);
        self.warn_unread();
        let mut data = serde_json::to_value(ended.child_exit()).unwrap_or_default();
        data["killed"] = json!(self.was_killed() && !self.agent.is_unkillable());
        if !left.is_empty() {
            let all: Vec<String> =
                left.iter().map(|(pid, name)| format!("{pid} ({})", name.escape_debug())).collect();
            let shown = all.get(..MAX_LEFT).unwrap_or(&all).join(", ");
            let more = if all.len() > MAX_LEFT { ", ..." } else { "" };
            let count = all.len();
            warn(self.outlet.apart(format!(
                "processes of the agent that could not be killed: {count}: {shown}{more}"
            )));
            let pids = self.left.get(..MAX_LEFT).unwrap_or(&self.left);
            data["left"] = json!({"count": count, "pids": pids});
        }
        self.emit("exit", None, Some(data));
        if let Some(record) = &mut self.record {
            record.exit(now, ended);
            if let Some(e) = &record.failed {
                warn(format_args!("cannot write the recording: {e}"));
                self.stdout.cannot_write = true;
            }
        }
        if let Some(hint) = self.tap.take_hint() {
            warn(format_args!("hint: {hint}"));
        }
    }

    pub(super) fn emit_change(&mut self, change: Message) {
        let Message::Stopped(signal) = change else {
            return self.emit("continued", Some("the agent goes on"), None);
        };
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        let pid = self.agent.pid;
        let message = match signal {
            SIGTTIN | SIGTTOU => format!(
                "the agent was stopped by {name}: it wants a terminal that is not its own; wrap --pty gives it one"
            ),
            _ => format!("the agent was stopped by {name}; kill -CONT {pid} lets it go on"),
        };
        self.emit("stopped", Some(&message), Some(json!({"signal": signal})));
    }

    /// Emits a status at the time that the tap has reached.
    pub(super) fn emit(&mut self, kind: &str, message: Option<&str>, data: Option<Value>) {
        let now = if self.spool.is_empty() { self.clock.now() } else { self.seen_at };
        let notice = Notice { kind, message, data, parent: None };
        self.tap.guard().at(now).notice(&notice);
    }

    pub(super) fn was_killed(&self) -> bool {
        self.life.killed || self.agent.guarded == Guarded::Lost
    }

    pub(super) fn collect(&mut self) {
        let lines = self.tap.guard().take_lines();
        if !self.stdout.reader_gone {
            let now = self.clock.now();
            self.outlet.pass(now, &lines);
            if self.end_emitted {
                self.outlet.end(now);
            }
            let mut lines = self.outlet.take();
            self.run_file.iter_mut().for_each(|file| file.pass(&mut lines));
            if !lines.is_empty() {
                self.output.push(&mut lines);
            }
            self.limit_file();
            if self.outlet.refuses() {
                self.stop(Stop::ReaderGone);
            }
        }
        self.stop_cancelled();
    }

    /// Writes what the reader, or the event file, takes.
    pub(super) fn write(&mut self) {
        if self.output.pending() == 0 || self.stdout.reader_gone {
            return;
        }
        if self.run_file.is_some() {
            return self.write_file();
        }
        if let Err(e) = self.output.flush_some() {
            self.stdout.fail(&e);
            self.stop(Stop::ReaderGone);
        }
    }

    fn write_file(&mut self) {
        let now = self.clock.now();
        let Some(file) = self.run_file.as_mut().filter(|file| file.may_write(now)) else { return };
        while self.output.pending() > 0 {
            if let Err(e) = self.output.flush_some() {
                file.failed(now, &e);
                // What waits behind these lines may be more than fits beside them.
                if self.end_emitted || self.life.finished {
                    file.limit_wait(now);
                    self.stdout.cannot_write = file.give_up_at.is_some_and(|at| at <= now);
                    self.abandoned |= self.stdout.cannot_write;
                }
                return;
            }
        }
        file.written();
    }

    /// Fails the turn of a run whose event file is too large, and ends its agent.
    fn limit_file(&mut self) {
        if let Some(file) = self.run_file.as_mut()
            && file.exceeds()
        {
            let message =
                format!("the event file is larger than {} bytes (--max-run)", file.limit());
            self.enqueue(Command::Fail("budget", message));
            self.stop(Stop::Signal(SIGINT));
        }
    }

    pub(super) fn exit(&self) -> Exit {
        let child = match self.agent.ended {
            _ if self.was_killed() => Exit::Success,
            Some(Ended::Exited(code)) if code != 0 => {
                Exit::Child(u8::try_from(code).unwrap_or(u8::MAX))
            }
            Some(Ended::Signalled(signal)) => Exit::Signal(signal),
            _ => Exit::Success,
        };
        let left = if self.left.is_empty() { Exit::Success } else { Exit::Failed };
        let exit = child.or(self.tap.exit()).or(left);
        self.stdout.exit(self.dies_of.signal(), self.outlet.exit().or(exit))
    }
}
