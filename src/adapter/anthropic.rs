//! Anthropic's Messages API, streamed or whole, as `curl -N` prints it.
//!
//! Source: recordings of the API and of its SDKs' fixtures, and Anthropic's API reference. `message_stop` ends a turn, an
//! `error` fails it. The tools that run on Anthropic's side finish with their `*_tool_result` block, the others never.

use serde_json::Value;

use super::api::{HeldTools, error_after_turn, failure_under, raw, text};
use super::framing::{Framed, Head, Protocol, Tail};
use super::{Calls, Match, Spec, said_at, say_status, text_at};
use crate::event::{Spent, TurnStarted, Usage};
use crate::guard::{Guard, TextKind, ToolEnd, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "anthropic",
    aliases: &["anthropic-messages"],
    versions: "captures of 2025 and 2026",
    about: "Anthropic Messages API, raw body",
    usage: "curl -N https://api.anthropic.com/v1/messages -d '{\"stream\":true,...}'",
    commands: &[],
    flags: &[],
    has_result: true,
    detect,
    new: |_| Box::new(Framed::new(Anthropic::default())),
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    match text_at(value, "type").unwrap_or_default() {
        "message_start" if value.pointer("/message/role").is_some() => Match::Sure,
        "content_block_start" if has("content_block") => Match::Sure,
        "content_block_delta" if has("delta") => Match::Sure,
        "message" if has("stop_reason") && has("content") => Match::Sure,
        "message_delta" | "content_block_stop" | "message_stop" | "ping" => Match::Maybe,
        "error" if !has("timestamp") && value.pointer("/error/type").is_some() => {
            let theirs = text_at(value.get("error").unwrap_or(&Value::Null), "type");
            if theirs.is_some_and(|t| t.ends_with("_error")) { Match::Sure } else { Match::No }
        }
        _ => Match::No,
    }
}

#[derive(Default)]
struct Anthropic {
    head: Option<Head>,
    /// The message that is being read, and how many there were.
    id: String,
    count: u64,
    stop: Option<String>,
    usage: Usage,
    used: bool,
    held: HeldTools,
    calls: Calls,
}

impl Protocol for Anthropic {
    fn message(&mut self, now: Time, event: &str, value: Value, guard: &mut Guard) {
        let index = value.get("index").and_then(Value::as_u64).unwrap_or(0);
        let key = format!("{}/{index}", self.count);
        match text_at(&value, "type").unwrap_or(event) {
            "message_start" => {
                let message = value.get("message").unwrap_or(&Value::Null);
                self.begin(now, message, guard);
            }
            "content_block_start" => {
                let block = value.get("content_block").unwrap_or(&Value::Null);
                self.block(now, &key, block, guard);
            }
            "content_block_delta" => {
                let delta = value.get("delta").unwrap_or(&Value::Null);
                self.delta(now, &key, delta, guard);
            }
            "content_block_stop" => self.stop_block(now, &key, guard),
            "message_delta" => self.message_delta(now, &value, guard),
            "message_stop" => {
                if guard.turn_open() {
                    let stop = self.stop.take();
                    self.complete(now, stop.as_deref().unwrap_or("message_stop"), guard);
                }
            }
            "message" => self.whole(now, &value, guard),
            "error" => self.fail(now, &value, guard),
            "ping" => {}
            _ if value.get("error").is_some() => self.fail(now, &value, guard),
            type_ => {
                let message = format!("message of type {type_:?}");
                say_status(now, guard, "info", &message, value);
            }
        }
    }

    fn head(&mut self, _: Time, head: &Head) {
        self.head = Some(head.clone());
    }

    fn end(&mut self, now: Time, tail: Tail, guard: &mut Guard) -> Verdict {
        if guard.turn_open() {
            self.held.start_all(now, &mut self.calls, guard);
            if let Some(stop) = self.stop.take().filter(|_| tail == Tail::Clean) {
                self.complete(now, &stop, guard);
            }
        }
        Verdict::MissingResult
    }
}

impl Anthropic {
    /// A message begins. Proxies repeat the line, and splice another message in: that one goes on in the same turn.
    fn begin(&mut self, now: Time, message: &Value, guard: &mut Guard) {
        let id = text_at(message, "id").unwrap_or_default();
        if guard.turn_open() {
            if id == self.id {
                return;
            }
            self.held.start_all(now, &mut self.calls, guard);
            self.finish_texts(now, guard);
        } else {
            (self.stop, self.usage, self.used) = (None, Usage::default(), false);
            let model = text_at(message, "model").filter(|m| !m.is_empty());
            guard.start_turn(
                now,
                &TurnStarted {
                    runtime: SPEC.name.into(),
                    model: model.map(Into::into),
                    ..TurnStarted::default()
                },
            );
        }
        self.count += 1;
        id.clone_into(&mut self.id);
        self.count_usage(message.get("usage"), guard);
    }

    /// Closes what the message before this one left open.
    fn finish_texts(&self, now: Time, guard: &mut Guard) {
        for index in 0..16 {
            let key = format!("{}/{index}", self.count);
            for kind in [TextKind::Answer, TextKind::Reasoning] {
                guard.finish_block(now, &text(kind, &key), None);
            }
        }
    }

    fn block(&mut self, now: Time, key: &str, block: &Value, guard: &mut Guard) {
        let type_ = text_at(block, "type").unwrap_or_default();
        let id = text_at(block, "id").unwrap_or_default();
        match type_ {
            "text" | "thinking" => {
                for (kind, field) in [(TextKind::Answer, "text"), (TextKind::Reasoning, "thinking")]
                {
                    let said = text_at(block, field).unwrap_or_default();
                    guard.delta(now, &text(kind, key), said);
                }
            }
            "redacted_thinking" | "compaction" => {}
            _ if type_.ends_with("tool_use") => {
                let name = text_at(block, "name").unwrap_or_default();
                let calls = &mut self.calls;
                self.held.begin(now, key, (id, name), calls, guard);
                let input = block.get("input");
                if let Some(input) = input.filter(|i| i.as_object().is_some_and(|o| !o.is_empty()))
                {
                    self.held.add(key, &crate::codec::to_json(input));
                }
            }
            _ if type_.ends_with("tool_result") => self.tool_result(now, block, guard),
            _ => {
                let message = format!("content of type {type_:?}");
                say_status(now, guard, "info", &message, block.clone());
            }
        }
    }

    fn tool_result(&mut self, now: Time, block: &Value, guard: &mut Guard) {
        let content = block.get("content");
        let kind = content.and_then(|c| text_at(c, "type"));
        let error = block.get("is_error").and_then(Value::as_bool) == Some(true)
            || kind.is_some_and(|k| k.ends_with("_error"));
        let end = ToolEnd {
            id: text_at(block, "tool_use_id").unwrap_or_default(),
            outcome: if error { "error" } else { "ok" },
            output: content.map(raw),
            ..ToolEnd::default()
        };
        self.calls.finish(now, end, guard);
    }

    fn delta(&mut self, now: Time, key: &str, delta: &Value, guard: &mut Guard) {
        let said = |field: &str| text_at(delta, field).unwrap_or_default();
        match text_at(delta, "type").unwrap_or_default() {
            "text_delta" => {
                let said = said_at(now, delta, "text", guard);
                guard.delta(now, &text(TextKind::Answer, key), said);
            }
            "thinking_delta" => {
                let said = said_at(now, delta, "thinking", guard);
                guard.delta(now, &text(TextKind::Reasoning, key), said);
            }
            "input_json_delta" => self.held.add(key, said("partial_json")),
            "signature_delta" => {}
            "compaction_delta" => {
                let data = serde_json::json!({"content": delta.get("content")});
                say_status(now, guard, "compaction", "", data);
            }
            type_ => {
                let message = format!("delta of type {type_:?}");
                say_status(now, guard, "info", &message, delta.clone());
            }
        }
    }

    fn stop_block(&mut self, now: Time, key: &str, guard: &mut Guard) {
        for kind in [TextKind::Answer, TextKind::Reasoning] {
            guard.finish_block(now, &text(kind, key), None);
        }
        self.held.start(now, key, &mut self.calls, guard);
    }

    fn message_delta(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let delta = value.get("delta").unwrap_or(&Value::Null);
        if let Some(stop) = text_at(delta, "stop_reason") {
            self.stop = Some(stop.to_owned());
        }
        if let Some(details) = delta.get("stop_details").filter(|d| d.is_object()) {
            let why = text_at(details, "explanation").unwrap_or_default();
            say_status(now, guard, "info", why, details.clone());
        }
        self.count_usage(value.get("usage"), guard);
    }

    /// Counts of a message go up to the last ones; what a line leaves out stays.
    fn count_usage(&mut self, usage: Option<&Value>, guard: &mut Guard) {
        let Some(usage) = usage else { return };
        let count = |key: &str| usage.get(key).and_then(Value::as_u64);
        let now = &mut self.usage;
        now.input_tokens = count("input_tokens").or(now.input_tokens);
        now.output_tokens = count("output_tokens").or(now.output_tokens);
        now.cache_read_tokens = count("cache_read_input_tokens").or(now.cache_read_tokens);
        now.cache_write_tokens = count("cache_creation_input_tokens").or(now.cache_write_tokens);
        self.used = true;
        guard.note_spent(&self.spent());
    }

    fn spent(&self) -> Spent {
        Spent { usage: self.used.then_some(self.usage), ..Spent::default() }
    }

    /// A body that was not streamed.
    fn whole(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        self.begin(now, value, guard);
        let blocks = value.get("content").and_then(Value::as_array);
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            let key = format!("{}/{index}", self.count);
            self.block(now, &key, block, guard);
            self.stop_block(now, &key, guard);
        }
        let stop = text_at(value, "stop_reason").unwrap_or("message");
        self.complete(now, stop, guard);
    }

    fn complete(&mut self, now: Time, stop: &str, guard: &mut Guard) {
        self.held.start_all(now, &mut self.calls, guard);
        guard.complete(now, stop, None, &self.spent());
        (self.usage, self.used) = (Usage::default(), false);
    }

    fn fail(&mut self, now: Time, error: &Value, guard: &mut Guard) {
        if error_after_turn(now, error, guard) {
            return;
        }
        self.held.start_all(now, &mut self.calls, guard);
        let failure = failure_under(now, self.head.as_ref(), error);
        guard.fail(now, failure, &self.spent());
        self.stop = None;
    }
}
