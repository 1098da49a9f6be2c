//! Codex CLI, `codex app-server`.
//!
//! Source: the JSON schema that codex 0.171 generates (`codex app-server generate-json-schema`), and the program itself. A
//! message goes into the open turn by `turn/steer`, which names that turn, or begins one by `turn/start`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::protocol::{
    Given, InTurn, Message, Outbox, Permit, Protocol, Question, Report, Rpc, text,
};

const INITIALIZE: &str = "spile-initialize";
const THREAD: &str = "spile-thread";

/// A message, and whether it begins a turn.
#[derive(Debug)]
enum Sent {
    Start(String),
    Steer(String),
}

#[derive(Debug)]
pub(super) struct Codex {
    folder: String,
    resume: Option<String>,
    thread: Option<String>,
    turn: Option<String>,
    /// Last turn that has ended.
    ended: Option<String>,
    /// Messages without an answer, by the ids of their requests.
    sent: HashMap<String, Sent>,
    requests: u64,
}

impl Codex {
    pub(super) fn new(folder: &str, resume: Option<&str>) -> Self {
        Self {
            folder: folder.to_owned(),
            resume: resume.map(str::to_owned),
            thread: None,
            turn: None,
            ended: None,
            sent: HashMap::new(),
            requests: 0,
        }
    }

    fn result(&mut self, id: &Value, result: &Value, to: &mut Outbox) {
        let id = id.as_str().unwrap_or_default();
        if id == INITIALIZE {
            to.line(&json!({"jsonrpc": "2.0", "method": "initialized"}));
            match &self.resume {
                None => to.call(Some(THREAD), "thread/start", json!({"cwd": self.folder})),
                Some(thread) => to.call(
                    Some(THREAD),
                    "thread/resume",
                    json!({"threadId": thread, "cwd": self.folder}),
                ),
            }
        } else if id == THREAD {
            self.thread = text(result, &["thread", "id"]).map(str::to_owned);
            if self.thread.is_none() {
                to.report(Report::Failed("the agent gave its thread no id".into()));
            }
        } else if let Some(sent) = self.sent.remove(id) {
            let turn = text(result, &["turn", "id"]).map(str::to_owned);
            // The answer may come behind the end of the turn.
            if turn.is_some() && turn != self.ended {
                self.turn = turn;
                to.report(Report::TurnStarted);
            }
            let (Sent::Start(message) | Sent::Steer(message)) = sent;
            to.report(Report::Taken(message));
        }
    }

    fn failed(&mut self, id: &Value, why: &str, to: &mut Outbox) {
        let id = id.as_str().unwrap_or_default();
        if id == INITIALIZE || id == THREAD {
            to.report(Report::Failed(format!("the agent refuses to begin: {why}")));
        } else {
            match self.sent.remove(id) {
                Some(Sent::Steer(message)) => to.report(Report::NotNow(message)),
                Some(Sent::Start(_)) => to.report(Report::Refused(why.to_owned())),
                None => {}
            }
        }
    }

    fn asked(&self, id: &Value, method: &str, params: Value, to: &mut Outbox) {
        if !params.is_object() {
            return to.not_served(id, method);
        }
        let (tool, kind) = match method {
            "item/commandExecution/requestApproval" | "execCommandApproval" => {
                ("commandExecution", "execute")
            }
            "item/fileChange/requestApproval" | "applyPatchApproval" => ("fileChange", "edit"),
            "item/permissions/requestApproval" => ("permissions", "other"),
            _ => return to.not_served(id, method),
        };
        let command = params.get("command");
        let title = match command {
            Some(Value::String(line)) => line.clone(),
            Some(Value::Array(words)) => {
                words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            }
            _ => text(&params, &["reason"]).unwrap_or_default().to_owned(),
        };
        let mut request = params;
        request["method"] = method.into();
        to.report(Report::Asked(Question {
            id: id.to_string(),
            tool: tool.into(),
            name: Some(tool.into()),
            kind,
            title,
            request,
        }));
    }

    /// True for a notification of the thread that is driven, and not of a sub-agent's.
    fn is_ours(&self, params: &Value) -> bool {
        let thread = text(params, &["threadId"]);
        thread.is_none() || thread == self.thread.as_deref()
    }
}

impl Protocol for Codex {
    fn begin(&mut self, to: &mut Outbox) {
        let client = json!({"name": "spile", "title": null, "version": env!("CARGO_PKG_VERSION")});
        to.call(Some(INITIALIZE), "initialize", json!({"clientInfo": client}));
    }

    fn on_line(&mut self, line: &[u8], to: &mut Outbox) {
        let says = [&b"\"id\""[..], b"\"turn/", b"\"serverRequest/resolved\""];
        if !says.iter().any(|needle| memchr::memmem::find(line, needle).is_some()) {
            return;
        }
        match Rpc::parse(line) {
            Some(Rpc::Call { id: Some(id), method, params }) => {
                self.asked(&id, &method, params, to);
            }
            Some(Rpc::Call { id: None, method, params }) if self.is_ours(&params) => {
                match method.as_str() {
                    "turn/started" => {
                        self.turn = text(&params, &["turn", "id"]).map(str::to_owned);
                        to.report(Report::TurnStarted);
                    }
                    "turn/completed" => {
                        self.ended = text(&params, &["turn", "id"]).map(str::to_owned);
                        self.turn = None;
                        to.report(Report::TurnEnded);
                    }
                    "serverRequest/resolved" => {
                        let id = params.get("requestId").map(Value::to_string);
                        id.into_iter().for_each(|id| to.report(Report::Withdrawn(id)));
                    }
                    _ => {}
                }
            }
            Some(Rpc::Result { id, result }) => self.result(&id, &result, to),
            Some(Rpc::Error { id, message }) => self.failed(&id, &message, to),
            _ => {}
        }
    }

    fn is_ready(&self, in_turn: InTurn) -> bool {
        // One message at a time, so that those that are refused keep their order. A turn that has begun has an id as soon as
        // the agent has answered.
        let steers = self.turn.is_some();
        self.thread.is_some() && self.sent.is_empty() && (in_turn == InTurn::No || steers)
    }

    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given {
        self.requests += 1;
        let id = format!("spile-message-{}", self.requests);
        let mut params = json!({"threadId": self.thread, "clientUserMessageId": message.id,
            "input": [{"type": "text", "text": message.text}]});
        let (method, sent) = match &self.turn {
            None => ("turn/start", Sent::Start(message.id.clone())),
            Some(turn) => {
                params["expectedTurnId"] = turn.as_str().into();
                ("turn/steer", Sent::Steer(message.id.clone()))
            }
        };
        to.call(Some(&id), method, params);
        self.sent.insert(id, sent);
        Given::Sent
    }

    fn forget(&mut self) {
        self.sent.clear();
    }

    fn interrupt(&mut self, to: &mut Outbox) {
        self.requests += 1;
        let id = format!("spile-interrupt-{}", self.requests);
        let params = json!({"threadId": self.thread, "turnId": self.turn});
        to.call(Some(&id), "turn/interrupt", params);
    }

    fn answer(&mut self, question: &Question, permit: &Permit, to: &mut Outbox) {
        let method = text(&question.request, &["method"]).unwrap_or_default();
        let first = matches!(method, "execCommandApproval" | "applyPatchApproval");
        let result = match (method, permit) {
            ("item/permissions/requestApproval", Permit::Allow) => {
                json!({"permissions": question.request.get("permissions"), "scope": "turn"})
            }
            ("item/permissions/requestApproval", _) => json!({"permissions": {}}),
            (_, Permit::Allow) => json!({"decision": if first { "approved" } else { "accept" }}),
            (_, Permit::Deny(_)) => json!({"decision": if first { "denied" } else { "decline" }}),
            (_, Permit::Cancelled) => json!({"decision": if first { "abort" } else { "cancel" }}),
        };
        to.result(question, result);
    }
}
