//! GitHub Copilot CLI: `copilot -p PROMPT --output-format json`. Types are dotted, everything else is in `data`; a text
//! comes in deltas and as a message, which may be repeated as it is refined. `assistant.turn_*` is one call of the model.
//!
//! Source: RUNTIMES' captures of 1.0.63 to 1.0.80; `result` may be missing.

use super::prelude::*;
use std::collections::HashMap;

pub(super) const SPEC: Spec = Spec {
    name: "copilot",
    aliases: &["copilot-cli"],
    versions: "1.0.63, by its documentation",
    about: "GitHub Copilot CLI, json",
    usage: "copilot -p PROMPT --output-format json",
    commands: &["copilot"],
    flags: &["--output-format"],
    keys: "agentId copilotVersion deltaContent detailedContent ephemeral errorType exitCode \
        inputTokens outputTokens parentId premiumRequests reasoningId reasoningText \
        sessionDurationMs statusCode success toolRequests totalApiDurationMs turnId",
    detect,
    new: |_| Box::new(Copilot::default()),
    ..Spec::LINES
};

/// Limit of the tools that one message requests.
const MAX_REQUESTED: usize = 64;

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.has(key);
    let type_ = value.text("type");
    let data = value.at("data").is_object() && has("timestamp");
    let sure = match type_.split_once('.').map_or(type_, |(first, _)| first) {
        "result" => has("exitCode") && has("sessionId"),
        "user" => type_ == "user.message" && data,
        first @ ("session" | "assistant" | "tool") => first != type_ && data && !has("properties"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Copilot {
    session: Option<String>,
    /// Call of each sub-agent that has started, by the sub-agent's id.
    agents: HashMap<String, String>,
    requested: Vec<Value>,
    parent: Option<String>,
    /// The last texts by their ids, in case one is repeated.
    answers: StreamedTexts,
    thoughts: StreamedTexts,
    spent: UsageAndCost,
    aborted: Option<String>,
    /// True if a call of the model has ended and requested no tools.
    settled: bool,
}

impl Runtime for Copilot {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let (type_, data) = (value.text("type"), value.at("data"));
        let agent = value.opt_text("agentId");
        if let Some(agent) = agent.filter(|_| type_ == "subagent.started") {
            self.agents.insert(agent.to_owned(), data.text("toolCallId").to_owned());
        }
        let call =
            agent.map(|agent| self.agents.get(agent).map_or(agent, String::as_str).to_owned());
        let parent = data.opt_text("parentToolCallId").or(call.as_deref());
        if type_.starts_with("assistant.") || type_.starts_with("tool.") {
            self.settled = false;
        }
        let (answer, thought) = (TextKind::Answer, TextKind::Reasoning);
        let text = |kind, id| Text { key: data.text(id), kind, parent };
        match type_ {
            "session.start" => {
                self.session = data.owned("sessionId");
                emit.status("session", data.text("sessionId"), data.clone());
            }
            "user.message" if parent.is_none() && emit.turn_open() => {
                emit.user(data.text("content"));
            }
            "user.message" if parent.is_none() => emit.start_turn(&TurnStarted {
                session: self.session.as_deref().map(Into::into),
                prompt: data.opt_text("content").map(Into::into),
                ..TurnStarted::default()
            }),
            "assistant.turn_start" | "assistant.message_start" => {
                emit.begin(None, self.session.as_deref());
            }
            "assistant.message_delta" => self.delta(&text(answer, "messageId"), data, emit),
            "assistant.reasoning_delta" => self.delta(&text(thought, "reasoningId"), data, emit),
            "assistant.reasoning" => {
                self.whole(&text(thought, "reasoningId"), data.text("content"), emit);
            }
            "assistant.message" => {
                emit.input.error = None;
                let why = data.text("reasoningText");
                if !why.is_empty() && !self.thoughts.any_is(why) {
                    self.whole(&text(thought, "messageId"), why, emit);
                }
                self.whole(&text(answer, "messageId"), data.text("content"), emit);
                self.requested = data.items("toolRequests").take(MAX_REQUESTED).cloned().collect();
                self.parent = parent.map(str::to_owned);
                self.settled = parent.is_none() && self.requested.is_empty();
            }
            "assistant.turn_end" if self.start_requested(emit) => self.settled = false,
            "assistant.turn_end" => self.settled = emit.input.error.is_none() && emit.answered(),
            "assistant.usage" if parent.is_none() => {
                spend(&mut self.spent, usage(data), None);
                emit.report_spent(&self.spent);
            }
            "tool.execution_start" => self.tool(data, parent, emit),
            "tool.execution_complete" => tool_done(data, parent, emit),
            "result" if emit.over() => emit.late(&value),
            "result" => self.result(&value, emit),
            "abort" => {
                let reason = data.opt_text("reason").unwrap_or("abort");
                emit.status("info", reason, value.clone());
                self.aborted = Some(reason.to_owned());
            }
            "session.error" => {
                let message = data.text("message");
                let status = data.u64("statusCode");
                emit.input.error = Some(failure(message, data.text("errorType"), status));
                emit.status("error", &one_line(message), value.clone());
            }
            _ => other(type_, parent, &value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if let Some(reason) = self.aborted.take().filter(|_| !emit.over()) {
            emit.cancelled(&reason, None, &UsageAndCost::default());
        }
        if self.settled { TurnVerdict::ByExit } else { TurnVerdict::MissingResult }
    }
}

impl Copilot {
    fn streamed(&mut self, text: &Text<'_>) -> &mut StreamedText {
        match text.kind {
            TextKind::Answer => self.answers.of(text.key),
            TextKind::Reasoning => self.thoughts.of(text.key),
        }
    }

    fn delta(&mut self, text: &Text<'_>, data: &Value, emit: &mut Emit<'_>) {
        self.streamed(text).delta(text, data.text("deltaContent"), emit);
    }

    fn whole(&mut self, text: &Text<'_>, whole: &str, emit: &mut Emit<'_>) {
        if text.key.is_empty() {
            emit.finish_block(text, Some(whole));
        } else if whole.is_empty() {
            // A call of the model that requests tools has an empty text or none.
            emit.finish_block(text, None);
        } else {
            let streamed = std::mem::replace(self.streamed(text), StreamedText::whole(whole));
            streamed.confirm(text, whole, emit);
        }
    }

    fn tool(&mut self, data: &Value, parent: Option<&str>, emit: &mut Emit<'_>) {
        let input = arguments(data.get("arguments"));
        let name = data.opt_text("toolName").unwrap_or(data.text("name"));
        let (id, input) = (data.text("toolCallId"), input.as_ref());
        emit.start_tool(&Call { id, name, input, parent, ..Call::default() });
    }

    /// Starts the tools that a message requested and that nothing else named; `false` if there are none.
    fn start_requested(&mut self, emit: &mut Emit<'_>) -> bool {
        let mut requested = std::mem::take(&mut self.requested);
        let parent = self.parent.take();
        requested.retain(|tool| emit.turn_open() && !emit.call_started(tool.text("toolCallId")));
        for tool in &requested {
            self.tool(tool, parent.as_deref(), emit);
        }
        !requested.is_empty()
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.start_requested(emit);
        let totals = value.at("usage");
        if totals.is_object() {
            emit.status("usage", "", totals.clone());
        }
        let mut spent = std::mem::take(&mut self.spent);
        spent.duration_ms = totals.u64("sessionDurationMs");
        let (aborted, error) = (self.aborted.take(), emit.input.error.take());
        if let Some(reason) = aborted {
            emit.cancelled(&reason, None, &spent);
        } else if value.i64("exitCode").is_some_and(|code| code != 0) {
            emit.fail(error.unwrap_or_else(|| failure("", "", None)), &spent);
        } else {
            emit.complete("result", None, &spent);
        }
        self.settled = false;
        self.answers.clear();
        self.thoughts.clear();
    }
}

fn tool_done(data: &Value, parent: Option<&str>, emit: &mut Emit<'_>) {
    let (result, error) = (data.at("result"), data.at("error"));
    let output = result.non_null("content").or(data.non_null("result"));
    emit.finish_tool(&Done {
        id: data.text("toolCallId"),
        name: data.text("toolName"),
        outcome: match data.at("success").as_bool() {
            Some(true) => "ok",
            _ if matches!(error.text("code"), "denied" | "rejected") => "denied",
            Some(false) => "error",
            None => "unknown",
        },
        output: output.or(error.non_null("message")).or(data.get("error")),
        parent,
        ..Done::default()
    });
}

/// A message that is neither text nor tool nor the end of a turn.
fn other(type_: &str, parent: Option<&str>, value: &Value, emit: &mut Emit<'_>) {
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
    let data = value.get("data").unwrap_or(value);
    let message = data.opt_text("message").map(one_line);
    let message = message.unwrap_or_else(|| format!("message of type {type_:?}"));
    let data = Some(if kind == "info" { value } else { data }.clone());
    emit.notice(&Notice { kind, message: Some(&message), data, parent });
}
