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
    keys: "costUsd final finalAssistantVisibleText isReasoning kind mediaUrls ok stopReason \
        cacheRead cacheWrite total aborted agentMeta durationMs mediaUrl meta payloads schemaChars",
    detect,
    new: |_| Box::new(on_message),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let value = value.get("result").unwrap_or(value);
    let exec = value.get("ok").is_some() && value.get("final").is_some();
    if value.at("payloads").is_array() && (exec || value.at("meta").is_object()) {
        Match::Sure
    } else {
        Match::No
    }
}

fn on_message(_: &str, value: Value, emit: &mut Emit<'_>) {
    let body = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
    let failed = value.non_null("error");
    if failed.or(body.get("meta")).or(body.get("payloads")).is_none() {
        return emit.status("info", "a document of an unknown kind", value);
    }
    if emit.over() {
        return emit.status("info", "the turn had ended already", value);
    }
    let meta = body.at("meta");
    // `agent exec` has no meta: model, session, tokens and costs stand at the top.
    let agent = if meta.is_null() { body } else { meta.at("agentMeta") };
    emit.begin(agent.opt_text("model"), agent.opt_text("sessionId"));
    let mut error = failed.or(meta.non_null("error"));
    for (at, payload) in body.items("payloads").enumerate() {
        if payload.is("isError") {
            error = error.or(payload.get("text"));
        } else if let Some(whole) = payload.opt_text("text") {
            let thought = payload.is("isReasoning");
            let kind = if thought { TextKind::Reasoning } else { TextKind::Answer };
            emit.finish_block(&text(kind, &at.to_string()), Some(whole));
        }
        if payload.non_null("mediaUrl").or(payload.non_null("mediaUrls")).is_some() {
            emit.status("info", "an answer with media", payload.clone());
        }
    }
    let error = error.or(agent.get("ok").filter(|ok| **ok == false));
    let cost = agent.pointer("/usage/cost/total").or(agent.get("costUsd"));
    let spent = UsageAndCost {
        usage: usage(agent.at("usage")),
        cost_usd: cost.and_then(Value::as_f64),
        duration_ms: meta.u64("durationMs"),
        ..UsageAndCost::default()
    };
    let stop = meta.opt_text("stopReason").or(agent.opt_text("stopReason"));
    if meta.is("aborted") {
        emit.cancelled("aborted", stop, &spent);
    } else if let Some(error) = error {
        let message = error.as_str().unwrap_or(error.text("message"));
        emit.fail(failure(message, error.text("kind"), None), &spent);
    } else {
        let whole = meta.opt_text("finalAssistantVisibleText").or(agent.opt_text("final"));
        emit.complete(stop.unwrap_or("completed"), whole, &spent);
    }
}
