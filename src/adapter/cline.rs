//! Cline 3: `cline --json PROMPT`. What the agent does comes as `agent_event`, a text in pieces and again as a whole;
//! `run_result` ends the turn.
//!
//! Source: `apps/cli` of Cline 3 and the event types of @cline/shared. The messages of the CLI before 3 are superseded.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "cline",
    versions: "3, by its source",
    about: "Cline, json",
    usage: "cline --json PROMPT",
    commands: &["cline"],
    flags: &["--json"],
    keys: "accumulated agentId cacheReadTokens cacheWriteTokens catalog contentType conversationId \
        durationMs event finishReason hadToolCalls iteration iterations inputTokens mode modelId \
        outputTokens parentAgentId providerId reasoning thinking toolCallCount toolCallId toolName \
        totalCacheReadTokens totalCacheWriteTokens totalCost totalInputTokens totalOutputTokens ts",
    detect,
    new: |_| Box::new(Cline::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "text", kind: TextKind::Answer, parent: None };

const THOUGHT: Text<'_> = Text { key: "reasoning", kind: TextKind::Reasoning, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let sure = has("ts")
        && match value.text("type") {
            "agent_event" => value.pointer("/event/type").is_some(),
            "run_start" => has("providerId"),
            "run_result" => has("finishReason"),
            "run_abort_requested" | "run_aborted" => has("reason"),
            _ => false,
        };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Cline {
    model: Option<String>,
    said: Said,
    thought: Said,
    /// The last error that the agent did not recover from.
    error: Option<Value>,
    spent: Spent,
}

impl Runtime for Cline {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match value.text("type") {
            "run_start" => {
                self.model = value.opt_text("modelId").map(str::to_owned);
                emit.status("session", value.text("modelId"), value.clone());
            }
            "agent_event" => {
                let event = value.at("event");
                self.event(event, emit);
            }
            "run_result" if emit.over() => {
                emit.late(&value);
            }
            "run_result" => self.result(&value, emit),
            type_ => {
                let kind = if type_ == "error" { "error" } else { "info" };
                let message = value
                    .opt_text("message")
                    .map_or_else(|| format!("message of type {type_:?}"), one_line);
                if type_ == "error" {
                    self.error = Some(value.clone());
                }
                emit.status(kind, &message, value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            emit.fail_with(&error, &std::mem::take(&mut self.spent));
        }
        Verdict::MissingResult
    }
}

impl Cline {
    fn start(&self, emit: &mut Emit<'_>) {
        emit.begin(SPEC.name, self.model.as_deref(), None);
    }

    fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let sub = event.opt_text("parentAgentId").is_some();
        match (event.text("type"), event.text("contentType")) {
            _ if sub => emit.status("progress", "a sub-agent", event.clone()),
            ("content_start", "text") => {
                self.start(emit);
                self.said.delta(&ANSWER, event.text("text"), emit);
            }
            ("content_end", "text") => {
                self.start(emit);
                std::mem::take(&mut self.said).confirm(&ANSWER, event.text("text"), emit);
            }
            ("content_start", "reasoning") => {
                self.start(emit);
                self.thought.delta(&THOUGHT, event.text("reasoning"), emit);
            }
            ("content_end", "reasoning") => {
                self.start(emit);
                std::mem::take(&mut self.thought).confirm(&THOUGHT, event.text("reasoning"), emit);
            }
            ("content_start", "tool") => {
                self.start(emit);
                self.said.close();
                self.thought.close();
                let (id, name) = (event.text("toolCallId"), event.text("toolName"));
                let input = event.get("input");
                emit.tool(id, name, input);
            }
            ("content_end", "tool") => self.tool_end(event, emit),
            ("content_update", _) => {
                let data = serde_json::json!({"id": event.text("toolCallId"), "update": event.get("update")});
                emit.status("progress", event.text("toolName"), data);
            }
            ("iteration_start", _) => self.start(emit),
            ("iteration_end" | "done", _) => {}
            ("usage", _) => {
                spend(&mut self.spent, usage(event), event.at("cost").as_f64());
                emit.note_spent(&self.spent);
            }
            ("error", _) => {
                let message = event.get("error").map(sentence).unwrap_or_default();
                if event.get("recoverable").and_then(Value::as_bool) != Some(true) {
                    self.error = event.get("error").cloned();
                }
                emit.status("error", &one_line(&message), event.clone());
            }
            (type_, _) => {
                let kind = if event.text("noticeType") == "recovery" { "retry" } else { "info" };
                let message = event.opt_text("message").map_or(type_, |message| message);
                emit.status(kind, &one_line(message), event.clone());
            }
        }
    }

    /// A tool's output is a list of results, each of which may have failed.
    fn tool_end(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let output = event.non_null("output");
        let parts = output.and_then(Value::as_array).into_iter().flatten();
        let failed = |part: &Value| part.get("success").and_then(Value::as_bool) == Some(false);
        let error = event.non_null("error");
        let bad = error.is_some() || parts.clone().any(failed);
        emit.finish_tool(&Done {
            id: event.text("toolCallId"),
            name: event.text("toolName"),
            outcome: if bad { "error" } else { "ok" },
            output: error.or(output),
            duration_ms: event.u64("durationMs"),
            ..Done::default()
        });
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        let used = value.at("usage");
        let known = std::mem::take(&mut self.spent);
        let spent = Spent {
            usage: usage(used).or(known.usage),
            cost_usd: used.at("totalCost").as_f64().or(known.cost_usd),
            duration_ms: value.u64("durationMs"),
            ..Spent::default()
        };
        let error = self.error.take();
        match value.text("finishReason") {
            "aborted" => emit.cancelled("aborted", Some("aborted"), &spent),
            reason @ ("error" | "max_iterations" | "mistake_limit") => {
                let message =
                    error.as_ref().map_or_else(|| value.text("text").to_owned(), sentence);
                emit.fail(failure(&message, reason, None), &spent);
            }
            reason => {
                let stop = if reason.is_empty() { "completed" } else { reason };
                emit.complete(stop, value.opt_text("text"), &spent);
            }
        }
    }
}
