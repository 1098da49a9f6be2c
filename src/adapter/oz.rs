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
    let has = |key: &str| value.get(key).is_some();
    let sure = match value.text("type") {
        "system" => value.opt_text("event_type").is_some(),
        "agent_reasoning" => has("text"),
        "tool_call" | "tool_result" => value.opt_text("tool").is_some() && !has("toolName"),
        "agent" => return if has("text") { Match::Maybe } else { Match::No },
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Oz {
    session: Option<String>,
    count: u64,
    /// The open calls: number and tool.
    open: Vec<(u64, String)>,
}

impl Runtime for Oz {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match (value.text("type"), value.text("event_type")) {
            ("system", "conversation_started") => {
                self.session = value.opt_text("conversation_id").map(str::to_owned);
                self.start(emit);
            }
            ("agent" | "agent_reasoning", _) if value.opt_text("text").is_some() => {
                self.start(emit);
                let reasoning = value.text("type") == "agent_reasoning";
                let kind = if reasoning { TextKind::Reasoning } else { TextKind::Answer };
                self.count += 1;
                let key = self.count.to_string();
                emit.finish_block(
                    &Text { key: &key, kind, parent: None },
                    Some(value.text("text")),
                );
            }
            ("tool_call", _) => self.call(&value, emit),
            ("tool_result", _) => self.result(&value, emit),
            ("error", _) if !emit.over() => {
                self.start(emit);
                emit.fail_with(&value, &Spent::default());
            }
            (type_, _) => {
                emit.other(type_, &value);
            }
        }
    }

    fn on_end(&mut self, _: Tail, _: &mut Emit<'_>) -> Verdict {
        if self.open.is_empty() { Verdict::ByExit } else { Verdict::Truncated }
    }
}

impl Oz {
    fn start(&self, emit: &mut Emit<'_>) {
        emit.begin(SPEC.name, None, self.session.as_deref());
    }

    fn call(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.start(emit);
        self.count += 1;
        let name = value.text("tool");
        self.open.push((self.count, name.to_owned()));
        let mut input = value.clone();
        if let Some(fields) = input.as_object_mut() {
            fields.retain(|key, _| !matches!(key.as_str(), "type" | "tool"));
        }
        let id = format!("call_{}", self.count);
        emit.tool(&id, name, Some(&input));
    }

    fn result(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let name = value.text("tool");
        let at = self.open.iter().position(|(_, tool)| tool == name);
        let id = at.map(|at| format!("call_{}", self.open.remove(at).0)).unwrap_or_default();
        let exit_code = value.at("exit_code").as_i64();
        let outcome = match value.text("status") {
            "denied" | "rejected" => "denied",
            "cancelled" | "canceled" => "cancelled",
            "error" | "failed" => "error",
            _ if exit_code.is_some_and(|code| code != 0) => "error",
            _ => "ok",
        };
        let output = value.get("output").or(value.get("error"));
        emit.finish_tool(&Done { id: &id, name, outcome, output, exit_code, ..Done::default() });
    }
}
