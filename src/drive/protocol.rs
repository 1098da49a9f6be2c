//! Input protocol of a runtime: what is written to an agent's stdin, and what its output says about that.

use serde_json::{Value, json};

/// A message to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Id that the runtime may echo; a UUID of version 8 that begins with [`crate::adapter::OWN`].
    pub id: String,
    pub text: String,
}

/// Question of an agent for permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Id of the request, as JSON text.
    pub id: String,
    /// Tool, for people: its name, or the title of the call.
    pub tool: String,
    /// Name of the tool, if the runtime has told it; a title is the model's.
    pub name: Option<String>,
    /// Canonical kind of the tool; see docs/EVENTS.md.
    pub kind: &'static str,
    /// Title of the call, or empty.
    pub title: String,
    /// Request with its fields, which the answer may need.
    pub request: Value,
}

/// Places of the call's input in the request of a protocol.
const INPUTS: [&str; 5] =
    ["/input", "/toolCall/rawInput", "/toolCall/content", "/fileChanges", "/command"];

/// Longest input that is shown, in bytes of its JSON.
const MAX_INPUT: usize = 16 << 10;

impl Question {
    /// Id of the request, as a value.
    pub(super) fn id(&self) -> Value {
        serde_json::from_str(&self.id).unwrap_or_default()
    }

    /// Input of the call, in the runtime's own JSON, or the beginning of its text; `null` if the request has none.
    pub(crate) fn input(&self) -> Value {
        let found = INPUTS.iter().find_map(|place| self.request.pointer(place));
        let Some(input) = found else { return Value::Null };
        let text = input.to_string();
        match text.len() {
            0..=MAX_INPUT => input.clone(),
            _ => format!("{}…", &text[..crate::text::floor(&text, MAX_INPUT)]).into(),
        }
    }
}

/// Answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    Allow,
    /// With the reason for the agent.
    Deny(String),
    /// The turn is cancelled, and the question with it.
    Cancelled,
}

/// Report of a line of the agent's output about its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// The agent has read the message with this id.
    Taken(String),
    /// The message with this id was not accepted; it may be sent again when the turn is over.
    NotNow(String),
    Asked(Question),
    /// The question with this id is void.
    Withdrawn(String),
    TurnStarted,
    TurnEnded,
    /// The conversation cannot go on, for this reason.
    Failed(String),
    /// The agent does not begin a turn, for this reason.
    Refused(String),
}

/// Bytes to write to the agent, and reports of its output.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub texts: Vec<String>,
    pub reports: Vec<Report>,
}

impl Outbox {
    pub(super) fn line(&mut self, message: &Value) {
        self.texts.push(format!("{message}\n"));
    }

    pub(super) fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// A request of JSON-RPC; a notification without an id.
    pub(super) fn call(&mut self, id: Option<&str>, method: &str, params: Value) {
        let mut call = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if let Some(id) = id {
            call["id"] = id.into();
        }
        self.line(&call);
    }

    /// The response to a question of JSON-RPC.
    pub(super) fn result(&mut self, question: &Question, result: Value) {
        self.line(&json!({"jsonrpc": "2.0", "id": question.id(), "result": result}));
    }

    /// Refusal of a request that spile does not serve, so that the agent does not wait for it.
    pub(super) fn not_served(&mut self, id: &Value, method: &str) {
        let error = json!({"code": -32601, "message": format!("spile does not serve {method}")});
        self.line(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
    }
}

/// How a runtime is spoken to. It neither reads nor writes, and has no clock.
pub(crate) trait Protocol: std::fmt::Debug {
    /// Writes what begins the conversation.
    fn begin(&mut self, _to: &mut Outbox) {}

    /// Takes a line of the agent's output.
    fn on_line(&mut self, _line: &[u8], _to: &mut Outbox) {}

    /// True if a message can be written now; `in_turn` while a turn is open.
    fn is_ready(&self, in_turn: InTurn) -> bool;

    /// Writes a message.
    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given;

    /// Forgets the messages that the agent has not answered.
    fn forget(&mut self) {}

    /// Writes the interrupt of the open turn.
    fn interrupt(&mut self, _to: &mut Outbox) {}

    /// Writes the answer to a question.
    fn answer(&mut self, _question: &Question, _permit: &Permit, _to: &mut Outbox) {}
}

/// State of a message that was given to the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Written to the agent, which says when it has read it.
    Sent,
    /// Written to an agent that does not say so.
    Written,
    /// Waits until the agent takes messages.
    Queued,
}

/// State of the agent's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InTurn {
    Yes,
    No,
}

/// A request, notification or response of JSON-RPC in a line.
#[derive(Debug)]
pub(super) enum Rpc {
    /// A request has an id, a notification has none.
    Call {
        id: Option<Value>,
        method: String,
        params: Value,
    },
    Result {
        id: Value,
        result: Value,
    },
    Error {
        id: Value,
        message: String,
    },
}

impl Rpc {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut value: Value = serde_json::from_slice(line).ok()?;
        let mut take = |key: &str| value.get_mut(key).map(Value::take);
        let id = take("id").filter(|id| !id.is_null());
        if let Some(Value::String(method)) = take("method") {
            return Some(Self::Call { id, method, params: take("params").unwrap_or_default() });
        }
        if let Some(error) = take("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str).map(str::to_owned);
            return Some(Self::Error { id: id?, message: message.unwrap_or(error.to_string()) });
        }
        Some(Self::Result { id: id?, result: take("result")? })
    }
}

/// Text at a path of keys.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}
