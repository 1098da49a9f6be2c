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
        outputTokens parentAgentId providerId reasoning toolCallCount totalCacheReadTokens \
        totalCacheWriteTokens totalCost totalInputTokens totalOutputTokens ts",
    detect,
    new: |_| Box::new(Cline::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let sure = match value.text("type") {
        "agent_event" => value.pointer("/event/type").is_some(),
        "run_start" => value.has("providerId"),
        "run_result" => value.has("finishReason"),
        "run_abort_requested" | "run_aborted" => value.has("reason"),
        _ => false,
    };
    if sure && value.has("ts") { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Cline {
    model: Option<String>,
    answer: StreamedText,
    thought: StreamedText,
    spent: UsageAndCost,
}

impl Runtime for Cline {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match value.text("type") {
            "run_start" => {
                self.model = value.owned("modelId");
                emit.status("session", value.text("modelId"), value.clone());
            }
            "agent_event" => self.event(value.at("event"), emit),
            "run_result" if emit.over() => emit.late(&value),
            "run_result" => self.result(&value, emit),
            type_ => {
                let unknown = format!("message of type {type_:?}");
                let message = value.opt_text("message").map_or(unknown, one_line);
                let kind = if type_ == "error" { "error" } else { "info" };
                emit.status(kind, &message, value.clone());
                if kind == "error" {
                    emit.input.error = Some(emit.failure(&value));
                }
            }
        }
    }
}

impl Cline {
    fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let (id, name) = (event.text("toolCallId"), event.text("toolName"));
        match (event.text("type"), event.text("contentType")) {
            _ if event.opt_text("parentAgentId").is_some() => {
                emit.status("progress", "a sub-agent", event.clone());
            }
            (type_ @ ("content_start" | "content_end"), content @ ("text" | "reasoning")) => {
                emit.begin(self.model.as_deref(), None);
                let (kind, streamed) = match content {
                    "text" => (TextKind::Answer, &mut self.answer),
                    _ => (TextKind::Reasoning, &mut self.thought),
                };
                let (block, part) = (text(kind, content), event.text(content));
                match type_ {
                    "content_start" => streamed.delta(&block, part, emit),
                    _ => std::mem::take(streamed).confirm(&block, part, emit),
                }
            }
            ("content_start", "tool") => {
                emit.begin(self.model.as_deref(), None);
                emit.tool(id, name, event.get("input"));
            }
            ("content_end", "tool") => {
                let error = event.non_null("error");
                // The output is a list of results, each of which may have failed.
                let failed = |part: &Value| part.at("success").as_bool() == Some(false);
                let failed = error.is_some() || event.items("output").any(failed);
                emit.finish_tool(&Done {
                    id,
                    name,
                    outcome: if failed { "error" } else { "ok" },
                    output: error.or(event.get("output")),
                    duration_ms: event.u64("durationMs"),
                    ..Done::default()
                });
            }
            ("content_update", _) => {
                let data = serde_json::json!({"id": id, "update": event.get("update")});
                emit.status("progress", name, data);
            }
            ("iteration_start", _) => emit.begin(self.model.as_deref(), None),
            ("iteration_end" | "done", _) => {}
            ("usage", _) => {
                spend(&mut self.spent, usage(event), event.f64("cost"));
                emit.report_spent(&self.spent);
            }
            ("error", _) => {
                let error = event.get("error");
                if !event.is("recoverable") {
                    emit.input.error = error.map(|error| emit.failure(error));
                }
                let message = error.map(sentence).unwrap_or_default();
                emit.status("error", &one_line(&message), event.clone());
            }
            (type_, _) => {
                let kind = if event.text("noticeType") == "recovery" { "retry" } else { "info" };
                let message = event.opt_text("message").unwrap_or(type_);
                emit.status(kind, &one_line(message), event.clone());
            }
        }
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        emit.begin(self.model.as_deref(), None);
        let used = value.at("usage");
        let known = std::mem::take(&mut self.spent);
        let spent = UsageAndCost {
            usage: usage(used).or(known.usage),
            cost_usd: used.f64("totalCost").or(known.cost_usd),
            duration_ms: value.u64("durationMs"),
            ..UsageAndCost::default()
        };
        let error = emit.input.error.take();
        match value.filled("finishReason").unwrap_or("completed") {
            "aborted" => emit.cancelled("aborted", Some("aborted"), &spent),
            reason @ ("error" | "max_iterations" | "mistake_limit") => {
                let message = error.as_ref().map_or(value.text("text"), |error| &error.message);
                emit.fail(failure(message, reason, None), &spent);
            }
            stop => emit.complete(stop, value.opt_text("text"), &spent),
        }
    }
}
