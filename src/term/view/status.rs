//! A `status` in a few words, by kind.

use std::borrow::Cow;

use super::tool::compact;
use super::words::{count, one_line, silence, tokens};
use crate::codec::{self, Fields};
use crate::term::style::Look;

/// Columns of unreadable bytes or of a kind's data that are shown.
const MAX_DATA: usize = 160;

/// Entries of a plan that are shown.
const MAX_PLAN: usize = 30;

/// Line for a `status`; text behind a line feed continues on an indented line. Empty for settings, ids and
/// states of a protocol, which are for programs.
pub(crate) fn line(status: &Fields<'_>) -> (Look, String) {
    let kind = status.text("kind").unwrap_or_else(|| "status".into());
    let message = status.text("message").unwrap_or_default();
    let message = message.trim_end();
    let data = status.object("data");
    let text = match (kind.as_ref(), &data) {
        ("heartbeat", Some(data)) => heartbeat(data),
        ("stalled", Some(data)) if message.is_empty() => stalled(data),
        ("diagnostic", Some(data)) => diagnostic(data, message),
        ("session", Some(data)) => session(data),
        ("exit", Some(data)) => exit(data),
        ("usage", Some(data)) => usage(data, message),
        ("info", Some(data)) if message == "user message" => prompt(data),
        ("log", Some(data)) if data.text("from").as_deref() == Some("stderr") => {
            format!("stderr: {message}")
        }
        ("message", Some(data)) => message_given(data),
        ("plan", _) => plan(status, message),
        _ => String::new(),
    };
    let is_id = |data: &Fields<'_>| data.text("thread_id").is_some_and(|id| id == message);
    let for_programs = match kind.as_ref() {
        "session" => {
            message.is_empty() || names_a_state(message) || data.as_ref().is_some_and(is_id)
        }
        "progress" => names_a_state(message),
        "info" if message.is_empty() => data.as_ref().is_some_and(is_extension),
        "info" => {
            let is_type =
                message.trim_end_matches('.').contains(['_', '.', '/']) && names_a_state(message);
            is_type || message == "fields of an unknown meaning"
        }
        "usage" | "redacted" => true,
        _ => false,
    };
    let allowed = kind == "rate_limit" && message.ends_with(": allowed");
    let look = if allowed || kind == "info" && text.starts_with("prompt: ") {
        Look::Dim
    } else {
        look(&kind)
    };
    match text.is_empty() && !for_programs {
        true => (look, general(&kind, message, status.raw("data"))),
        false => (look, text),
    }
}

/// True for nothing, and for one word of a protocol ("requesting", "session.updated", "config_option_update"). Thinking is
/// said: it can take minutes.
fn names_a_state(message: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    message != "thinking" && message.chars().all(of_a_name)
}

/// True for an update of ACP that has nothing but extensions.
fn is_extension(data: &Fields<'_>) -> bool {
    data.raw("_meta").is_some()
        && data.0.iter().all(|(key, _)| matches!(key.as_ref(), "_meta" | "sessionUpdate"))
}

fn look(kind: &str) -> Look {
    match kind {
        "error" => Look::Bad,
        "warning" | "stalled" | "rate_limit" | "retry" | "permission" | "retracted"
        | "diagnostic" | "gap" | "cancel_requested" | "cancel_refused" | "redirected"
        | "detached_writers" | "stopped" => Look::Warn,
        "info" | "plan" | "message" => Look::Plain,
        _ => Look::Dim,
    }
}

/// The kind and its message; of a kind that has none its data in a few words.
fn general(kind: &str, message: &str, data: Option<&str>) -> String {
    let name = one_line(kind, Some(MAX_DATA)).replace('_', " ");
    let json = message.trim_start().starts_with(['{', '[']) && codec::is_json(message.trim());
    let text = match (message, data) {
        ("", None) => String::new(),
        ("", Some(data)) => one_line(&compact(data), Some(MAX_DATA)),
        (message, _) if json => one_line(&compact(message.trim()), Some(MAX_DATA)),
        (message, _) => message.to_owned(),
    };
    if text.is_empty() { name } else { format!("{name}: {text}") }
}

/// Tokens of the model or agent in the message.
fn usage(data: &Fields<'_>, message: &str) -> String {
    let inner = data.object("usage");
    let counted = tokens(data).or_else(|| tokens(inner.as_ref()?));
    match counted {
        Some(tokens) if message.is_empty() => format!("usage: {tokens}"),
        Some(tokens) => format!("usage: {message}: {tokens}"),
        None => match (data.count("used"), data.count("size")) {
            (Some(used), Some(size)) if message.is_empty() => {
                format!("usage: {} of {} tokens", count(used), count(size))
            }
            _ => String::new(),
        },
    }
}

/// A prompt that the runtime reports; empty if it has no text.
fn prompt(data: &Fields<'_>) -> String {
    let text = data.text("text").filter(|text| !text.trim().is_empty());
    text.map_or_else(String::new, |text| format!("prompt: {}", one_line(&text, Some(MAX_DATA))))
}

/// A message that was given to the agent, and who gave it.
fn message_given(data: &Fields<'_>) -> String {
    let text = data.text("text").map_or_else(String::new, |text| one_line(&text, Some(MAX_DATA)));
    match data.text("by").as_deref() {
        None | Some("prompt") => format!("prompt: {text}"),
        Some(by) => format!("message from {}: {text}", one_line(by, Some(MAX_DATA))),
    }
}

fn heartbeat(data: &Fields<'_>) -> String {
    let ms = |key: &str| data.count(key).map(silence);
    let silent = ms("idle_ms").or_else(|| ms("elapsed_ms")).unwrap_or_default();
    let text = match data.text("state").as_deref() {
        Some("waiting") => format!("… waiting {}", ms("elapsed_ms").unwrap_or(silent)),
        Some("tool") => format!("… tool running, quiet for {silent}"),
        Some("quiet") => format!("… quiet for {silent}"),
        Some(state) => format!("… {} {silent}", one_line(state, Some(MAX_DATA))),
        None => format!("… {silent}"),
    };
    text.trim_end().to_owned()
}

fn stalled(data: &Fields<'_>) -> String {
    let idle = data.count("idle_ms").map(silence);
    idle.map_or_else(String::new, |idle| format!("stalled: nothing for {idle}"))
}

fn diagnostic(data: &Fields<'_>, message: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let reason = data.text("reason").unwrap_or(message.into());
    let decoded = |coded: &str| {
        let bytes = BASE64_STANDARD.decode(coded).unwrap_or_else(|_| coded.into());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let text = data.text("text").map(Cow::into_owned);
    match text.or_else(|| data.text("base64").map(|coded| decoded(&coded))) {
        Some(text) => {
            format!("unreadable output ({reason}): {}", one_line(&text, Some(MAX_DATA)))
        }
        None => format!("unreadable output ({reason})"),
    }
}

fn session(data: &Fields<'_>) -> String {
    let argv = data.texts("argv").join(" ");
    match (data.count("pid"), argv.as_str()) {
        (None, "") => String::new(),
        (None, argv) => format!("started: {}", one_line(argv, None)),
        (Some(pid), "") => format!("started as process {pid}"),
        (Some(pid), argv) => format!("started as process {pid}: {}", one_line(argv, None)),
    }
}

fn exit(data: &Fields<'_>) -> String {
    let killed = if data.raw("killed") == Some("true") { " (killed)" } else { "" };
    match (data.integer("code"), data.integer("signal")) {
        (Some(code), _) => format!("exited with status {code}{killed}"),
        (None, Some(signal)) => format!("ended by signal {signal}{killed}"),
        (None, None) if data.raw("lost") == Some("true") => {
            "lost: wrap was killed before the agent had ended".to_owned()
        }
        (None, None) => String::new(),
    }
}

/// A plan as a list with marks; its entries stand under different keys in different runtimes.
fn plan(status: &Fields<'_>, message: &str) -> String {
    let entries = match status.object("data") {
        Some(data) => ["entries", "items", "plan", "todos", "steps"]
            .iter()
            .map(|key| data.list(key))
            .find(|list| !list.is_empty())
            .unwrap_or_default(),
        None => status.list("data"),
    };
    if entries.is_empty() {
        return String::new();
    }
    let mut text = format!("plan: {message}").trim_end().to_owned();
    for entry in entries.iter().take(MAX_PLAN) {
        text.push('\n');
        text.push_str(&plan_entry(entry));
    }
    if let Some(more) = entries.len().checked_sub(MAX_PLAN).filter(|n| *n > 0) {
        text.push_str(&format!("\n… and {more} more"));
    }
    text
}

pub(crate) fn plan_entry(raw: &str) -> String {
    let Ok(entry) = Fields::parse(raw) else {
        let words = codec::text(raw).unwrap_or(raw.into());
        return format!("[ ] {}", one_line(&words, None));
    };
    let done = entry.raw("completed") == Some("true");
    let mark = match entry.text("status").as_deref() {
        Some("completed" | "done") => "[x]",
        Some("in_progress" | "inProgress" | "active") => "[>]",
        Some("cancelled" | "skipped") => "[-]",
        _ if done => "[x]",
        _ => "[ ]",
    };
    let words = ["content", "step", "text", "title", "description"]
        .iter()
        .find_map(|key| entry.text(key))
        .unwrap_or(raw.into());
    format!("{mark} {}", one_line(&words, None))
}
