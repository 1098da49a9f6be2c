//! The runtimes that print Claude Code's messages: how they differ, and which messages are Claude Code's own.

use super::super::prelude::*;
use super::tally;

pub(super) const CLAUDE: Dialect = Dialect {
    runtime: "claude",
    version: "claude_code_version",
    has_ids: true,
    errors_end: false,
    cache_within: false,
};

/// Differences between the runtimes that print the same messages.
#[derive(Debug)]
pub(in super::super) struct Dialect {
    pub runtime: &'static str,
    /// The field of `system/init` that holds its version.
    pub version: &'static str,
    /// True if the lines of one message have its id; else every line is a message of its own.
    pub has_ids: bool,
    /// True if a message of type `error` is why the turn failed where no result follows.
    pub errors_end: bool,
    /// True if its input tokens include those of the cache.
    pub cache_within: bool,
}

impl Dialect {
    /// The counts in a JSON text, with all of the input in them.
    pub(super) fn usage(&self, json: &str) -> Option<Usage> {
        tally::usage(json).map(|usage| self.with_all_input(usage))
    }

    /// The counts with all of the input in them.
    pub(super) fn with_all_input(&self, usage: Usage) -> Usage {
        if self.cache_within { usage } else { with_cache(usage) }
    }
}

/// The match of a line. Amp, Qwen Code and Cursor print the same types; where nothing tells them apart the answer is no
/// more than [`Match::Maybe`].
pub(super) fn detect(value: &Value) -> Match {
    // `--output-format json` prints one array of all messages.
    let value = value.get(0).unwrap_or(value);
    let has = |key: &str| value.get(key).is_some();
    let sure = |sure: bool| if sure { Match::Sure } else { Match::Maybe };
    if value.text("session_id").starts_with("T-") || has("qwen_code_version") || has("timestamp_ms")
    {
        return if has("message") || has("subtype") { Match::Maybe } else { Match::No };
    }
    match (value.text("type"), value.text("subtype")) {
        ("system", "init") => sure(has("claude_code_version") || has("slash_commands")),
        ("system", subtype) if !subtype.is_empty() => sure(
            subtype.starts_with("hook_")
                || subtype.starts_with("task_")
                || matches!(subtype, "thinking_tokens" | "api_retry" | "compact_boundary"),
        ),
        ("assistant" | "user", _) if value.at("message").is_object() => {
            let theirs = value.at("message").text("id").starts_with("msg_");
            sure(theirs && has("parent_tool_use_id"))
        }
        ("rate_limit_event", _) if has("rate_limit_info") => Match::Sure,
        ("result", _) if has("is_error") => {
            sure(has("modelUsage") || has("terminal_reason") || has("total_cost_usd"))
        }
        ("stream_event", _) if has("event") => Match::Maybe,
        ("control_request", _) if has("request") => Match::Maybe,
        ("control_response", _) if has("response") => Match::Maybe,
        _ => Match::No,
    }
}
