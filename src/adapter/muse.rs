//! Muse (Meta): a log of records, one a line. A run is a turn; tools are tasks whose kind begins with `tool.`, and the tasks
//! beside them, models and reminders, may fail in a run that succeeds.
//!
//! Source: recordings. A record's payload has its kind; the result of a tool names the call and not the task, and repeats
//! what the task has printed.

use super::prelude::*;
use std::collections::HashMap;

pub(super) const SPEC: Spec = Spec {
    name: "muse",
    versions: "captures of 2026",
    about: "Muse, its log of records",
    usage: "muse --json PROMPT",
    commands: &["muse"],
    flags: &["--json"],
    keys: "added attempt bytes_read cancellation_handle causation_id chunk client_id command_id \
        command_kind correlation_facts detail details display_label durability edit_facts eof \
        eof_buffer_len error_kind event facets idempotency_key last_wire_event_type max_attempts \
        model_id operation outcome parent_task_id payload payload_schema_version payload_type \
        phase policy_decision profile_id provider_id record_type recorded_at response_id \
        run_stream schema_version sequence source span_id stream system task_id task_kind \
        task_stream terminal time_to_first_event_ms tool_name wire_events_seen",
    detect,
    new: |_| Box::new(Muse::default()),
    ..Spec::LINES
};

/// Limit of remembered tasks; past that all are forgotten.
const MAX_TASKS: usize = 4096;

/// Limit of a task's output that is kept, in bytes; the tool's result has all of it.
const MAX_OUTPUT: usize = 1 << 20;

fn detect(value: &Value) -> Match {
    let keys = ["schema_version", "record_type", "payload"];
    if keys.iter().all(|key| value.get(key).is_some()) { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Muse {
    model: Option<String>,
    tasks: HashMap<String, Task>,
    streamed: StreamedText,
    output: String,
}

#[derive(Default)]
struct Task {
    kind: String,
    /// Its output, up to [`MAX_OUTPUT`].
    output: String,
    full: bool,
}

impl Runtime for Muse {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let payload = value.at("payload");
        match payload.text("kind") {
            "run_model_configured" => {
                self.model = payload.owned("model_id");
                emit.status("session", payload.text("model_id"), payload.clone());
            }
            "run_started" => {
                self.streamed = StreamedText::default();
                emit.start_turn(&TurnStarted {
                    model: self.model.as_deref().map(Into::into),
                    session: value.at("stream").opt_text("id").map(Into::into),
                    prompt: payload.opt_text("prompt").map(Into::into),
                    ..TurnStarted::default()
                });
            }
            // The prompt comes again with the begin of the run.
            "turn_input_user" | "session_run_linked" | "task_stream_linked" => {}
            "run_output_delta" => {
                let delta = str_at(payload, "text", emit);
                self.streamed.delta(&ANSWER, delta, emit);
            }
            "task_lifecycle" => self.task(payload.at("event"), emit),
            "run_terminal" if emit.over() => emit.late(payload),
            "run_terminal" => self.terminal(payload, emit),
            "tool_result"
                if !self.output.is_empty() && payload.text("text").ends_with(&self.output) => {}
            kind => {
                let known = matches!(kind, "command_accepted" | "tool_result");
                let data = if known { payload } else { &value };
                emit.status("info", &format!("record of kind {kind:?}"), data.clone());
            }
        }
    }
}

impl Muse {
    fn task(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let (id, kind) = (event.text("task_id"), event.text("kind"));
        let name = self.tasks.get(id).map(|task| task.kind.clone()).unwrap_or_default();
        match (kind, name.strip_prefix("tool.")) {
            ("proposed", _) => self.propose(id, event.text("task_kind"), emit),
            ("accepted" | "scheduled" | "started" | "side_effect_intent", _) => {}
            ("output", Some(_)) => {
                let chunk = event.text("chunk");
                if let Some(task) = self.tasks.get_mut(id).filter(|task| !task.full) {
                    task.full = task.output.len() + chunk.len() > MAX_OUTPUT;
                    task.output.push_str(if task.full { "" } else { chunk });
                }
            }
            ("completed" | "failed" | "cancelled" | "rejected", Some(tool)) => {
                let printed = self.tasks.remove(id).map(|task| task.output);
                let printed = printed.filter(|printed| !printed.is_empty());
                self.output = printed.unwrap_or_else(|| event.text("reason").to_owned());
                let outcome = match kind {
                    "completed" => "ok",
                    "rejected" => "denied",
                    "cancelled" => "cancelled",
                    _ => "error",
                };
                let output = Value::from(self.output.as_str());
                emit.tool_done(id, tool, outcome, Some(&output).filter(|output| **output != ""));
            }
            ("completed", None) => {}
            ("failed" | "rejected" | "cancelled", None) => {
                let message = format!("{name} {kind}: {}", one_line(event.text("reason")));
                emit.status("warning", message.trim_end_matches(": "), event.clone());
            }
            _ => emit.status("progress", &one_line(event.text("message")), event.clone()),
        }
    }

    fn propose(&mut self, id: &str, kind: &str, emit: &mut Emit<'_>) {
        if self.tasks.len() >= MAX_TASKS {
            self.tasks.clear();
        }
        self.tasks.insert(id.to_owned(), Task { kind: kind.to_owned(), ..Task::default() });
        if let Some(name) = kind.strip_prefix("tool.") {
            self.streamed = StreamedText::default();
            emit.tool(id, name, None);
        } else {
            emit.status("progress", kind, Value::Null);
        }
    }

    fn terminal(&mut self, payload: &Value, emit: &mut Emit<'_>) {
        let (terminal, reason) = (payload.text("terminal"), payload.text("reason"));
        let streamed = std::mem::take(&mut self.streamed);
        if streamed.begins(payload.text("text")) {
            streamed.confirm(&ANSWER, payload.text("text"), emit);
        }
        let spent = UsageAndCost::default();
        match terminal {
            "completed" => emit.complete(terminal, payload.opt_text("text"), &spent),
            "cancelled" | "canceled" | "interrupted" => {
                let reason = payload.filled("reason").unwrap_or(terminal);
                emit.cancelled(reason, Some(terminal), &spent);
            }
            _ => emit.fail(failure(reason, terminal, None), &spent),
        }
        self.tasks.clear();
    }
}
