//! Antigravity's CLI: `agy --output-format json -p PROMPT`, one JSON document when it exits, and its stream-json, whose
//! `result` repeats the texts before it.
//!
//! Source: a recording of the document; of the stream only reports exist, so its messages are read by what they hold.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "antigravity",
    aliases: &["agy"],
    versions: "a print capture of 2026",
    about: "Antigravity CLI, json",
    usage: "agy --output-format json -p PROMPT",
    commands: &["agy", "antigravity"],
    flags: &["--output-format"],
    keys: "duration_seconds event init num_turns permission_mode state step_index step_type \
        step_update text_delta thinking_tokens tool_info tool_name action conversation_id \
        denied_actions response",
    detect,
    new: |_| Box::new(Antigravity::default()),
    ..Spec::LINES
};

/// The events of its stream, each with a body of the same name.
const EVENTS: [&str; 3] = ["init", "step_update", "result"];

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.has(key);
    let status = value.opt_text("status").is_some() && (has("response") || has("error"));
    let event = value.opt_text("event").is_some_and(|event| has(event) && EVENTS.contains(&event));
    if event || (has("conversation_id") && status) { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Antigravity {
    streamed: StreamedText,
    /// Last text of the stream with its step, so that the result does not repeat it.
    step: Option<(u64, String)>,
    session: Option<String>,
}

impl Runtime for Antigravity {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if let Some((event, body)) = value.opt_text("event").and_then(|e| Some((e, value.get(e)?)))
        {
            return self.event(event, body, emit);
        }
        let type_ = value.text("type");
        let result = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
        let piece = ["text", "delta", "data"].iter().find_map(|key| value.opt_text(key));
        match (type_, piece) {
            ("text_delta", Some(delta)) => self.streamed.delta(&ANSWER, delta, emit),
            ("" | "result", _) if result.opt_text("status").is_some() => {
                if emit.over() && type_ == "result" {
                    return emit.late(&value);
                }
                self.result(result, emit);
            }
            _ => emit.other(type_, &value),
        }
    }
}

impl Antigravity {
    fn event(&mut self, event: &str, body: &Value, emit: &mut Emit<'_>) {
        self.session = body.owned("conversation_id").or(self.session.take());
        match event {
            "step_update" => self.step(body, emit),
            "result" if emit.over() => emit.late(body),
            "result" => self.result(body, emit),
            _ => emit.status("session", event, body.clone()),
        }
    }

    /// A step of the stream: a text in pieces, or a tool.
    fn step(&mut self, step: &Value, emit: &mut Emit<'_>) {
        let (number, active) =
            (step.u64("step_index").unwrap_or(0), step.text("state") == "ACTIVE");
        let (kind, key) = (step.text("step_type"), number.to_string());
        let delta = step.opt_text("text_delta");
        let is_text = matches!(kind, "agent_response" | "thinking" | "agent_thought");
        if matches!(kind, "tool" | "user_input") || (is_text && delta.is_some()) {
            emit.begin(None, self.session.as_deref());
        }
        match (kind, delta) {
            ("agent_response", Some(delta)) => {
                let same = self.step.take().filter(|(last, _)| *last == number);
                let (_, text_so_far) = self.step.insert(same.unwrap_or((number, String::new())));
                crate::codec::append(text_so_far, delta);
                emit.delta(&text(TextKind::Answer, &key), delta);
                if !active {
                    emit.finish_block(&text(TextKind::Answer, &key), None);
                }
            }
            ("thinking" | "agent_thought", Some(delta)) => {
                emit.delta(&text(TextKind::Reasoning, &key), delta);
            }
            ("tool", _) => tool(&format!("step_{number}"), step, emit),
            ("user_input", _) => {}
            _ => emit.status("progress", kind, step.clone()),
        }
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        emit.begin(None, value.opt_text("conversation_id"));
        let denied = value.items("denied_actions").as_slice();
        if !denied.is_empty() {
            let message = format!("denied tool calls: {}", denied.len());
            emit.status("permission", &message, serde_json::json!({"denied_actions": denied}));
        }
        let streamed = std::mem::take(&mut self.streamed);
        let response = str_at(value, "response", emit);
        // The response of a stream is its last text.
        let repeated = self.step.take().is_some_and(|(_, text)| text == response);
        if !response.is_empty() && !repeated {
            streamed.confirm(&ANSWER, response, emit);
        }
        let usage = usage(value.at("usage"));
        let spent = UsageAndCost { duration_ms: duration_ms(value), ..usage.into() };
        let error = value.at("error").as_str().unwrap_or(value.at("error").text("message"));
        match value.text("status") {
            stop @ ("SUCCESS" | "success") if error.is_empty() => emit.complete(stop, None, &spent),
            stop @ ("CANCELLED" | "CANCELED") => emit.cancelled(stop, None, &spent),
            status => emit.fail(failure(&one_line(error), status, None), &spent),
        }
    }
}

fn tool(id: &str, step: &Value, emit: &mut Emit<'_>) {
    let (info, state) = (step.at("tool_info"), step.text("state"));
    let name = step.opt_text("tool_name").unwrap_or(info.text("name"));
    emit.tool(id, name, info.get("parameters"));
    if state == "ACTIVE" {
        return;
    }
    let error = info.non_null("error");
    let outcome = if error.is_some() || state == "ERROR" { "error" } else { "ok" };
    let (output, duration_ms) = (error.or(info.get("output")), duration_ms(step));
    emit.finish_tool(&Done { id, name, outcome, output, duration_ms, ..Done::default() });
}

/// `duration_seconds` in milliseconds; Rust's casts saturate, so no number is too large.
fn duration_ms(value: &Value) -> Option<u64> {
    Some((value.f64("duration_seconds")? * 1000.0).round() as u64)
}
