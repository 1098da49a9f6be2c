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
    keys: "source action action_id cache_prompt command critic_result detail exit_code \
        extended_content llm_message llm_response_id metadata observation origin reasoning_content \
        responses_reasoning_item security_risk sender thinking_blocks thought timeout tool_call \
        tool_call_id tool_calls tool_name working_dir activated_skills",
    has_result: false,
    detect,
    new: |_| Box::new(OpenHands),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let event = value.opt_text("kind").is_some_and(|kind| kind.ends_with("Event"));
    let keys = ["source", "timestamp", "id"];
    if event && keys.into_iter().all(|key| value.has(key)) { Match::Sure } else { Match::No }
}

struct OpenHands;

impl Runtime for OpenHands {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let (id, name) = (value.text("tool_call_id"), value.text("tool_name"));
        match (value.text("kind"), value.text("source")) {
            ("MessageEvent", "user") => {
                let prompt = joined(value.at("llm_message"), "content");
                if emit.turn_open() {
                    return emit.user(&prompt);
                }
                let prompt = Some(prompt.into());
                emit.start_turn(&TurnStarted { prompt, ..TurnStarted::default() });
            }
            ("MessageEvent", _) => {
                let message = value.at("llm_message");
                reasoning(message, emit);
                emit_text(TextKind::Answer, &joined(message, "content"), emit);
            }
            ("ActionEvent", _) => {
                reasoning(&value, emit);
                emit_text(TextKind::Reasoning, &joined(&value, "thought"), emit);
                let input = arguments(value.pointer("/tool_call/arguments"));
                emit.tool(id, name, input.as_ref().or(value.get("action")));
                if name == "finish" {
                    emit_text(TextKind::Answer, value.at("action").text("message"), emit);
                }
            }
            ("ObservationEvent", _) => {
                let seen = value.at("observation");
                let exit_code = seen.i64("exit_code");
                let failed = seen.is("is_error") || seen.is("timeout");
                let failed = failed || exit_code.is_some_and(|code| code != 0);
                emit.finish_tool(&Done {
                    id,
                    name,
                    outcome: if failed { "error" } else { "ok" },
                    output: Some(&plain(seen.get("content").unwrap_or(seen))),
                    exit_code,
                    ..Done::default()
                });
            }
            (event @ ("AgentErrorEvent" | "UserRejectObservation"), _) => {
                let outcome = if event == "AgentErrorEvent" { "error" } else { "denied" };
                let output = value.get("error").or(value.get("rejection_reason"));
                emit.tool_done(id, name, outcome, output);
            }
            ("ConversationErrorEvent", _) if emit.over() => {
                emit.status("error", value.text("detail"), value.clone());
            }
            ("ConversationErrorEvent", _) => {
                let failure = failure(value.text("detail"), value.text("code"), None);
                emit.fail(failure, &UsageAndCost::default());
            }
            ("PauseEvent", _) => emit.cancelled("paused", None, &UsageAndCost::default()),
            (event, _) => {
                let kind = if event == "Condensation" { "compaction" } else { "info" };
                emit.status(kind, &format!("event {event}"), value.clone());
            }
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        let open = emit.open_tools().next().is_some();
        if open { TurnVerdict::Truncated } else { TurnVerdict::ByExit }
    }
}

fn emit_text(kind: TextKind, whole: &str, emit: &mut Emit<'_>) {
    emit.finish_block(&text(kind, "message"), Some(whole));
}

/// The reasoning beside a message or an action.
fn reasoning(value: &Value, emit: &mut Emit<'_>) {
    emit_text(TextKind::Reasoning, value.text("reasoning_content"), emit);
    let blocks = value.items("thinking_blocks");
    for block in blocks.filter(|_| value.text("reasoning_content").is_empty()) {
        emit_text(TextKind::Reasoning, block.text("thinking"), emit);
    }
}

/// The texts of a list of content parts as one.
fn joined(value: &Value, key: &str) -> String {
    value.items(key).filter_map(|part| part.opt_text("text")).collect::<Vec<_>>().join("\n")
}
