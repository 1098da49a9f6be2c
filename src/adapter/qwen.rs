//! Qwen Code: `qwen --output-format stream-json`, Claude Code's messages with a version of its own.

use super::claude::{Claude, Dialect};
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "qwen",
    aliases: &["qwen-code"],
    versions: "by its source",
    about: "Qwen Code, stream-json",
    usage: "qwen -p PROMPT --output-format stream-json --include-partial-messages",
    commands: &["qwen"],
    flags: &["stream-json"],
    keys: "content_block event goal parent_tool_use_id permission_mode qwen_code_version uuid",
    detect,
    new: |argv| Box::new(Claude::new(&QWEN, argv)),
    ..Spec::LINES
};

const QWEN: Dialect = Dialect {
    runtime: "qwen",
    version: "qwen_code_version",
    has_ids: true,
    errors_end: true,
    cache_within: true,
};

/// Its first message names it; the others are Claude Code's but for a few kinds of partial messages.
fn detect(value: &Value) -> Match {
    let value = value.get(0).unwrap_or(value);
    let own = matches!(value.at("event").text("type"), "goal_state" | "active_goal");
    if value.get("qwen_code_version").is_some() || own { Match::Sure } else { Match::No }
}
