//! Requests on the control socket, and orders to the agent in its runtime's protocol, through a stdin pipe. A cancel takes
//! effect at its place in the agent's output, so that it ends the turn meant.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::backlog::Source;
use super::{Feed, Host};
use crate::adapter::Order;
use crate::lifecycle::{Cancel, Stop};
use crate::run::control::{Info, Request, Server, Verb};
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    pub server: Option<Server>,
    word: String,
    pub orders: u64,
}

/// A cancel request queued behind the agent's earlier output.
#[derive(Debug, Serialize, Deserialize)]
struct TurnCancel {
    client: u64,
    request: Request,
    /// True if the agent was stopped already, ahead of its queued output.
    stopped: bool,
}

fn refused(code: &str, reason: &str) -> Value {
    json!({"spile": 1, "answer": "refused", "code": code, "reason": reason})
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
        let server = Server::open(&info);
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

    pub(super) fn serve(&mut self) {
        let requests = self.requests.server.as_mut().map(Server::serve);
        for (client, request) in requests.unwrap_or_default() {
            match self.misses(&request) {
                Some(why) => self.answer(client, &refused("not_here", why)),
                None => self.on_request(client, request),
            }
        }
    }

    /// Reason why a request is meant for another run.
    fn misses(&mut self, request: &Request) -> Option<&'static str> {
        let stream = self.tap.guard().stream();
        if request.stream.as_deref().is_some_and(|s| s != stream) {
            return Some("this run has another stream");
        }
        if request.control.as_deref().is_some_and(|w| w != self.requests.word) {
            return Some("this is another run of the stream");
        }
        None
    }

    fn on_request(&mut self, client: u64, request: Request) {
        match request.ask {
            Verb::Query => {
                let state = self.state();
                self.answer(client, &state);
            }
            Verb::Cancel => self.cancel(TurnCancel { client, request, stopped: false }),
            Verb::Redirect => self.answer_redirect(client, request.prompt.as_deref()),
        }
    }

    fn answer_redirect(&mut self, client: u64, prompt: Option<&str>) {
        let missing = || Err("there is no prompt in the request".into());
        let answer = match prompt.map_or_else(missing, |prompt| self.redirect(prompt)) {
            Ok(()) => json!({"spile": 1, "answer": "redirected"}),
            Err(why) => refused("not_now", &why),
        };
        self.answer(client, &answer);
    }

    fn answer(&mut self, client: u64, answer: &Value) {
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
        if cancel.request.turn.is_none() {
            // The agent is to stop now, even if the reader never reads on.
            cancel.stopped = true;
            self.update_view();
            self.stop_agent(cancel.request.grace_ms);
        }
        let bytes = serde_json::to_vec(&cancel).unwrap_or_default();
        self.take(self.clock.now(), Source::Ask, &bytes);
    }

    pub(super) fn on_cancel(&mut self, bytes: &[u8]) {
        if let Ok(cancel) = serde_json::from_slice(bytes) {
            self.update_view();
            self.decide(cancel);
        }
    }

    fn decide(&mut self, cancel: TurnCancel) {
        let TurnCancel { client, ref request, stopped } = cancel;
        let guard = self.tap.guard();
        // An agent without output works on its first turn.
        let starting = (guard.all_turns() == 0).then(|| (guard.stream(), 1));
        let open = guard.open_turn().or(starting).filter(|_| !self.end_emitted);
        let Some((stream, turn)) = open.map(|(stream, turn)| (stream.to_owned(), turn)) else {
            return self.answer(client, &refused("no_turn", "no turn is open"));
        };
        if request.turn.is_some_and(|wanted| wanted != turn) {
            return self.answer(client, &refused("other_turn", "another turn is open"));
        }
        if request.then.is_some()
            && let Err(why) = self.can_redirect()
        {
            return self.answer(client, &refused("no_redirect", &why));
        }
        let by = if request.by.as_deref() == Some("filter") { "filter" } else { "control" };
        self.cancel_turns(by, request.reason.as_deref().unwrap_or("spile cancel"));
        let accepted = json!({"spile": 1, "answer": "accepted", "turn": turn});
        self.answer(client, &accepted);
        if let Some(control) = &mut self.requests.server {
            control.wait_for(client, (stream, turn), request.then.clone());
        }
        if !stopped {
            self.stop_agent(request.grace_ms);
        }
    }

    /// Makes turns end as cancelled: those that are open, or all if the agent will not outlive the cancel.
    fn cancel_turns(&mut self, by: &str, reason: &str) {
        if self.can_interrupt() && self.tap.guard().turns_open() > 0 {
            self.tap.guard().request_cancel_open(by, reason);
        } else {
            self.tap.guard().request_cancel(by, reason);
        }
    }

    pub(super) fn stop_agent(&mut self, grace_ms: Option<u64>) {
        let interrupt = self.can_interrupt();
        let cancel = Cancel { interrupt, within: grace_ms.map(Duration::from_millis) };
        self.life.stop(self.clock.now(), Stop::Cancel(cancel));
        self.act();
    }

    /// Stops the agent of a turn that a condition of `--cancel-when` has cancelled, unless the turn has already ended.
    pub(super) fn stop_cancelled(&mut self) {
        let mut cancelled = self.tap.guard().take_cancelled();
        cancelled.retain(|turn| self.tap.guard().is_at_work(&turn.stream, turn.turn));
        let Some(first) = cancelled.first() else { return };
        self.cancel_turns("filter", &first.reason);
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
            self.enqueue(Source::Due, "due");
        }
    }

    /// Time at which a condition on time holds while the reader is slow.
    pub(super) fn condition_due(&self) -> Option<Time> {
        let due = self.tap.condition_due(self.life.quiet_since());
        due.filter(|_| !self.may_continue && !self.stopped_ahead)
    }

    pub(super) fn settle(&mut self) {
        let Some(control) = &mut self.requests.server else { return };
        let mut prompts = Vec::new();
        for end in self.tap.guard().take_ends() {
            prompts.extend(control.ended(&end, &self.left));
        }
        for (client, prompt) in prompts {
            self.answer_redirect(client, Some(&prompt));
        }
    }

    fn state(&mut self) -> Value {
        let now = self.clock.now();
        let guard = self.tap.guard();
        let tools: Vec<Value> =
            guard.open_tools().map(|(id, name)| json!({"id": id, "name": name})).collect();
        json!({
            "spile": 1,
            "answer": "state",
            "pid": std::process::id(),
            "child": self.agent.pid,
            "stream": guard.stream(),
            "label": guard.label(),
            "control": self.requests.word,
            "turn": guard.turns(),
            "open": guard.turns_open() > 0,
            "cancelling": guard.is_cancelling(),
            "seq": guard.seq(),
            "tools": tools,
            "idle_ms": u64::try_from(self.life.idle(now).as_millis()).unwrap_or(u64::MAX),
            "rss": resident(self.agent.pid),
        })
    }

    fn can_interrupt(&self) -> bool {
        self.is_listening() && self.tap.order(Order::Interrupt, 0).is_some()
    }

    /// Checks that the agent accepts a prompt; the error is the reason, for the user.
    fn can_redirect(&self) -> Result<(), String> {
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
        self.can_redirect()?;
        if self.tap.guard().turns_open() > 0 {
            return Err("a turn is open: cancel it first".into());
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
