//! The events `session.next.*` of newer servers, with steps, texts and tools that begin, go on and end.
//!
//! Source: the event types of @opencode-ai/sdk 1.19.

use super::super::prelude::*;
use super::server::Server;
use super::{text_kind, why};

impl Server {
    /// Takes an event by its name behind `session.next.`; `false` if it is of an unknown kind.
    pub(super) fn next(&mut self, kind: &str, props: &Value, emit: &mut Emit<'_>) -> bool {
        if let Some(session) = props.opt_text("sessionID") {
            self.session = Some(session.to_owned());
        }
        let id = props.opt_text("textID").unwrap_or(props.text("reasoningID"));
        let block = text(text_kind(kind), id);
        match kind {
            "prompted" | "step.started" => self.begin(props, emit),
            "text.delta" | "reasoning.delta" => emit.delta(&block, props.text("delta")),
            "text.ended" | "reasoning.ended" => emit.finish_block(&block, props.opt_text("text")),
            "text.started" | "reasoning.started" => {}
            "tool.input.started" | "tool.input.delta" | "tool.input.ended" => {}
            "tool.called" => {
                emit.tool(props.text("callID"), props.text("tool"), props.get("input"));
            }
            "tool.success" | "tool.failed" | "tool.error" => {
                let result = props.at("structured");
                let exit_code = result.i64("exit").or(result.i64("exitCode"));
                let ok = kind == "tool.success" && matches!(exit_code, None | Some(0));
                let error = props.get("error").filter(|_| !ok).map(|error| why(error).message);
                let content = || plain(props.at("content"));
                emit.finish_tool(&Done {
                    id: props.text("callID"),
                    name: props.text("tool"),
                    outcome: if ok { "ok" } else { "error" },
                    output: Some(&error.map_or_else(content, Value::from)),
                    exit_code,
                    ..Done::default()
                });
            }
            "step.ended" => {
                self.run.step(props, emit);
                self.reason = props.owned("finish");
            }
            "step.failed" => self.run.fail(props.get("error").unwrap_or(props), emit),
            "retried" => emit.status("retry", "", props.clone()),
            _ if kind.starts_with("compaction") => emit.status("compaction", kind, props.clone()),
            _ => return false,
        }
        true
    }

    fn begin(&mut self, props: &Value, emit: &mut Emit<'_>) {
        let prompt = props.at("prompt").opt_text("text");
        if emit.turn_open() {
            return prompt.into_iter().for_each(|prompt| emit.user(prompt));
        }
        let started = TurnStarted {
            model: props.at("model").opt_text("id").map(Into::into),
            prompt: prompt.map(Into::into),
            agent: props.opt_text("agent").map(Into::into),
            ..TurnStarted::default()
        };
        self.start(started, emit);
    }
}
