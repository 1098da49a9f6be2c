//! The Agent2Agent protocol, 0.3 and 1.0, as JSON-RPC or bare: the stream of a task, a task, or a message.
//!
//! Source: a2a-sdk 1.3, `compat/v0_3/types.py` and `types/a2a_pb2.pyi`. Artifacts are the answer. The message of a status is
//! its reason or progress; it is the answer where an agent answers by it alone, or requests input.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "a2a",
    aliases: &["agent2agent"],
    versions: "0.3 and 1.0, by their types",
    about: "Agent2Agent protocol, a task's stream",
    usage: "curl -N AGENT -d '{\"jsonrpc\":\"2.0\",\"method\":\"message/stream\",...}'",
    keys: "append artifact artifactId artifacts artifactUpdate contextId final jsonrpc lastChunk \
        message method params parts state statusUpdate task taskId",
    detect,
    new: |_| Box::new(A2a::default()),
    ..Spec::FRAMES
};

/// Limit of the artifacts of a task.
const MAX_ARTIFACTS: usize = 4096;

/// Kind of a message, as 0.3 names it, and its body; the kind of a foreign message is empty.
fn body(value: &Value) -> (&str, &Value) {
    let is = |kind: &str, value: &Value| match kind {
        "message" => value.has("messageId") && value.has("parts"),
        "artifact-update" => value.has("artifact"),
        _ => value.pointer("/status/state").is_some_and(Value::is_string),
    };
    // In 1.0 the body stands in a field of its own.
    let fields = [
        ("statusUpdate", "status-update"),
        ("artifactUpdate", "artifact-update"),
        ("task", "task"),
        ("message", "message"),
    ];
    for (field, kind) in fields {
        if let Some(body) = value.get(field).filter(|body| is(kind, body)) {
            return (kind, body);
        }
    }
    let kind = match value.text("kind") {
        kind @ ("status-update" | "artifact-update") if is(kind, value) => kind,
        "" | "task" if value.has("contextId") && is("task", value) => "task",
        "" | "message" if value.has("role") && is("message", value) => "message",
        _ => "",
    };
    (kind, value)
}

fn detect(value: &Value) -> Match {
    let ours = match value.text("method") {
        "message/stream" | "message/send" | "SendStreamingMessage" | "tasks/resubscribe" => true,
        _ => !body(value.get("result").filter(|_| is_rpc(value)).unwrap_or(value)).0.is_empty(),
    };
    if ours { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct A2a {
    task: String,
    artifacts: Vec<String>,
}

impl Runtime for A2a {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if let Some(error) = value.non_null("error") {
            return emit.fail_open(error, &UsageAndCost::default());
        }
        let (kind, body) = body(value.get("result").unwrap_or(&value));
        match kind {
            "task" => {
                self.begin(body, body.text("id"), emit);
                for artifact in body.items("artifacts") {
                    self.artifact(artifact, &Value::Null, emit);
                }
                self.status(body, emit);
            }
            "status-update" => {
                self.begin(body, body.text("taskId"), emit);
                self.status(body, emit);
            }
            "artifact-update" => {
                self.begin(body, body.text("taskId"), emit);
                self.artifact(body.at("artifact"), body, emit);
            }
            "message" if matches!(body.text("role"), "user" | "ROLE_USER") => {
                emit.user(&words(body));
            }
            "message" => {
                self.begin(body, body.text("taskId"), emit);
                answer(body, emit);
                emit.complete("message", None, &UsageAndCost::default());
            }
            _ => emit.status("info", value.text("method"), value.clone()),
        }
    }
}

/// The text of a message or an artifact.
fn words(value: &Value) -> String {
    value.items("parts").filter_map(|part| part.opt_text("text")).collect()
}

/// Emits files and data, which are no text.
fn others(value: &Value, emit: &mut Emit<'_>) {
    for part in value.items("parts").filter(|part| part.opt_text("text").is_none()) {
        emit.status("info", "a part that is no text", part.clone());
    }
}

fn answer(message: &Value, emit: &mut Emit<'_>) {
    let block = text(TextKind::Answer, message.text("messageId"));
    emit.finish_block(&block, Some(&words(message)));
    others(message, emit);
}

impl A2a {
    fn begin(&mut self, value: &Value, task: &str, emit: &mut Emit<'_>) {
        let late = emit.over() && task == self.task && !task.is_empty();
        if !emit.turn_open() && !late {
            task.clone_into(&mut self.task);
            self.artifacts.clear();
            emit.begin(None, value.opt_text("contextId"));
        }
    }

    /// A piece of an artifact, or the whole of it. One that was emitted comes again with the whole task.
    fn artifact(&mut self, artifact: &Value, update: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return emit.late(artifact);
        }
        let id = artifact.text("artifactId");
        let block = text(TextKind::Answer, id);
        let known = self.artifacts.iter().any(|known| known == id);
        if known && update.is_null() {
            return;
        }
        if !known && self.artifacts.len() < MAX_ARTIFACTS {
            self.artifacts.push(id.to_owned());
        }
        if known && !update.is("append") {
            emit.finish_block(&block, Some(&words(artifact)));
        } else {
            emit.delta(&block, &words(artifact));
        }
        others(artifact, emit);
        if update.is("lastChunk") || update.is_null() {
            emit.finish_block(&block, None);
        }
    }

    /// The state of a task; 1.0 has the names of its enum.
    fn status(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let status = value.at("status");
        if emit.over() {
            return emit.late(status);
        }
        let state = status.text("state").trim_start_matches("TASK_STATE_");
        let state = state.to_lowercase().replace('_', "-");
        let message = status.get("message").filter(|m| m.is_object());
        let reason = message.map(words).unwrap_or_default();
        let shown = if reason.is_empty() { &state } else { &reason };
        let spent = UsageAndCost::default();
        match state.as_str() {
            "failed" | "rejected" => {
                message.into_iter().for_each(|message| others(message, emit));
                emit.fail(failure(&reason, &format!("the task is {state}"), None), &spent);
            }
            "canceled" | "cancelled" => emit.cancelled(shown, None, &spent),
            "completed" | "input-required" | "auth-required" => {
                match message {
                    Some(message) if state != "completed" || !emit.answered() => {
                        answer(message, emit);
                    }
                    Some(_) => emit.status("info", &one_line(&reason), status.clone()),
                    None => {}
                }
                if state != "completed" {
                    // The same task goes on with the answer, in another turn.
                    self.task.clear();
                }
                emit.complete(&state, None, &spent);
            }
            _ => emit.status("progress", &one_line(shown), status.clone()),
        }
    }
}
