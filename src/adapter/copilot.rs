//! GitHub Copilot CLI: `copilot -p PROMPT --output-format json`. Types are dotted, everything else is in `data`; a text
//! comes in deltas and as a message, which may be said again as it is refined. `assistant.turn_*` is one call of the model.
//!
//! Source: RUNTIMES' captures of 1.0.63 to 1.0.80; `result` may be missing.

use std::collections::VecDeque;

use serde_json::Value;

use super::json::{Call, Done, arguments, failure, finish_tool, over, spend, start_tool, usage};
use super::{Adapter, Calls, Line, Match, Said, Spec, lines_of, one_line, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Ended, Guard, Notice, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "copilot",
    aliases: &["copilot-cli"],
    versions: "1.0.63, by its documentation",
    about: "GitHub Copilot CLI, json",
    usage: "copilot -p PROMPT --output-format json",
    commands: &["copilot"],
    flags: &["--output-format"],
    has_result: true,
    detect,
    new: |_| Box::new(Copilot::default()),
};

/// How many messages are remembered, in case one is said again.
const MAX_MESSAGES: usize = 64;

fn detect(value: &Value) -> Match {
    let type_ = text_at(value, "type").unwrap_or_default();
    let first = type_.split_once('.').map_or(type_, |(first, _)| first);
    let has = |key: &str| value.get(key).is_some();
    let data = value.get("data").is_some_and(Value::is_object) && has("timestamp");
    let sure = match first {
        "session" | "assistant" | "tool" => first != type_ && data && !has("properties"),
        "user" => type_ == "user.message" && data,
        "result" => has("exitCode") && has("sessionId"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Copilot {
    calls: Calls,
    session: Option<String>,
    texts: VecDeque<Streamed>,
    spent: Spent,
    /// The last word, if it was an error.
    error: Option<Value>,
    aborted: Option<String>,
    /// A call of the model has ended and it wanted no tools.
    settled: bool,
}

/// A text under the id of its message.
struct Streamed {
    kind: TextKind,
    id: String,
    said: Said,
}

impl Adapter for Copilot {
    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        lines_of(now, line, guard, |value, guard| {
            self.value(now, value, guard);
        });
    }

    fn on_end(&mut self, now: Time, _: Ended, guard: &mut Guard) -> Verdict {
        if !over(guard) {
            if let Some(reason) = self.aborted.take() {
                guard.cancelled(now, &reason, None, &Spent::default());
            } else if let Some(error) = self.error.take() {
                guard.fail(now, why(&error), &Spent::default());
            }
        }
        if self.settled { Verdict::ByExit } else { Verdict::MissingResult }
    }
}

impl Copilot {
    fn value(&mut self, now: Time, value: Value, guard: &mut Guard) {
        let data = value.get("data").unwrap_or(&Value::Null);
        let text = |key| text_at(data, key).unwrap_or_default();
        let parent = text_at(data, "parentToolCallId").or_else(|| text_at(&value, "agentId"));
        let type_ = text_at(&value, "type").unwrap_or_default();
        if type_.starts_with("assistant.") || type_.starts_with("tool.") {
            self.settled = false;
        }
        match type_ {
            "session.start" => {
                self.session = text_at(data, "sessionId").map(str::to_owned);
                say_status(now, guard, "session", text("sessionId"), data.clone());
            }
            "user.message" if parent.is_none() => self.prompt(now, data, guard),
            "assistant.turn_start" | "assistant.message_start" => self.open(now, guard, None),
            "assistant.message_delta" => {
                let place = (TextKind::Answer, text("messageId"), parent);
                self.delta(now, place, text("deltaContent"), guard);
            }
            "assistant.reasoning_delta" => {
                let place = (TextKind::Reasoning, text("reasoningId"), parent);
                self.delta(now, place, text("deltaContent"), guard);
            }
            "assistant.message" => {
                self.error = None;
                let place = (TextKind::Answer, text("messageId"), parent);
                self.whole(now, place, text("content"), guard);
                let wants = data.get("toolRequests").and_then(Value::as_array);
                self.settled = parent.is_none() && wants.is_none_or(Vec::is_empty);
            }
            "assistant.reasoning" => {
                let place = (TextKind::Reasoning, text("reasoningId"), parent);
                self.whole(now, place, text("content"), guard);
            }
            "assistant.turn_end" => self.settled = self.error.is_none() && guard.answered(),
            "assistant.usage" if parent.is_none() => {
                spend(&mut self.spent, usage(data), None);
                guard.note_spent(&self.spent);
            }
            "tool.execution_start" => self.tool(now, data, parent, guard),
            "tool.execution_complete" => self.tool_done(now, data, parent, guard),
            "result" if over(guard) => {
                say_status(now, guard, "log", "the turn had ended already", value);
            }
            "result" => self.result(now, &value, guard),
            "abort" => {
                let reason = text_at(data, "reason").unwrap_or("abort").to_owned();
                say_status(now, guard, "info", &reason, value);
                self.aborted = Some(reason);
            }
            "session.error" => {
                let message = one_line(text("message"));
                self.error = Some(data.clone());
                say_status(now, guard, "error", &message, value);
            }
            _ => other(now, type_, parent, &value, guard),
        }
    }

    fn open(&mut self, now: Time, guard: &mut Guard, prompt: Option<&str>) {
        if guard.turn_open() {
            return;
        }
        let started = TurnStarted {
            runtime: "copilot".into(),
            session: self.session.as_deref().map(Into::into),
            prompt: prompt.map(Into::into),
            ..TurnStarted::default()
        };
        guard.start_turn(now, &started);
    }

    fn prompt(&mut self, now: Time, data: &Value, guard: &mut Guard) {
        let said = text_at(data, "content");
        if guard.turn_open() {
            super::user_said(now, guard, said.unwrap_or_default());
        } else {
            self.open(now, guard, said);
        }
    }

    fn place(&mut self, kind: TextKind, id: &str) -> Option<&mut Streamed> {
        let known = self.texts.iter().position(|t| t.kind == kind && t.id == id);
        let at = known.unwrap_or_else(|| {
            if self.texts.len() >= MAX_MESSAGES {
                self.texts.pop_front();
            }
            self.texts.push_back(Streamed { kind, id: id.to_owned(), said: Said::default() });
            self.texts.len() - 1
        });
        self.texts.get_mut(at)
    }

    fn delta(
        &mut self,
        now: Time,
        (kind, id, parent): (TextKind, &str, Option<&str>),
        delta: &str,
        guard: &mut Guard,
    ) {
        let text = Text { key: id, kind, parent };
        if let Some(streamed) = self.place(kind, id).filter(|_| !delta.is_empty()) {
            streamed.said.delta(now, &text, delta, guard);
        }
    }

    fn whole(
        &mut self,
        now: Time,
        (kind, id, parent): (TextKind, &str, Option<&str>),
        whole: &str,
        guard: &mut Guard,
    ) {
        let text = Text { key: id, kind, parent };
        let Some(streamed) = self.place(kind, id).filter(|_| !id.is_empty()) else {
            guard.finish_block(now, &text, Some(whole));
            return;
        };
        let mut said = std::mem::take(&mut streamed.said);
        // A tool's turn has an empty text or none.
        if whole.is_empty() {
            said.stop(now, &text, guard);
            streamed.said = said;
        } else {
            said.confirm(now, &text, whole, guard);
            streamed.said = Said::whole(whole);
        }
    }

    fn tool(&mut self, now: Time, data: &Value, parent: Option<&str>, guard: &mut Guard) {
        for streamed in &mut self.texts {
            streamed.said.close();
        }
        let input = arguments(data.get("arguments"));
        let call = Call {
            id: text_at(data, "toolCallId").unwrap_or_default(),
            name: text_at(data, "toolName").unwrap_or_default(),
            input: input.as_ref(),
            parent,
            ..Call::default()
        };
        start_tool(now, &call, &mut self.calls, guard);
    }

    fn tool_done(&mut self, now: Time, data: &Value, parent: Option<&str>, guard: &mut Guard) {
        let at = |path: &str| data.pointer(path).filter(|v| !v.is_null());
        let code = at("/error/code").and_then(Value::as_str).unwrap_or_default();
        let outcome = match data.get("success").and_then(Value::as_bool) {
            Some(true) => "ok",
            _ if matches!(code, "denied" | "rejected") => "denied",
            Some(false) => "error",
            None => "unknown",
        };
        let output = at("/result/content").or(at("/result"));
        let done = Done {
            id: text_at(data, "toolCallId").unwrap_or_default(),
            name: text_at(data, "toolName").unwrap_or_default(),
            outcome,
            output: output.or(at("/error/message")).or(at("/error")),
            parent,
            ..Done::default()
        };
        finish_tool(now, &done, &mut self.calls, guard);
    }

    fn result(&mut self, now: Time, value: &Value, guard: &mut Guard) {
        let totals = value.get("usage").unwrap_or(&Value::Null);
        if totals.is_object() {
            say_status(now, guard, "usage", "", totals.clone());
        }
        let mut spent = std::mem::take(&mut self.spent);
        spent.duration_ms = totals.get("sessionDurationMs").and_then(Value::as_u64);
        let exit = value.get("exitCode").and_then(Value::as_i64);
        self.settled = false;
        if let Some(reason) = self.aborted.take() {
            guard.cancelled(now, &reason, None, &spent);
        } else if exit.is_some_and(|code| code != 0) {
            let error = self.error.take().unwrap_or(Value::Null);
            guard.fail(now, why(&error), &spent);
        } else {
            guard.complete(now, "result", None, &spent);
        }
        self.texts.clear();
        self.error = None;
    }
}

fn why(error: &Value) -> crate::event::Failure<'static> {
    let text = |key| text_at(error, key).unwrap_or_default();
    let status = error.get("statusCode").and_then(Value::as_u64);
    failure(text("message"), text("errorType"), status)
}

/// A message that is neither text nor tool nor the end of a turn.
fn other(now: Time, type_: &str, parent: Option<&str>, value: &Value, guard: &mut Guard) {
    let data = value.get("data").unwrap_or(value);
    let said = text_at(data, "message").map(one_line);
    let kind = match type_ {
        "session.warning" => "warning",
        "session.info" => "info",
        "session.shutdown" | "assistant.usage" | "session.usage_checkpoint" => "usage",
        "tool.execution_partial_result" | "tool.execution_progress" => "progress",
        "session.compaction_start" | "session.compaction_complete" => "compaction",
        "subagent.started" => "subagent_started",
        "subagent.completed" | "subagent.failed" => "subagent_finished",
        t if t.starts_with("permission.") => "permission",
        t if t.starts_with("session.") => "session",
        _ => "info",
    };
    let message = said.unwrap_or_else(|| format!("message of type {type_:?}"));
    let notice = Notice {
        kind,
        message: Some(&message),
        data: Some(if kind == "info" { value } else { data }.clone()),
        parent,
    };
    guard.status(now, &notice);
}
