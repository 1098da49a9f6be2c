//! The Agent Client Protocol on an agent's stdout, version 1 and the draft of version 2 (whose messages replace their
//! chunks); a log of both directions is read as well.
//!
//! Source: recordings of claude-agent-acp and codex-acp, and the protocol's schema. A turn begins with the first text or
//! tool and ends with the response to `session/prompt`, in version 2 with the state `idle`. Every session
//! has a stream of its own.

mod session;
#[cfg(test)]
mod tests;

use super::prelude::*;

use serde_json::json;

use session::{History, Session};

pub(super) const SPEC: Spec = Spec {
    name: "acp",
    aliases: &["agent-client-protocol"],
    versions: "v1 captures; v2 by its draft of August 2026",
    about: "Agent Client Protocol",
    usage: "claude-agent-acp (JSON-RPC on stdin and stdout)",
    commands: &["claude-agent-acp", "claude-code-acp", "codex-acp"],
    keys: "_meta activeFlags agentCapabilities agentId agentInfo amount availableCommands \
        canReadOutputFile category claudeCode codex configOptions currency currentValue entries \
        exit_code file filePath inputTokens isAsync jsonrpc line loadSession locations method \
        numLines options outputFile outputTokens params protocolVersion resolvedModel \
        sessionUpdate signal size startLine state stopReason terminalId terminal_exit \
        terminal_id terminal_info terminal_output_delta threadStatus toolResponse totalLines \
        update updatedAt used",
    detect,
    new: |_| Box::new(Acp::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    if !is_rpc(value) || value.get("factoryApiVersion").is_some() {
        return Match::No;
    }
    match Rpc::of(value) {
        Rpc::Call { method, params, .. } => {
            let initialize = method == "initialize" && params.get("clientCapabilities").is_some();
            let ours = ["session/", "fs/", "terminal/"].iter().any(|ours| method.starts_with(ours));
            if ours || initialize { Match::Sure } else { Match::No }
        }
        Rpc::Result { result, .. } if result.get("agentCapabilities").is_some() => Match::Sure,
        Rpc::Result { result, .. } if result.opt_text("stopReason").is_some() => Match::Sure,
        Rpc::Result { result, .. } if result.get("sessionId").is_some() => Match::Maybe,
        _ => Match::No,
    }
}

/// Limit of sessions that are remembered before their first message.
const MAX_MADE: usize = 64;

/// A connection. Each session has the stream of its place in the list, in the order of their first messages.
#[derive(Default)]
struct Acp {
    sessions: Vec<Session>,
    /// Sessions that were made and have no message yet, the last one last.
    made: Vec<String>,
    agent: Option<String>,
    /// The history of a session that was not made here.
    history: History,
    /// The session of the last message.
    last: usize,
    messages: u64,
    /// The last response that failed, while no turn was open.
    error: Option<Value>,
    /// The response that ended the last turn.
    answered: Option<Value>,
}

impl Runtime for Acp {
    /// Source: the protocol's schema, `session/cancel` and `session/prompt`.
    fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        // A prompt is for the connection, whose stream is that of the first session.
        let stream = if let Order::Interrupt(stream) = order { stream } else { 0 };
        let spoke = self.sessions.get(stream).and_then(|s| s.id.as_ref());
        let session = spoke.or_else(|| self.made.last().filter(|_| stream == 0))?;
        let message = match order {
            Order::Interrupt(_) => json!({"jsonrpc": "2.0", "method": "session/cancel",
                "params": {"sessionId": session}}),
            Order::Prompt(text) => json!({"jsonrpc": "2.0", "id": format!("spile-{number}"),
                "method": "session/prompt",
                "params": {"sessionId": session, "prompt": [{"type": "text", "text": text}]}}),
        };
        Some(message.to_string())
    }

    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.messages += 1;
        match Rpc::of(&value) {
            Rpc::Call { id, method, params } => self.call((id, method), params, emit),
            Rpc::Result { id, result } => self.result(id, result, emit),
            Rpc::Error { id, error } => self.failed(id, error, emit),
            Rpc::Other => self.note("info", "an unknown message", &value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        for (stream, session) in self.sessions.iter_mut().enumerate() {
            emit.in_stream(stream, |emit| {
                if emit.turn_open() {
                    session.calls.start_all(emit);
                }
            });
        }
        if let Some(error) = self.error.take().filter(|_| emit.all_turns() == 0) {
            emit.fail_with(&error, &UsageAndCost::default());
        }
        TurnVerdict::MissingResult
    }
}

impl Acp {
    fn call(&mut self, (id, method): (Option<&Value>, &str), params: &Value, emit: &mut Emit<'_>) {
        let history = matches!(method, "session/load" | "session/resume");
        let speaks = matches!(method, "session/update" | "session/request_permission");
        if !history && !speaks && method != "session/prompt" {
            self.last = self.known(params).unwrap_or(self.last);
            return self.note("progress", method, params, emit);
        }
        let known = self.known(params);
        let Some(stream) = known.or_else(|| self.begin(params.opt_text("sessionId"))) else {
            return self.note("info", "another session", params, emit);
        };
        self.last = stream;
        let Some(session) = self.sessions.get_mut(stream) else { return };
        session.spoke = self.messages;
        emit.in_stream(stream, |emit| match method {
            "session/update" => session.update(params.at("update"), emit),
            "session/request_permission" => session.permission(id, params, emit),
            "session/prompt" => session.prompted(id, params, emit),
            _ => {
                session.history = History::Replayed(id.cloned());
                emit.status("session", method, params.clone());
            }
        });
    }

    /// The session that a message names.
    fn known(&self, params: &Value) -> Option<usize> {
        let id = params.opt_text("sessionId")?;
        self.sessions.iter().position(|session| session.id.as_deref() == Some(id))
    }

    /// Stream of a session at its first message; without a name the last one, `None` past [`MAX_STREAMS`].
    fn begin(&mut self, id: Option<&str>) -> Option<usize> {
        if id.is_none() && !self.sessions.is_empty() {
            return Some(self.last);
        }
        let made = match id {
            Some(id) => self.made.iter().position(|made| made == id),
            None => self.made.len().checked_sub(1),
        };
        let made = made.map(|at| self.made.remove(at));
        // Messages without a name belong to the first session that has one.
        let unnamed = self.sessions.iter().position(|s| s.id.is_none());
        let stream = unnamed.unwrap_or(self.sessions.len());
        if stream >= MAX_STREAMS {
            return None;
        }
        if unnamed.is_none() {
            let (agent, history) = (self.agent.clone(), self.history.clone());
            self.sessions.push(Session { agent, history, ..Session::default() });
        }
        let session = self.sessions.get_mut(stream)?;
        if made.is_some() {
            // Nothing has come before.
            (session.history, session.cost_before) = (History::Over, Some(0.0));
        }
        session.id = id.map(str::to_owned).or(made);
        Some(stream)
    }

    fn result(&mut self, id: &Value, result: &Value, emit: &mut Emit<'_>) {
        if result.opt_text("stopReason").is_some() {
            return self.stopped(id, result, emit);
        }
        for session in &mut self.sessions {
            if let History::Replayed(load) = &session.history
                && load.as_ref().is_none_or(|load| load == id)
            {
                session.history = History::Over;
            }
        }
        if result.get("agentCapabilities").is_some() {
            let agent = result.get("agentInfo").unwrap_or(result.at("info"));
            self.agent = agent.owned("name");
            self.history = History::Expected;
            self.note("info", agent.text("name"), result, emit);
        } else if let Some(session) = result.opt_text("sessionId") {
            if self.made.len() >= MAX_MADE {
                self.made.remove(0);
            }
            self.made.push(session.to_owned());
            self.note("session", session, result, emit);
        } else if result.as_object().is_some_and(|result| !result.is_empty()) {
            self.note("info", "rpc_response", result, emit);
        }
    }

    /// A prompt was answered.
    fn stopped(&mut self, id: &Value, result: &Value, emit: &mut Emit<'_>) {
        let prompted = self.request_of(id, emit);
        if prompted.is_none() && self.answered.as_ref() == Some(id) && emit.all_turns() > 0 {
            return self.note("log", "a second response", result, emit);
        }
        let Some(stream) = prompted.or_else(|| self.begin(None)) else { return };
        self.last = stream;
        self.answered = Some(id.clone());
        if let Some(session) = self.sessions.get_mut(stream) {
            let stop = result.text("stopReason");
            emit.in_stream(stream, |emit| session.finish(stop, result.at("usage"), emit));
        }
    }

    /// A failed response: of the prompt if that is known or a turn is open, else of another request.
    fn failed(&mut self, id: &Value, error: &Value, emit: &mut Emit<'_>) {
        let Some(stream) = self.request_of(id, emit) else {
            self.error = Some(error.clone());
            return self.note("error", error.text("message"), error, emit);
        };
        if let Some(session) = self.sessions.get_mut(stream) {
            emit.in_stream(stream, |emit| session.failed(error, emit));
        }
    }

    /// The session with an open turn whose prompt a response answers. Where the prompt was not seen, the session with the
    /// latest message and no open tool: a response follows the last message of its session.
    fn request_of(&self, id: &Value, emit: &mut Emit<'_>) -> Option<usize> {
        let open = self.sessions.iter().enumerate();
        let open = open.filter(|(stream, _)| emit.in_stream(*stream, |emit| emit.turn_open()));
        let open: Vec<(usize, &Session)> = open.collect();
        let named = open.iter().find(|(_, s)| s.prompt.as_ref() == Some(id));
        let unseen = open.iter().filter(|(_, s)| s.prompt.is_none());
        let likely = unseen.max_by_key(|(_, s)| (s.calls.open.is_empty(), s.spoke));
        named.or(likely).map(|(stream, _)| *stream)
    }

    /// Emits a status in the session of the last message.
    fn note(&self, kind: &str, message: &str, data: &Value, emit: &mut Emit<'_>) {
        emit.in_stream(self.last, |emit| emit.status(kind, message, data.clone()));
    }
}
