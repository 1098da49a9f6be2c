//! The events `session.next.*` of newer servers: steps, texts and tools each begin, go on and end, and say it in their names.
//!
//! Source: the event types of @opencode-ai/sdk 1.19.

use super::super::prelude::*;
use super::server::Server;
use super::{Run, why};

impl Server {
    /// Takes an event by its name behind `session.next.`; `false` if it is of an unknown kind.
    pub(super) fn next(
        &mut self,
        kind: &str,
        props: &Value,
        run: &mut Run,
        emit: &mut Emit<'_>,
    ) -> bool {
        if let Some(session) = props.opt_text("sessionID") {
            self.session = Some(session.to_owned());
        }
        let block = |kind, id| Text { key: id, kind, parent: None };
        match kind {
            "prompted" => self.begin(None, props, run, emit),
            "step.started" => {
                let model = props.pointer("/model/id").and_then(Value::as_str);
                self.begin(model, props, run, emit);
            }
            "text.delta" => {
                emit.delta(&block(TextKind::Answer, props.text("textID")), props.text("delta"))
            }
            "reasoning.delta" => {
                emit.delta(
                    &block(TextKind::Reasoning, props.text("reasoningID")),
                    props.text("delta"),
                );
            }
            "text.ended" => {
                emit.finish_block(
                    &block(TextKind::Answer, props.text("textID")),
                    props.opt_text("text"),
                );
            }
            "reasoning.ended" => {
                let id = props.text("reasoningID");
                emit.finish_block(&block(TextKind::Reasoning, id), props.opt_text("text"));
            }
            "text.started" | "reasoning.started" | "tool.input.started" | "tool.input.delta"
            | "tool.input.ended" => {}
            "tool.called" => {
                let (id, name, input) =
                    (props.text("callID"), props.text("tool"), props.get("input"));
                emit.tool(id, name, input);
            }
            "tool.success" | "tool.failed" | "tool.error" => {
                let content =
                    props.get("content").map(plain).filter(|content| *content != Value::Null);
                let error = props.get("error").map(|error| Value::from(why(error).message));
                let exits = ["/structured/exit", "/structured/exitCode"];
                let exit_code = exits.iter().find_map(|at| props.pointer(at)?.as_i64());
                let ok = kind == "tool.success" && exit_code.is_none_or(|code| code == 0);
                let output = if ok { content } else { error.or(content) };
                emit.finish_tool(&Done {
                    id: props.text("callID"),
                    name: props.text("tool"),
                    outcome: if ok { "ok" } else { "error" },
                    output: output.as_ref(),
                    exit_code,
                    ..Done::default()
                });
            }
            "step.ended" => {
                run.step(props, emit);
                self.reason = props.opt_text("finish").map(str::to_owned);
            }
            "step.failed" => run.fail(props.get("error").unwrap_or(props), emit),
            "retried" => emit.status("retry", "", props.clone()),
            kind if kind.starts_with("compaction") => {
                emit.status("compaction", kind, props.clone());
            }
            _ => return false,
        }
        true
    }

    fn begin(&mut self, model: Option<&str>, props: &Value, run: &mut Run, emit: &mut Emit<'_>) {
        let prompt = props.pointer("/prompt/text").and_then(Value::as_str);
        if emit.turn_open() {
            return prompt.into_iter().for_each(|prompt| emit.user(prompt));
        }
        run.spent = Spent::default();
        self.reason = None;
        emit.start_turn(&TurnStarted {
            runtime: super::SPEC.name.into(),
            model: model.map(Into::into),
            prompt: prompt.map(Into::into),
            agent: props.opt_text("agent").map(Into::into),
            session: self.session.as_deref().map(Into::into),
            ..TurnStarted::default()
        });
    }
}
