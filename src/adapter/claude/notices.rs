//! The lines beside text, tools and results, as statuses. Nothing is dropped: a line of an unknown type goes out whole.

use super::super::prelude::*;
use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::json;

use super::Dialect;
use super::result::text;
use super::wire::Message;
use crate::codec::{self, Fields};

/// Limit of remembered ids of background commands and denied calls.
const MAX_IDS: usize = 4096;

/// Claude Code's words to the model for a call that is not permitted; Bash's own "Permission denied" is an error.
const DENIALS: [&str; 6] = [
    "requires approval",
    "requested permissions",
    "Permission to use",
    "permission to use",
    "haven't granted",
    "doesn't want to proceed",
];

/// Facts of earlier notices that matter for later lines.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Background tasks that are commands and no sub-agents.
    commands: HashSet<String>,
    denied: HashSet<String>,
}

/// Opens a turn at `system/init`; in an open one, a status. It is the longest line of most runs, so fields that are only
/// passed on are not parsed.
pub(super) fn init(dialect: &Dialect, fields: &Fields<'_>, emit: &mut Emit<'_>) {
    let open = emit.turn_open();
    let text = |key: &str| fields.text(key);
    let tools = fields.list("tools");
    let listed = tools.len();
    let tools: Vec<_> = tools.into_iter().filter_map(codec::text).collect();
    let all_named = tools.len() == listed;
    // A field of another type than a turn's start has is passed on with the rest.
    let known = |key: &str| match key {
        _ if open => false,
        "tools" => all_named,
        _ => ["model", "cwd", dialect.version].contains(&key) && text(key).is_some(),
    };
    if !open {
        emit.start_turn(&TurnStarted {
            runtime: dialect.runtime.into(),
            model: text("model"),
            session: text("session_id"),
            cwd: text("cwd"),
            prompt: None,
            agent: text(dialect.version),
            tools,
        });
    }
    let message = open.then_some("the session goes on");
    let notice = Notice { kind: "session", message, ..Notice::default() };
    if !emit_rest(&notice, fields, known, emit) && open {
        emit.notice(&notice);
    }
}

/// Emits a status of which the data is the fields that are neither routing nor null nor `known`; `false` if none is left.
fn emit_rest(
    notice: &Notice<'_>,
    fields: &Fields<'_>,
    known: impl Fn(&str) -> bool,
    emit: &mut Emit<'_>,
) -> bool {
    let routing = |key: &str| {
        matches!(key, "type" | "subtype" | "uuid" | "session_id" | "parent_tool_use_id")
    };
    let left =
        |(key, value): &&(Cow<'_, str>, &str)| *value != "null" && !routing(key) && !known(key);
    let mut rest = fields.0.iter().filter(left).peekable();
    let any = rest.peek().is_some();
    if any {
        emit.status_of(notice, |data| rest.for_each(|(key, value)| data.member(key, value)));
    }
    any
}

/// The fields of an `assistant` line beside its content.
pub(super) fn marks(message: &Message<'_>, emit: &mut Emit<'_>) {
    let (fields, parent) = (&message.fields, message.parent.as_deref());
    let value = |key| fields.read_as::<Value>(key).filter(|value| !value.is_null());
    if let Some(old) = value("supersedes") {
        let message = "the next text replaces an earlier one";
        emit.status_under(parent, "retracted", message, json!({"supersedes": old}));
    }
    if let Some(error) = value("error") {
        let message = error.as_str().unwrap_or("the API answered with an error");
        emit.status_under(parent, "error", message, json!({"error": &error}));
    }
    if fields.get("aborted") == Some("true") {
        let message = Some("the message was cut short");
        emit.notice(&Notice { kind: "info", message, data: None, parent });
    }
}

impl Notices {
    /// Emits a message as the status that fits it.
    pub(super) fn emit_text(&mut self, line: &str, fields: &Fields<'_>, emit: &mut Emit<'_>) {
        let (type_, parent) = (text(fields, "type"), fields.text("parent_tool_use_id"));
        let (kind, message) = match &*type_ {
            "system" => self.system(&text(fields, "subtype"), fields),
            "stream_event" => stream(fields),
            _ => plain(&type_, fields),
        };
        let message = Some(&*message).filter(|message| !message.is_empty());
        let notice = Notice { kind, message, data: None, parent: parent.as_deref() };
        if kind == "info" && type_ != "system" {
            emit.status_raw(&notice, line);
        } else if !emit_rest(&notice, fields, |_| false, emit) {
            emit.status_raw(&notice, "{}");
        }
    }

    fn system(&mut self, subtype: &str, fields: &Fields<'_>) -> (&'static str, String) {
        let text = |key| text(fields, key);
        let remember = |ids: &mut HashSet<String>, id: Cow<'_, str>| {
            if ids.len() < MAX_IDS && !id.is_empty() {
                ids.insert(id.into_owned());
            }
        };
        match subtype {
            "thinking_tokens" => ("progress", "thinking".into()),
            "status" if text("status") == "compacting" => ("compaction", "compacting".into()),
            "status" => ("progress", text("status").into()),
            "compact_boundary" => ("compaction", "the conversation was compacted".into()),
            "api_retry" => ("retry", retry(fields)),
            "hook_started" | "hook_progress" | "hook_response" => {
                let verb = subtype.trim_start_matches("hook_");
                ("info", format!("hook {}: {verb}", text("hook_name")))
            }
            "task_started" if text("task_type").contains("bash") => {
                remember(&mut self.commands, text("task_id"));
                ("progress", format!("in the background: {}", text("description")))
            }
            "task_started" => ("subagent_started", text("description").into()),
            "task_notification" => {
                let command = self.commands.remove(&*text("task_id"));
                let kind = if command { "progress" } else { "subagent_finished" };
                (kind, format!("{}: {}", text("status"), text("summary")))
            }
            "task_progress" | "task_updated" | "background_tasks_changed" => {
                ("progress", text("description").into())
            }
            "permission_denied" => {
                remember(&mut self.denied, text("tool_use_id"));
                ("permission", format!("denied: {}", text("tool_name")))
            }
            "model_refusal_fallback" if !fields.list("retracted_message_uuids").is_empty() => {
                ("retracted", "the model refused; what it had said is withdrawn".into())
            }
            "model_refusal_fallback" | "model_refusal_no_fallback" => {
                ("warning", "the model refused".into())
            }
            "worker_shutting_down" => ("warning", "the worker is shutting down".into()),
            "mirror_error" => ("error", text("error").into()),
            "session_state_changed" => ("session", text("state").into()),
            "post_turn_summary" => ("info", text("status_detail").into()),
            _ => ("info", first_text(fields).unwrap_or_else(|| subtype.into())),
        }
    }

    /// The outcome of a tool that reports an error: `error`, `denied` or `cancelled`.
    pub(super) fn outcome(&mut self, id: &str, text: &str, meta: Option<&str>) -> &'static str {
        let meta: Option<Vec<Value>> = meta.and_then(|meta| serde_json::from_str(meta).ok());
        let meta = meta.iter().flatten().find(|meta| meta.opt_text("id") == Some(id));
        let why = meta.map(|meta| meta.text("non_execution_kind")).unwrap_or_default();
        let is = |words: &[&str]| words.iter().any(|word| why.contains(word));
        // A program's own output may hold the words of a denial: it comes with an exit status.
        let head = text.lines().next().filter(|head| !head.starts_with("Exit code "));
        if self.denied.remove(id) {
            "denied"
        } else if is(&["interrupt", "abort", "cancel"]) {
            "cancelled"
        } else if is(&["reject", "denied", "deny", "permission"]) {
            "denied"
        } else if text.starts_with("[Request interrupted by user") {
            "cancelled"
        } else if head.is_some_and(|head| DENIALS.iter().any(|words| head.contains(words))) {
            "denied"
        } else {
            "error"
        }
    }
}

/// A partial message that is neither text nor tool.
fn stream(fields: &Fields<'_>) -> (&'static str, String) {
    let event = inner(fields, "event");
    match &*text(&event, "type") {
        "message_delta" => ("usage", String::new()),
        "error" => {
            let message = inner(&event, "error").text("message");
            ("error", message.unwrap_or("error in the stream".into()).into())
        }
        other => ("info", format!("stream event {other:?}")),
    }
}

fn plain(type_: &str, fields: &Fields<'_>) -> (&'static str, String) {
    match type_ {
        "rate_limit_event" => {
            let info = inner(fields, "rate_limit_info");
            let (limit, status) = (text(&info, "rateLimitType"), text(&info, "status"));
            ("rate_limit", format!("{limit} limit: {status}"))
        }
        "control_request" => {
            let request = inner(fields, "request");
            match &*text(&request, "subtype") {
                "can_use_tool" => {
                    let tool = text(&request, "tool_name");
                    ("permission", format!("waits for permission to use {tool}"))
                }
                other => ("info", format!("control request {other:?}")),
            }
        }
        "control_response" | "control_cancel_request" => ("info", type_.to_owned()),
        "tool_progress" => ("progress", text(fields, "tool_name").into()),
        "keep_alive" => ("progress", String::new()),
        "auth_status" if fields.raw("error").is_some() => ("error", text(fields, "error").into()),
        "auth_status" => ("info", "authentication".into()),
        "error" => ("error", first_text(fields).unwrap_or_default()),
        "conversation_reset" => ("session", "the conversation was reset".into()),
        "tool_use_summary" => ("info", text(fields, "summary").into()),
        _ => ("info", format!("message of type {type_:?}")),
    }
}

fn retry(fields: &Fields<'_>) -> String {
    let number = |key| fields.count(key).unwrap_or(0);
    let (attempt, of) = (number("attempt"), number("max_retries"));
    let ms = number("retry_delay_ms");
    let error = fields.text("error").unwrap_or("the API did not answer".into());
    format!("attempt {attempt} of {of} in {ms} ms: {error}")
}

/// The most likely message text of a line.
fn first_text(fields: &Fields<'_>) -> Option<String> {
    let keys = ["message", "content", "text", "error", "status"];
    keys.iter().find_map(|key| fields.text(key)).map(|text| one_line(&text))
}

/// The object at `key`; an empty one if there is none.
fn inner<'a>(fields: &Fields<'a>, key: &str) -> Fields<'a> {
    fields.object(key).unwrap_or(Fields(Vec::new()))
}
