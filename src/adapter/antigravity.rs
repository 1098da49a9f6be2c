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
    keys: "duration_seconds event init num_turns permission_mode state step_index step_type step_update \
        text_delta thinking_tokens tool_info tool_name action conversation_id denied_actions duration_seconds response thinking_tokens",
    detect,
    new: |_| Box::new(Antigravity::default()),
    ..Spec::LINES
};

const ANSWER: Text<'_> = Text { key: "response", kind: TextKind::Answer, parent: None };

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let status = value.opt_text("status").is_some() && (has("response") || has("error"));
    let event = value.opt_text("event").is_some_and(|event| has(event) && EVENTS.contains(&event));
    if event || (has("conversation_id") && status) { Match::Sure } else { Match::No }
}

/// The events of its stream, each with a body of the same name.
const EVENTS: [&str; 3] = ["init", "step_update", "result"];

#[derive(Default)]
struct Antigravity {
    said: Said,
    /// The texts of the stream, so that the result does not repeat the last of them.
    step: Option<(u64, String)>,
    session: Option<String>,
}

impl Runtime for Antigravity {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        if let Some(event) = value.opt_text("event").filter(|event| value.get(*event).is_some()) {
            return self.event(event, value.get(event).unwrap_or(&Value::Null), emit);
        }
        let type_ = value.text("type");
        let result = value.get("result").filter(|r| r.is_object()).unwrap_or(&value);
        let piece = ["text", "delta", "data"];
        let piece = piece.iter().find_map(|key| value.opt_text(key));
        match (type_, piece) {
            ("text_delta", Some(delta)) => self.said.delta(&ANSWER, delta, emit),
            ("" | "result", _) if result.opt_text("status").is_some() => {
                if emit.over() && type_ == "result" {
                    emit.late(&value);
                } else {
                    self.result(result, emit);
                }
            }
            _ => {
                emit.other(type_, &value);
            }
        }
    }
}

impl Antigravity {
    fn event(&mut self, event: &str, body: &Value, emit: &mut Emit<'_>) {
        if let Some(id) = body.opt_text("conversation_id") {
            self.session = Some(id.to_owned());
        }
        match event {
            "step_update" => self.step(body, emit),
            "result" if emit.over() => {
                emit.late(body);
            }
            "result" => self.result(body, emit),
            _ => emit.status("session", event, body.clone()),
        }
    }

    fn start(&self, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            let session = self.session.as_deref().map(Into::into);
            let runtime = SPEC.name.into();
            emit.start_turn(&TurnStarted { runtime, session, ..TurnStarted::default() });
        }
    }

    /// A step of the stream: a text in pieces, or a tool.
    fn step(&mut self, step: &Value, emit: &mut Emit<'_>) {
        let number = step.u64("step_index").unwrap_or(0);
        let state = step.text("state");
        match (step.text("step_type"), step.opt_text("text_delta")) {
            ("agent_response", Some(delta)) => {
                self.start(emit);
                if self.step.as_ref().is_none_or(|(last, _)| *last != number) {
                    self.step = Some((number, String::new()));
                }
                if let Some((_, said)) = &mut self.step {
                    crate::codec::append(said, delta);
                }
                let key = number.to_string();
                emit.delta(&text(TextKind::Answer, &key), delta);
                if state != "ACTIVE" {
                    emit.finish_block(&text(TextKind::Answer, &key), None);
                }
            }
            ("thinking" | "agent_thought", Some(delta)) => {
                self.start(emit);
                emit.delta(&text(TextKind::Reasoning, &number.to_string()), delta);
            }
            ("tool", _) => self.tool(number, state, step, emit),
            ("user_input", _) => self.start(emit),
            (kind, _) => emit.status("progress", kind, step.clone()),
        }
    }

    fn tool(&mut self, number: u64, state: &str, step: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        let info = step.at("tool_info");
        let name = step.opt_text("tool_name").or(info.opt_text("name")).unwrap_or_default();
        let id = format!("step_{number}");
        let input = info.get("parameters");
        emit.tool(&id, name, input);
        if state == "ACTIVE" {
            return;
        }
        let error = info.non_null("error");
        let seconds = step.get("duration_seconds").and_then(Value::as_f64);
        emit.finish_tool(&Done {
            id: &id,
            name,
            outcome: if error.is_some() || state == "ERROR" { "error" } else { "ok" },
            output: error.or(info.get("output")),
            duration_ms: seconds.map(|s| (s * 1000.0).round() as u64),
            ..Done::default()
        });
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() {
            emit.start_turn(&TurnStarted {
                runtime: "antigravity".into(),
                session: value.opt_text("conversation_id").map(Into::into),
                ..TurnStarted::default()
            });
        }
        let denied = value.get("denied_actions").and_then(Value::as_array);
        if let Some(denied) = denied.filter(|d| !d.is_empty()) {
            let message = format!("denied tool calls: {}", denied.len());
            let data = serde_json::json!({"denied_actions": denied});
            emit.status("permission", &message, data);
        }
        let said = std::mem::take(&mut self.said);
        let response = said_at(value, "response", emit);
        // The response of a stream is its last text.
        let repeated = self.step.take().is_some_and(|(_, said)| said == response);
        if !response.is_empty() && !repeated {
            said.confirm(&ANSWER, response, emit);
        }
        let seconds = value.get("duration_seconds").and_then(Value::as_f64);
        let spent = Spent {
            usage: value.get("usage").and_then(usage),
            // Rust's casts saturate, so no number is too large.
            duration_ms: seconds.map(|s| (s * 1000.0).round() as u64),
            ..Spent::default()
        };
        let error = value.non_null("error");
        let error = error.map(|e| e.as_str().or(e.opt_text("message")).unwrap_or_default());
        match value.text("status") {
            "SUCCESS" | "success" if error.is_none_or(str::is_empty) => {
                emit.complete(value.text("status"), None, &spent);
            }
            "CANCELLED" | "CANCELED" => emit.cancelled(value.text("status"), None, &spent),
            status => {
                let message = one_line(error.unwrap_or_default());
                emit.fail(failure(&message, status, None), &spent);
            }
        }
    }
}
