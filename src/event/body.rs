//! The bodies of the nine types, field by field in the order in which they are written.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::text::floor;

/// Body of `turn_started`.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnStarted<'a> {
    /// The adapter's name for the runtime.
    pub runtime: Cow<'a, str>,
    /// The model, in the runtime's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Cow<'a, str>>,
    /// The runtime's own id of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Cow<'a, str>>,
    /// The agent's working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Cow<'a, str>>,
    /// What the agent was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Cow<'a, str>>,
    /// The runtime's version, or the name of the agent within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Cow<'a, str>>,
    /// Names of the tools that it may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Cow<'a, str>>,
}

/// Body of `text_delta`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TextDelta<'a> {
    /// `b1`, `b2`, ... over the stream, in order of first text.
    pub block: Cow<'a, str>,
    /// `answer` or `reasoning`.
    pub kind: Cow<'a, str>,
    /// Never empty.
    pub text: Cow<'a, str>,
}

/// Body of `block_final`; with `part` it is one part of a block that `chunk` cut.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BlockFinal<'a> {
    /// The block that it closes.
    pub block: Cow<'a, str>,
    /// `answer` or `reasoning`.
    pub kind: Cow<'a, str>,
    /// The concatenation of the block's deltas; of a part `open` + body + `close`.
    pub text: Cow<'a, str>,
    /// The block, closed as said, whose text this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<Cow<'a, str>>,
    /// The block of which this is the continuation past `--max-block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<Cow<'a, str>>,
    /// The number of the part, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// True if it is the block's last part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<bool>,
    /// `stream/turn/block/part`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<Cow<'a, str>>,
    /// White space of the text left out before the body, where no part before it could carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<Cow<'a, str>>,
    /// What was put before the body: fence line, table header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Cow<'a, str>>,
    /// What was put after the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Cow<'a, str>>,
    /// White space left out at the cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub glue: Option<Cow<'a, str>>,
}

/// The tool of `tool_started` and `tool_finished`; the latter has only `id`, `name`, `kind` and `title`.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool<'a> {
    /// The runtime's id, made unique in its turn.
    pub id: Cow<'a, str>,
    /// The runtime's name for it, verbatim.
    pub name: Cow<'a, str>,
    /// One of ACP's list: `read` `edit` `delete` `move` `search` `execute` `think` `fetch` `other`.
    pub kind: Cow<'a, str>,
    /// A line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Cow<'a, str>>,
    /// The arguments, any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Value>"))]
    pub input: Option<Cow<'a, RawValue>>,
    /// The files that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Cow<'a, str>>,
}

impl Tool<'_> {
    /// The longest title that `tool_finished` repeats, in bytes.
    pub const MAX_TITLE: usize = 4096;

    /// The beginning of a title that fits [`Tool::MAX_TITLE`].
    pub fn short_title(title: &str) -> &str {
        &title[..floor(title, Self::MAX_TITLE)]
    }
}

/// Body of `tool_started`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ToolStarted<'a> {
    /// The tool.
    pub tool: Tool<'a>,
}

/// Body of `tool_finished`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ToolFinished<'a> {
    /// The tool: id, name, kind and the title of its start.
    pub tool: Tool<'a>,
    /// `ok` `error` `denied` `cancelled` `unknown`.
    pub outcome: Cow<'a, str>,
    /// What it gave: a string, or the runtime's own JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<Value>"))]
    pub output: Option<Cow<'a, RawValue>>,
    /// The exit status, where the tool is a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Milliseconds, as the runtime says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Body of `status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status<'a> {
    /// What it is about; a reader accepts kinds that it does not know.
    pub kind: Cow<'a, str>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Tokens of this turn, under OpenTelemetry's GenAI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Usage {
    /// Tokens sent, as the runtime counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Tokens read from the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Tokens written to the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Tokens of reasoning, where the runtime counts them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// All tokens, where the runtime says only that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
}

impl Usage {
    /// Merges two counts field by field.
    pub fn merge(
        self,
        other: Self,
        each: impl Fn(Option<u64>, Option<u64>) -> Option<u64>,
    ) -> Self {
        Self {
            input_tokens: each(self.input_tokens, other.input_tokens),
            output_tokens: each(self.output_tokens, other.output_tokens),
            cache_read_tokens: each(self.cache_read_tokens, other.cache_read_tokens),
            cache_write_tokens: each(self.cache_write_tokens, other.cache_write_tokens),
            reasoning_tokens: each(self.reasoning_tokens, other.reasoning_tokens),
            total_tokens: each(self.total_tokens, other.total_tokens),
        }
    }
}

/// What a turn used, on every terminal event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UsageAndCost {
    /// This turn's tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Cumulative tokens of a conversation whose start is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_total: Option<Usage>,
    /// This turn's cost in US dollars.
    #[serde(skip_serializing_if = "is_no_cost")]
    pub cost_usd: Option<f64>,
    /// Milliseconds, as the runtime says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Files that a turn's calls of kind `edit`, `delete` and `move` changed, on every terminal event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangedFiles<'a> {
    /// Paths as the runtime reports them, each once, in order of first appearance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Cow<'a, str>>,
    /// Number of further files; at most 1,000 paths of 64 KiB in total are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_more: Option<u64>,
}

impl From<Option<Usage>> for UsageAndCost {
    fn from(usage: Option<Usage>) -> Self {
        Self { usage, ..Self::default() }
    }
}

/// JSON has no number for what is infinite or none at all.
fn is_no_cost(cost: &Option<f64>) -> bool {
    cost.is_none_or(|cost| !cost.is_finite())
}

/// The first part of the body of `turn_completed`; usage and cost follow it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnCompleted<'a> {
    /// The runtime's own reason in its own words.
    pub stop: Cow<'a, str>,
    /// The result, where the runtime gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Cow<'a, str>>,
}

/// How a child process ended: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChildExit {
    /// Its exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// Why a turn failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure<'a> {
    /// One of the contract's codes, `runtime_error` where none fits better.
    pub code: Cow<'a, str>,
    /// The runtime's message.
    pub message: Cow<'a, str>,
    /// RFC 3339: when to try again, for `rate_limited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Cow<'a, str>>,
}

/// The first part of the body of `turn_failed`; usage and cost follow it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnFailed<'a> {
    /// Why.
    pub error: Failure<'a>,
    /// How the process ended, where that is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<ChildExit>,
    /// The last lines of stderr.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_tail: Option<Cow<'a, str>>,
}

/// The first part of the body of `turn_cancelled`; usage and cost follow it in the same object.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnCancelled<'a> {
    /// `signal` `control` `filter` `runtime`.
    pub by: Cow<'a, str>,
    /// In words.
    pub reason: Cow<'a, str>,
    /// What the runtime itself answered, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_is_no_number_is_left_out() {
        let written = |cost| {
            crate::codec::to_json(&UsageAndCost { cost_usd: Some(cost), ..UsageAndCost::default() })
        };
        assert_eq!(written(f64::INFINITY), "{}");
        assert_eq!(written(f64::NAN), "{}");
        assert_eq!(written(1e300), r#"{"cost_usd":1e+300}"#);
    }
}
