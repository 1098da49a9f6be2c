//! The host's own events, its output to stdout, and the exit status.

use serde_json::json;
use signal_hook::consts::{SIGTTIN, SIGTTOU};

use super::Host;
use crate::exit::Exit;
use crate::guard::{Ended, Notice};
use crate::run::child::Guarded;
use crate::run::message::Message;
use crate::run::output::warn;
use crate::time::Time;

const MAX_LEFT: usize = 16;

impl Host<'_> {
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
        let mut data = serde_json::to_value(ended.child_exit()).unwrap_or_default();
        data["killed"] = json!(self.was_killed() && !self.agent.is_unkillable());
        if !left.is_empty() {
            let all: Vec<String> =
                left.iter().map(|(pid, name)| format!("{pid} ({})", name.escape_debug())).collect();
            let shown = all.get(..MAX_LEFT).unwrap_or(&all).join(", ");
            let more = if all.len() > MAX_LEFT { ", ..." } else { "" };
            let count = all.len();
            warn(format_args!(
                "processes of the agent that could not be killed: {count}: {shown}{more}"
            ));
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
    pub(super) fn emit(
        &mut self,
        kind: &str,
        message: Option<&str>,
        data: Option<serde_json::Value>,
    ) {
        let now = if self.spool.is_empty() { self.clock.now() } else { self.seen_at };
        let notice = Notice { kind, message, data, parent: None };
        self.tap.guard().at(now).notice(&notice);
    }

    pub(super) fn was_killed(&self) -> bool {
        self.life.killed || self.agent.guarded == Guarded::Lost
    }

    pub(super) fn collect(&mut self) {
        let out = &mut self.tap.guard().out;
        if self.stdout.reader_gone {
            out.clear();
        } else if !out.is_empty() {
            let mut bytes = std::mem::take(out);
            self.output.push(&mut bytes);
        }
    }

    pub(super) fn write(&mut self) {
        if let Err(e) = self.output.flush_some() {
            self.stdout.fail(&e);
            self.stop_for_reader();
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
        self.stdout.exit(self.dies_of.signal(), child.or(self.tap.exit()).or(left))
    }
}
