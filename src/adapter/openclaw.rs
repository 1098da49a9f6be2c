//! OpenClaw: `openclaw agent --json`, one JSON document over several lines when it exits, with log lines before it.
//!
//! Source: outputs quoted by its users; a gateway wraps the document in `{status, result}`.

use serde_json::Value;

use super::json::{Documents, failure, over, usage};
use super::{Adapter, Framing, Line, Match, Spec, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Ended, Guard, Text, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "openclaw",
    aliases: &[],
    versions: "by reports",
    about: "OpenClaw, json",
    usage: "openclaw agent --message PROMPT --json",
    commands: &["openclaw"],
    flags: &["--json"],
    has_result: true,
    detect,
    new: |_| Box::new(Openclaw { documents: Documents::new() }),
};

fn detect(value: &Value) -> Match {
    let value = value.get("result").unwrap_or(value);
    let payloads = value.get("payloads").is_some_and(Value::is_array);
    if payloads && value.get("meta").is_some_and(Value::is_object) {
        Match::Sure
    } else {
        Match::No
    }
}

struct Openclaw {
    documents: Documents,
}

impl Adapter for Openclaw {
    fn framing(&self) -> Framing {
        Framing::Chunks
    }

    fn on_line(&mut self, now: Time, line: Line<'_>, guard: &mut Guard) {
        self.documents.feed(now, line.bytes, guard, |value, guard| {
            document(now, value, guard);
        });
    }

    fn on_end(&mut self, now: Time, _: Ended, guard: &mut Guard) -> Verdict {
        self.documents.end(now, guard, |value, guard| {
            document(now, value, guard);
        });
        Verdict::MissingResult
    }
}

fn document(now: Time, value: Value, guard: &mut Guard) {
    let body = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
    let failed = value.get("error").filter(|e| !e.is_null());
    let known = body.get("meta").is_some() || body.get("payloads").is_some() || failed.is_some();
    if !known || over(guard) {
        let message =
            if known { "the turn had ended already" } else { "a document of an unknown kind" };
        say_status(now, guard, "info", message, value);
        return;
    }
    let meta = body.get("meta").unwrap_or(&Value::Null);
    let agent = meta.get("agentMeta").unwrap_or(&Value::Null);
    if !guard.turn_open() {
        let started = TurnStarted {
            runtime: "openclaw".into(),
            model: text_at(agent, "model").map(Into::into),
            session: text_at(agent, "sessionId").map(Into::into),
            ..TurnStarted::default()
        };
        guard.start_turn(now, &started);
    }
    let payloads = body.get("payloads").and_then(Value::as_array);
    let mut error = failed.or_else(|| meta.get("error").filter(|e| !e.is_null()));
    for (at, payload) in payloads.into_iter().flatten().enumerate() {
        if payload.get("isError").and_then(Value::as_bool) == Some(true) {
            error = error.or(payload.get("text"));
        } else if let Some(said) = text_at(payload, "text") {
            let key = at.to_string();
            let text = Text { key: &key, kind: TextKind::Answer, parent: None };
            guard.finish_block(now, &text, Some(said));
        }
        let media = |key: &str| payload.get(key).filter(|m| !m.is_null());
        if media("mediaUrl").or(media("mediaUrls")).is_some() {
            say_status(now, guard, "info", "an answer with media", payload.clone());
        }
    }
    end(now, (meta, agent), error, guard);
}

fn end(now: Time, (meta, agent): (&Value, &Value), error: Option<&Value>, guard: &mut Guard) {
    let spent = Spent {
        usage: agent.get("usage").and_then(usage),
        cost_usd: agent.pointer("/usage/cost/total").and_then(Value::as_f64),
        duration_ms: meta.get("durationMs").and_then(Value::as_u64),
        ..Spent::default()
    };
    let stop = text_at(meta, "stopReason").or(text_at(agent, "stopReason"));
    if meta.get("aborted").and_then(Value::as_bool) == Some(true) {
        guard.cancelled(now, "aborted", stop, &spent);
    } else if let Some(error) = error {
        let message = error.as_str().or(text_at(error, "message"));
        let kind = text_at(error, "kind").unwrap_or_default();
        guard.fail(now, failure(message.unwrap_or_default(), kind, None), &spent);
    } else {
        let whole = text_at(meta, "finalAssistantVisibleText");
        guard.complete(now, stop.unwrap_or("completed"), whole, &spent);
    }
}
