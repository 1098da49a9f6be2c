//! The end of a turn: completed, failed or cancelled by proof, with everything open closed first.

use std::borrow::Cow;

use super::streams::StreamState;
use super::terms::{End, Ended, Text, TextKind, TurnVerdict};
use super::{Guard, Origin, spent};
use crate::codec::Object;
use crate::event::{ChildExit, Failure, Type, UsageAndCost};
use crate::exit::Exit;

/// Limit of terminal events that are kept for [`Guard::take_ends`].
const MAX_ENDS: usize = 16;

/// Longest reason of a cancel, in characters.
const MAX_REASON: usize = 1000;

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

/// A terminal event, as the runtime reports it; a pending cancel may overrule it.
#[derive(Debug, Clone)]
enum Terminal<'a> {
    Completed { stop: &'a str, result: Option<&'a str> },
    Failed { error: Failure<'a>, exit: Option<ChildExit> },
    Cancelled { by: &'a str, reason: &'a str, stop: Option<&'a str> },
}

/// The end that the open turn will have, whatever the runtime reports.
#[derive(Debug, Clone)]
pub(super) enum PendingEnd {
    Cancel { by: String, reason: String },
    Fail { code: String, message: String },
}

impl PendingEnd {
    pub(super) fn cancel(by: &str, reason: &str) -> Self {
        Self::Cancel { by: by.to_owned(), reason: reason.chars().take(MAX_REASON).collect() }
    }
}

impl Guard {
    /// Completes the turn. `result` is emitted as an answer if the turn had none.
    pub fn complete(&mut self, stop: &str, result: Option<&str>, spent: &UsageAndCost) {
        self.ensure_turn();
        if let Some(answer) = result.filter(|r| !r.is_empty())
            && !self.answered()
        {
            let text = Text { key: "\0result", kind: TextKind::Answer, parent: None };
            self.finish_block(&text, Some(answer));
        }
        self.end_turn(Terminal::Completed { stop, result }, spent, Origin::Runtime);
    }

    /// Fails the turn.
    pub fn fail(&mut self, error: Failure<'_>, spent: &UsageAndCost) {
        self.ensure_turn();
        self.end_turn(Terminal::Failed { error, exit: None }, spent, Origin::Runtime);
    }

    /// Ends the turn as cancelled by the runtime itself.
    pub fn cancelled(&mut self, reason: &str, stop: Option<&str>, spent: &UsageAndCost) {
        self.ensure_turn();
        self.end_turn(Terminal::Cancelled { by: "runtime", reason, stop }, spent, Origin::Runtime);
    }

    /// Makes the open turn of every stream end as cancelled: `by` is `signal`, `control` or `filter`. The first request counts.
    pub fn request_cancel(&mut self, by: &str, reason: &str) {
        self.request(&PendingEnd::cancel(by, reason));
    }

    /// As [`Guard::request_cancel`], of the turns that are open now in these streams and not of later ones.
    pub fn request_cancel_open(&mut self, streams: &[usize], by: &str, reason: &str) {
        let is_meant =
            |state: &&mut StreamState| state.turn.is_some() && streams.contains(&state.number);
        for state in self.states_mut().filter(is_meant) {
            state.pending_end.get_or_insert_with(|| PendingEnd::cancel(by, reason));
        }
    }

    /// The turns that have ended since the last call, at most 16.
    pub fn take_ends(&mut self) -> impl Iterator<Item = TurnEnd> {
        std::mem::take(&mut self.ends).into_iter()
    }

    /// Makes the open turn of every stream fail with this `error.code`, unless an end was requested before.
    pub fn request_fail(&mut self, code: &str, message: &str) {
        let pending_end = PendingEnd::Fail { code: code.to_owned(), message: message.to_owned() };
        self.request(&pending_end);
    }

    /// Requests an end of the turns of all streams.
    fn request(&mut self, pending_end: &PendingEnd) {
        for state in self.states_mut() {
            state.pending_end.get_or_insert_with(|| pending_end.clone());
        }
    }

    /// Makes turns fail that complete with one of these stop reasons.
    pub fn fail_on_stop(&mut self, stops: Vec<String>) {
        self.fail_on_stop = stops;
    }

    /// Ends the input: closes everything that is open; a run without any turn gets one.
    pub fn end(&mut self, end: &End) {
        self.in_every_stream(|guard| guard.end_stream(end));
    }

    fn end_stream(&mut self, end: &End) {
        if self.state.turn.is_none() {
            if self.all_turns() > 0 || self.state.number > 0 {
                return;
            }
            self.ensure_turn();
        }
        let spent = UsageAndCost::default();
        let exit = end.ended.child_exit();
        let failed = |code, message: String| failed(code, message, exit);
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
        let own = end.verdict == TurnVerdict::ByExit;
        self.end_turn(terminal, &spent, if own { Origin::Runtime } else { Origin::Spile });
    }

    /// Fails the run's one turn because the command could not be started.
    pub fn spawn_failed(&mut self, message: &str) {
        self.ensure_turn();
        self.fail_own("spawn_failed", message);
    }

    /// Fails the open turn for a reason of spile's own.
    pub(super) fn fail_own(&mut self, code: &str, message: &str) {
        let failed = failed(code, message, None);
        self.end_turn(failed, &UsageAndCost::default(), Origin::Spile);
    }

    /// Closes blocks and tools, then emits the terminal event.
    fn end_turn(&mut self, terminal: Terminal<'_>, spent: &UsageAndCost, origin: Origin) {
        self.observe();
        let pending_end = self.state.pending_end.take().or_else(|| self.refused(&terminal));
        let noted = self.state.turn.as_mut().map(|turn| std::mem::take(&mut turn.spent));
        let spent = spent::or_noted(spent, noted.unwrap_or_default());
        let terminal = overruled(terminal, pending_end.as_ref());
        let (blocks, turn, mut emitter) = self.parts();
        blocks.close_all(origin, &mut emitter);
        let files = turn.map(|turn| turn.tools.close_all(&mut emitter)).unwrap_or_default();
        let mut tail = String::new();
        let (type_, exit) = match &terminal {
            Terminal::Completed { .. } => (Type::TurnCompleted, Exit::Success),
            Terminal::Failed { error, .. } => {
                tail = std::mem::take(&mut self.stderr_tail);
                (Type::TurnFailed, Exit::of_failure(&error.code))
            }
            Terminal::Cancelled { by: "signal", .. } => (Type::TurnCancelled, Exit::Success),
            Terminal::Cancelled { .. } => (Type::TurnCancelled, Exit::Cancelled),
        };
        let start = self.out.len();
        self.emit((type_, None, origin), |body| {
            terminal.write(body);
            body.text_if("stderr_tail", Some(&*tail).filter(|tail| !tail.is_empty()));
            spent::write_files(body, &files);
            spent::write(body, &spent);
        });
        self.note_end(start);
        self.ended += 1;
        let state = &mut self.state;
        (state.turn, state.exit, state.ended) = (None, exit, self.ended);
    }

    /// Failure of a turn with a stop reason that `--fail-on-stop` lists.
    fn refused(&self, terminal: &Terminal<'_>) -> Option<PendingEnd> {
        match terminal {
            Terminal::Completed { stop, .. } if self.fail_on_stop.iter().any(|s| s == stop) => {
                let message = format!("the turn stopped with {stop} (--fail-on-stop)");
                Some(PendingEnd::Fail { code: "runtime_error".to_owned(), message })
            }
            _ => None,
        }
    }

    /// Keeps the terminal event that begins at `start` of the output.
    fn note_end(&mut self, start: usize) {
        let line = self.out.get(start..).unwrap_or_default().trim_ascii_end();
        let line = std::str::from_utf8(line).unwrap_or_default().to_owned();
        if self.ends.len() >= MAX_ENDS {
            self.ends.pop_front();
        }
        let (stream, turn) = (self.state.stream.clone(), self.state.turns);
        self.ends.push_back(TurnEnd { stream, turn, line });
    }
}

impl Terminal<'_> {
    /// Writes the fields before usage and cost.
    fn write(&self, body: &mut Object<'_>) {
        match *self {
            Terminal::Completed { stop, result } => {
                body.text("stop", stop);
                body.text_if("result", result);
            }
            Terminal::Failed { ref error, exit } => {
                body.value("error", error);
                body.value_if("exit", exit.as_ref());
            }
            Terminal::Cancelled { by, reason, stop } => {
                body.text("by", by);
                body.text("reason", reason);
                body.text_if("stop", stop);
            }
        }
    }
}

/// The terminal event after pending ends: a turn with a pending cancel is cancelled even if the runtime completes it; its
/// stop reason is kept.
fn overruled<'a>(terminal: Terminal<'a>, pending_end: Option<&'a PendingEnd>) -> Terminal<'a> {
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
        (None, terminal) => terminal,
    }
}

/// A failure without a time to retry.
fn failed<'a>(
    code: impl Into<Cow<'a, str>>,
    message: impl Into<Cow<'a, str>>,
    exit: Option<ChildExit>,
) -> Terminal<'a> {
    Terminal::Failed {
        error: Failure { code: code.into(), message: message.into(), retry_at: None },
        exit,
    }
}
