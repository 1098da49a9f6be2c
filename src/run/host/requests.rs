//! Requests on the control socket, and orders to the agent in its runtime's protocol, through a stdin pipe. A cancel takes
//! effect at its place in the agent's output, so that it ends the turn meant.

use std::time::Duration;

use serde_json::{Value, json};

use super::backlog::Command;
use super::run_file::RunFile;
use super::{Feed, Host, RENEW_EVERY};
use crate::adapter::Order;
use crate::drive::{Driver, Force};
use crate::lifecycle::{Cancel, Stop};
use crate::run::control::{Answer, Ask, CancelTurn, Info, Request, Server, SocketPlace};
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    pub server: Option<Server>,
    word: String,
    /// Time at which the socket's file is looked for.
    pub renewal: Option<Time>,
    pub orders: u64,
    /// Streams that the next interrupt is for; all with an open turn if absent.
    pub interrupts: Option<Vec<usize>>,
}

/// A cancel request queued behind the agent's earlier output.
#[derive(Debug)]
pub(super) struct TurnCancel {
    client: u64,
    request: CancelTurn,
    /// Number of the stream if it is one of several; otherwise the whole run is meant.
    stream: Option<usize>,
    /// True if the agent was stopped already, ahead of its queued output.
    stopped: bool,
}

impl Host<'_> {
    /// Opens the control socket and emits `session`. A run works without a socket, too.
    pub(super) fn begin(&mut self, argv: Vec<String>) {
        let guard = self.tap.guard();
        let info = Info {
            spile: 1,
            pid: std::process::id(),
            stream: guard.stream().to_owned(),
            label: guard.label().map(str::to_owned),
            control: self.agent.token.clone(),
            child: self.agent.pid,
            argv,
            started: self.clock.now().to_string(),
        };
        let place = self.run_file.as_ref().map_or(SocketPlace::Shared, RunFile::socket_place);
        // On a full disk there is room in the runtime folder.
        let server =
            Server::open(place, &info).or_else(|_| Server::open(SocketPlace::Shared, &info));
        let mut data =
            json!({"pid": self.agent.pid, "argv": info.argv, "adapter": self.tap.adapter()});
        if server.is_ok() {
            data["control"] = json!({"pid": info.pid, "word": info.control});
        }
        self.emit("session", None, Some(data));
        match server {
            Ok(server) => {
                self.requests.server = Some(server);
                self.requests.word = info.control;
            }
            Err(e) => {
                let message = format!("the run cannot be cancelled by name: {e:#}");
                self.emit("warning", Some(&message), None);
            }
        }
    }

    /// Makes the socket anew if it is gone.
    pub(super) fn renew_socket(&mut self, now: Time) {
        if self.requests.renewal.is_none_or(|at| at <= now)
            && let Some(server) = &mut self.requests.server
        {
            server.renew();
            self.requests.renewal = Some(now + RENEW_EVERY);
        }
    }

    pub(super) fn serve(&mut self) {
        let requests = self.requests.server.as_mut().map(Server::serve);
        for (client, request) in requests.unwrap_or_default() {
            match self.misses(&request) {
                Some(why) => self.answer(client, &Answer::refused("not_here", why)),
                None => self.on_request(client, request),
            }
        }
    }

    /// Reason why a request is meant for another run.
    fn misses(&mut self, request: &Request) -> Option<&'static str> {
        let guard = self.tap.guard();
        let has = |id: &str| id == guard.stream() || guard.number_of(id).is_some();
        if request.stream.as_deref().is_some_and(|id| !has(id)) {
            return Some("this run has another stream");
        }
        if request.control.as_deref().is_some_and(|w| w != self.requests.word) {
            return Some("this is another run of the stream");
        }
        None
    }

    fn on_request(&mut self, client: u64, request: Request) {
        let guard = self.tap.guard();
        let other = request.stream.as_deref().filter(|id| *id != guard.stream());
        let stream = other.and_then(|id| guard.number_of(id));
        match request.ask {
            Ask::Query => {
                let state = Answer::State(self.state());
                self.answer(client, &state);
            }
            Ask::Cancel(request) => {
                self.cancel(TurnCancel { client, request, stream, stopped: false });
            }
            Ask::Redirect { prompt } => self.answer_redirect(client, &prompt),
            Ask::Send(text) => self.on_send(client, &text),
            Ask::Permit(permit) => self.on_permit(client, permit),
        }
    }

    fn answer_redirect(&mut self, client: u64, prompt: &str) {
        let answer = match self.redirect(prompt) {
            Ok(()) => Answer::Redirected,
            Err(why) => Answer::refused("not_now", &why),
        };
        self.answer(client, &answer);
    }

    pub(super) fn answer(&mut self, client: u64, answer: &Answer) {
        if let Some(control) = &mut self.requests.server {
            control.answer(client, answer);
        }
    }

    /// Cancels the turn at once, or at its place in the queue if the reader is slow.
    fn cancel(&mut self, mut cancel: TurnCancel) {
        if self.spool.is_empty() || self.stdout.reader_gone {
            self.update_view();
            return self.decide(cancel);
        }
        if cancel.request.turn.is_none() && cancel.stream.is_none() {
            // The agent is to stop now, even if the reader never reads on.
            cancel.stopped = true;
            self.update_view();
            self.stop_agent(cancel.request.grace_ms);
        }
        self.enqueue(Command::Ask(cancel));
    }

    pub(super) fn decide(&mut self, cancel: TurnCancel) {
        let TurnCancel { client, ref request, stream, stopped } = cancel;
        let guard = self.tap.guard();
        // An agent without output works on its first turn.
        // A driven one works on its next turn as soon as it has a message.
        let begins = self.spool.is_empty() && self.driver.as_ref().is_some_and(Driver::is_in_turn);
        let starting =
            (begins || guard.all_turns() == 0).then(|| (guard.stream(), guard.all_turns() + 1));
        let open = match stream {
            Some(number) => guard.open_turn_in(number),
            None => guard.open_turn().or(starting),
        };
        let open = open.filter(|_| !self.end_emitted);
        let Some((id, turn)) = open.map(|(id, turn)| (id.to_owned(), turn)) else {
            return self.answer(client, &Answer::refused("no_turn", "no turn is open"));
        };
        if request.turn.is_some_and(|wanted| wanted != turn) {
            return self.answer(client, &Answer::refused("other_turn", "another turn is open"));
        }
        if request.then.is_some()
            && let Err(why) = self.can_redirect(request.then.as_deref())
        {
            return self.answer(client, &Answer::refused("no_redirect", &why));
        }
        if let Some(number) = stream
            && !(self.is_listening() && self.tap.order(Order::Interrupt(number), 0).is_some())
        {
            let why = "the agent cannot end this stream alone: cancel the run";
            return self.answer(client, &Answer::refused("not_alone", why));
        }
        let by = if request.by.as_deref() == Some("filter") { "filter" } else { "control" };
        self.cancel_turns(stream, by, request.reason.as_deref().unwrap_or("spile cancel"));
        self.answer(client, &Answer::Accepted { turn });
        if let Some(control) = &mut self.requests.server {
            control.wait_for(client, (id, turn), request.then.clone());
        }
        if !stopped {
            self.stop_agent(request.grace_ms);
        }
    }

    /// Makes turns end as cancelled: those that are open, or all if the agent will not outlive the cancel.
    fn cancel_turns(&mut self, stream: Option<usize>, by: &str, reason: &str) {
        let open = self.tap.guard().open_streams();
        if self.can_interrupt() && !open.is_empty() {
            let meant = stream.map_or(open, |number| vec![number]);
            self.tap.guard().request_cancel_open(&meant, by, reason);
            self.requests.interrupts = Some(meant);
        } else {
            self.tap.guard().request_cancel(by, reason);
        }
    }

    pub(super) fn stop_agent(&mut self, grace_ms: Option<u64>) {
        let interrupt = self.can_interrupt();
        let within = grace_ms.map(Duration::from_millis);
        self.stop(Stop::Cancel(Cancel { interrupt, within }));
    }

    /// Stops the agent of a turn that a condition of `--cancel-when` has cancelled, unless the turn has already ended.
    pub(super) fn stop_cancelled(&mut self) {
        let mut cancelled = self.tap.guard().take_cancelled();
        cancelled.retain(|turn| self.tap.guard().is_at_work(&turn.stream, turn.turn));
        let Some(first) = cancelled.first() else { return };
        self.cancel_turns(None, "filter", &first.reason);
        if !self.stopped_ahead {
            self.update_view();
            self.stop_agent(None);
        }
    }

    /// Stops the agent if a condition on time holds by the clock while the reader is slow; the turn ends at the place of this
    /// moment in the output. An agent that takes prompts may have ended this turn in the output that was not read.
    pub(super) fn stop_overdue(&mut self, now: Time) {
        let due = self.condition_due().is_some_and(|due| due <= now);
        if due {
            self.stopped_ahead = true;
            self.stop_agent(None);
            self.enqueue(Command::Due);
        }
    }

    /// Time at which a condition on time holds while the reader is slow.
    pub(super) fn condition_due(&self) -> Option<Time> {
        let due = self.tap.condition_due(self.life.quiet_since());
        due.filter(|_| !self.may_continue && !self.stopped_ahead)
    }

    pub(super) fn settle(&mut self) {
        let Some(control) = &mut self.requests.server else { return };
        if self.end_emitted {
            // Whoever has its answer does not find the run again.
            control.retire();
        }
        let mut prompts = Vec::new();
        for mut end in self.tap.guard().take_ends() {
            end.line = self.outlet.apart(end.line);
            prompts.extend(control.ended(&end, &self.left));
        }
        for (client, prompt) in prompts {
            self.answer_redirect(client, &prompt);
        }
    }

    fn state(&mut self) -> Value {
        let now = self.clock.now();
        let guard = self.tap.guard();
        let driver = self.driver.as_ref();
        let questions = driver.into_iter().flat_map(Driver::questions);
        let questions: Vec<Value> = questions
            .map(|(id, question)| {
                let (tool, title) = (&question.tool, &question.title);
                json!({"id": id, "tool": tool, "title": title, "input": question.input()})
            })
            .collect();
        let queued = driver.map_or(0, Driver::queued);
        let tools: Vec<Value> =
            guard.open_tools().map(|(id, name)| json!({"id": id, "name": name})).collect();
        json!({
            "pid": std::process::id(),
            "child": self.agent.pid,
            "stream": guard.stream(),
            "label": guard.label(),
            "control": self.requests.word,
            "turn": guard.turns(),
            "open": guard.turns_open() > 0 || driver.is_some_and(Driver::is_in_turn),
            "cancelling": guard.is_cancelling(),
            "seq": guard.seq(),
            "tools": tools,
            "idle_ms": u64::try_from(self.life.idle(now).as_millis()).unwrap_or(u64::MAX),
            "rss": resident(self.agent.pid),
            "questions": questions,
            "queued": queued,
        })
    }

    pub(super) fn can_interrupt(&self) -> bool {
        if let Some(driver) = &self.driver {
            return driver.can_interrupt();
        }
        self.is_listening() && self.tap.order(Order::Interrupt(0), 0).is_some()
    }

    /// Checks that the agent accepts a prompt; the error is the reason, for the user.
    fn can_redirect(&self, prompt: Option<&str>) -> Result<(), String> {
        if let Some(driver) = &self.driver {
            let checked = driver.check(prompt.unwrap_or_default(), Force::Yes);
            return checked.map_err(|refused| refused.1);
        }
        // A terminal would take the prompt as typed text.
        if self.tap.order(Order::Prompt(""), 0).is_none() {
            return Err("the agent takes no prompts while it runs: only claude --input-format stream-json and agents of the Agent Client Protocol do".into());
        }
        if !self.is_listening() {
            return Err("the agent's stdin is not open: start it with --stdin pipe, and keep wrap's own stdin open".into());
        }
        Ok(())
    }

    /// Sends the next prompt; the error is the reason why not, for the user.
    fn redirect(&mut self, prompt: &str) -> Result<(), String> {
        if self.agent.ended.is_some() || self.life.killed {
            return Err("the agent did not obey and was ended".into());
        }
        self.can_redirect(Some(prompt))?;
        if self.tap.guard().turns_open() > 0 {
            return Err("a turn is open: cancel it first".into());
        }
        if self.driver.is_some() {
            self.give(prompt);
            return Ok(());
        }
        self.order(Order::Prompt(prompt));
        self.emit("redirected", None, Some(json!({"prompt": prompt})));
        Ok(())
    }

    fn is_listening(&self) -> bool {
        self.feed.as_ref().is_some_and(Feed::is_open)
    }

    pub(super) fn order(&mut self, order: Order<'_>) {
        self.requests.orders += 1;
        let line = self.tap.order(order, self.requests.orders);
        if let (Some(line), Some(feed)) = (line, &mut self.feed) {
            feed.emit(&line);
        }
    }
}

/// Resident memory of a process in bytes, where available.
fn resident(pid: i32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}
