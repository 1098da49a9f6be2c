//! The first generation, until September 2025: every message is `{id, msg: {type, ...}}`, after two lines that echo the
//! configuration and the prompt.

use super::super::prelude::*;
use super::{spent, strip, usage, words};

/// The configuration of the next turn, and the texts that are being streamed.
#[derive(Debug, Default)]
pub(super) struct First {
    config: Value,
    prompt: Option<String>,
    answer: StreamedText,
    reasoning: StreamedText,
    total: Option<Usage>,
}

impl First {
    /// Takes the next message; `before` is the sum of tokens at the end of the last turn.
    pub(super) fn value(
        &mut self,
        mut value: Value,
        before: &mut Option<Usage>,
        emit: &mut Emit<'_>,
    ) {
        let Some(msg) = value.get_mut("msg").filter(|m| m.is_object()).map(Value::take) else {
            return self.echo(value, emit);
        };
        let type_ = msg.text("type").to_owned();
        match type_.as_str() {
            "task_started" => self.start_turn(emit),
            "task_complete" | "turn_aborted" | "error" if !emit.over() => {
                let spent = spent(before, self.total.take());
                let (last, reason) = (msg.opt_text("last_agent_message"), msg.opt_text("reason"));
                match type_.as_str() {
                    "task_complete" => emit.complete("completed", last, &spent),
                    "error" => emit.fail(failure_of(&msg), &spent),
                    _ => emit.cancelled(reason.unwrap_or("aborted"), None, &spent),
                }
                (self.answer, self.reasoning) = Default::default();
            }
            _ if self.text(&type_, &msg, emit) || self.tool(&type_, &msg, emit) => {}
            _ => self.status(&type_, msg, *before, emit),
        }
    }

    /// The first two lines are no messages.
    fn echo(&mut self, value: Value, emit: &mut Emit<'_>) {
        let (kind, message) = if let Some(prompt) = value.opt_text("prompt") {
            self.prompt = Some(prompt.to_owned());
            ("info", "prompt")
        } else if value.get("model").is_some() {
            self.config = value.clone();
            ("session", "configuration")
        } else {
            ("info", "message without a type")
        };
        emit.status(kind, message, value);
    }

    fn start_turn(&mut self, emit: &mut Emit<'_>) {
        (self.answer, self.reasoning) = Default::default();
        let config = |key| self.config.opt_text(key).map(Into::into);
        emit.start_turn(&TurnStarted {
            model: config("model"),
            session: config("session_id"),
            cwd: config("workdir"),
            prompt: self.prompt.take().map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn text(&mut self, type_: &str, msg: &Value, emit: &mut Emit<'_>) -> bool {
        let (text, streamed) = if type_.starts_with("agent_reasoning") {
            (text(TextKind::Reasoning, "reasoning"), &mut self.reasoning)
        } else {
            (text(TextKind::Answer, "message"), &mut self.answer)
        };
        let whole = msg.opt_text("message").or_else(|| msg.opt_text("text"));
        let texts = ["agent_message", "agent_reasoning", "agent_reasoning_raw_content"];
        match (type_.strip_suffix("_delta"), msg.opt_text("delta"), whole) {
            (Some(type_), Some(delta), _) if texts.contains(&type_) => {
                streamed.delta(&text, delta, emit);
            }
            (None, _, Some(whole)) if texts.contains(&type_) => {
                std::mem::take(streamed).confirm(&text, whole, emit);
            }
            _ => return false,
        }
        true
    }

    fn tool(&mut self, type_: &str, msg: &Value, emit: &mut Emit<'_>) -> bool {
        let (name, place) = type_.rsplit_once('_').unwrap_or_default();
        let known = ["exec_command", "patch_apply", "mcp_tool_call", "web_search"].contains(&name);
        if !known || !["begin", "end"].contains(&place) {
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
        if place == "begin" {
            start((id, &name, kind), msg, emit);
        } else {
            let outcome = outcome(msg);
            emit.finish_call(&ToolEnd {
                id,
                name: &name,
                kind,
                outcome,
                output: output(outcome, msg).map(raw),
                exit_code: msg.i64("exit_code"),
                duration_ms: duration(msg.at("duration")),
                ..ToolEnd::default()
            });
        }
        true
    }

    fn status(&mut self, type_: &str, msg: Value, mut before: Option<Usage>, emit: &mut Emit<'_>) {
        let (kind, message) = match type_ {
            "token_count" => {
                let total = msg.pointer("/info/total_token_usage").unwrap_or(&msg);
                self.total = usage(total).or(self.total);
                emit.report_spent(&spent(&mut before, self.total));
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
            "background_event" => ("info", one_line(msg.text("message"))),
            "exec_command_output_delta" | "agent_reasoning_section_break" => {
                ("progress", type_.replace('_', " "))
            }
            _ => return emit.other(type_, &msg),
        };
        emit.status(kind, &message, if kind == "info" { msg } else { strip(msg) });
    }
}

fn start((id, name, kind): (&str, &str, &str), msg: &Value, emit: &mut Emit<'_>) {
    let input = msg.pointer("/invocation/arguments").cloned().unwrap_or_else(|| {
        let mut fields = msg.clone();
        if let Some(fields) = fields.as_object_mut() {
            fields.retain(|key, _| !["type", "call_id", "invocation"].contains(&key.as_str()));
        }
        fields
    });
    let changes = msg.at("changes").as_object().into_iter();
    let paths: Vec<String> = changes.flat_map(|changes| changes.keys().cloned()).collect();
    let title = words(msg.get("command").unwrap_or(msg.at("query")));
    emit.start_call(&ToolStart {
        id,
        name,
        kind,
        title: title.as_deref().or(paths.first().map(String::as_str)),
        input: Some(&raw(&input)),
        paths: &paths,
        parent: None,
    });
}

fn outcome(msg: &Value) -> &'static str {
    let ok = msg.pointer("/result/Ok").unwrap_or(&Value::Null);
    let failed = msg.i64("exit_code").is_some_and(|code| code != 0)
        || msg.at("success").as_bool() == Some(false)
        || msg.pointer("/result/Err").is_some()
        || ok.is("isError")
        || ok.is("is_error");
    if failed { "error" } else { "ok" }
}

fn output<'m>(outcome: &str, msg: &'m Value) -> Option<&'m Value> {
    let result = msg.pointer("/result/Ok").or_else(|| msg.pointer("/result/Err"));
    let printed = |key| msg.get(key).filter(|output| *output != "");
    let stderr = printed("stderr").filter(|_| outcome == "error");
    result.or(printed("aggregated_output")).or(stderr).or_else(|| msg.get("stdout"))
}

/// Milliseconds of `{secs, nanos}`.
fn duration(value: &Value) -> Option<u64> {
    let millis = value.u64("secs")?.saturating_mul(1000);
    Some(millis.saturating_add(value.u64("nanos").unwrap_or(0) / 1_000_000))
}
