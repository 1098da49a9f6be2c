//! OpenHands: `openhands --headless --json -t PROMPT`, each event of its conversation as one line. It has no result
//! message: the way it exits decides.
//!
//! Source: `openhands_cli` 1.16 and the event classes of openhands-sdk 1.21. The action `finish` is a tool like any other,
//! and its message the answer.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "openhands",
    versions: "1.16, by its source",
    about: "OpenHands, headless json",
    usage: "openhands --headless --json -t PROMPT",
    commands: &["openhands"],
    flags: &["--json"],
    keys: "source action action_id cache_prompt command critic_result detail exit_code extended_content \
        is_error llm_message llm_response_id metadata observation origin reasoning_content \
        responses_reasoning_item security_risk sender thinking_blocks thought timeout tool_call \
        tool_call_id tool_calls tool_name working_dir activated_skills",
    has_result: false,
    detect,
    new: |_| Box::new(OpenHands::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let event = value.opt_text("kind").is_some_and(|kind| kind.ends_with("Event"));
    if event && has("source") && has("timestamp") && has("id") { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct OpenHands {
    messages: u64,
    open: u64,
}

impl Runtime for OpenHands {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match (value.text("kind"), value.text("source")) {
            ("MessageEvent", "user") => self.prompt(&value, emit),
            ("MessageEvent", _) => {
                let message = value.at("llm_message");
                self.reasoning(message, emit);
                let said = joined(message.get("content"));
                self.whole(TextKind::Answer, &said, emit);
            }
            ("ActionEvent", _) => self.action(&value, emit),
            ("ObservationEvent", _) => self.observation(&value, emit),
            ("AgentErrorEvent" | "UserRejectObservation", _) => {
                let rejected = value.text("kind") == "UserRejectObservation";
                self.open = self.open.saturating_sub(1);
                emit.tool_done(
                    value.text("tool_call_id"),
                    value.text("tool_name"),
                    if rejected { "denied" } else { "error" },
                    value.get("error").or(value.get("rejection_reason")),
                );
            }
            ("ConversationErrorEvent", _) if emit.over() => {
                emit.status("error", value.text("detail"), value.clone());
            }
            ("ConversationErrorEvent", _) => {
                emit.fail(
                    failure(value.text("detail"), value.text("code"), None),
                    &Spent::default(),
                );
            }
            ("PauseEvent", _) => emit.cancelled("paused", None, &Spent::default()),
            (kind, _) => {
                let kind = if kind == "Condensation" { "compaction" } else { "info" };
                let message = format!("event {}", value.text("kind"));
                emit.status(kind, &message, value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, _: &mut Emit<'_>) -> Verdict {
        if self.open > 0 { Verdict::Truncated } else { Verdict::ByExit }
    }
}

impl OpenHands {
    fn prompt(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let said = joined(value.pointer("/llm_message/content"));
        if emit.turn_open() {
            return emit.user(&said);
        }
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            prompt: Some(said.into()),
            ..TurnStarted::default()
        });
    }

    fn whole(&mut self, kind: TextKind, said: &str, emit: &mut Emit<'_>) {
        if !said.is_empty() {
            self.messages += 1;
            emit.finish_block(&text(kind, &self.messages.to_string()), Some(said));
        }
    }

    /// The reasoning beside a message or an action; a thought is said before the call.
    fn reasoning(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let said = value.text("reasoning_content");
        self.whole(TextKind::Reasoning, said, emit);
        if said.is_empty() {
            for block in value.items("thinking_blocks") {
                self.whole(TextKind::Reasoning, block.text("thinking"), emit);
            }
        }
    }

    fn action(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.reasoning(value, emit);
        let thought = joined(value.get("thought"));
        self.whole(TextKind::Reasoning, &thought, emit);
        let input = arguments(value.pointer("/tool_call/arguments"));
        let name = value.text("tool_name");
        self.open += 1;
        emit.tool(value.text("tool_call_id"), name, input.as_ref().or(value.get("action")));
        if name == "finish" {
            let said = value.pointer("/action/message").and_then(Value::as_str);
            self.whole(TextKind::Answer, said.unwrap_or_default(), emit);
        }
    }

    fn observation(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let seen = value.at("observation");
        let flag = |key: &str| seen.is(key);
        let code = seen.at("exit_code").as_i64();
        let failed = flag("is_error") || flag("timeout") || code.is_some_and(|code| code != 0);
        let output = plain(seen.get("content").unwrap_or(seen));
        self.open = self.open.saturating_sub(1);
        emit.finish_tool(&Done {
            id: value.text("tool_call_id"),
            name: value.text("tool_name"),
            outcome: if failed { "error" } else { "ok" },
            output: Some(&output),
            exit_code: code,
            ..Done::default()
        });
    }
}

/// The texts of a list of content parts as one.
fn joined(content: Option<&Value>) -> String {
    let parts = content.and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(|part| part.opt_text("text")).collect::<Vec<_>>().join("\n")
}
