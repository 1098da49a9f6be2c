//! OpenClaw: `openclaw agent --json`, one JSON document over several lines when it exits, with log lines before it.
//!
//! Source: outputs quoted by its users; a gateway wraps the document in `{status, result}`.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "openclaw",
    versions: "by reports",
    about: "OpenClaw, json",
    usage: "openclaw agent --message PROMPT --json",
    commands: &["openclaw"],
    flags: &["--json"],
    keys: "costUsd final finalAssistantVisibleText isReasoning kind mediaUrls ok stopReason cacheRead cacheWrite total aborted agentMeta durationMs mediaUrl meta payloads schemaChars",
    detect,
    new: |_| Box::new(Openclaw),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let value = value.get("result").unwrap_or(value);
    let payloads = value.get("payloads").is_some_and(Value::is_array);
    let exec = value.get("ok").is_some() && value.get("final").is_some();
    if payloads && (exec || value.get("meta").is_some_and(Value::is_object)) {
        Match::Sure
    } else {
        Match::No
    }
}

struct Openclaw;

impl Runtime for Openclaw {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        document(value, emit);
    }
}

fn document(value: Value, emit: &mut Emit<'_>) {
    let body = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
    let failed = value.non_null("error");
    let known = body.get("meta").is_some() || body.get("payloads").is_some() || failed.is_some();
    if !known || emit.over() {
        let message =
            if known { "the turn had ended already" } else { "a document of an unknown kind" };
        emit.status("info", message, value);
        return;
    }
    let meta = body.at("meta");
    // `agent exec` has no meta: model, session, tokens and costs stand at the top.
    let agent = meta.get("agentMeta").unwrap_or(if meta.is_null() { body } else { &Value::Null });
    if !emit.turn_open() {
        emit.start_turn(&TurnStarted {
            runtime: "openclaw".into(),
            model: agent.opt_text("model").map(Into::into),
            session: agent.opt_text("sessionId").map(Into::into),
            ..TurnStarted::default()
        });
    }
    let payloads = body.get("payloads").and_then(Value::as_array);
    let mut error = failed.or_else(|| meta.non_null("error"));
    for (at, payload) in payloads.into_iter().flatten().enumerate() {
        if payload.is("isError") {
            error = error.or(payload.get("text"));
        } else if let Some(said) = payload.opt_text("text") {
            let key = at.to_string();
            let thought = payload.is("isReasoning");
            let kind = if thought { TextKind::Reasoning } else { TextKind::Answer };
            let text = Text { key: &key, kind, parent: None };
            emit.finish_block(&text, Some(said));
        }
        let media = |key: &str| payload.get(key).filter(|m| !m.is_null());
        if media("mediaUrl").or(media("mediaUrls")).is_some() {
            emit.status("info", "an answer with media", payload.clone());
        }
    }
    end((meta, agent), error, emit);
}

fn end((meta, agent): (&Value, &Value), error: Option<&Value>, emit: &mut Emit<'_>) {
    let spent = Spent {
        usage: agent.get("usage").and_then(usage),
        cost_usd: agent
            .pointer("/usage/cost/total")
            .or(agent.get("costUsd"))
            .and_then(Value::as_f64),
        duration_ms: meta.u64("durationMs"),
        ..Spent::default()
    };
    let stop = meta.opt_text("stopReason").or(agent.opt_text("stopReason"));
    if meta.is("aborted") {
        emit.cancelled("aborted", stop, &spent);
    } else if let Some(error) = error.or(agent.get("ok").filter(|ok| *ok == &Value::Bool(false))) {
        let message = error.as_str().or(error.opt_text("message"));
        let kind = error.text("kind");
        emit.fail(failure(message.unwrap_or_default(), kind, None), &spent);
    } else {
        let whole = meta.opt_text("finalAssistantVisibleText").or(agent.opt_text("final"));
        emit.complete(stop.unwrap_or("completed"), whole, &spent);
    }
}
