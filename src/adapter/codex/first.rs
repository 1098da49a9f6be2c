//! The first generation, until September 2025: every message is `{id, msg: {type, ...}}`, after two lines that echo the
//! configuration and the prompt.

use super::super::prelude::*;
use super::items::{strip, words};
use super::{Counter, usage};

const ANSWER: Text<'_> = Text { key: "message", kind: TextKind::Answer, parent: None };

const REASONING: Text<'_> = Text { key: "reasoning", kind: TextKind::Reasoning, parent: None };

/// What is known before a turn begins, and what is being streamed.
#[derive(Debug, Default)]
pub(super) struct First {
    config: Value,
    prompt: Option<String>,
    answer: Option<Said>,
    reasoning: Option<Said>,
    total: Option<Usage>,
}

impl First {
    /// Says one message.
    pub(super) fn value(&mut self, mut value: Value, emit: &mut Emit<'_>, counter: &mut Counter) {
        let Some(msg) = value.get_mut("msg").filter(|m| m.is_object()).map(Value::take) else {
            self.echo(value, emit);
            return;
        };
        let type_ = msg.text("type").to_owned();
        let over = !emit.turn_open() && emit.turns() > 0;
        match type_.as_str() {
            "task_started" => self.start_turn(emit),
            "task_complete" if !over => {
                let spent = counter.spent(self.total.take());
                let last = msg.opt_text("last_agent_message");
                emit.complete("completed", last, &spent);
                self.clear();
            }
            "turn_aborted" if !over => {
                let spent = counter.spent(self.total.take());
                let reason = msg.opt_text("reason").unwrap_or("aborted");
                emit.cancelled(reason, None, &spent);
                self.clear();
            }
            "error" if !over => {
                let spent = counter.spent(self.total.take());
                emit.fail(failure_of(&msg), &spent);
                self.clear();
            }
            _ => {
                if !self.text(&type_, &msg, emit) && !self.tool(&type_, &msg, emit) {
                    self.status(&type_, msg, emit);
                }
            }
        }
    }

    /// The first two lines are no messages.
    fn echo(&mut self, value: Value, emit: &mut Emit<'_>) {
        if let Some(prompt) = value.opt_text("prompt") {
            self.prompt = Some(prompt.to_owned());
            emit.status("info", "prompt", value);
        } else if value.get("model").is_some() {
            self.config = value.clone();
            emit.status("session", "configuration", value);
        } else {
            emit.status("info", "message without a type", value);
        }
    }

    fn start_turn(&mut self, emit: &mut Emit<'_>) {
        self.clear();
        let config = |key| self.config.opt_text(key).map(|t| t.to_owned().into());
        emit.start_turn(&TurnStarted {
            runtime: "codex".into(),
            model: config("model"),
            session: config("session_id"),
            cwd: config("workdir"),
            prompt: self.prompt.take().map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn clear(&mut self) {
        (self.answer, self.reasoning) = (None, None);
    }

    fn text(&mut self, type_: &str, msg: &Value, emit: &mut Emit<'_>) -> bool {
        let (text, said) = if type_.starts_with("agent_reasoning") {
            (&REASONING, &mut self.reasoning)
        } else {
            (&ANSWER, &mut self.answer)
        };
        let (delta, message) = (msg.opt_text("delta"), msg.opt_text("message"));
        match (type_, delta, message.or_else(|| msg.opt_text("text"))) {
            (
                "agent_message_delta"
                | "agent_reasoning_delta"
                | "agent_reasoning_raw_content_delta",
                Some(delta),
                _,
            ) => said.get_or_insert_default().delta(text, delta, emit),
            (
                "agent_message" | "agent_reasoning" | "agent_reasoning_raw_content",
                _,
                Some(whole),
            ) => {
                let said = said.take().unwrap_or_default();
                said.confirm(text, whole, emit);
            }
            _ => return false,
        }
        true
    }

    fn tool(&mut self, type_: &str, msg: &Value, emit: &mut Emit<'_>) -> bool {
        let (name, begins) = match type_.rsplit_once('_') {
            Some((name, "begin")) => (name, true),
            Some((name, "end")) => (name, false),
            _ => return false,
        };
        if !["exec_command", "patch_apply", "mcp_tool_call", "web_search"].contains(&name) {
            return false;
        }
        let id = msg.text("call_id");
        let call = msg.at("invocation");
        let tool = call.opt_text("tool").unwrap_or(name);
        let kind = tool_kind(tool);
        let name = match call.opt_text("server") {
            Some(server) => format!("{server}/{tool}"),
            None => name.to_owned(),
        };
        if begins {
            for said in [&mut self.answer, &mut self.reasoning].into_iter().flatten() {
                said.close();
            }
            start((id, &name, kind), msg, emit);
        } else {
            let end = ToolEnd {
                id,
                name: &name,
                kind,
                outcome: outcome(msg),
                output: output(msg).map(raw),
                exit_code: msg.at("exit_code").as_i64(),
                duration_ms: duration(msg.get("duration")),
                parent: None,
            };
            emit.finish_call(&end);
        }
        true
    }

    fn status(&mut self, type_: &str, msg: Value, emit: &mut Emit<'_>) {
        let (kind, message) = match type_ {
            "token_count" => {
                let total = msg.pointer("/info/total_token_usage").unwrap_or(&msg);
                self.total = usage(total).or(self.total);
                ("usage", String::new())
            }
            "error" => ("error", sentence(&msg)),
            "stream_error" => ("retry", sentence(&msg)),
            "session_configured" => {
                self.config = msg.clone();
                ("session", msg.text("session_id").to_owned())
            }
            "plan_update" => ("plan", msg.text("explanation").to_owned()),
            "exec_approval_request" | "apply_patch_approval_request" => {
                ("permission", "waits for approval".to_owned())
            }
            "background_event" => {
                ("info", msg.opt_text("message").map(one_line).unwrap_or_default())
            }
            "exec_command_output_delta" | "agent_reasoning_section_break" => {
                ("progress", type_.replace('_', " "))
            }
            _ => ("info", format!("message of type {type_:?}")),
        };
        let data = if kind == "info" { msg } else { strip(msg) };
        emit.status(kind, &message, data);
    }
}

fn start((id, name, kind): (&str, &str, &str), msg: &Value, emit: &mut Emit<'_>) {
    let mut input = msg.pointer("/invocation/arguments").cloned();
    if input.is_none() {
        let mut fields = msg.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|key, _| !["type", "call_id", "invocation"].contains(&key.as_str()));
        }
        input = Some(fields);
    }
    let command = msg.get("command").or_else(|| msg.get("query")).map(raw);
    let changes = msg.at("changes").as_object();
    let paths: Vec<String> = changes.into_iter().flat_map(|c| c.keys().cloned()).collect();
    let title = words(command.as_deref()).or_else(|| paths.first().cloned());
    let input = input.as_ref().map(raw);
    let tool = ToolStart {
        id,
        name,
        kind,
        title: title.as_deref(),
        input: input.as_deref(),
        paths: &paths,
        parent: None,
    };
    emit.start_call(&tool);
}

fn outcome(msg: &Value) -> &'static str {
    let flag = |key: &str| msg.pointer(key).and_then(Value::as_bool);
    let failed = msg.at("exit_code").as_i64().is_some_and(|c| c != 0)
        || flag("/success") == Some(false)
        || msg.pointer("/result/Err").is_some()
        || flag("/result/Ok/isError") == Some(true)
        || flag("/result/Ok/is_error") == Some(true);
    if failed { "error" } else { "ok" }
}

fn output(msg: &Value) -> Option<&Value> {
    let result = msg.pointer("/result/Ok").or_else(|| msg.pointer("/result/Err"));
    let aggregated = msg.get("aggregated_output").filter(|o| *o != "");
    let stderr = msg.get("stderr").filter(|o| *o != "" && outcome(msg) == "error");
    result.or(aggregated).or(stderr).or_else(|| msg.get("stdout"))
}

/// Milliseconds of `{secs, nanos}`.
fn duration(value: Option<&Value>) -> Option<u64> {
    let part = |key: &str| value?.get(key)?.as_u64();
    let millis = part("secs")?.saturating_mul(1000);
    Some(millis.saturating_add(part("nanos").unwrap_or(0) / 1_000_000))
}
