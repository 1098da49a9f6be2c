//! Mistral's Vibe: `vibe -p PROMPT --output streaming` (or `json`, one array). Version 2 prints the entries of its history,
//! version 1 messages in OpenAI's roles. It has no result message: the way it exits decides.
//!
//! Source: `vibe/cli/programmatic.py` and `PublicHistoryEntry` of mistral-vibe 2.25, `StreamingJsonOutputFormatter` of 1.3.

use super::kimi::Kimi;
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "vibe",
    aliases: &["mistral-vibe"],
    versions: "1.3 and 2.25, by their source",
    about: "Mistral Vibe, streaming",
    usage: "vibe -p PROMPT --output streaming",
    commands: &["vibe"],
    flags: &["streaming"],
    keys: "approvalNote approvalSource approvalType createdAt decision detail display durationMs \
        function generationStatus message_id outputText reasoning_content relatedEntryId sessionId \
        settledMessage settledVerb source state statusText success suffix summary tool_call_id \
        tool_calls turnId updatedAt userDisplayContent verb warnings",
    has_result: false,
    detect,
    new: |_| Box::new(Vibe::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let entry = has("generationStatus") && has("sessionId") && has("turnId") && has("type");
    let roles = ["system", "user", "assistant", "tool"];
    let message = value.opt_text("role").is_some_and(|role| roles.contains(&role)) && !has("type");
    // Version 1 says null for what a message does not have; later ones number their messages.
    let first = has("tool_calls") && has("tool_call_id") && has("name");
    if entry || (message && (value.opt_text("message_id").is_some() || first)) {
        Match::Sure
    } else {
        Match::No
    }
}

#[derive(Default)]
struct Vibe {
    /// The messages of version 1.
    roles: Kimi,
    /// Entries of version 2 have been seen.
    entries: bool,
}

impl Runtime for Vibe {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        if value.opt_text("type").is_none() {
            return self.roles.on_message(event, value, emit);
        }
        self.entries = true;
        self.entry(&value, emit);
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> Verdict {
        if self.entries && tail == Tail::Cut {
            Verdict::Truncated
        } else if self.entries || !emit.turn_open() {
            Verdict::ByExit
        } else {
            self.roles.on_end(tail, emit)
        }
    }
}

impl Vibe {
    fn entry(&mut self, entry: &Value, emit: &mut Emit<'_>) {
        emit.begin(SPEC.name, None, entry.opt_text("sessionId"));
        let said = || plain(entry.at("content"));
        let block = |kind| Text { key: entry.text("id"), kind, parent: None };
        match (entry.text("type"), entry.text("role")) {
            ("message", "user") => emit.user(said().as_str().unwrap_or_default()),
            ("message", "assistant") => match said() {
                Value::String(said) => emit.finish_block(&block(TextKind::Answer), Some(&said)),
                content => emit.status("info", "content that is no text", content),
            },
            ("reasoning", _) => {
                emit.finish_block(&block(TextKind::Reasoning), Some(entry.text("text")));
            }
            ("effect", _) => effect(entry, emit),
            (type_, _) => {
                let message = format!("entry of type {type_:?}");
                emit.status("info", &message, entry.clone());
            }
        }
    }
}

/// A tool, which comes when it has ended; its id is the entry's.
fn effect(entry: &Value, emit: &mut Emit<'_>) {
    let detail = entry.at("detail");
    let state = entry.at("state");
    let id = entry.text("id");
    let name = detail.opt_text("toolName").or(entry.opt_text("title")).unwrap_or_default();
    emit.tool(id, name, detail.get("input"));
    let output = state.non_null("output");
    let code =
        output.and_then(|o| o.get("exitCode").or(o.get("returncode"))).and_then(Value::as_i64);
    let outcome = match state.text("status") {
        "failed" => "error",
        "completed" if code.is_some_and(|code| code != 0) => "error",
        "completed" => "ok",
        "cancelled" | "canceled" => "cancelled",
        "denied" | "rejected" | "skipped" => "denied",
        _ => return emit.status("progress", name, state.clone()),
    };
    let error = state.non_null("error");
    let shown = state.get("outputText").filter(|text| *text != "");
    emit.finish_tool(&Done {
        id,
        name,
        outcome,
        output: error.or(shown).or(output),
        exit_code: code,
        duration_ms: state.at("durationMs").as_f64().map(|ms| ms.round() as u64),
        ..Done::default()
    });
}
