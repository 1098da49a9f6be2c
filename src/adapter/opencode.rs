//! opencode: `opencode run --format json`, whose only end is the reason of the last step, and the events of its server
//! (`/event`), which say a text in deltas and again as a whole. Every session of a server has a stream of its own.
//!
//! Source: recordings of both. The prompt is a text part like any other on the server, so the role of its message decides.

mod next;
mod server;
mod sessions;
#[cfg(test)]
mod tests;

use super::prelude::*;

use sessions::Sessions;

pub(super) const SPEC: Spec = Spec {
    name: "opencode",
    aliases: &["opencode-server"],
    versions: "run and server captures of 2026",
    about: "opencode, run --format json, and its server's events",
    usage: "opencode run --format json PROMPT",
    commands: &["opencode"],
    flags: &["--format"],
    keys: "assistantMessageID callID executed finish modelID next prompt providerID reasoningID structured textID additions agent cache callID completed created deletions diff diffs directory end exit \
        exitCode field files finish info isRetryable loaded messageID metadata mode modelID \
        parentID part partID preview projectID properties providerID read reasoning responseBody \
        responseHeaders root sessionID slug snapshot start state statusCode time tokens tool \
        total truncated updated variant write x-request-id",
    detect,
    new: |_| Box::new(Opencode::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let value = value.get("payload").unwrap_or(value);
    let type_ = value.text("type");
    if newer(type_, value) {
        return Match::Sure;
    }
    if value.get("properties").is_some_and(Value::is_object) {
        let prefixes = ["server.", "session.", "message.", "permission."];
        let theirs = prefixes.iter().any(|p| type_.starts_with(p));
        return if theirs { Match::Sure } else { Match::No };
    }
    let sure = match type_ {
        "step_start" | "step_finish" | "text" | "tool_use" | "reasoning" => {
            has("sessionID") && has("part")
        }
        "error" => has("sessionID") && has("error"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

/// True if an event is one of the newer interface, which has its properties in `data`.
fn newer(type_: &str, event: &Value) -> bool {
    let ours = type_.starts_with("session.next.") || type_.starts_with("server.");
    ours && event.get("data").is_some_and(Value::is_object)
}

/// What an event tells.
fn properties(event: &Value) -> &Value {
    let props = event.get("properties").or(event.get("data")).filter(|props| props.is_object());
    props.unwrap_or(&Value::Null)
}

#[derive(Default)]
struct Opencode {
    run: Run,
    server: Sessions,
}

/// What both forms have: the tools and the costs of the turn.
#[derive(Default)]
struct Run {
    spent: Spent,
}

impl Runtime for Opencode {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let event = value.get("payload").unwrap_or(&value);
        if properties(event).is_object() {
            self.server.event(event, emit);
        } else {
            self.run.value(value, emit);
        }
    }
}

impl Run {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let part = value.at("part");
        let type_ = value.text("type");
        match (type_, part.opt_text("text")) {
            ("step_start", _) => {
                if !emit.turn_open() {
                    self.start(&value, emit);
                }
            }
            ("text", Some(said)) => {
                emit.finish_block(&text(part, TextKind::Answer), Some(said));
            }
            ("reasoning", Some(said)) => {
                emit.finish_block(&text(part, TextKind::Reasoning), Some(said));
            }
            ("tool_use", _) if part.is_object() => {
                self.start_tool(part, emit);
                self.finish_tool(part, emit);
            }
            ("step_finish", _) if emit.turn_open() => {
                self.step(part, emit);
                match part.opt_text("reason") {
                    None => {
                        let message = "the step ended without a reason";
                        emit.status("warning", message, value);
                    }
                    Some("tool-calls") => {}
                    Some(reason) => self.complete(reason, emit),
                }
            }
            ("error", _) => {
                let error = value.get("error").unwrap_or(&value);
                self.fail(error, emit);
            }
            _ => {
                emit.other(type_, &value);
            }
        }
    }

    fn start(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.spent = Spent::default();
        emit.start_turn(&TurnStarted {
            runtime: "opencode".into(),
            session: value.opt_text("sessionID").map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// What a step of the turn used.
    fn step(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let cost = part.get("cost").and_then(Value::as_f64);
        spend(&mut self.spent, part.get("tokens").and_then(usage).map(with_cache), cost);
        emit.note_spent(&self.spent);
    }

    fn complete(&mut self, reason: &str, emit: &mut Emit<'_>) {
        let spent = std::mem::take(&mut self.spent);
        emit.complete(reason, None, &spent);
    }

    fn fail(&mut self, error: &Value, emit: &mut Emit<'_>) {
        let spent = std::mem::take(&mut self.spent);
        if error.opt_text("name") == Some("MessageAbortedError") {
            emit.cancelled("MessageAbortedError", None, &spent);
        } else {
            emit.fail(why(error), &spent);
        }
    }

    fn start_tool(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let state = part.at("state");
        emit.start_tool(&Call {
            id: part.text("callID"),
            name: part.text("tool"),
            input: state.get("input"),
            title: state.opt_text("title"),
            ..Call::default()
        });
    }

    fn finish_tool(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let state = part.at("state");
        let error = state.text("error");
        let exit = ["/metadata/exit", "/metadata/exitCode"];
        let exit_code = exit.iter().find_map(|key| state.pointer(key)?.as_i64());
        let time = |key: &str| state.pointer(key).and_then(Value::as_u64);
        let took = |end: u64| Some(end.saturating_sub(time("/time/start")?));
        let done = Done {
            id: part.text("callID"),
            name: part.text("tool"),
            outcome: match state.text("status") {
                "completed" if matches!(exit_code, None | Some(0)) => "ok",
                "completed" => "error",
                "error" if error.contains("rejected permission") => "denied",
                "error" if error.contains("aborted") => "cancelled",
                "error" => "error",
                _ => "unknown",
            },
            output: state.get("error").or_else(|| state.get("output")),
            exit_code,
            duration_ms: time("/time/end").and_then(took),
            ..Done::default()
        };
        emit.finish_tool(&done);
    }
}

fn text(part: &Value, kind: TextKind) -> Text<'_> {
    Text { key: part.text("id"), kind, parent: None }
}

/// `{name, data: {message, statusCode}}`, or a string.
fn why(error: &Value) -> Failure<'static> {
    let at = |path: &str| error.pointer(path).and_then(Value::as_str);
    let message = at("/data/message").or(at("/message")).or(error.as_str());
    let status = error.pointer("/data/statusCode").and_then(Value::as_u64);
    let name = error.text("name");
    failure(message.unwrap_or_default(), name, status)
}
