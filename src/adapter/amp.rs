//! Amp: `amp --execute --stream-json`, Claude Code's messages without message ids and without partial messages.

use super::claude::{Claude, Dialect};
use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "amp",
    versions: "upstream fixtures",
    about: "Amp, stream-json",
    usage: "amp --execute PROMPT --stream-json",
    commands: &["amp"],
    flags: &["--stream-json"],
    keys: "mcp_servers parent_tool_use_id stop_reason",
    detect,
    new: |argv| Box::new(Claude::new(&AMP, argv)),
    ..Spec::LINES
};

const AMP: Dialect = Dialect {
    runtime: "amp",
    version: "version",
    has_ids: false,
    errors_end: true,
    cache_within: false,
};

/// Only the ids of its threads tell Amp's messages from Claude Code's.
fn detect(value: &Value) -> Match {
    let type_ = matches!(value.text("type"), "system" | "assistant" | "user" | "result" | "error");
    if type_ && value.text("session_id").starts_with("T-") { Match::Sure } else { Match::No }
}
