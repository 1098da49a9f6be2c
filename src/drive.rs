//! Driver of an agent: owner of its stdin (docs/ARCHITECTURE.md). It decides what is written there and when, who answers the
//! agent's questions, and when the input is over. Pure: bytes and time go in, actions come out.

mod acp;
mod claude;
mod codex;
mod input;
mod permission;
mod protocol;
mod questions;
mod terms;
#[cfg(test)]
mod tests;
mod typed;

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::{Lines, MAX_LINE, Piece};
use crate::time::Time;

pub(crate) use input::{Input, Name};
pub(crate) use permission::OnPermission;
pub(crate) use protocol::{Given, InTurn, Permit, Question};
use protocol::{Message, Outbox, Protocol, Report};
pub(crate) use questions::Answered;
use questions::OpenQuestion;
pub(crate) use terms::{Action, Config, Force, Refused};

/// Longest message, in bytes.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;

/// Longest prompt in a command line, in bytes; the system allows 128 KiB for one argument.
pub(crate) const MAX_ARGUMENT: usize = 100 << 10;

/// Longest line that is typed at a terminal, in bytes; the system cuts a longer one.
const MAX_TYPED: usize = 4095;

/// Messages that may wait.
const MAX_QUEUED: usize = 1000;

/// Bytes of the messages that may wait.
const MAX_QUEUED_BYTES: usize = 8 << 20;

/// Time for an agent to begin the conversation.
const BEGIN_WITHIN: Duration = Duration::from_secs(60);

/// Time after a turn in which a message that was written into it begins another.
const TAKE_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Sent {
    message: Message,
    /// Turns that had ended before.
    turn: u64,
}

/// The driver.
#[derive(Debug)]
pub(crate) struct Driver {
    config: Config,
    protocol: Box<dyn Protocol>,
    lines: Lines,
    queue: VecDeque<Message>,
    /// Messages that were written and are not known to be read.
    sent: Vec<Sent>,
    in_turn: InTurn,
    /// True if the agent is known to work on the turn.
    has_begun: bool,
    /// True if the turn is interrupted as soon as it has begun: an agent ignores an interrupt before.
    interrupts: bool,
    /// True from an interrupt to the end of the turn: its questions are void.
    cancels: bool,
    /// Turns that have ended.
    turns: u64,
    /// True if the agent has refused a message in this turn: others wait for its end.
    refuses: bool,
    /// Message that was refused last.
    refused: Option<String>,
    questions: Vec<OpenQuestion>,
    begun: Time,
    /// Start of the time without a turn.
    idle_since: Option<Time>,
    ready: bool,
    closed: bool,
    actions: VecDeque<Action>,
}

impl Driver {
    pub(crate) fn new(now: Time, config: Config) -> Self {
        let (folder, session) = (config.folder.as_str(), config.session.as_deref());
        let protocol: Box<dyn Protocol> = match config.input {
            Input::Protocol(Name::Claude) => Box::new(claude::Claude::default()),
            Input::Protocol(Name::Acp) => Box::new(acp::Acp::new(folder, session)),
            Input::Protocol(Name::Codex) => Box::new(codex::Codex::new(folder, session)),
            Input::Terminal => Box::new(typed::Typed),
            Input::Prompt => Box::new(typed::Once::default()),
        };
        let mut driver = Self {
            config,
            protocol,
            lines: Lines::new(MAX_LINE),
            queue: VecDeque::new(),
            sent: Vec::new(),
            in_turn: InTurn::No,
            has_begun: false,
            interrupts: false,
            cancels: false,
            turns: 0,
            refuses: false,
            refused: None,
            questions: Vec::new(),
            begun: now,
            idle_since: Some(now),
            ready: false,
            closed: false,
            actions: VecDeque::new(),
        };
        let mut to = Outbox::default();
        driver.protocol.begin(&mut to);
        driver.take(now, to);
        driver
    }

    pub(crate) fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes bytes of the agent's stdout.
    pub(crate) fn on_output(&mut self, now: Time, bytes: &[u8]) {
        if !matches!(self.config.input, Input::Protocol(_)) {
            return;
        }
        let mut to = Outbox::default();
        let protocol = &mut self.protocol;
        self.lines.feed(bytes, |piece| match piece {
            Piece::Line { bytes, .. } => protocol.on_line(bytes, &mut to),
            Piece::Long { bytes, .. } if is_question(bytes) => {
                let why = "a question for permission has more than 16 MiB";
                to.reports.push(Report::Failed(why.into()));
            }
            Piece::Long { .. } => {}
        });
        self.take(now, to);
    }

    /// Takes the state of the turn at a terminal, where only the events tell it.
    pub(crate) fn on_turn(&mut self, in_turn: InTurn) {
        if self.config.input == Input::Terminal {
            self.in_turn = in_turn;
        }
    }

    /// Gives a message to the agent, now or when it takes one.
    pub(crate) fn send(
        &mut self,
        now: Time,
        id: &str,
        text: &str,
        force: Force,
    ) -> Result<Given, Refused> {
        self.check(text, force)?;
        self.queue.push_back(Message { id: id.to_owned(), text: text.to_owned() });
        self.flush(now);
        Ok(if self.queue.iter().any(|message| message.id == id) {
            Given::Queued
        } else if self.sent.iter().any(|sent| sent.message.id == id) {
            Given::Sent
        } else {
            Given::Written
        })
    }

    /// Reason why a message cannot be given.
    pub(crate) fn check(&self, text: &str, force: Force) -> Result<(), Refused> {
        let refused = |code, why: &str| Err(Refused(code, why.to_owned()));
        let at_terminal = self.config.input == Input::Terminal;
        let waiting: usize = self.queue.iter().map(|message| message.text.len()).sum();
        if self.config.input == Input::Prompt && !self.is_fresh() {
            return refused(
                "no_messages",
                "this agent takes no messages: only Claude Code, agents of the Agent Client Protocol, codex app-server, and agents at a terminal (--pty) do",
            );
        }
        if self.closed {
            return refused("closed", "the agent's input is closed: the run is about to end");
        }
        if text.len() > MAX_MESSAGE {
            return refused("too_long", "the message is longer than 1 MiB");
        }
        if text.contains('\0') {
            return refused("bad_text", "the message has a NUL byte");
        }
        if at_terminal && text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return refused("bad_text", "the message has control characters: they are keys there");
        }
        if at_terminal && text.split(['\n', '\r']).any(|line| line.len() > MAX_TYPED) {
            return refused(
                "too_long",
                "a line of the message has more than 4,095 bytes: a terminal cuts it",
            );
        }
        if at_terminal && self.in_turn == InTurn::Yes && force == Force::No {
            return refused(
                "turn_open",
                "a turn is open, and text at a terminal could answer a dialog: --force types it",
            );
        }
        if self.queue.len() >= MAX_QUEUED || waiting + text.len() > MAX_QUEUED_BYTES {
            return refused("full", "too many messages wait for the agent");
        }
        Ok(())
    }

    /// Interrupts the turn. Open questions are void then, and the protocols want them answered.
    pub(crate) fn interrupt(&mut self, now: Time) {
        for open in std::mem::take(&mut self.questions) {
            self.answer(now, &open.question, Permit::Cancelled, "cancel");
        }
        (self.interrupts, self.cancels) = (true, self.is_in_turn());
        self.interrupt_begun(now);
    }

    fn interrupt_begun(&mut self, now: Time) {
        if self.interrupts && self.has_begun {
            self.interrupts = false;
            let mut to = Outbox::default();
            self.protocol.interrupt(&mut to);
            self.take(now, to);
        }
    }

    fn begin_turn(&mut self, now: Time) {
        (self.in_turn, self.has_begun) = (InTurn::Yes, true);
        self.interrupt_begun(now);
    }

    /// True from the message that begins a turn to the turn's end, and while the agent has messages that it has not read.
    pub(crate) fn is_in_turn(&self) -> bool {
        let works = self.in_turn == InTurn::Yes || !self.sent.is_empty();
        matches!(self.config.input, Input::Protocol(_)) && works
    }

    /// True if the runtime has an interrupt and a turn for it.
    pub(crate) fn can_interrupt(&self) -> bool {
        self.is_in_turn() && !self.closed
    }

    /// Number of messages that the agent is not known to have read, or to have been given.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len() + self.sent.len()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        if self.closed {
            return None;
        }
        let questions = self.config.permission_timeout.filter(|_| self.waits_for_people());
        let questions = questions.and_then(|limit| Some(self.questions.first()?.since + limit));
        let begin = (!self.ready).then(|| self.begun + BEGIN_WITHIN);
        [questions, begin, self.end_at()].into_iter().flatten().min()
    }

    pub(crate) fn on_tick(&mut self, now: Time) {
        if self.closed {
            return;
        }
        if let Some(limit) = self.config.permission_timeout.filter(|_| self.waits_for_people()) {
            while self.questions.first().is_some_and(|open| open.since + limit <= now) {
                let open = self.questions.remove(0);
                let why = format!("nobody answered within {limit:?}");
                self.answer(now, &open.question, Permit::Deny(why), "timeout");
            }
        }
        if !self.ready && self.begun + BEGIN_WITHIN <= now {
            let why = format!("the agent did not begin the conversation within {BEGIN_WITHIN:?}");
            self.fail("protocol", why);
        } else if self.end_at().is_some_and(|at| at <= now) {
            if self.sent.is_empty() {
                return self.close();
            }
            let why = format!("messages that the agent has not read: {}", self.sent.len());
            self.actions.push_back(Action::Warn(why));
            self.sent.clear();
            self.protocol.forget();
            self.idle_since = Some(now);
            self.flush(now);
        }
    }

    /// True before the first message.
    fn is_fresh(&self) -> bool {
        self.protocol.is_ready(InTurn::No) && self.queue.is_empty()
    }

    /// End of the input, if nothing more comes.
    fn end_at(&self) -> Option<Time> {
        let waits = self.queue.is_empty() || !self.sent.is_empty();
        let idle = self.idle_since.filter(|_| self.in_turn == InTurn::No && waits)?;
        // An agent that was written to within its turn begins the next one by itself.
        let wait = if self.sent.is_empty() { Duration::ZERO } else { TAKE_WITHIN };
        // Nothing tells the end of a turn at a terminal.
        let is_typed = self.config.input == Input::Terminal;
        (!is_typed).then(|| idle + self.config.keep_open.max(wait))
    }

    fn close(&mut self) {
        self.closed = true;
        self.actions.push_back(Action::Close);
    }

    fn fail(&mut self, code: &'static str, why: String) {
        self.actions.push_back(Action::Fail(code, why));
        (self.ready, self.in_turn) = (true, InTurn::No);
        self.close();
    }

    fn take(&mut self, now: Time, to: Outbox) {
        self.actions.extend(to.texts.into_iter().map(Action::Write));
        for report in to.reports {
            self.on_report(now, report);
        }
        self.flush(now);
    }

    fn on_report(&mut self, now: Time, report: Report) {
        match report {
            Report::Taken(id) => {
                self.sent.retain(|sent| sent.message.id != id);
                self.actions.push_back(Action::Taken(id));
            }
            Report::NotNow(id) => {
                let Some(at) = self.sent.iter().position(|sent| sent.message.id == id) else {
                    return;
                };
                let Sent { message, turn } = self.sent.remove(at);
                // In front of the others: it was given before them.
                self.queue.push_front(message);
                let again = self.refused.replace(id.clone()).as_ref() == Some(&id);
                self.refuses = self.in_turn == InTurn::Yes && (again || turn == self.turns);
                self.actions.push_back(Action::Queued(id));
            }
            Report::Asked(question) => self.on_question(now, question),
            Report::Withdrawn(id) => self.questions.retain(|open| open.question.id != id),
            Report::TurnStarted => self.begin_turn(now),
            Report::TurnEnded => {
                self.in_turn = InTurn::No;
                (self.has_begun, self.interrupts) = (false, false);
                (self.cancels, self.refuses) = (false, false);
                self.turns += 1;
                self.idle_since = Some(now);
                self.questions.clear();
            }
            Report::Failed(why) => self.fail("protocol", why),
            Report::Refused(why) => {
                self.fail("runtime_error", format!("the agent begins no turn: {why}"));
            }
        }
    }

    /// Writes what waits and can be written.
    fn flush(&mut self, now: Time) {
        while !self.closed && !self.refuses && self.protocol.is_ready(self.in_turn) {
            self.ready = true;
            let Some(message) = self.queue.pop_front() else { return };
            let mut to = Outbox::default();
            let given = self.protocol.send(&message, &mut to);
            if given == Given::Sent {
                self.sent.push(Sent { message, turn: self.turns });
            }
            self.actions.extend(to.texts.into_iter().map(Action::Write));
            match self.config.input {
                Input::Protocol(_) => self.in_turn = InTurn::Yes,
                Input::Terminal => {}
                Input::Prompt => self.close(),
            }
            self.idle_since = Some(now);
            for report in to.reports {
                self.on_report(now, report);
            }
        }
    }
}

/// True for a piece of a line that asks for permission.
fn is_question(piece: &[u8]) -> bool {
    let names = [&b"\"can_use_tool\""[..], b"\"session/request_permission\"", b"requestApproval\""];
    names.iter().any(|name| memchr::memmem::find(piece, name).is_some())
}
