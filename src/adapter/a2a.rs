//! The Agent2Agent protocol, 0.3 and 1.0, as JSON-RPC or bare: the stream of a task, a task, or a message.
//!
//! Source: a2a-sdk 1.3, `compat/v0_3/types.py` and `types/a2a_pb2.pyi`. Artifacts are the answer. The message of a status is
//! its reason or progress; it is the answer where an agent answers by it alone, or asks for input.

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
    framing: Framing::Frames,
    new: |_| Box::new(A2a::default()),
    ..Spec::LINES
};

/// How many artifacts of a task are told apart.
const MAX_ARTIFACTS: usize = 4096;

/// A message of the protocol, in either version.
enum Body<'v> {
    Task(&'v Value),
    Status(&'v Value),
    Artifact(&'v Value),
    Message(&'v Value),
    Other,
}

impl<'v> Body<'v> {
    /// Version 1.0 names the type by the key of its value, 0.3 by `kind` or not at all.
    fn of(value: &'v Value) -> Self {
        let wrapped = ["statusUpdate", "artifactUpdate", "task", "message"];
        let wrapped = wrapped.iter().find_map(|key| Some((value.get(key)?, *key)));
        let (body, kind) = wrapped.unwrap_or((value, value.text("kind")));
        let has = |key| body.get(key).is_some();
        let own = |key| wrapped.is_some() || has(key);
        let task = body.pointer("/status/state").is_some_and(Value::is_string);
        match kind {
            "statusUpdate" | "status-update" if task => Self::Status(body),
            "artifactUpdate" | "artifact-update" if has("artifact") => Self::Artifact(body),
            "task" | "" if task && own("contextId") => Self::Task(body),
            "message" | "" if has("messageId") && has("parts") && own("role") => {
                Self::Message(body)
            }
            _ => Self::Other,
        }
    }
}

fn detect(value: &Value) -> Match {
    let asked = ["message/stream", "message/send", "SendStreamingMessage", "tasks/resubscribe"];
    let ours = value.opt_text("method").is_some_and(|method| asked.contains(&method));
    let result = value.get("result").filter(|_| is_rpc(value));
    let known = !matches!(Body::of(result.unwrap_or(value)), Body::Other);
    if ours || known { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct A2a {
    task: String,
    artifacts: Vec<String>,
}

impl Runtime for A2a {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if let Some(error) = value.non_null("error") {
            if !emit.error_after_turn(error) {
                emit.fail_with(error, &Spent::default());
            }
            return;
        }
        match Body::of(value.get("result").unwrap_or(&value)) {
            Body::Task(task) => {
                self.begin(task, "id", emit);
                for artifact in task.items("artifacts") {
                    self.artifact(artifact, &Value::Null, emit);
                }
                self.status(task, emit);
            }
            Body::Status(update) => {
                self.begin(update, "taskId", emit);
                self.status(update, emit);
            }
            Body::Artifact(update) => {
                self.begin(update, "taskId", emit);
                self.artifact(update.at("artifact"), update, emit);
            }
            Body::Message(message) if matches!(message.text("role"), "user" | "ROLE_USER") => {
                emit.user(&joined(message));
            }
            Body::Message(message) => {
                self.begin(message, "taskId", emit);
                answer(message, emit);
                emit.complete("message", None, &Spent::default());
            }
            Body::Other => emit.status("info", value.text("method"), value.clone()),
        }
    }
}

/// The text of a message or an artifact.
fn joined(value: &Value) -> String {
    value.items("parts").map(|part| part.text("text")).collect()
}

/// Keeps files and data, which are no text.
fn keep_others(value: &Value, emit: &mut Emit<'_>) {
    for part in value.items("parts").filter(|part| part.opt_text("text").is_none()) {
        emit.status("info", "a part that is no text", part.clone());
    }
}

fn answer(message: &Value, emit: &mut Emit<'_>) {
    let block = text(TextKind::Answer, message.text("messageId"));
    emit.finish_block(&block, Some(&joined(message)));
    keep_others(message, emit);
}

impl A2a {
    /// Opens a turn, unless the message is of the task whose turn has ended.
    fn begin(&mut self, value: &Value, id: &str, emit: &mut Emit<'_>) {
        let task = value.text(id);
        if emit.turn_open() || (emit.over() && task == self.task && !task.is_empty()) {
            return;
        }
        task.clone_into(&mut self.task);
        self.artifacts.clear();
        emit.begin(SPEC.name, None, value.opt_text("contextId"));
    }

    /// A piece of an artifact, or the whole of it. One that was emitted comes again with the whole task.
    fn artifact(&mut self, artifact: &Value, update: &Value, emit: &mut Emit<'_>) {
        let id = artifact.text("artifactId");
        let block = text(TextKind::Answer, id);
        let known = self.artifacts.iter().any(|known| known == id);
        if emit.over() {
            return emit.late(artifact);
        }
        if known && update.is_null() {
            return;
        }
        if !known && self.artifacts.len() < MAX_ARTIFACTS {
            self.artifacts.push(id.to_owned());
        }
        if known && !update.is("append") {
            emit.finish_block(&block, Some(&joined(artifact)));
        } else {
            emit.delta(&block, &joined(artifact));
        }
        keep_others(artifact, emit);
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
        let state = status.text("state");
        let state = state.trim_start_matches("TASK_STATE_").to_lowercase().replace('_', "-");
        let message = status.get("message").filter(|m| m.is_object());
        let reason = message.map(joined).unwrap_or_default();
        let said = if reason.is_empty() { &state } else { &reason };
        let spent = Spent::default();
        match state.as_str() {
            "failed" | "rejected" => {
                message.into_iter().for_each(|message| keep_others(message, emit));
                emit.fail(failure(&reason, &format!("the task is {state}"), None), &spent);
            }
            "canceled" | "cancelled" => emit.cancelled(said, None, &spent),
            "completed" | "input-required" | "auth-required" => {
                let asks = state != "completed";
                match message {
                    Some(message) if asks || !emit.answered() => answer(message, emit),
                    Some(_) => emit.status("info", &one_line(&reason), status.clone()),
                    None => {}
                }
                if asks {
                    // The same task goes on with the answer, in another turn.
                    self.task.clear();
                }
                emit.complete(&state, None, &spent);
            }
            _ => emit.status("progress", &one_line(said), status.clone()),
        }
    }
}
