//! Rule C2 as tables: the fields of each type, which of them must be there, and what each must be.

use serde_json::value::RawValue;

use super::report::{Quoted, Report, Rule};
use super::seen::Source;
use crate::codec::{Fields, unescape};
use crate::event::Type;

/// A row of a table: key, shape, and whether it must be there.
struct Field(&'static str, Shape, Need);

enum Need {
    Required,
    Optional,
}

use Need::{Optional, Required};

/// What a value must be.
enum Shape {
    Text,
    /// A string that is not empty.
    Said,
    /// An integer of at least 0.
    Count,
    Integer,
    Number,
    Flag,
    /// A list of strings.
    Texts,
    Any,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    Object(&'static [Field]),
}

/// Kinds of text.
pub(crate) const TEXT_KINDS: &[&str] = &["answer", "reasoning"];
/// Kinds of tools.
pub(crate) const TOOL_KINDS: &[&str] =
    &["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"];
/// Outcomes of tools.
pub(crate) const OUTCOMES: &[&str] = &["ok", "error", "denied", "cancelled", "unknown"];
/// By whom a turn is cancelled.
pub(crate) const CANCELLED_BY: &[&str] = &["signal", "control", "filter", "runtime"];
/// Why a turn fails.
pub(crate) const CODES: &[&str] = &[
    "runtime_error",
    "missing_result",
    "truncated",
    "protocol",
    "exit_nonzero",
    "signal",
    "spawn_failed",
    "rate_limited",
    "auth",
    "max_turns",
    "budget",
    "context_window",
    "refused",
    "timeout_total",
    "timeout_idle",
    "timeout_first_output",
    "timeout_tool",
];

const TURN_STARTED: &[Field] = &[
    Field("runtime", Shape::Text, Required),
    Field("model", Shape::Text, Optional),
    Field("session", Shape::Text, Optional),
    Field("cwd", Shape::Text, Optional),
    Field("prompt", Shape::Text, Optional),
    Field("agent", Shape::Text, Optional),
    Field("tools", Shape::Texts, Optional),
];
const TEXT_DELTA: &[Field] = &[
    Field("block", Shape::Said, Required),
    Field("kind", Shape::OneOf(TEXT_KINDS), Required),
    Field("text", Shape::Said, Required),
];
const BLOCK_FINAL: &[Field] = &[
    Field("block", Shape::Said, Required),
    Field("kind", Shape::OneOf(TEXT_KINDS), Required),
    Field("text", Shape::Text, Required),
    Field("supersedes", Shape::Text, Optional),
    Field("continues", Shape::Text, Optional),
    Field("part", Shape::Count, Optional),
    Field("last", Shape::Flag, Optional),
    Field("delivery_id", Shape::Text, Optional),
    Field("lead", Shape::Text, Optional),
    Field("open", Shape::Text, Optional),
    Field("close", Shape::Text, Optional),
    Field("glue", Shape::Text, Optional),
];
const STARTED_TOOL: &[Field] = &[
    Field("id", Shape::Said, Required),
    Field("name", Shape::Text, Required),
    Field("kind", Shape::OneOf(TOOL_KINDS), Required),
    Field("title", Shape::Text, Optional),
    Field("input", Shape::Any, Optional),
    Field("paths", Shape::Texts, Optional),
];
const FINISHED_TOOL: &[Field] = &[
    Field("id", Shape::Said, Required),
    Field("name", Shape::Text, Required),
    Field("kind", Shape::OneOf(TOOL_KINDS), Required),
    Field("title", Shape::Text, Optional),
];
const TOOL_STARTED: &[Field] = &[Field("tool", Shape::Object(STARTED_TOOL), Required)];
const TOOL_FINISHED: &[Field] = &[
    Field("tool", Shape::Object(FINISHED_TOOL), Required),
    Field("outcome", Shape::OneOf(OUTCOMES), Required),
    Field("output", Shape::Any, Optional),
    Field("exit_code", Shape::Integer, Optional),
    Field("duration_ms", Shape::Count, Optional),
];
const STATUS: &[Field] = &[
    Field("kind", Shape::Said, Required),
    Field("message", Shape::Text, Optional),
    Field("data", Shape::Any, Optional),
];
const USAGE: &[Field] = &[
    Field("input_tokens", Shape::Count, Optional),
    Field("output_tokens", Shape::Count, Optional),
    Field("cache_read_tokens", Shape::Count, Optional),
    Field("cache_write_tokens", Shape::Count, Optional),
    Field("reasoning_tokens", Shape::Count, Optional),
    Field("total_tokens", Shape::Count, Optional),
];
const SPENT: &[Field] = &[
    Field("usage", Shape::Object(USAGE), Optional),
    Field("usage_total", Shape::Object(USAGE), Optional),
    Field("cost_usd", Shape::Number, Optional),
    Field("duration_ms", Shape::Count, Optional),
];
const TURN_COMPLETED: &[Field] =
    &[Field("stop", Shape::Text, Required), Field("result", Shape::Text, Optional)];
const ERROR: &[Field] = &[
    Field("code", Shape::OneOf(CODES), Required),
    Field("message", Shape::Text, Required),
    Field("retry_at", Shape::Text, Optional),
];
const EXIT: &[Field] =
    &[Field("code", Shape::Integer, Optional), Field("signal", Shape::Integer, Optional)];
const TURN_FAILED: &[Field] = &[
    Field("error", Shape::Object(ERROR), Required),
    Field("exit", Shape::Object(EXIT), Optional),
    Field("stderr_tail", Shape::Text, Optional),
];
const TURN_CANCELLED: &[Field] = &[
    Field("by", Shape::OneOf(CANCELLED_BY), Required),
    Field("reason", Shape::Text, Required),
    Field("stop", Shape::Text, Optional),
];

/// The fields of a type, and for a terminal event those that all terminal events share.
fn tables(kind: Type) -> [&'static [Field]; 2] {
    match kind {
        Type::TurnStarted => [TURN_STARTED, &[]],
        Type::TextDelta => [TEXT_DELTA, &[]],
        Type::BlockFinal => [BLOCK_FINAL, &[]],
        Type::ToolStarted => [TOOL_STARTED, &[]],
        Type::ToolFinished => [TOOL_FINISHED, &[]],
        Type::Status => [STATUS, &[]],
        Type::TurnCompleted => [TURN_COMPLETED, SPENT],
        Type::TurnFailed => [TURN_FAILED, SPENT],
        Type::TurnCancelled => [TURN_CANCELLED, SPENT],
        Type::Other => [&[], &[]],
    }
}

/// Reports what is wrong with the body of an event.
pub(super) fn check_body(kind: Type, fields: &Fields<'_>, source: Source<'_>, report: &mut Report) {
    for table in tables(kind) {
        check_object(table, fields, ("", ""), source, report);
    }
}

/// `inside`: the key of the object within the event, and the dot behind it.
fn check_object(
    table: &[Field],
    fields: &Fields<'_>,
    inside: (&str, &str),
    source: Source<'_>,
    report: &mut Report,
) {
    let (within, dot) = inside;
    for Field(key, shape, need) in table {
        let Some(value) = fields.get(key) else {
            if matches!(need, Required) {
                report.violation(
                    source.place("", within),
                    Rule::C2,
                    format_args!("the required field {within}{dot}{key} is missing"),
                );
            }
            continue;
        };
        if let Shape::Object(table) = shape
            && let Ok(nested) = Fields::parse(value)
        {
            if let Some(twice) = nested.duplicate() {
                let what = format_args!("{key} has the key {} twice", Quoted(twice));
                report.violation(source.place(value, ""), Rule::C1, what);
            }
            check_object(table, &nested, (key, "."), source, report);
        } else if !shape.fits(value) {
            let what = format_args!(
                "{within}{dot}{key} must be {}, and {} came",
                shape.name(),
                Quoted(value)
            );
            report.violation(source.place(value, ""), Rule::C2, what);
        }
    }
}

impl Shape {
    fn fits(&self, value: &str) -> bool {
        match self {
            Shape::Text => value.starts_with('"'),
            Shape::Said => value.starts_with('"') && value.len() > 2,
            Shape::Count => value.parse::<u64>().is_ok(),
            Shape::Integer => value.parse::<i64>().is_ok(),
            Shape::Number => value.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Shape::Flag => matches!(value, "true" | "false"),
            Shape::Texts => serde_json::from_str::<Vec<&RawValue>>(value)
                .is_ok_and(|all| all.iter().all(|v| v.get().starts_with('"'))),
            Shape::Any => true,
            Shape::OneOf(names) => value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .is_some_and(|v| names.contains(&unescape(v).as_ref())),
            // Only asked about what is no object.
            Shape::Object(_) => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Shape::Text => "a string".into(),
            Shape::Said => "a string that is not empty".into(),
            Shape::Count => "an integer of at least 0".into(),
            Shape::Integer => "an integer".into(),
            Shape::Number => "a number".into(),
            Shape::Flag => "true or false".into(),
            Shape::Texts => "a list of strings".into(),
            Shape::Any => "any JSON".into(),
            Shape::OneOf(names) => format!("one of {}", names.join(" ")),
            Shape::Object(_) => "an object".into(),
        }
    }
}
