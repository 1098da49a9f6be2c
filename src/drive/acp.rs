//! Agent Client Protocol, version 1, as a client without files and terminals of its own.
//!
//! Source: @agentclientprotocol/sdk 2.4 (npm) and agent-client-protocol 0.12 (PyPI); `_session/steering` as
//! @agentclientprotocol/claude-agent-acp 0.101 announces and serves it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::permission::KINDS;
use super::protocol::{
    Given, InTurn, Message, Outbox, Permit, Protocol, Question, Report, Rpc, text,
};

const INITIALIZE: &str = "spile-initialize";
const SESSION: &str = "spile-session";

#[derive(Debug)]
pub(super) struct Acp {
    /// Working directory of the session.
    folder: String,
    /// Session to continue.
    resume: Option<String>,
    session: Option<String>,
    /// True if the agent takes messages while a turn is open.
    steers: bool,
    /// Id of the message whose turn is open.
    prompt: Option<String>,
    /// Messages that were sent into an open turn, by the ids of their requests.
    steered: HashMap<String, String>,
    requests: u64,
    /// Names and kinds of the tools of calls, by the ids of the calls: a request for permission has only a title.
    tools: HashMap<String, (Option<String>, &'static str)>,
}

/// Calls that are remembered.
const MAX_TOOLS: usize = 1000;

impl Acp {
    pub(super) fn new(folder: &str, resume: Option<&str>) -> Self {
        Self {
            folder: folder.to_owned(),
            resume: resume.map(str::to_owned),
            session: None,
            steers: false,
            prompt: None,
            steered: HashMap::new(),
            requests: 0,
            tools: HashMap::new(),
        }
    }

    /// Remembers the name and kind of a call's tool as they were announced.
    fn remember(&mut self, update: &Value) {
        if text(update, &["sessionUpdate"]) == Some("tool_call")
            && let Some(id) = text(update, &["toolCallId"])
        {
            if self.tools.len() >= MAX_TOOLS {
                self.tools.clear();
            }
            let name = text(update, &["name"]).map(str::to_owned);
            self.tools.insert(id.to_owned(), (name, kind(text(update, &["kind"]))));
        }
    }

    fn initialized(&mut self, result: &Value, to: &mut Outbox) {
        let version = result.get("protocolVersion").and_then(Value::as_u64);
        if version != Some(1) {
            let other =
                version.map_or_else(|| "another version".into(), |v| format!("version {v}"));
            let why =
                format!("the agent speaks {other} of the Agent Client Protocol, not version 1");
            return to.report(Report::Failed(why));
        }
        self.steers = result.pointer("/_meta/steering/supported") == Some(&Value::Bool(true));
        let resumes = result.pointer("/agentCapabilities/sessionCapabilities/resume").is_some();
        let mut params = json!({"cwd": self.folder, "mcpServers": []});
        let method = match &self.resume {
            None => "session/new",
            Some(id) => {
                params["sessionId"] = id.as_str().into();
                self.session = Some(id.clone());
                if resumes { "session/resume" } else { "session/load" }
            }
        };
        to.call(Some(SESSION), method, params);
    }

    fn result(&mut self, id: &Value, result: &Value, to: &mut Outbox) {
        let id = id.as_str().unwrap_or_default();
        if id == INITIALIZE {
            self.initialized(result, to);
        } else if id == SESSION {
            let session = text(result, &["sessionId"]).map(str::to_owned);
            self.session = session.or(self.session.take());
            if self.session.is_none() {
                to.report(Report::Failed("the agent gave its session no id".into()));
            }
        } else if let Some(message) = self.steered.remove(id) {
            // Injected, or the turn had ended before.
            let waits = text(result, &["outcome"]) == Some("promptRequired");
            to.report(if waits { Report::NotNow(message) } else { Report::Taken(message) });
        } else if self.prompt.as_deref() == Some(id) {
            self.prompt = None;
            to.report(Report::TurnEnded);
        }
    }

    fn failed(&mut self, id: &Value, message: &str, to: &mut Outbox) {
        let id = id.as_str().unwrap_or_default();
        if id == INITIALIZE || id == SESSION {
            to.report(Report::Failed(format!("the agent refuses to begin: {message}")));
        } else if let Some(message) = self.steered.remove(id) {
            to.report(Report::NotNow(message));
        } else if self.prompt.as_deref() == Some(id) {
            self.prompt = None;
            to.report(Report::TurnEnded);
        }
    }
}

impl Protocol for Acp {
    fn begin(&mut self, to: &mut Outbox) {
        let params = json!({
            "protocolVersion": 1,
            "clientCapabilities":
                {"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false},
            "clientInfo": {"name": "spile", "version": env!("CARGO_PKG_VERSION")},
        });
        to.call(Some(INITIALIZE), "initialize", params);
    }

    fn on_line(&mut self, line: &[u8], to: &mut Outbox) {
        let has = |needle: &[u8]| memchr::memmem::find(line, needle).is_some();
        let updates = has(b"\"session/update\"");
        if updates && !has(b"\"tool_call\"") {
            return;
        }
        match Rpc::parse(line) {
            Some(Rpc::Call { params, .. }) if updates => self.remember(&params["update"]),
            Some(Rpc::Call { id: Some(id), method, params }) => {
                if method != "session/request_permission" {
                    return to.not_served(&id, &method);
                }
                let call = params.get("toolCall").unwrap_or(&Value::Null);
                let title = text(call, &["title"]).unwrap_or_default();
                let known = text(call, &["toolCallId"]).and_then(|id| self.tools.get(id));
                let (name, announced) = known.cloned().unwrap_or((None, "other"));
                let name = text(call, &["name"]).map(str::to_owned).or(name);
                to.report(Report::Asked(Question {
                    id: id.to_string(),
                    kind: call.get("kind").map_or(announced, |own| kind(own.as_str())),
                    tool: name.clone().unwrap_or_else(|| title.to_owned()),
                    name,
                    title: title.to_owned(),
                    request: params,
                }));
            }
            Some(Rpc::Result { id, result }) => self.result(&id, &result, to),
            Some(Rpc::Error { id, message }) => self.failed(&id, &message, to),
            _ => {}
        }
    }

    fn is_ready(&self, in_turn: InTurn) -> bool {
        let steers = self.steers && self.prompt.is_some();
        // One at a time, so that those that are refused keep their order.
        self.session.is_some() && self.steered.is_empty() && (in_turn == InTurn::No || steers)
    }

    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given {
        let prompt = json!([{"type": "text", "text": message.text}]);
        let mut params = json!({"sessionId": self.session, "prompt": prompt});
        if self.prompt.is_none() {
            self.prompt = Some(message.id.clone());
            to.call(Some(&message.id), "session/prompt", params);
            // A cancel behind the request is for its turn.
            to.report(Report::TurnStarted);
            return Given::Written;
        }
        self.requests += 1;
        let id = format!("spile-steering-{}", self.requests);
        params["_meta"] = json!({"steering": {"idleBehavior": "promptRequired"}});
        to.call(Some(&id), "_session/steering", params);
        self.steered.insert(id, message.id.clone());
        Given::Sent
    }

    fn forget(&mut self) {
        self.steered.clear();
    }

    fn interrupt(&mut self, to: &mut Outbox) {
        to.call(None, "session/cancel", json!({"sessionId": self.session}));
    }

    fn answer(&mut self, question: &Question, permit: &Permit, to: &mut Outbox) {
        let kinds: &[&str] = match permit {
            Permit::Allow => &["allow_once", "allow_always"],
            Permit::Deny(_) => &["reject_once", "reject_always"],
            Permit::Cancelled => &[],
        };
        let options = question.request.get("options").and_then(Value::as_array);
        let options = options.map(Vec::as_slice).unwrap_or_default();
        let option = kinds.iter().find_map(|kind| {
            let mut all = options.iter();
            all.find(|option| text(option, &["kind"]) == Some(kind))?.get("optionId").cloned()
        });
        let outcome = match option {
            Some(id) => json!({"outcome": "selected", "optionId": id}),
            None => json!({"outcome": "cancelled"}),
        };
        to.result(question, json!({"outcome": outcome}));
    }
}

/// Canonical kind for a kind of the protocol; never by a title, which is the model's.
fn kind(kind: Option<&str>) -> &'static str {
    KINDS.into_iter().find(|known| kind == Some(known)).unwrap_or("other")
}
