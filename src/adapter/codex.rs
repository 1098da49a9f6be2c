//! Codex CLI: `codex app-server`, and `codex exec --json` in its three generations, recognised by their messages alone.
//!
//! Source: recordings of 0.46 to 0.142 and of two generations before, and `exec_events.rs`. The first generation wraps
//! everything in `{id, msg}`, the second calls an item's type `item_type` and has no terminal event, the third is today's.

mod first;
mod server;
#[cfg(test)]
mod tests;

use super::prelude::*;
use std::borrow::Cow;

use crate::codec::{self, Cursor, Fields};

use first::First;
use server::Server;

pub(super) const SPEC: Spec = Spec {
    name: "codex",
    aliases: &["codex-exec"],
    versions: "generation 1 (mid 2025), 2 (September 2025), 3 (0.46 to 0.142), app-server by its documentation",
    about: "Codex CLI, exec --json and app-server",
    usage: "codex exec --json",
    commands: &["codex"],
    flags: &["--json", "--experimental-json", "app-server"],
    keys: "Err action agents_states aggregated_output approval cache_write_input_tokens \
        cached_input_tokens changes command completed count diff duration exit_code invocation item item_type items last_agent_message matches msg nanos phase queries query reasoning_output_tokens \
        receiver_thread_ids sandbox secs sender_thread_id server shape stderr stdout \
        structured_content thread_id tool workdir \
        aggregatedOutput exitCode itemId jsonrpc last method params threadId tokenUsage total \
        clientId itemsView turnId turn willRetry inputTokens outputTokens cachedInputTokens cacheWriteInputTokens \
        reasoningOutputTokens totalTokens durationMs summaryIndex contentIndex codexErrorInfo",
    detect,
    new: |argv| Box::new(Codex::new(argv)),
    ..Spec::LINES
};

/// Open items that are remembered.
const MAX_OPEN: usize = 4096;

fn detect(value: &Value) -> Match {
    let type_ = value.text("type");
    let item = value.at("item");
    let item = item.opt_text("type").or_else(|| item.opt_text("item_type"));
    match type_ {
        "thread.started" if value.has("thread_id") => Match::Sure,
        "session.created" if value.has("session_id") => Match::Sure,
        "item.started" | "item.updated" | "item.completed" if item.is_some() => Match::Sure,
        "turn.started" | "turn.completed" | "turn.failed" if !value.has("data") => Match::Maybe,
        "error" if value.opt_text("message").is_some() && !value.has("timestamp") => Match::Maybe,
        "" if value.has("id") && value.at("msg").opt_text("type").is_some() => Match::Sure,
        "" if value.has("sandbox") && value.has("model") => Match::Maybe,
        "" => server::detect(value),
        _ => Match::No,
    }
}

#[derive(Default)]
struct Codex {
    /// True if the messages are the second generation's, once that is known: it has no terminal event.
    second: Option<bool>,
    thread: Option<String>,
    /// Items of this turn that were started and not completed.
    open: Vec<String>,
    /// Tokens of the thread at the end of the last turn; `None` where it began in another process.
    before: Option<Usage>,
    first: First,
    server: Server,
}

/// The tokens of a turn that ends with this sum of the thread's; `before` is the sum at the end of the last turn.
fn spent(before: &mut Option<Usage>, total: Option<Usage>) -> UsageAndCost {
    let before = total.and_then(|total| before.replace(total));
    let usage = total.zip(before).map(|(total, before)| minus(total, before));
    let usage_total = total.filter(|_| before.is_none());
    UsageAndCost { usage, usage_total, ..UsageAndCost::default() }
}

/// The difference of two sums; a sum that went back has begun anew.
fn minus(total: Usage, before: Usage) -> Usage {
    let fields = |u: Usage| [u.input_tokens, u.output_tokens, u.total_tokens];
    let mut both = fields(total).into_iter().zip(fields(before));
    let back = both.any(|(now, then)| now < then && now.is_some());
    let before = if back { Usage::default() } else { before };
    total.merge(before, |now, then| Some(now?.saturating_sub(then.unwrap_or(0))))
}

/// Tokens, under the keys of exec or of the app-server.
fn usage(value: &Value) -> Option<Usage> {
    let exec = ["input_tokens", "output_tokens", "cached_input_tokens"];
    let server = ["inputTokens", "outputTokens", "cachedInputTokens"];
    let read = |[input, output, cached]: [_; 3], written, reasoning, total| Usage {
        total_tokens: value.u64(total),
        ..tokens(value, [input, output, cached, written, reasoning])
    };
    let exec = read(exec, "cache_write_input_tokens", "reasoning_output_tokens", "total_tokens");
    let server = read(server, "cacheWriteInputTokens", "reasoningOutputTokens", "totalTokens");
    value.is_object().then(|| exec.merge(server, Option::or))
}

/// Outcome of a tool with this status; `done` is that of a completed one.
fn outcome(status: Option<&str>, done: &'static str) -> &'static str {
    match status.unwrap_or("completed") {
        "declined" => "denied",
        "cancelled" | "canceled" | "interrupted" => "cancelled",
        "completed" => done,
        "failed" => "error",
        _ => "unknown",
    }
}

impl Runtime for Codex {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        let item = read_item(text).filter(|_| codec::replace_lone_surrogates(text).is_none());
        if let Some((fields, item)) = item
            && self.item(&fields.text("type").unwrap_or_default(), &item, emit)
        {
            let keys = &emit.input.keys;
            if keys.odd_among(&fields) || keys.odd_among(&item) {
                emit.keep_unknown(text);
            }
            return Ok(());
        }
        self.value(serde_json::from_str(text)?, emit);
        emit.keep_unknown(text);
        Ok(())
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if self.second != Some(true) {
            return TurnVerdict::MissingResult;
        }
        // It exits with 0 even where it could not log in: an error that comes last decides.
        emit.fail_last();
        if self.open.is_empty() { TurnVerdict::ByExit } else { TurnVerdict::Truncated }
    }
}

impl Codex {
    fn new(argv: &[String]) -> Self {
        let resumed = argv.iter().any(|arg| arg == "resume");
        Self { before: (!resumed).then(Usage::default), ..Self::default() }
    }

    fn start_turn(&mut self, emit: &mut Emit<'_>) {
        self.open.clear();
        emit.start(None, self.thread.as_deref());
    }

    /// An item; `false` if it is of an unknown kind.
    fn item(&mut self, type_: &str, item: &Fields<'_>, emit: &mut Emit<'_>) -> bool {
        emit.input.error = None;
        let second_type = item.text("item_type");
        if second_type.is_some() {
            self.second = Some(true);
        }
        self.second.get_or_insert(false);
        let kind = item.text("type").or(second_type).unwrap_or_default();
        // In the second generation no message begins a turn.
        if self.second == Some(true) && kind != "error" && !emit.turn_open() {
            self.start_turn(emit);
        }
        let id = item.text("id").unwrap_or_default();
        let completed = type_ == "item.completed";
        match (&*kind, item.text("text")) {
            ("agent_message" | "assistant_message", Some(whole)) if completed => {
                emit.finish_block(&text(TextKind::Answer, &id), Some(&whole));
            }
            ("reasoning", Some(whole)) if completed => {
                emit.finish_block(&text(TextKind::Reasoning, &id), Some(&whole));
            }
            (kind, _) if TOOLS.contains(&kind) => {
                if !completed || !emit.over() {
                    start_item((&id, kind), item, emit);
                }
                if completed {
                    self.open.retain(|open| *open != id);
                    finish_item((&id, kind), item, emit);
                } else if self.open.len() < MAX_OPEN && !self.open.iter().any(|open| *open == id) {
                    self.open.push(id.into_owned());
                }
            }
            _ => return false,
        }
        true
    }

    /// A message that is neither text nor tool, or one of the first generation or the app-server.
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.text("type").to_owned();
        match type_.as_str() {
            "" if server::is_message(&value) => self.server.message(&value, emit),
            "" => {
                self.second.get_or_insert(false);
                self.first.value(value, &mut self.before, emit);
            }
            "thread.started" | "session.created" => {
                self.second.get_or_insert(type_ == "session.created");
                let id = value.opt_text("thread_id").or_else(|| value.opt_text("session_id"));
                self.thread = id.map(str::to_owned);
                let message = id.unwrap_or_default().to_owned();
                emit.status("session", &message, strip(value));
            }
            "turn.started" => {
                self.second.get_or_insert(false);
                self.start_turn(emit);
            }
            "turn.completed" | "turn.failed" if emit.over() => emit.late(&value),
            "turn.completed" | "turn.failed" => {
                let spent = spent(&mut self.before, usage(value.at("usage")));
                match type_.as_str() {
                    "turn.completed" => emit.complete("completed", None, &spent),
                    _ => emit.fail(failure_of(value.get("error").unwrap_or(&value)), &spent),
                }
                self.open.clear();
            }
            "error" => {
                let last = (self.second == Some(true)).then(|| emit.failure(&value));
                emit.input.error = last;
                emit.status("error", &sentence(&value), strip(value));
            }
            _ => other(&type_, &value, emit),
        }
    }
}

/// The item types that are tools; every other, known or not, is none.
const TOOLS: [&str; 5] =
    ["command_execution", "file_change", "mcp_tool_call", "web_search", "collab_tool_call"];

/// The fields of a line beside its item, and the item, if that has a known shape.
fn read_item(line: &str) -> Option<(Fields<'_>, Fields<'_>)> {
    let (mut fields, mut item) = (Fields(Vec::with_capacity(4)), None);
    Cursor::read(line, |at| {
        at.members(|at, key| {
            if key == "item" {
                // An item that stands twice is of no known shape.
                return item.replace(Fields::scan(at)?).is_none().then_some(());
            }
            fields.0.push((key, at.raw()?));
            Some(())
        })
    })?;
    let item = item?;
    let texts = ["id", "type", "item_type", "text", "status", "server", "tool"];
    let is_text = |key: &str| item.raw(key).is_none_or(|raw| raw.starts_with('"'));
    let exit_code = item.raw("exit_code").is_none() || item.integer("exit_code").is_some();
    let known = exit_code && texts.into_iter().all(is_text) && item.duplicate().is_none();
    known.then_some((fields, item))
}

/// Arguments of a tool, which are fields of its item.
fn input<'a>(kind: &str, item: &Fields<'a>) -> Option<Cow<'a, str>> {
    if kind == "mcp_tool_call" {
        return item.raw("arguments").map(Into::into);
    }
    let keys = ["tool", "command", "changes", "query", "action", "prompt", "receiver_thread_ids"];
    let fields = keys.iter().filter_map(|key| Some(format!("\"{key}\":{}", item.raw(key)?)));
    Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).into())
}

/// The name of a tool, and its kind.
fn named<'a>(kind: &'a str, item: &Fields<'a>) -> (Cow<'a, str>, &'static str) {
    match (kind, item.text("server"), item.text("tool")) {
        ("mcp_tool_call", server, Some(tool)) => {
            let kind = tool_kind(&tool);
            (server.map_or(tool.clone(), |server| format!("{server}/{tool}").into()), kind)
        }
        ("collab_tool_call", ..) => (kind.into(), "think"),
        _ => (kind.into(), tool_kind(kind)),
    }
}

/// Starts the tool that an item is, once.
fn start_item((id, kind): (&str, &str), item: &Fields<'_>, emit: &mut Emit<'_>) {
    let changes: Vec<Value> = item.read_as("changes").unwrap_or_default();
    let paths = changes.iter().filter_map(|change| change.opt_text("path"));
    let paths: Vec<String> = paths.map(str::to_owned).collect();
    let title = ["command", "query", "prompt"].iter().find_map(|key| words(&item.read_as(key)?));
    let (input, (name, kind)) = (input(kind, item), named(kind, item));
    emit.start_call(&ToolStart {
        id,
        name: &name,
        kind,
        title: title.as_deref().or(paths.first().map(String::as_str)),
        input: input.as_deref(),
        paths: &paths,
        parent: None,
    });
}

fn finish_item((id, kind): (&str, &str), item: &Fields<'_>, emit: &mut Emit<'_>) {
    let raw = |key| item.raw(key).map(Cow::from);
    let output = match kind {
        "command_execution" => raw("aggregated_output"),
        "mcp_tool_call" => raw("result").or_else(|| raw("error")),
        "collab_tool_call" => raw("agents_states"),
        // The query shows only when the search is done.
        "web_search" => input(kind, item),
        _ => None,
    };
    let exit_code = item.integer("exit_code");
    let failed = raw("error").is_some() || exit_code.is_some_and(|code| code != 0);
    let done = if failed { "error" } else { "ok" };
    let outcome = outcome(item.text("status").as_deref(), done);
    let (name, kind) = named(kind, item);
    let name = &*name;
    let end = ToolEnd { id, name, kind, outcome, output, exit_code, ..ToolEnd::default() };
    emit.finish_call(&end);
}

/// A string, or the last of a list of strings, as a title.
fn words(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value.as_array()?.last()?.as_str())?;
    Some(one_line(text)).filter(|title| !title.is_empty())
}

/// An item or a message that is neither text nor tool nor the end of a turn.
fn other(type_: &str, value: &Value, emit: &mut Emit<'_>) {
    let item = value.at("item");
    let (status, message) = match item.opt_text("type").or_else(|| item.opt_text("item_type")) {
        Some("todo_list") => {
            let done = item.items("items").filter(|step| step.is("completed")).count();
            ("plan", format!("{done} of {} done", item.items("items").len()))
        }
        Some("error") => ("warning", sentence(item)),
        Some("agent_message" | "assistant_message" | "reasoning") => {
            ("progress", one_line(item.text("text")))
        }
        Some(kind) => return emit.status("info", &format!("item of type {kind:?}"), value.clone()),
        None => return emit.other(type_, value),
    };
    emit.status(status, &message, item.clone());
}

/// A message without its type, which the kind of the status replaces.
fn strip(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove("type");
    }
    value
}
