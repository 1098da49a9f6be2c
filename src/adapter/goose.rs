//! Goose: `goose run --output-format stream-json`. A reply comes as messages with the same id, each a piece of it; errors
//! are sometimes followed by more, so only the last word counts.
//!
//! Source: `StreamEvent` in goose-cli and fixtures of its users; no recording of the bytes exists.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "goose",
    versions: "by its source",
    about: "Goose, stream-json",
    usage: "goose run -q --output-format stream-json -t PROMPT",
    commands: &["goose"],
    flags: &["stream-json"],
    keys: "messages cache_read_input_tokens cache_write_input_tokens cost_usd created extension_id log metadata mode toolResult userVisible",
    detect,
    new: |argv| {
        Box::new(Goose {
            resumed: argv.iter().any(|arg| arg == "--resume" || arg == "-r"),
            ..Goose::default()
        })
    },
    ..Spec::LINES
};

/// What it says when it was interrupted.
const INTERRUPTED: &str = "Headless run interrupted";

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    if has("messages") && value.pointer("/metadata/status").is_some() {
        return Match::Sure;
    }
    let sure = match value.text("type") {
        "message" => value.get("message").is_some_and(|message| {
            message.get("content").is_some_and(Value::is_array) && message.get("role").is_some()
        }),
        "notification" => has("extension_id"),
        "complete" => has("total_tokens"),
        "error" => value.opt_text("error") == Some(INTERRUPTED),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Goose {
    /// The id of the message that is being said; `None` before the first.
    message: Option<String>,
    /// The last word, if it was an error.
    error: Option<String>,
    /// The tokens are those of an older session too.
    resumed: bool,
}

impl Runtime for Goose {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        self.value(value, emit);
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            emit.fail(failure(&error, "", None), &Spent::default());
        }
        Verdict::MissingResult
    }
}

impl Goose {
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        if value.get("messages").is_some_and(Value::is_array) {
            return self.document(&value, emit);
        }
        match value.text("type") {
            "message" if value.pointer("/message/content").is_some_and(Value::is_array) => {
                self.message(&value, emit);
            }
            "notification" => {
                let inner = |at: &str| value.pointer(at).and_then(Value::as_str);
                let said = inner("/message").or(inner("/log/message"));
                let said = said.or(inner("/progress/message")).unwrap_or_default();
                let said = one_line(said);
                emit.status("progress", &said, value);
            }
            "model_change" => {
                emit.status("session", value.text("model"), value.clone());
            }
            "error" if value.text("error") == INTERRUPTED && !emit.over() => {
                emit.cancelled(INTERRUPTED, None, &Spent::default());
            }
            "error" => {
                let message = value.text("error").to_owned();
                emit.status("error", &one_line(&message), value);
                self.error = Some(message);
            }
            "complete" if emit.over() => {
                emit.late(&value);
            }
            "complete" => self.complete(&value, emit),
            type_ => {
                emit.other(type_, &value);
            }
        }
    }

    /// `--output-format json` prints one document: the messages of the session, and its tokens.
    fn document(&mut self, value: &Value, emit: &mut Emit<'_>) {
        for message in value.items("messages") {
            self.message(&serde_json::json!({"message": message}), emit);
        }
        close(emit);
        let metadata = value.at("metadata");
        if matches!(metadata.opt_text("status"), Some("error" | "failed")) {
            self.error = Some(metadata.opt_text("error").unwrap_or("the run failed").to_owned());
        }
        self.complete(metadata, emit);
    }

    fn complete(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let tokens = |keys| count(value, keys).filter(|n| *n > 0);
        let mut usage = Usage {
            input_tokens: tokens(&["input_tokens"]),
            output_tokens: tokens(&["output_tokens"]),
            cache_read_tokens: tokens(&["cache_read_input_tokens"]),
            cache_write_tokens: tokens(&["cache_write_input_tokens"]),
            ..Usage::default()
        };
        if usage == Usage::default() {
            usage.total_tokens = tokens(&["total_tokens"]);
        }
        let usage = Some(usage).filter(|u| *u != Usage::default());
        let (usage, usage_total) = if self.resumed { (None, usage) } else { (usage, None) };
        let cost = value.get("cost_usd").and_then(Value::as_f64).filter(|_| !self.resumed);
        let spent = Spent { usage, usage_total, cost_usd: cost, ..Spent::default() };
        self.message = None;
        match self.error.take() {
            Some(error) => emit.fail(failure(&error, "", None), &spent),
            None => emit.complete("complete", None, &spent),
        }
    }

    fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.error = None;
        let message = value.at("message");
        let id = message.text("id");
        if self.message.as_deref() != Some(id) {
            close(emit);
            self.message = Some(id.to_owned());
        }
        let visible = message.pointer("/metadata/userVisible").and_then(Value::as_bool);
        let parts = message.get("content").and_then(Value::as_array);
        let whose = match (visible, message.opt_text("role")) {
            (Some(false), _) => Whose::Nobodys,
            (_, Some("user")) => Whose::Users,
            _ => Whose::Agents,
        };
        for part in parts.into_iter().flatten() {
            self.part(part, whose, emit);
        }
    }

    fn part(&mut self, part: &Value, whose: Whose, emit: &mut Emit<'_>) {
        let audience = part.pointer("/annotations/audience").and_then(Value::as_array);
        let internal = audience.is_some_and(|all| !all.iter().any(|a| a == "user"));
        match (part.text("type"), whose) {
            ("text", Whose::Users) => emit.user(part.text("text")),
            ("text", Whose::Agents) if !internal => {
                emit.finish_block(&block(TextKind::Reasoning), None);
                emit.delta(&block(TextKind::Answer), part.text("text"));
            }
            ("thinking" | "reasoning", Whose::Agents) => {
                let said = part.opt_text("thinking").unwrap_or(part.text("text"));
                emit.finish_block(&block(TextKind::Answer), None);
                emit.delta(&block(TextKind::Reasoning), said);
            }
            ("toolRequest", _) => self.request(part, emit),
            ("toolResponse", _) => self.response(part, emit),
            (type_, _) => {
                let message = format!("content of type {type_:?}");
                emit.status("info", &message, part.clone());
            }
        }
    }

    fn request(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let call = part.at("toolCall");
        let body = call.get("value").unwrap_or(call);
        let id = part.text("id");
        let input = arguments(body.get("arguments"));
        let tool = Call { id, name: body.text("name"), input: input.as_ref(), ..Call::default() };
        emit.start_tool(&tool);
        if call.opt_text("status") == Some("error") {
            let done = Done { id, outcome: "error", output: call.get("error"), ..Done::default() };
            emit.finish_tool(&done);
        }
    }

    /// A failed tool is a result with the status `error`, or a successful one whose value is an error.
    fn response(&mut self, part: &Value, emit: &mut Emit<'_>) {
        let result = part.at("toolResult");
        let body = result.get("value").unwrap_or(result);
        let failed = result.opt_text("status") == Some("error") || body.is("isError");
        let error = result.get("error").filter(|_| failed).cloned();
        let output = error.unwrap_or_else(|| plain(body.get("content").unwrap_or(body)));
        let done = Done {
            id: part.text("id"),
            outcome: if failed { "error" } else { "ok" },
            output: Some(&output),
            ..Done::default()
        };
        emit.finish_tool(&done);
    }
}

/// Who says a message to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Agents,
    Users,
    /// The user is not meant to see it.
    Nobodys,
}

fn block(kind: TextKind) -> Text<'static> {
    Text { key: "message", kind, parent: None }
}

fn close(emit: &mut Emit<'_>) {
    emit.finish_block(&block(TextKind::Answer), None);
    emit.finish_block(&block(TextKind::Reasoning), None);
}
