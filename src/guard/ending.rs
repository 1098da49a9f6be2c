//! How a turn ends: completed, failed and cancelled are told apart by proof, and everything open is closed first.

use super::Guard;
use super::block::Blocks;
use super::say::{End, Ended, Text, TextKind, TurnVerdict};
use super::tools::Tools;
use crate::codec::Object;
use crate::event::{ChildExit, Failure, Type, UsageAndCost};
use crate::exit::Exit;
use crate::time::Time;

/// How many terminal events are kept for whoever asks for them.
const MAX_ENDS: usize = 16;

/// The end of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnEnd {
    /// The stream.
    pub stream: String,
    /// The turn.
    pub turn: u64,
    /// The terminal event, as its line without the line feed.
    pub line: String,
}

/// The last word on a turn. Its fields are the runtime's; the guard decides between them and a cancel of ours.
#[derive(Debug, Clone)]
enum Terminal<'a> {
    Completed { stop: &'a str, result: Option<&'a str> },
    Failed { error: Failure<'a>, exit: Option<ChildExit> },
    Cancelled { by: &'a str, reason: &'a str, stop: Option<&'a str> },
}

/// How the open turn is to end, whatever the runtime says of it.
#[derive(Debug, Clone)]
pub(super) enum PendingEnd {
    Cancel { by: String, reason: String },
    Fail { code: String, message: String },
}

impl Guard {
    /// The runtime's result: the turn completed. `result` is said as an answer if the turn had none.
    pub fn complete(&mut self, now: Time, stop: &str, result: Option<&str>, spent: &UsageAndCost) {
        self.ensure_turn(now);
        if let Some(answer) = result.filter(|r| !r.is_empty())
            && !self.answered()
        {
            let text = Text { key: "\0result", kind: TextKind::Answer, parent: None };
            self.finish_block(now, &text, Some(answer));
        }
        self.end_turn(now, Terminal::Completed { stop, result }, spent, false);
    }

    /// The runtime's result: the turn failed.
    pub fn fail(&mut self, now: Time, error: Failure<'_>, spent: &UsageAndCost) {
        self.ensure_turn(now);
        self.end_turn(now, Terminal::Failed { error, exit: None }, spent, false);
    }

    /// The runtime's own word that the turn was cancelled.
    pub fn cancelled(&mut self, now: Time, reason: &str, stop: Option<&str>, spent: &UsageAndCost) {
        self.ensure_turn(now);
        self.end_turn(now, Terminal::Cancelled { by: "runtime", reason, stop }, spent, false);
    }

    /// What the open turn has used so far, in case it ends without saying so.
    pub fn note_spent(&mut self, spent: &UsageAndCost) {
        if let Some(turn) = &mut self.state.turn {
            turn.spent = spent.clone();
        }
    }

    /// From here on the open turn, of every state, however it ends, was cancelled by us: `by` is `signal`, `control` or `filter`.
    /// The first to ask is the one that is named.
    pub fn request_cancel(&mut self, by: &str, reason: &str) {
        let pending_end = PendingEnd::Cancel { by: by.to_owned(), reason: reason.to_owned() };
        self.ask(&pending_end);
    }

    /// As [`Guard::request_cancel`], of the turns that are open now and not of later ones.
    pub fn request_cancel_open(&mut self, by: &str, reason: &str) {
        for state in self.lanes_mut().filter(|state| state.turn.is_some()) {
            state.pending_end.get_or_insert_with(|| PendingEnd::Cancel {
                by: by.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// The last turns that have ended since this was pending_end, at most 16 of them.
    pub fn take_ends(&mut self) -> impl Iterator<Item = TurnEnd> {
        std::mem::take(&mut self.ends).into_iter()
    }

    /// From here on the open turn, however it ends, has failed with this `error.code`, unless its end was pending_end for before.
    pub fn request_fail(&mut self, code: &str, message: &str) {
        let pending_end = PendingEnd::Fail { code: code.to_owned(), message: message.to_owned() };
        self.ask(&pending_end);
    }

    /// Whoever asks does not know of streams: it is pending_end of all.
    fn ask(&mut self, pending_end: &PendingEnd) {
        for state in self.lanes_mut() {
            state.pending_end.get_or_insert_with(|| pending_end.clone());
        }
    }

    /// A turn that completes with one of these stop reasons has failed.
    pub fn fail_on_stop(&mut self, stops: Vec<String>) {
        self.fail_on_stop = stops;
    }

    /// The input has ended: closes what is open, and gives a run that said nothing at all its one turn.
    pub fn end(&mut self, now: Time, end: &End) {
        self.in_every_lane(|guard| guard.end_stream(now, end));
    }

    fn end_stream(&mut self, now: Time, end: &End) {
        if self.state.turn.is_none() {
            if self.all_turns() > 0 || !self.in_first_lane() {
                return;
            }
            self.ensure_turn(now);
        }
        let spent = UsageAndCost::default();
        let exit = end.ended.child_exit();
        let failed = |code: &'static str, message: String| Terminal::Failed {
            error: Failure { code: code.into(), message: message.into(), retry_at: None },
            exit,
        };
        let terminal = match (end.verdict, end.ended) {
            (TurnVerdict::MissingResult, ended) => {
                failed("missing_result", ended.sentence("without a result"))
            }
            (TurnVerdict::Truncated, ended @ (Ended::Eof | Ended::Exited(0))) => {
                failed("truncated", ended.sentence("in the middle of a message"))
            }
            (_, Ended::Eof | Ended::Exited(0)) => {
                Terminal::Completed { stop: "end_of_output", result: None }
            }
            (_, ended @ Ended::Exited(_)) => failed("exit_nonzero", ended.sentence("")),
            (_, ended @ Ended::Signalled(_)) => failed("signal", ended.sentence("")),
        };
        let synthetic = end.verdict != TurnVerdict::ByExit;
        self.end_turn(now, terminal, &spent, synthetic);
    }

    /// The command could not be started: the run's one turn fails with `spawn_failed`.
    pub fn spawn_failed(&mut self, now: Time, message: &str) {
        self.ensure_turn(now);
        let error =
            Failure { code: "spawn_failed".into(), message: message.into(), retry_at: None };
        self.end_turn(now, Terminal::Failed { error, exit: None }, &UsageAndCost::default(), true);
    }

    pub(super) fn fail_missing(&mut self, now: Time, message: &str) {
        let error =
            Failure { code: "missing_result".into(), message: message.into(), retry_at: None };
        self.end_turn(now, Terminal::Failed { error, exit: None }, &UsageAndCost::default(), true);
    }

    /// Closes blocks and tools, then says the terminal event. `synthetic`: the runtime never said that it ended.
    fn end_turn(
        &mut self,
        now: Time,
        terminal: Terminal<'_>,
        spent: &UsageAndCost,
        synthetic: bool,
    ) {
        let pending_end = self.state.pending_end.take();
        let noted = self.state.turn.as_mut().map(|turn| std::mem::take(&mut turn.spent));
        let spent = &with_noted(spent, noted.unwrap_or_default());
        let refused = self.refused(&terminal);
        let terminal = overruled(terminal, pending_end.as_ref(), refused.as_deref());
        self.with_blocks(now, synthetic, Blocks::close_all);
        self.with_tools(now, Tools::close_all);
        match terminal {
            Terminal::Completed { stop, result } => {
                self.state.exit = Exit::Success;
                let body = |body: &mut Object<'_>| {
                    body.text("stop", stop);
                    body.text_if("result", result);
                };
                self.emit_terminal(now, Type::TurnCompleted, synthetic, body, spent);
            }
            Terminal::Failed { error, exit } => {
                self.state.exit = Exit::of_failure(&error.code);
                let tail = std::mem::take(&mut self.stderr_tail);
                let body = |body: &mut Object<'_>| {
                    body.value("error", &error);
                    body.value_if("exit", exit.as_ref());
                    body.text_if("stderr_tail", Some(&*tail).filter(|tail| !tail.is_empty()));
                };
                self.emit_terminal(now, Type::TurnFailed, synthetic, body, spent);
            }
            Terminal::Cancelled { by, reason, stop } => {
                self.state.exit = if by == "signal" { Exit::Success } else { Exit::Cancelled };
                let body = |body: &mut Object<'_>| {
                    body.text("by", by);
                    body.text("reason", reason);
                    body.text_if("stop", stop);
                };
                self.emit_terminal(now, Type::TurnCancelled, synthetic, body, spent);
            }
        }
        self.state.turn = None;
        self.ended += 1;
        self.state.ended = self.ended;
    }

    /// What is wrong with a stop reason that the user does not take for a success.
    fn refused(&self, terminal: &Terminal<'_>) -> Option<String> {
        match terminal {
            Terminal::Completed { stop, .. } if self.fail_on_stop.iter().any(|s| s == stop) => {
                Some(format!("the turn stopped with {stop} (--fail-on-stop)"))
            }
            _ => None,
        }
    }

    fn emit_terminal(
        &mut self,
        now: Time,
        type_: Type,
        synthetic: bool,
        body: impl FnOnce(&mut Object<'_>),
        spent: &UsageAndCost,
    ) {
        let start = self.out.len();
        self.emit(now, (type_, None, synthetic), |object| {
            body(object);
            object.fields_of(spent);
        });
        let line = self.out.get(start..).unwrap_or_default().trim_ascii_end();
        let line = std::str::from_utf8(line).unwrap_or_default().to_owned();
        if self.ends.len() >= MAX_ENDS {
            self.ends.pop_front();
        }
        self.ends.push_back(TurnEnd {
            stream: self.state.stream.clone(),
            turn: self.state.turns,
            line,
        });
    }
}

/// The runtime's word, unless we know better. A turn that we cancelled is cancelled even if the runtime calls it complete;
/// its word is kept.
fn overruled<'a>(
    terminal: Terminal<'a>,
    pending_end: Option<&'a PendingEnd>,
    refused: Option<&'a str>,
) -> Terminal<'a> {
    let failed = |code: &'a str, message: &'a str, exit| Terminal::Failed {
        error: Failure { code: code.into(), message: message.into(), retry_at: None },
        exit,
    };
    match (pending_end, terminal) {
        (Some(PendingEnd::Cancel { by, reason }), terminal) => Terminal::Cancelled {
            by,
            reason,
            stop: match terminal {
                Terminal::Completed { stop, .. } => Some(stop),
                Terminal::Cancelled { stop, .. } => stop,
                Terminal::Failed { .. } => None,
            },
        },
        (Some(PendingEnd::Fail { code, message }), terminal) => {
            let exit = match terminal {
                Terminal::Failed { exit, .. } => exit,
                _ => None,
            };
            failed(code, message, exit)
        }
        (None, terminal) => match refused {
            Some(message) => failed("runtime_error", message, None),
            None => terminal,
        },
    }
}

/// What the runtime says at the end, and for what it leaves out what was noted before.
fn with_noted(said: &UsageAndCost, noted: UsageAndCost) -> UsageAndCost {
    UsageAndCost {
        usage: said.usage.or(noted.usage),
        usage_total: said.usage_total.or(noted.usage_total),
        cost_usd: said.cost_usd.or(noted.cost_usd),
        duration_ms: said.duration_ms.or(noted.duration_ms),
    }
}
