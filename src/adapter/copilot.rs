//! GitHub Copilot CLI: `copilot -p PROMPT --output-format json`. Types are dotted, everything else is in `data`; a text
//! comes in deltas and as a message, which may be said again as it is refined. `assistant.turn_*` is one call of the model.
//!
//! Source: RUNTIMES' captures of 1.0.63 to 1.0.80; `result` may be missing.

use super::prelude::*;
use std::collections::{HashMap, VecDeque};

pub(super) const SPEC: Spec = Spec {
    name: "copilot",
    aliases: &["copilot-cli"],
    versions: "1.0.63, by its documentation",
    about: "GitHub Copilot CLI, json",
    usage: "copilot -p PROMPT --output-format json",
    commands: &["copilot"],
    flags: &["--output-format"],
    keys: "agentId copilotVersion deltaContent detailedContent ephemeral errorType exitCode \
        inputTokens reasoningText \
        outputTokens parentId premiumRequests reasoningId sessionDurationMs statusCode success \
        toolRequests totalApiDurationMs turnId",
    detect,
    new: |_| Box::new(Copilot::default()),
    ..Spec::LINES
};

/// How many messages are remembered, in case one is said again.
const MAX_MESSAGES: usize = 64;

fn detect(value: &Value) -> Match {
    let type_ = value.text("type");
    let first = type_.split_once('.').map_or(type_, |(first, _)| first);
    let has = |key: &str| value.get(key).is_some();
    let data = value.get("data").is_some_and(Value::is_object) && has("timestamp");
    let sure = match first {
        "session" | "assistant" | "tool" => first != type_ && data && !has("properties"),
        "user" => type_ == "user.message" && data,
        "result" => has("exitCode") && has("sessionId"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Copilot {
    session: Option<String>,
    /// The call of each sub-agent that has started, by its id.
    agents: HashMap<String, String>,
    /// The tools that the last message requested, and the call under which it did.
    requested: Vec<Value>,
    parent: Option<String>,
    texts: VecDeque<Streamed>,
    spent: Spent,
    /// The last word, if it was an error.
    error: Option<Value>,
    aborted: Option<String>,
    /// A call of the model has ended and it wanted no tools.
    settled: bool,
}

/// A text under the id of its message.
struct Streamed {
    kind: TextKind,
    id: String,
    said: Said,
}

impl Runtime for Copilot {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.value(value, emit);
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if !emit.over() {
            if let Some(reason) = self.aborted.take() {
                emit.cancelled(&reason, None, &Spent::default());
            } else if let Some(error) = self.error.take() {
                emit.fail(why(&error), &Spent::default());
            }
        }
        if self.settled { Verdict::ByExit } else { Verdict::MissingResult }
    }
}

impl Copilot {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let data = value.at("data");
        let agent = value.opt_text("agentId");
        if let Some(agent) = agent.filter(|_| value.opt_text("type") == Some("subagent.started")) {
            self.agents.insert(agent.to_owned(), data.text("toolCallId").to_owned());
        }
        let call = agent.map(|agent| self.agents.get(agent).cloned().unwrap_or(agent.to_owned()));
        let parent = data.opt_text("parentToolCallId").or(call.as_deref());
        let type_ = value.text("type");
        if type_.starts_with("assistant.") || type_.starts_with("tool.") {
            self.settled = false;
        }
        match type_ {
            "session.start" => {
                self.session = data.opt_text("sessionId").map(str::to_owned);
                emit.status("session", data.text("sessionId"), data.clone());
            }
            "user.message" if parent.is_none() => self.prompt(data, emit),
            "assistant.turn_start" | "assistant.message_start" => self.open(emit, None),
            "assistant.message_delta" => {
                let place = (TextKind::Answer, data.text("messageId"), parent);
                self.delta(place, data.text("deltaContent"), emit);
            }
            "assistant.reasoning_delta" => {
                let place = (TextKind::Reasoning, data.text("reasoningId"), parent);
                self.delta(place, data.text("deltaContent"), emit);
            }
            "assistant.message" => {
                self.error = None;
                let thought = data.text("reasoningText");
                let known = |t: &Streamed| t.kind == TextKind::Reasoning && t.said.is(thought);
                if !thought.is_empty() && !self.texts.iter().any(known) {
                    self.whole(
                        (TextKind::Reasoning, data.text("messageId"), parent),
                        thought,
                        emit,
                    );
                }
                let place = (TextKind::Answer, data.text("messageId"), parent);
                self.whole(place, data.text("content"), emit);
                let wants = data.get("toolRequests").and_then(Value::as_array);
                self.requested = wants.into_iter().flatten().take(MAX_MESSAGES).cloned().collect();
                self.parent = parent.map(str::to_owned);
                self.settled = parent.is_none() && wants.is_none_or(Vec::is_empty);
            }
            "assistant.reasoning" => {
                let place = (TextKind::Reasoning, data.text("reasoningId"), parent);
                self.whole(place, data.text("content"), emit);
            }
            "assistant.turn_end" if self.start_requested(emit) => self.settled = false,
            "assistant.turn_end" => self.settled = self.error.is_none() && emit.answered(),
            "assistant.usage" if parent.is_none() => {
                spend(&mut self.spent, usage(data), None);
                emit.note_spent(&self.spent);
            }
            "tool.execution_start" => self.tool(data, parent, emit),
            "tool.execution_complete" => self.tool_done(data, parent, emit),
            "result" if emit.over() => {
                emit.late(&value);
            }
            "result" => {
                self.start_requested(emit);
                self.result(&value, emit);
            }
            "abort" => {
                let reason = data.opt_text("reason").unwrap_or("abort").to_owned();
                emit.status("info", &reason, value);
                self.aborted = Some(reason);
            }
            "session.error" => {
                let message = one_line(data.text("message"));
                self.error = Some(data.clone());
                emit.status("error", &message, value);
            }
            _ => other(type_, parent, &value, emit),
        }
    }

    fn open(&mut self, emit: &mut Emit<'_>, prompt: Option<&str>) {
        if emit.turn_open() {
            return;
        }
        emit.start_turn(&TurnStarted {
            runtime: "copilot".into(),
            session: self.session.as_deref().map(Into::into),
            prompt: prompt.map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn prompt(&mut self, data: &Value, emit: &mut Emit<'_>) {
        let said = data.opt_text("content");
        if emit.turn_open() {
            emit.user(said.unwrap_or_default());
        } else {
            self.open(emit, said);
        }
    }

    fn place(&mut self, kind: TextKind, id: &str) -> Option<&mut Streamed> {
        let known = self.texts.iter().position(|t| t.kind == kind && t.id == id);
        let at = known.unwrap_or_else(|| {
            if self.texts.len() >= MAX_MESSAGES {
                self.texts.pop_front();
            }
            self.texts.push_back(Streamed { kind, id: id.to_owned(), said: Said::default() });
            self.texts.len() - 1
        });
        self.texts.get_mut(at)
    }

    fn delta(
        &mut self,
        (kind, id, parent): (TextKind, &str, Option<&str>),
        delta: &str,
        emit: &mut Emit<'_>,
    ) {
        let text = Text { key: id, kind, parent };
        if let Some(streamed) = self.place(kind, id).filter(|_| !delta.is_empty()) {
            streamed.said.delta(&text, delta, emit);
        }
    }

    fn whole(
        &mut self,
        (kind, id, parent): (TextKind, &str, Option<&str>),
        whole: &str,
        emit: &mut Emit<'_>,
    ) {
        let text = Text { key: id, kind, parent };
        let Some(streamed) = self.place(kind, id).filter(|_| !id.is_empty()) else {
            emit.finish_block(&text, Some(whole));
            return;
        };
        let mut said = std::mem::take(&mut streamed.said);
        // A tool's turn has an empty text or none.
        if whole.is_empty() {
            said.stop(&text, emit);
            streamed.said = said;
        } else {
            said.confirm(&text, whole, emit);
            streamed.said = Said::whole(whole);
        }
    }

    fn tool(&mut self, data: &Value, parent: Option<&str>, emit: &mut Emit<'_>) {
        for streamed in &mut self.texts {
            streamed.said.close();
        }
        let input = arguments(data.get("arguments"));
        let name = data.opt_text("toolName").unwrap_or(data.text("name"));
        let (id, input) = (data.text("toolCallId"), input.as_ref());
        emit.start_tool(&Call { id, name, input, parent, ..Call::default() });
    }

    /// Starts the tools that a message requested and that nothing else named.
    fn start_requested(&mut self, emit: &mut Emit<'_>) -> bool {
        let parent = self.parent.take();
        let mut any = false;
        for request in std::mem::take(&mut self.requested) {
            let id = request.text("toolCallId");
            if emit.turn_open() && !emit.call_started(id) {
                self.tool(&request, parent.as_deref(), emit);
                any = true;
            }
        }
        any
    }

    fn tool_done(&mut self, data: &Value, parent: Option<&str>, emit: &mut Emit<'_>) {
        let at = |path: &str| data.pointer(path).filter(|v| !v.is_null());
        let code = at("/error/code").and_then(Value::as_str).unwrap_or_default();
        let outcome = match data.get("success").and_then(Value::as_bool) {
            Some(true) => "ok",
            _ if matches!(code, "denied" | "rejected") => "denied",
            Some(false) => "error",
            None => "unknown",
        };
        let output = at("/result/content").or(at("/result"));
        let done = Done {
            id: data.text("toolCallId"),
            name: data.text("toolName"),
            outcome,
            output: output.or(at("/error/message")).or(at("/error")),
            parent,
            ..Done::default()
        };
        emit.finish_tool(&done);
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let totals = value.at("usage");
        if totals.is_object() {
            emit.status("usage", "", totals.clone());
        }
        let mut spent = std::mem::take(&mut self.spent);
        spent.duration_ms = totals.u64("sessionDurationMs");
        let exit = value.get("exitCode").and_then(Value::as_i64);
        self.settled = false;
        if let Some(reason) = self.aborted.take() {
            emit.cancelled(&reason, None, &spent);
        } else if exit.is_some_and(|code| code != 0) {
            let error = self.error.take().unwrap_or(Value::Null);
            emit.fail(why(&error), &spent);
        } else {
            emit.complete("result", None, &spent);
        }
        self.texts.clear();
        self.error = None;
    }
}

fn why(error: &Value) -> Failure<'static> {
    let status = error.u64("statusCode");
    failure(error.text("message"), error.text("errorType"), status)
}

/// A message that is neither text nor tool nor the end of a turn.
fn other(type_: &str, parent: Option<&str>, value: &Value, emit: &mut Emit<'_>) {
    let data = value.get("data").unwrap_or(value);
    let said = data.opt_text("message").map(one_line);
    let kind = match type_ {
        "session.warning" => "warning",
        "session.info" => "info",
        "session.shutdown" | "assistant.usage" | "session.usage_checkpoint" => "usage",
        "tool.execution_partial_result" | "tool.execution_progress" => "progress",
        "session.compaction_start" | "session.compaction_complete" => "compaction",
        "subagent.started" => "subagent_started",
        "subagent.completed" | "subagent.failed" => "subagent_finished",
        t if t.starts_with("permission.") => "permission",
        t if t.starts_with("session.") => "session",
        _ => "info",
    };
    let message = said.unwrap_or_else(|| format!("message of type {type_:?}"));
    let notice = Notice {
        kind,
        message: Some(&message),
        data: Some(if kind == "info" { value } else { data }.clone()),
        parent,
    };
    emit.notice(&notice);
}
