//! Claude Code's messages and those of the runtimes that print the same: in what they differ, and which are its own.

use super::super::prelude::*;
use super::tally;

pub(super) const CLAUDE: Dialect = Dialect {
    runtime: "claude",
    version: "claude_code_version",
    ids: Ids::Given,
    errors: Errors::Notices,
    cached: Cached::Beside,
};

/// In what the runtimes differ that print the same messages.
#[derive(Debug)]
pub(in super::super) struct Dialect {
    /// The name of the runtime.
    pub runtime: &'static str,
    /// The field of `system/init` that holds its version.
    pub version: &'static str,
    /// True if its messages have ids.
    pub ids: Ids,
    /// What a message of type `error` is.
    pub errors: Errors,
    /// True if its input tokens include those of the cache.
    pub cached: Cached,
}

/// Where the tokens of the cache are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Cached {
    /// Beside the input.
    Beside,
    /// Within the input.
    Within,
}

impl Dialect {
    /// The counts with all of the input in them.
    pub(super) fn usage(&self, json: &str) -> Option<Usage> {
        let usage = tally::usage(json)?;
        Some(if self.cached == Cached::Beside { with_cache(usage) } else { usage })
    }
}

/// How the lines of one message are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Ids {
    /// All of them have the message's id.
    Given,
    /// Every line is a message of its own.
    None,
}

/// What a message of type `error` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Errors {
    /// It is noted; the result decides.
    Notices,
    /// Where no result follows, it is why the turn failed.
    Fatal,
}

/// True if a line is Claude Code's. Amp, Qwen Code and Cursor print the same types; where nothing tells them apart the
/// answer is no more than [`Match::Maybe`].
pub(super) fn detect(value: &Value) -> Match {
    // `--output-format json` prints one array of all messages.
    let value = value.get(0).unwrap_or(value);
    let has = |key: &str| value.get(key).is_some();
    let sure = |sure: bool| if sure { Match::Sure } else { Match::Maybe };
    let amp = value.opt_text("session_id").is_some_and(|id| id.starts_with("T-"));
    if amp || has("qwen_code_version") || has("timestamp_ms") {
        return if has("message") || has("subtype") { Match::Maybe } else { Match::No };
    }
    let subtype = value.text("subtype");
    match value.text("type") {
        "system" if subtype == "init" => sure(has("claude_code_version") || has("slash_commands")),
        "system" if subtype.is_empty() => Match::No,
        "system" => sure(
            subtype.starts_with("hook_")
                || subtype.starts_with("task_")
                || matches!(subtype, "thinking_tokens" | "api_retry" | "compact_boundary"),
        ),
        "assistant" | "user" => match value.get("message") {
            Some(message) if message.is_object() => {
                let theirs = message.opt_text("id").is_some_and(|id| id.starts_with("msg_"));
                sure(theirs && has("parent_tool_use_id"))
            }
            _ => Match::No,
        },
        "stream_event" if has("event") => Match::Maybe,
        "rate_limit_event" if has("rate_limit_info") => Match::Sure,
        "result" if has("is_error") => {
            sure(has("modelUsage") || has("terminal_reason") || has("total_cost_usd"))
        }
        "control_request" if has("request") => Match::Maybe,
        "control_response" if has("response") => Match::Maybe,
        _ => Match::No,
    }
}
