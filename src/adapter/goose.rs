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
    keys: "messages cache_read_input_tokens cache_write_input_tokens cost_usd created extension_id \
        log metadata mode toolResult userVisible",
    detect,
    new: |argv| {
        let resumed = argv.iter().any(|arg| arg == "--resume" || arg == "-r");
        Box::new(Goose { resumed, ..Goose::default() })
    },
    ..Spec::LINES
};

/// The error of a run that was interrupted.
const INTERRUPTED: &str = "Headless run interrupted";

fn detect(value: &Value) -> Match {
    let message = value.at("message");
    let sure = match value.text("type") {
        _ if value.has("messages") && value.pointer("/metadata/status").is_some() => true,
        "message" => message.at("content").is_array() && message.get("role").is_some(),
        "notification" => value.has("extension_id"),
        "complete" => value.has("total_tokens"),
        "error" => value.text("error") == INTERRUPTED,
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Goose {
    /// Id of the message that is growing; `None` before the first.
    message: Option<String>,
    /// True if the tokens include those of an older session.
    resumed: bool,
}

impl Runtime for Goose {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let (message, error) = (value.at("message"), value.text("error"));
        match value.text("type") {
            _ if value.at("messages").is_array() => self.document(&value, emit),
            "message" if message.at("content").is_array() => self.message(message, emit),
            "notification" => {
                let text = message.as_str().or(value.at("log").opt_text("message"));
                let text = text.unwrap_or(value.at("progress").text("message"));
                emit.status("progress", &one_line(text), value.clone());
            }
            "model_change" => emit.status("session", value.text("model"), value.clone()),
            "error" if error == INTERRUPTED && !emit.over() => {
                emit.cancelled(INTERRUPTED, None, &UsageAndCost::default());
            }
            "error" => {
                emit.input.error = Some(failure(error, "", None));
                emit.status("error", &one_line(error), value.clone());
            }
            "complete" if emit.over() => emit.late(&value),
            "complete" => self.complete(&value, emit),
            type_ => emit.other(type_, &value),
        }
    }
}

impl Goose {
    /// The one document of `--output-format json`: the messages of the session, and its tokens.
    fn document(&mut self, value: &Value, emit: &mut Emit<'_>) {
        for message in value.items("messages") {
            self.message(message, emit);
        }
        emit.close_texts();
        let metadata = value.at("metadata");
        if matches!(metadata.text("status"), "error" | "failed") {
            let message = metadata.opt_text("error").unwrap_or("the run failed");
            emit.input.error = Some(failure(message, "", None));
        }
        self.complete(metadata, emit);
    }

    fn complete(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let (read, written) = ("cache_read_input_tokens", "cache_write_input_tokens");
        let used = tokens(value, ["input_tokens", "output_tokens", read, written, ""]);
        let mut used = used.merge(Usage::default(), |count, _| count.filter(|n| *n > 0));
        if used == Usage::default() {
            used.total_tokens = value.u64("total_tokens").filter(|n| *n > 0);
        }
        let usage = Some(used).filter(|used| *used != Usage::default());
        let spent = if self.resumed {
            UsageAndCost { usage_total: usage, ..UsageAndCost::default() }
        } else {
            UsageAndCost { cost_usd: value.f64("cost_usd"), ..usage.into() }
        };
        self.message = None;
        match emit.input.error.take() {
            Some(error) => emit.fail(error, &spent),
            None => emit.complete("complete", None, &spent),
        }
    }

    fn message(&mut self, message: &Value, emit: &mut Emit<'_>) {
        emit.input.error = None;
        let id = message.text("id");
        if self.message.as_deref() != Some(id) {
            emit.close_texts();
            self.message = Some(id.to_owned());
        }
        let hidden = message.at("metadata").at("userVisible") == &Value::Bool(false);
        let role = if hidden { "hidden" } else { message.text("role") };
        for part in message.items("content") {
            let audience = part.at("annotations").at("audience").as_array();
            let internal = audience.is_some_and(|all| !all.iter().any(|a| a == "user"));
            match (part.text("type"), role) {
                ("text", "user") => emit.user(part.text("text")),
                ("toolRequest", _) => request(part, emit),
                ("toolResponse", _) => response(part, emit),
                ("text", _) if !hidden && !internal => {
                    emit.only((TextKind::Answer, "text"), part.text("text"));
                }
                ("thinking" | "reasoning", _) if !hidden && role != "user" => {
                    let thought = part.opt_text("thinking").unwrap_or(part.text("text"));
                    emit.only((TextKind::Reasoning, "text"), thought);
                }
                (type_, _) => emit.other_content(type_, part),
            }
        }
    }
}

fn request(part: &Value, emit: &mut Emit<'_>) {
    let (id, call) = (part.text("id"), part.at("toolCall"));
    let body = call.get("value").unwrap_or(call);
    let input = arguments(body.get("arguments"));
    emit.tool(id, body.text("name"), input.as_ref());
    if call.text("status") == "error" {
        emit.tool_done(id, "", "error", call.get("error"));
    }
}

/// A failed tool is a result with the status `error`, or a successful one whose value is an error.
fn response(part: &Value, emit: &mut Emit<'_>) {
    let result = part.at("toolResult");
    let body = result.get("value").unwrap_or(result);
    let failed = result.text("status") == "error" || body.is("isError");
    let error = result.get("error").filter(|_| failed).cloned();
    let output = error.unwrap_or_else(|| plain(body.get("content").unwrap_or(body)));
    let outcome = if failed { "error" } else { "ok" };
    emit.tool_done(part.text("id"), "", outcome, Some(&output));
}
