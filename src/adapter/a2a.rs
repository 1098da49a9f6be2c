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

/// What a message of the protocol is, in either version.
enum Body<'v> {
    Task(&'v Value),
    Status(&'v Value),
    Artifact(&'v Value),
    Message(&'v Value),
    Other,
}

impl<'v> Body<'v> {
    fn of(value: &'v Value) -> Self {
        let has = |value: &Value, key: &str| value.get(key).is_some();
        let task = |value: &Value| value.pointer("/status/state").is_some_and(Value::is_string);
        let message = |value: &Value| has(value, "messageId") && has(value, "parts");
        let kind = value.text("kind");
        if let Some(update) = value.get("statusUpdate").filter(|u| task(u)) {
            Self::Status(update)
        } else if let Some(update) = value.get("artifactUpdate").filter(|u| has(u, "artifact")) {
            Self::Artifact(update)
        } else if let Some(inner) = value.get("task").filter(|t| task(t)) {
            Self::Task(inner)
        } else if let Some(inner) = value.get("message").filter(|m| message(m)) {
            Self::Message(inner)
        } else if kind == "status-update" && task(value) {
            Self::Status(value)
        } else if kind == "artifact-update" && has(value, "artifact") {
            Self::Artifact(value)
        } else if matches!(kind, "" | "task") && has(value, "contextId") && task(value) {
            Self::Task(value)
        } else if matches!(kind, "" | "message") && has(value, "role") && message(value) {
            Self::Message(value)
        } else {
            Self::Other
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
                self.begin(task, task.opt_text("id"), emit);
                for artifact in task.items("artifacts") {
                    self.artifact(artifact, &Value::Null, emit);
                }
                self.status(task, emit);
            }
            Body::Status(update) => {
                self.begin(update, update.opt_text("taskId"), emit);
                self.status(update, emit);
            }
            Body::Artifact(update) => {
                self.begin(update, update.opt_text("taskId"), emit);
                self.artifact(update.at("artifact"), update, emit);
            }
            Body::Message(message) if is_user(message) => emit.user(&words(message)),
            Body::Message(message) => {
                self.begin(message, message.opt_text("taskId"), emit);
                answer(message, emit);
                emit.complete("message", None, &Spent::default());
            }
            Body::Other => {
                emit.status("info", value.text("method"), value.clone());
            }
        }
    }
}

fn is_user(message: &Value) -> bool {
    matches!(message.opt_text("role"), Some("user" | "ROLE_USER"))
}

fn parts(value: &Value) -> impl Iterator<Item = &Value> {
    value.items("parts")
}

/// The text of a message or an artifact.
fn words(value: &Value) -> String {
    parts(value).filter_map(|part| part.opt_text("text")).collect()
}

/// Files and data, which are no text.
fn others(value: &Value, emit: &mut Emit<'_>) {
    for part in parts(value).filter(|part| part.opt_text("text").is_none()) {
        emit.status("info", "a part that is no text", part.clone());
    }
}

fn answer(message: &Value, emit: &mut Emit<'_>) {
    let key = message.text("messageId");
    emit.finish_block(&text(TextKind::Answer, key), Some(&words(message)));
    others(message, emit);
}

impl A2a {
    fn begin(&mut self, value: &Value, task: Option<&str>, emit: &mut Emit<'_>) {
        let task = task.unwrap_or_default();
        let late = emit.over() && task == self.task && !task.is_empty();
        if emit.turn_open() || late {
            return;
        }
        task.clone_into(&mut self.task);
        self.artifacts.clear();
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            session: value.opt_text("contextId").map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// A piece of an artifact, or the whole of it. One that was emitted comes again with the whole task.
    fn artifact(&mut self, artifact: &Value, update: &Value, emit: &mut Emit<'_>) {
        let is = |key: &str| update.get(key).and_then(Value::as_bool) == Some(true);
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
        if known && !is("append") {
            emit.finish_block(&block, Some(&words(artifact)));
        } else {
            emit.delta(&block, &words(artifact));
        }
        others(artifact, emit);
        if is("lastChunk") || update.is_null() {
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
        let reason = message.map(words).unwrap_or_default();
        let spent = Spent::default();
        match state.as_str() {
            "failed" | "rejected" => {
                message.into_iter().for_each(|message| others(message, emit));
                emit.fail(failure(&reason, &format!("the task is {state}"), None), &spent);
            }
            "canceled" | "cancelled" => {
                let reason = if reason.is_empty() { &state } else { &reason };
                emit.cancelled(reason, None, &spent);
            }
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
            _ => {
                let said = if reason.is_empty() { &state } else { &reason };
                emit.status("progress", &one_line(said), status.clone());
            }
        }
    }
}
