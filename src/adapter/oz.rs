//! Warp's oz: `oz agent run --output-format json --prompt PROMPT`. Every message is whole; calls have no ids, so a result
//! belongs to the oldest open call of its tool. It has no result message: the way it exits decides.
//!
//! Source: captures by third parties.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "oz",
    aliases: &["warp"],
    versions: "by captures",
    about: "Warp's oz, json",
    usage: "oz agent run --output-format json --prompt PROMPT",
    commands: &["oz", "warp"],
    flags: &["--output-format"],
    keys: "command conversation_id event_type exit_code tool",
    has_result: false,
    detect,
    new: |_| Box::new(Oz::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let sure = match value.text("type") {
        "system" => value.opt_text("event_type").is_some(),
        "agent_reasoning" => value.has("text"),
        "tool_call" | "tool_result" => value.opt_text("tool").is_some() && !value.has("toolName"),
        "agent" => return if value.has("text") { Match::Maybe } else { Match::No },
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Oz {
    session: Option<String>,
    /// The number of texts and calls; a call's id has it.
    count: u64,
    open: Vec<(String, String)>,
}

impl Runtime for Oz {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let tool = value.text("tool");
        match (value.text("type"), value.text("event_type")) {
            ("system", "conversation_started") => {
                self.session = value.owned("conversation_id");
                emit.begin(None, self.session.as_deref());
            }
            (type_ @ ("agent" | "agent_reasoning"), _) if value.opt_text("text").is_some() => {
                emit.begin(None, self.session.as_deref());
                self.count += 1;
                let answer = type_ == "agent";
                let kind = if answer { TextKind::Answer } else { TextKind::Reasoning };
                emit.finish_block(&text(kind, "message"), value.opt_text("text"));
            }
            ("tool_call", _) => {
                emit.begin(None, self.session.as_deref());
                self.count += 1;
                let mut input = value.clone();
                if let Some(fields) = input.as_object_mut() {
                    fields.retain(|key, _| !matches!(key.as_str(), "type" | "tool"));
                }
                let id = format!("call_{}", self.count);
                emit.tool(&id, tool, Some(&input));
                self.open.push((id, tool.to_owned()));
            }
            ("tool_result", _) => {
                let at = self.open.iter().position(|(_, open)| open == tool);
                let exit_code = value.i64("exit_code");
                emit.finish_tool(&Done {
                    id: &at.map(|at| self.open.remove(at).0).unwrap_or_default(),
                    name: tool,
                    outcome: match value.text("status") {
                        "denied" | "rejected" => "denied",
                        "cancelled" | "canceled" => "cancelled",
                        "error" | "failed" => "error",
                        _ if exit_code.is_some_and(|code| code != 0) => "error",
                        _ => "ok",
                    },
                    output: value.get("output").or(value.get("error")),
                    exit_code,
                    ..Done::default()
                });
            }
            ("error", _) if !emit.over() => {
                emit.begin(None, self.session.as_deref());
                emit.fail_with(&value, &UsageAndCost::default());
            }
            (type_, _) => emit.other(type_, &value),
        }
    }

    fn on_end(&mut self, _: Tail, _: &mut Emit<'_>) -> TurnVerdict {
        if self.open.is_empty() { TurnVerdict::ByExit } else { TurnVerdict::Truncated }
    }
}
