//! Amp: `amp --execute --stream-json`, Claude Code's messages without message ids and without partial messages.

use super::claude::{Cached, Claude, Dialect, Errors, Ids};
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
    ids: Ids::None,
    errors: Errors::Fatal,
    cached: Cached::Beside,
};

/// Only the ids of its threads tell Amp's messages from Claude Code's.
fn detect(value: &Value) -> Match {
    let types = ["system", "assistant", "user", "result", "error"];
    let theirs = value.opt_text("session_id").is_some_and(|id| id.starts_with("T-"))
        && value.opt_text("type").is_some_and(|t| types.contains(&t));
    if theirs { Match::Sure } else { Match::No }
}
