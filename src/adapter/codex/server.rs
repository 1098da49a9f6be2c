//! `codex app-server`: JSON-RPC, as a rule without `jsonrpc`. Its items are those of exec in camel case, and its texts come in
//! pieces.
//!
//! Source: the app-server's README, 2026. Another thread on the same output is a sub-agent's; it is kept as statuses.

use std::collections::BTreeMap;

use super::super::prelude::*;
use super::minus;
use crate::codec::MAX_LINE;

/// How many commands whose output has come in pieces are remembered.
const MAX_RUNNING: usize = 256;

/// True if a value is one of its messages.
pub(super) fn detect(value: &Value) -> Match {
    let params = value.at("params");
    let theirs = params.get("threadId").is_some() || params.pointer("/thread/id").is_some();
    let method = value.text("method");
    let known = ["thread/", "turn/", "item/", "error"].iter().any(|m| method.starts_with(m));
    let result = value.at("result");
    let answer = result.pointer("/thread/id").is_some()
        || result.pointer("/turn/status").is_some()
        || (result.get("userAgent").is_some() && result.get("codexHome").is_some());
    if (known && theirs) || answer { Match::Sure } else { Match::No }
}

/// True if a value is JSON-RPC at all, which no other generation is.
pub(super) fn is_message(value: &Value) -> bool {
    value.get("method").is_some()
        || value.get("result").is_some()
        || (value.get("id").is_some() && value.get("error").is_some_and(|e| !e.is_null()))
}

#[derive(Debug, Default)]
pub(super) struct Server {
    thread: Option<String>,
    model: Option<String>,
    /// The thread's tokens: when the turn began, and now.
    before: Option<Usage>,
    total: Option<Usage>,
    /// What running commands have printed.
    output: BTreeMap<String, String>,
    error: Option<Value>,
}

impl Server {
    pub(super) fn message(&mut self, value: &Value, emit: &mut Emit<'_>) {
        match Rpc::of(value) {
            Rpc::Call { method, params, .. } => self.call(method, params, value, emit),
            Rpc::Result { result, .. } => self.thread(result, emit),
            Rpc::Error { error, .. } => {
                emit.status("error", &one_line(&sentence(error)), value.clone());
                self.error = Some(error.clone()).filter(|_| !emit.turn_open());
            }
            Rpc::Other => emit.status("info", "an unknown message", value.clone()),
        }
    }

    /// The output has ended: an error after which no turn has ended is its reason.
    pub(super) fn end(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.error.take().filter(|_| !emit.over()) {
            self.fail(&error, emit);
        }
    }

    /// A thread is begun or resumed, as the answer to a request says.
    fn thread(&mut self, result: &Value, emit: &mut Emit<'_>) {
        if let Some(id) = result.pointer("/thread/id").and_then(Value::as_str)
            && !emit.turn_open()
        {
            if self.thread.as_deref() != Some(id) {
                (self.before, self.total) = (None, None);
            }
            self.thread = Some(id.to_owned());
            self.model = result.opt_text("model").map(str::to_owned);
            return emit.status("session", id, result.clone());
        }
        emit.status("info", "response", result.clone());
    }

    fn call(&mut self, method: &str, params: &Value, whole: &Value, emit: &mut Emit<'_>) {
        let field = |key| params.text(key);
        let foreign = self.thread.as_deref().is_some_and(|t| {
            let id = params.get("threadId").or(params.pointer("/thread/id"));
            id.and_then(Value::as_str).is_some_and(|id| id != t)
        });
        let item = params.at("item");
        let part = |key: &str, place: &str| {
            let index = params.get(place).and_then(Value::as_u64).unwrap_or(0);
            format!("{}/{key}{index}", field("itemId"))
        };
        match method {
            _ if foreign => {
                emit.status("info", &format!("another thread: {method}"), whole.clone());
            }
            "thread/started" => {
                let id = params.pointer("/thread/id").and_then(Value::as_str).unwrap_or_default();
                self.thread.get_or_insert_with(|| id.to_owned());
                emit.status("session", id, params.clone());
            }
            "turn/started" => self.turn(emit),
            "item/started" => self.item(item, false, emit),
            "item/completed" => self.item(item, true, emit),
            "item/agentMessage/delta" => {
                emit.delta(&text(TextKind::Answer, field("itemId")), field("delta"));
            }
            "item/reasoning/summaryTextDelta" => {
                let key = part("summary", "summaryIndex");
                emit.delta(&text(TextKind::Reasoning, &key), field("delta"));
            }
            "item/reasoning/textDelta" => {
                let key = part("content", "contentIndex");
                emit.delta(&text(TextKind::Reasoning, &key), field("delta"));
            }
            "item/reasoning/summaryPartAdded" => {}
            "item/commandExecution/outputDelta" | "item/fileChange/outputDelta" => {
                self.print(field("itemId"), field("delta"));
            }
            "thread/tokenUsage/updated" => self.count(params, emit),
            "turn/completed" => self.finish(params.at("turn"), emit),
            "turn/plan/updated" => emit.status("plan", field("explanation"), params.clone()),
            "error" => {
                let error = params.get("error").unwrap_or(params);
                let again = params.is("willRetry");
                self.error = Some(error.clone()).filter(|_| !again);
                let kind = if again { "warning" } else { "error" };
                emit.status(kind, &one_line(&sentence(error)), params.clone());
            }
            _ => {
                let asks = ["requestApproval", "requestUserInput"];
                let asks = asks.iter().any(|ask| method.ends_with(ask));
                let kind = if asks { "permission" } else { "info" };
                emit.status(kind, method, whole.clone());
            }
        }
    }

    fn turn(&mut self, emit: &mut Emit<'_>) {
        (self.before, self.error) = (self.total.take().or(self.before), None);
        self.output.clear();
        emit.start_turn(&TurnStarted {
            runtime: "codex".into(),
            session: self.thread.as_deref().map(Into::into),
            model: self.model.as_deref().map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// The thread's tokens. The first counts of a resumed thread say what it had used before.
    fn count(&mut self, params: &Value, emit: &mut Emit<'_>) {
        let counts = |key: &str| usage(params.pointer(&format!("/tokenUsage/{key}"))?);
        let (Some(total), last) = (counts("total"), counts("last").unwrap_or_default()) else {
            return;
        };
        self.before.get_or_insert_with(|| minus(total, last));
        self.total = Some(total);
        emit.note_spent(&self.spent());
    }

    fn spent(&self) -> Spent {
        let usage = self.total.zip(self.before).map(|(total, before)| minus(total, before));
        Spent { usage, ..Spent::default() }
    }

    fn fail(&self, error: &Value, emit: &mut Emit<'_>) {
        let message = error.text("message");
        let info = error.non_null("codexErrorInfo");
        let status = info
            .and_then(Value::as_object)
            .and_then(|info| info.values().find_map(|v| v.u64("httpStatusCode")));
        let words = info.map(Value::to_string).unwrap_or_default();
        emit.fail(failure(message, &words, status), &self.spent());
    }

    fn finish(&mut self, turn: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return emit.late(turn);
        }
        let error = turn.non_null("error").cloned().or(self.error.take());
        match turn.opt_text("status").unwrap_or("completed") {
            "failed" => self.fail(&error.unwrap_or_default(), emit),
            stop @ ("interrupted" | "cancelled") => emit.cancelled(stop, None, &self.spent()),
            stop => emit.complete(stop, None, &self.spent()),
        }
        self.error = None;
    }

    fn print(&mut self, id: &str, delta: &str) {
        if self.output.contains_key(id) || self.output.len() < MAX_RUNNING {
            let output = self.output.entry(id.to_owned()).or_default();
            if output.len() + delta.len() <= MAX_LINE {
                output.push_str(delta);
            }
        }
    }

    fn item(&mut self, item: &Value, completed: bool, emit: &mut Emit<'_>) {
        let field = |key| item.text(key);
        let id = field("id");
        match field("type") {
            "agentMessage" if completed => {
                emit.finish_block(&text(TextKind::Answer, id), Some(field("text")));
            }
            "reasoning" if completed => {
                for key in ["summary", "content"] {
                    let parts = item.get(key).and_then(Value::as_array);
                    for (index, part) in parts.into_iter().flatten().enumerate() {
                        let said = part.as_str().or_else(|| part.opt_text("text"));
                        let key = format!("{id}/{key}{index}");
                        emit.finish_block(&text(TextKind::Reasoning, &key), said);
                    }
                }
            }
            "userMessage" if completed => {
                let parts = item.items("content");
                let said = parts.filter_map(|part| part.opt_text("text"));
                emit.user(&said.collect::<String>());
            }
            "agentMessage" | "reasoning" | "userMessage" | "plan" if !completed => {}
            "plan" => emit.status("plan", &one_line(field("text")), item.clone()),
            "contextCompaction" => emit.status("compaction", "", item.clone()),
            type_ if TOOLS.contains(&type_) => self.tool(item, completed, emit),
            type_ => {
                emit.status("info", &format!("item of type {type_:?}"), item.clone());
            }
        }
    }

    fn tool(&mut self, item: &Value, completed: bool, emit: &mut Emit<'_>) {
        let field = |key| item.text(key);
        let (id, type_) = (field("id"), field("type"));
        let name = match type_ {
            "mcpToolCall" => format!("{}/{}", field("server"), field("tool")),
            "dynamicToolCall" => field("tool").to_owned(),
            _ => type_.to_owned(),
        };
        if !emit.call_started(id) && !emit.over() {
            self.start((id, &name), item, emit);
        }
        if !completed {
            return;
        }
        let some = |key: &str| item.get(key).filter(|v| !v.is_null());
        let printed = self.output.remove(id).map(Value::from);
        let outputs =
            ["aggregatedOutput", "result", "contentItems", "error", "agentsStates", "savedPath"];
        let output = outputs.into_iter().find_map(some).or(printed.as_ref());
        let exit_code = item.at("exitCode").as_i64();
        let failed = some("error").is_some()
            || exit_code.is_some_and(|code| code != 0)
            || item.get("success").and_then(Value::as_bool) == Some(false);
        let outcome = match item.opt_text("status").unwrap_or("completed") {
            "declined" => "denied",
            "cancelled" | "canceled" | "interrupted" => "cancelled",
            "completed" if !failed => "ok",
            "completed" | "failed" => "error",
            _ => "unknown",
        };
        let duration_ms = item.u64("durationMs");
        let done =
            Done { id, name: &name, outcome, output, exit_code, duration_ms, ..Done::default() };
        emit.finish_tool(&done);
    }

    /// Starts a tool; its arguments are the fields of its item that say what it is asked to do.
    fn start(&self, (id, name): (&str, &str), item: &Value, emit: &mut Emit<'_>) {
        let asked = item.as_object().into_iter().flatten();
        let asked = asked.filter(|(key, value)| INPUT.contains(&key.as_str()) && !value.is_null());
        let input: Value = asked.map(|(key, value)| (key.clone(), value.clone())).collect();
        let input = item.non_null("arguments").unwrap_or(&input);
        let input = crate::codec::to_json(input);
        let changes = item.items("changes");
        let paths = changes.filter_map(|change| change.opt_text("path"));
        let mut paths: Vec<String> = paths.map(str::to_owned).collect();
        paths.extend(item.opt_text("path").map(str::to_owned));
        let title =
            ["command", "query", "prompt", "path"].into_iter().find_map(|key| item.opt_text(key));
        let title = title.map(one_line).or_else(|| paths.first().cloned());
        let kind = match item.text("type") {
            "fileChange" => "edit",
            "collabAgentToolCall" | "collabToolCall" => "think",
            "mcpToolCall" => tool_kind(item.text("tool")),
            _ => tool_kind(name),
        };
        let parent = None;
        let title = title.as_deref();
        emit.start_call(&ToolStart {
            id,
            name,
            kind,
            title,
            input: Some(&input),
            paths: &paths,
            parent,
        });
    }
}

/// The item types that are tools.
const TOOLS: [&str; 9] = [
    "commandExecution",
    "fileChange",
    "mcpToolCall",
    "dynamicToolCall",
    "collabAgentToolCall",
    "collabToolCall",
    "webSearch",
    "imageView",
    "imageGeneration",
];

/// The fields that say what a tool is asked to do.
const INPUT: [&str; 11] = [
    "tool",
    "command",
    "cwd",
    "changes",
    "query",
    "action",
    "path",
    "prompt",
    "revisedPrompt",
    "receiverThreadId",
    "receiverThreadIds",
];

/// Tokens in the words of the app-server.
fn usage(value: &Value) -> Option<Usage> {
    let count = |key: &str| value.u64(key);
    value.is_object().then(|| Usage {
        input_tokens: count("inputTokens"),
        output_tokens: count("outputTokens"),
        cache_read_tokens: count("cachedInputTokens"),
        cache_write_tokens: count("cacheWriteInputTokens"),
        reasoning_tokens: count("reasoningOutputTokens"),
        total_tokens: count("totalTokens"),
    })
}
