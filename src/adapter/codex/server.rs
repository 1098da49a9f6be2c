//! `codex app-server`: JSON-RPC, as a rule without `jsonrpc`. Its items are those of exec in camel case, and its texts come
//! in pieces.
//!
//! Source: the app-server's README, 2026. Another thread on the same output is a sub-agent's; it is kept as statuses.

use std::collections::BTreeMap;

use super::super::OWN;
use super::super::prelude::*;
use super::{minus, outcome, usage};
use crate::codec::MAX_LINE;

/// Commands that are remembered while their output comes in pieces.
const MAX_RUNNING: usize = 256;

/// The item types that are tools.
const TOOLS: &str = "commandExecution fileChange mcpToolCall dynamicToolCall collabAgentToolCall \
    collabToolCall webSearch imageView imageGeneration";

/// Fields of an item that are a tool's arguments.
const INPUT: &str = "tool command cwd changes query action path prompt revisedPrompt \
    receiverThreadId receiverThreadIds";

/// The match of one of its messages.
pub(super) fn detect(value: &Value) -> Match {
    let (params, result) = (value.at("params"), value.at("result"));
    let theirs = params.get("threadId").is_some() || params.pointer("/thread/id").is_some();
    let method = value.text("method");
    let known = ["thread/", "turn/", "item/", "error"].iter().any(|m| method.starts_with(m));
    let answer = result.pointer("/thread/id").is_some()
        || result.pointer("/turn/status").is_some()
        || (result.get("userAgent").is_some() && result.get("codexHome").is_some());
    if (known && theirs) || answer { Match::Sure } else { Match::No }
}

/// True if a value is JSON-RPC at all, which no other generation is.
pub(super) fn is_message(value: &Value) -> bool {
    value.get("method").is_some()
        || value.get("result").is_some()
        || (value.get("id").is_some() && value.non_null("error").is_some())
}

#[derive(Debug, Default)]
pub(super) struct Server {
    thread: Option<String>,
    model: Option<String>,
    /// Tokens of the thread when the turn began.
    before: Option<Usage>,
    total: Option<Usage>,
    output: BTreeMap<String, String>,
}

impl Server {
    pub(super) fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
        match Rpc::of(value) {
            Rpc::Call { method, params, .. } => self.call(method, params, value, emit),
            Rpc::Result { result, .. } => self.thread(result, emit),
            Rpc::Error { error, .. } => {
                emit.status("error", &one_line(&sentence(error)), value.clone());
                emit.input.error = (!emit.turn_open()).then(|| failure_with_info(error));
            }
            Rpc::Other => emit.status("info", "an unknown message", value.clone()),
        }
    }

    /// Notes a thread that is begun or resumed, by the response to a request.
    fn thread(&mut self, result: &Value, emit: &mut Emit<'_>) {
        let id = result.pointer("/thread/id").and_then(Value::as_str);
        let Some(id) = id.filter(|_| !emit.turn_open()) else {
            return emit.status("info", "rpc_response", result.clone());
        };
        if self.thread.as_deref() != Some(id) {
            (self.before, self.total) = (None, None);
        }
        self.thread = Some(id.to_owned());
        self.model = result.owned("model");
        emit.status("session", id, result.clone());
    }

    fn call(&mut self, method: &str, params: &Value, whole: &Value, emit: &mut Emit<'_>) {
        let named = params.at("thread").opt_text("id");
        let thread = params.get("threadId").map_or(named, Value::as_str);
        let foreign = |ours: &str| thread.is_some_and(|thread| thread != ours);
        if self.thread.as_deref().is_some_and(foreign) {
            return emit.status("info", &format!("another thread: {method}"), whole.clone());
        }
        let (id, delta) = (params.text("itemId"), params.text("delta"));
        let mut reasoning = |part: &str, index: &str| {
            let key = format!("{id}/{part}{}", params.u64(index).unwrap_or(0));
            emit.delta(&text(TextKind::Reasoning, &key), delta);
        };
        match method {
            "thread/started" => {
                let id = named.unwrap_or_default();
                self.thread.get_or_insert_with(|| id.to_owned());
                emit.status("session", id, params.clone());
            }
            "turn/started" => self.turn(emit),
            "item/started" | "item/completed" => self.item(method, params.at("item"), emit),
            "item/agentMessage/delta" => emit.delta(&text(TextKind::Answer, id), delta),
            "item/reasoning/summaryTextDelta" => reasoning("summary", "summaryIndex"),
            "item/reasoning/textDelta" => reasoning("content", "contentIndex"),
            "item/reasoning/summaryPartAdded" => {}
            "item/commandExecution/outputDelta" | "item/fileChange/outputDelta" => {
                self.print(id, delta);
            }
            "thread/tokenUsage/updated" => self.count(params, emit),
            "turn/completed" => self.finish(params.at("turn"), emit),
            "turn/plan/updated" => emit.status("plan", params.text("explanation"), params.clone()),
            "error" => {
                let error = params.get("error").unwrap_or(params);
                let again = params.is("willRetry");
                emit.input.error = (!again).then(|| failure_with_info(error));
                let kind = if again { "warning" } else { "error" };
                emit.status(kind, &one_line(&sentence(error)), params.clone());
            }
            _ => {
                let requests = ["requestApproval", "requestUserInput"];
                let waits = requests.iter().any(|request| method.ends_with(request));
                if waits {
                    let what = params.opt_text("command").or_else(|| params.opt_text("reason"));
                    let message = format!("waits for approval: {}", what.unwrap_or(method));
                    return emit.status("permission", &one_line(&message), whole.clone());
                }
                emit.status("info", method, whole.clone());
            }
        }
    }

    fn turn(&mut self, emit: &mut Emit<'_>) {
        self.before = self.total.take().or(self.before);
        emit.input.error = None;
        self.output.clear();
        emit.start(self.model.as_deref(), self.thread.as_deref());
    }

    /// Takes the tokens of the thread. The first counts of a resumed thread include its earlier turns.
    fn count(&mut self, params: &Value, emit: &mut Emit<'_>) {
        let counts = params.at("tokenUsage");
        if let Some(total) = usage(counts.at("total")) {
            let last = usage(counts.at("last")).unwrap_or_default();
            self.before.get_or_insert_with(|| minus(total, last));
            self.total = Some(total);
            emit.report_spent(&self.usage_of());
        }
    }

    fn usage_of(&self) -> UsageAndCost {
        self.total.zip(self.before).map(|(total, before)| minus(total, before)).into()
    }

    fn finish(&mut self, turn: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return emit.late(turn);
        }
        match turn.opt_text("status").unwrap_or("completed") {
            "failed" => {
                let own = turn.non_null("error").map(failure_with_info);
                let error = own.or_else(|| emit.input.error.take());
                let error = error.unwrap_or_else(|| failure("", "", None));
                emit.fail(error, &self.usage_of());
            }
            stop @ ("interrupted" | "cancelled") => emit.cancelled(stop, None, &self.usage_of()),
            stop => emit.complete(stop, None, &self.usage_of()),
        }
    }

    fn print(&mut self, id: &str, delta: &str) {
        if self.output.contains_key(id) || self.output.len() < MAX_RUNNING {
            let output = self.output.entry(id.to_owned()).or_default();
            if output.len() + delta.len() <= MAX_LINE {
                output.push_str(delta);
            }
        }
    }

    /// An item of a message with this method.
    fn item(&mut self, method: &str, item: &Value, emit: &mut Emit<'_>) {
        let (id, started) = (item.text("id"), method == "item/started");
        match item.text("type") {
            "agentMessage" | "reasoning" | "userMessage" | "plan" if started => {}
            "agentMessage" => {
                emit.finish_block(&text(TextKind::Answer, id), Some(item.text("text")));
            }
            "reasoning" => {
                for key in ["summary", "content"] {
                    for (index, part) in item.items(key).enumerate() {
                        let whole = part.as_str().or_else(|| part.opt_text("text"));
                        let key = format!("{id}/{key}{index}");
                        emit.finish_block(&text(TextKind::Reasoning, &key), whole);
                    }
                }
            }
            "userMessage" if item.text("clientId").starts_with(OWN) => {
                emit.message_read(item.text("clientId"));
            }
            "userMessage" => {
                let texts = item.items("content").filter_map(|part| part.opt_text("text"));
                emit.user(&texts.collect::<String>());
            }
            "plan" => emit.status("plan", &one_line(item.text("text")), item.clone()),
            "contextCompaction" => emit.status("compaction", "", item.clone()),
            type_ if TOOLS.split(' ').any(|tool| tool == type_) => self.tool(method, item, emit),
            type_ => emit.status("info", &format!("item of type {type_:?}"), item.clone()),
        }
    }

    fn tool(&mut self, method: &str, item: &Value, emit: &mut Emit<'_>) {
        let id = item.text("id");
        let name = match item.text("type") {
            "mcpToolCall" => format!("{}/{}", item.text("server"), item.text("tool")),
            "dynamicToolCall" => item.text("tool").to_owned(),
            type_ => type_.to_owned(),
        };
        if !emit.call_started(id) && !emit.over() {
            start((id, &name), item, emit);
        }
        if method == "item/started" {
            return;
        }
        let printed = self.output.remove(id).map(Value::from);
        let outputs =
            ["aggregatedOutput", "result", "contentItems", "error", "agentsStates", "savedPath"];
        let output = outputs.into_iter().find_map(|key| item.non_null(key)).or(printed.as_ref());
        let exit_code = item.i64("exitCode");
        let failed = item.non_null("error").is_some()
            || exit_code.is_some_and(|code| code != 0)
            || item.at("success").as_bool() == Some(false);
        let outcome = outcome(item.opt_text("status"), if failed { "error" } else { "ok" });
        let (name, duration_ms) = (&*name, item.u64("durationMs"));
        let done = Done { id, name, outcome, output, exit_code, duration_ms, ..Done::default() };
        emit.finish_tool(&done);
    }
}

/// The failure of an error, with the status and the words of its `codexErrorInfo`.
fn failure_with_info(error: &Value) -> Failure<'static> {
    let info = error.non_null("codexErrorInfo");
    let mut parts = info.and_then(Value::as_object).into_iter().flat_map(|info| info.values());
    let status = parts.find_map(|part| part.u64("httpStatusCode"));
    let words = info.map(Value::to_string).unwrap_or_default();
    failure(error.text("message"), &words, status)
}

/// Starts a tool; its arguments are the fields of its item that are in [`INPUT`].
fn start((id, name): (&str, &str), item: &Value, emit: &mut Emit<'_>) {
    let fields = item.as_object().into_iter().flatten();
    let input = fields.filter(|(key, v)| INPUT.split(' ').any(|k| k == *key) && !v.is_null());
    let input: Value = input.map(|(key, value)| (key.clone(), value.clone())).collect();
    let paths = item.items("changes").chain([item]).filter_map(|change| change.opt_text("path"));
    let paths: Vec<String> = paths.map(str::to_owned).collect();
    let title =
        ["command", "query", "prompt", "path"].into_iter().find_map(|key| item.opt_text(key));
    let title = title.map(one_line).or_else(|| paths.first().cloned());
    emit.start_call(&ToolStart {
        id,
        name,
        kind: match item.text("type") {
            "fileChange" => "edit",
            "collabAgentToolCall" | "collabToolCall" => "think",
            "mcpToolCall" => tool_kind(item.text("tool")),
            _ => tool_kind(name),
        },
        title: title.as_deref(),
        input: Some(&raw(item.non_null("arguments").unwrap_or(&input))),
        paths: &paths,
        parent: None,
    });
}
