//! Everything that Claude Code says beside text, tools and results, as statuses. Nothing is dropped: what is not known goes
//! out whole.

use super::super::prelude::*;
use std::borrow::Cow;
use std::collections::HashSet;

use super::Dialect;
use super::wire::Message;
use crate::codec::{self, Fields};

/// How many ids of background commands and denied calls are remembered.
const MAX_IDS: usize = 4096;

/// What earlier notices mean for later lines.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Background tasks that are commands and no sub-agents.
    commands: HashSet<String>,
    /// Tool calls that were denied.
    denied: HashSet<String>,
}

/// A field that only the runtime itself needs.
fn is_routing(key: &str) -> bool {
    matches!(key, "type" | "subtype" | "uuid" | "session_id" | "parent_tool_use_id")
}

/// `system/init` opens a turn, or says in an open one how the session goes on. It is the longest line of most runs: what is
/// only passed on is not taken apart.
pub(super) fn init(dialect: &Dialect, fields: &Fields<'_>, emit: &mut Emit<'_>) {
    let open = emit.turn_open();
    let text = |key: &str| fields.text(key);
    let named = fields.list("tools");
    let tools: Vec<Cow<'_, str>> = named.iter().filter_map(|tool| codec::text(tool)).collect();
    let all_named = named.len() == tools.len();
    // What has another type than a turn's start can say is passed on with the rest.
    let told = |key: &str| match key {
        "tools" => all_named,
        "model" | "session_id" | "cwd" => text(key).is_some(),
        _ => key == dialect.version && text(key).is_some(),
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
    let notice = Notice {
        kind: "session",
        message: open.then_some("the session goes on"),
        ..Notice::default()
    };
    if !say_rest(&notice, fields, |key| !open && told(key), emit) && open {
        emit.notice(&notice);
    }
}

/// `system/thinking_tokens`, a counter at a high rate.
pub(super) fn thinking(fields: &Fields<'_>, emit: &mut Emit<'_>) {
    let notice = Notice { kind: "progress", message: Some("thinking"), ..Notice::default() };
    say_rest(&notice, fields, |_| false, emit);
}

/// Says a status of which the data is the fields that are neither routing nor null nor `told`. If none is left nothing is
/// said, and the answer is `false`.
fn say_rest(
    notice: &Notice<'_>,
    fields: &Fields<'_>,
    told: impl Fn(&str) -> bool,
    emit: &mut Emit<'_>,
) -> bool {
    let left =
        |(key, value): &&(Cow<'_, str>, &str)| *value != "null" && !is_routing(key) && !told(key);
    let mut rest = fields.0.iter().filter(left).peekable();
    if rest.peek().is_none() {
        return false;
    }
    emit.status_of(notice, |data| {
        for (key, value) in rest {
            data.member(key, value);
        }
    });
    true
}

/// What an `assistant` line says beside its content.
pub(super) fn marks(message: &Message<'_>, emit: &mut Emit<'_>) {
    let parent = message.parent.as_deref();
    let mut say = |kind: &str, text: &str, data: Option<Value>| {
        let notice = Notice { kind, message: Some(text), data, parent };
        emit.notice(&notice);
    };
    if let Some(old) = message.fields.read_as::<Value>("supersedes").filter(|v| !v.is_null()) {
        let data = serde_json::json!({"supersedes": old});
        say("retracted", "the next text replaces an earlier one", Some(data));
    }
    if let Some(error) = message.fields.read_as::<Value>("error").filter(|v| !v.is_null()) {
        let text = error.as_str().unwrap_or("the API answered with an error").to_owned();
        say("error", &text, Some(serde_json::json!({"error": error})));
    }
    if message.fields.get("aborted") == Some("true") {
        say("info", "the message was cut short", None);
    }
}

impl Notices {
    /// Says a message as the status that fits it.
    pub(super) fn say(&mut self, line: &str, fields: &Fields<'_>, emit: &mut Emit<'_>) {
        let type_ = fields.text("type").unwrap_or_default();
        let parent = fields.text("parent_tool_use_id");
        let (kind, message) = match &*type_ {
            "system" => self.system(&fields.text("subtype").unwrap_or_default(), fields),
            "stream_event" => stream(fields),
            _ => plain(&type_, fields),
        };
        let notice = Notice {
            kind,
            message: Some(message.as_str()).filter(|m| !m.is_empty()),
            data: None,
            parent: parent.as_deref(),
        };
        if kind == "info" && type_ != "system" {
            emit.status_raw(&notice, line);
        } else if !say_rest(&notice, fields, |_| false, emit) {
            emit.status_raw(&notice, "{}");
        }
    }

    fn system(&mut self, subtype: &str, fields: &Fields<'_>) -> (&'static str, String) {
        let text = |key| text(fields, key);
        let remember = |ids: &mut HashSet<String>, id: String| {
            if ids.len() < MAX_IDS && !id.is_empty() {
                ids.insert(id);
            }
        };
        match subtype {
            "thinking_tokens" => ("progress", "thinking".into()),
            "status" if &*text("status") == "compacting" => ("compaction", "compacting".into()),
            "status" => ("progress", text("status")),
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
            "task_started" => ("subagent_started", text("description")),
            "task_notification" => {
                let command = self.commands.remove(&text("task_id"));
                let kind = if command { "progress" } else { "subagent_finished" };
                (kind, format!("{}: {}", text("status"), text("summary")))
            }
            "task_progress" | "task_updated" | "background_tasks_changed" => {
                ("progress", text("description"))
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
            "mirror_error" => ("error", text("error")),
            "session_state_changed" => ("session", text("state")),
            "post_turn_summary" => ("info", text("status_detail")),
            _ => ("info", first_text(fields).unwrap_or_else(|| subtype.into())),
        }
    }

    /// What an error of a tool is beside an error, if it is: `denied` or `cancelled`.
    pub(super) fn outcome(
        &mut self,
        id: &str,
        text: &str,
        meta: Option<&str>,
    ) -> Option<&'static str> {
        /// What Claude Code tells the model when a call is not permitted; Bash's own "Permission denied" is an error.
        const DENIALS: [&str; 6] = [
            "requires approval",
            "requested permissions",
            "Permission to use",
            "permission to use",
            "haven't granted",
            "doesn't want to proceed",
        ];
        if self.denied.remove(id) {
            return Some("denied");
        }
        let meta: Option<Vec<Value>> = meta.and_then(|meta| serde_json::from_str(meta).ok());
        let of_this = |m: &&Value| m.opt_text("id") == Some(id);
        let meta = meta.as_ref().and_then(|all| all.iter().find(of_this));
        let why = meta.and_then(|m| m.opt_text("non_execution_kind"));
        let why = why.unwrap_or_default();
        if ["interrupt", "abort", "cancel"].iter().any(|w| why.contains(w)) {
            return Some("cancelled");
        }
        if ["reject", "denied", "deny", "permission"].iter().any(|w| why.contains(w)) {
            return Some("denied");
        }
        if text.starts_with("[Request interrupted by user") {
            return Some("cancelled");
        }
        // A program's own output may say the same words: it comes with an exit status.
        let head = text.lines().next().unwrap_or_default();
        (!text.starts_with("Exit code ") && DENIALS.iter().any(|d| head.contains(d)))
            .then_some("denied")
    }
}

/// A partial message that is neither text nor tool.
fn stream(fields: &Fields<'_>) -> (&'static str, String) {
    let event = fields.object("event");
    let type_ = event.as_ref().and_then(|event| event.text("type"));
    match type_.as_deref().unwrap_or_default() {
        "message_delta" => ("usage", String::new()),
        "error" => {
            let error = event.and_then(|event| event.object("error"));
            let message = error.and_then(|error| error.text("message"));
            ("error", message.unwrap_or("error in the stream".into()).into())
        }
        other => ("info", format!("stream event {other:?}")),
    }
}

fn plain(type_: &str, fields: &Fields<'_>) -> (&'static str, String) {
    let text = |key| text(fields, key);
    let inner = |key| fields.object(key).unwrap_or(Fields(Vec::new()));
    match type_ {
        "rate_limit_event" => {
            let info = inner("rate_limit_info");
            let at = |key| info.text(key).unwrap_or_default();
            ("rate_limit", format!("{} limit: {}", at("rateLimitType"), at("status")))
        }
        "control_request" => {
            let request = inner("request");
            match &*request.text("subtype").unwrap_or_default() {
                "can_use_tool" => {
                    let tool = request.text("tool_name").unwrap_or_default();
                    ("permission", format!("waits for permission to use {tool}"))
                }
                other => ("info", format!("control request {other:?}")),
            }
        }
        "control_response" | "control_cancel_request" => ("info", type_.replace('_', " ")),
        "tool_progress" => ("progress", text("tool_name")),
        "keep_alive" => ("progress", String::new()),
        "auth_status" if fields.raw("error").is_some() => ("error", text("error")),
        "auth_status" => ("info", "authentication".into()),
        "error" => ("error", first_text(fields).unwrap_or_default()),
        "conversation_reset" => ("session", "the conversation was reset".into()),
        "tool_use_summary" => ("info", text("summary")),
        _ => ("info", format!("message of type {type_:?}")),
    }
}

fn retry(fields: &Fields<'_>) -> String {
    let number = |key| fields.count(key).unwrap_or(0);
    let error = fields.text("error");
    format!(
        "attempt {} of {} in {} ms: {}",
        number("attempt"),
        number("max_retries"),
        number("retry_delay_ms"),
        error.as_deref().unwrap_or("the API did not answer"),
    )
}

/// What a message most likely wants to say.
fn first_text(fields: &Fields<'_>) -> Option<String> {
    ["message", "content", "text", "error", "status"]
        .iter()
        .find_map(|key| fields.text(key))
        .map(|text| one_line(&text))
}

/// The string at `key`; empty if there is none.
fn text(fields: &Fields<'_>, key: &str) -> String {
    fields.text(key).unwrap_or_default().into_owned()
}
