//! Rule C2 as tables: the fields of each type, which are required, and the shape of each.

use serde_json::value::RawValue;

use super::report::{
    Quoted,
    Rule::{C1, C2},
};
use super::seen::Seen;
use crate::codec::{Fields, unescape};
use crate::event::Type;

/// A row of a table: shape, whether the fields must be there, and their keys.
type Row = (Shape, Need, &'static [&'static str]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

use Need::{Optional, Required};

enum Shape {
    Text,
    /// A string that is not empty.
    Filled,
    /// An integer of at least 0.
    Count,
    Integer,
    Number,
    Flag,
    /// A list of strings.
    Texts,
    Any,
    OneOf(&'static [&'static str]),
    Object(&'static [Row]),
}

use Shape::{Any, Count, Filled, Flag, Integer, Number, Object, OneOf, Text, Texts};

pub(crate) const TEXT_KINDS: &[&str] = &["answer", "reasoning"];
pub(crate) const TOOL_KINDS: &[&str] =
    &["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"];
pub(crate) const OUTCOMES: &[&str] = &["ok", "error", "denied", "cancelled", "unknown"];
pub(crate) const CANCELLED_BY: &[&str] = &["signal", "control", "filter", "runtime"];
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
    "permission",
    "timeout_first_output",
    "timeout_tool",
];

const TURN_STARTED: &[Row] = &[
    (Text, Required, &["runtime"]),
    (Text, Optional, &["model", "session", "cwd", "prompt", "agent"]),
    (Texts, Optional, &["tools"]),
];
const TEXT_DELTA: &[Row] = &[
    (Filled, Required, &["block"]),
    (OneOf(TEXT_KINDS), Required, &["kind"]),
    (Filled, Required, &["text"]),
];
const BLOCK_FINAL: &[Row] = &[
    (Filled, Required, &["block"]),
    (OneOf(TEXT_KINDS), Required, &["kind"]),
    (Text, Required, &["text"]),
    (Text, Optional, &["supersedes", "continues"]),
    (Count, Optional, &["part"]),
    (Flag, Optional, &["last"]),
    (Text, Optional, &["delivery_id", "lead", "open", "close", "glue"]),
];
const TOOL_STARTED: &[Row] = &[(
    Object(&[
        (Filled, Required, &["id"]),
        (Text, Required, &["name"]),
        (OneOf(TOOL_KINDS), Required, &["kind"]),
        (Text, Optional, &["title"]),
        (Any, Optional, &["input"]),
        (Texts, Optional, &["paths"]),
    ]),
    Required,
    &["tool"],
)];
const FINISHED_TOOL: &[Row] = &[
    (Filled, Required, &["id"]),
    (Text, Required, &["name"]),
    (OneOf(TOOL_KINDS), Required, &["kind"]),
    (Text, Optional, &["title"]),
];
const TOOL_FINISHED: &[Row] = &[
    (Object(FINISHED_TOOL), Required, &["tool"]),
    (OneOf(OUTCOMES), Required, &["outcome"]),
    (Any, Optional, &["output"]),
    (Integer, Optional, &["exit_code"]),
    (Count, Optional, &["duration_ms"]),
];
const STATUS: &[Row] =
    &[(Filled, Required, &["kind"]), (Text, Optional, &["message"]), (Any, Optional, &["data"])];
const USAGE: &[&str] = &[
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "total_tokens",
];
/// Fields of every terminal event.
const TERMINAL: &[Row] = &[
    (Texts, Optional, &["files"]),
    (Count, Optional, &["files_more"]),
    (Object(&[(Count, Optional, USAGE)]), Optional, &["usage", "usage_total"]),
    (Number, Optional, &["cost_usd"]),
    (Count, Optional, &["duration_ms"]),
];
const TURN_COMPLETED: &[Row] = &[(Text, Required, &["stop"]), (Text, Optional, &["result"])];
const ERROR: &[Row] = &[
    (OneOf(CODES), Required, &["code"]),
    (Text, Required, &["message"]),
    (Text, Optional, &["retry_at"]),
];
const TURN_FAILED: &[Row] = &[
    (Object(ERROR), Required, &["error"]),
    (Object(&[(Integer, Optional, &["code", "signal"])]), Optional, &["exit"]),
    (Text, Optional, &["stderr_tail"]),
];
const TURN_CANCELLED: &[Row] = &[
    (OneOf(CANCELLED_BY), Required, &["by"]),
    (Text, Required, &["reason"]),
    (Text, Optional, &["stop"]),
];

/// Reports every violation in the body of an event.
pub(super) fn check_body(seen: &Seen<'_, '_>) {
    let table = match seen.kind {
        Type::TurnStarted => TURN_STARTED,
        Type::TextDelta => TEXT_DELTA,
        Type::BlockFinal => BLOCK_FINAL,
        Type::ToolStarted => TOOL_STARTED,
        Type::ToolFinished => TOOL_FINISHED,
        Type::Status => STATUS,
        Type::TurnCompleted => TURN_COMPLETED,
        Type::TurnFailed => TURN_FAILED,
        Type::TurnCancelled => TURN_CANCELLED,
        Type::Other => &[],
    };
    check_object(table, seen.fields, "", seen);
    if seen.kind.is_terminal() {
        check_object(TERMINAL, seen.fields, "", seen);
    }
}

/// Checks an object of the event; `within` is its key and a dot, empty for the event itself.
fn check_object(table: &[Row], fields: &Fields<'_>, within: &str, seen: &Seen<'_, '_>) {
    let rows =
        table.iter().flat_map(|(shape, need, keys)| keys.iter().map(move |k| (k, shape, need)));
    for (key, shape, need) in rows {
        let broken = |rule, value, what| seen.report.violation(seen.place(value), rule, what);
        let Some(value) = fields.get(key) else {
            if *need == Required {
                broken(C2, "", format_args!("the required field {within}{key} is missing"));
            }
            continue;
        };
        if let Object(table) = shape
            && let Ok(nested) = Fields::parse(value)
        {
            if let Some(twice) = nested.duplicate() {
                broken(C1, value, format_args!("{key} has the key {} twice", Quoted(twice)));
            }
            check_object(table, &nested, &format!("{key}."), seen);
        } else if !shape.fits(value) {
            let (want, value_) = (shape.name(), Quoted(value));
            let what = format_args!("{within}{key} must be {want}, and {value_} came");
            broken(C2, value, what);
        }
    }
}

impl Shape {
    fn fits(&self, value: &str) -> bool {
        match self {
            Text => value.starts_with('"'),
            Filled => value.starts_with('"') && value.len() > 2,
            Count => value.parse::<u64>().is_ok(),
            Integer => value.parse::<i64>().is_ok(),
            Number => value.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Flag => matches!(value, "true" | "false"),
            Texts => serde_json::from_str::<Vec<&RawValue>>(value)
                .is_ok_and(|all| all.iter().all(|v| v.get().starts_with('"'))),
            Any => true,
            OneOf(names) => value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .is_some_and(|v| names.contains(&unescape(v).as_ref())),
            // Objects are checked field by field; anything else does not fit.
            Object(_) => false,
        }
    }

    fn name(&self) -> String {
        let name = match self {
            Text => "a string",
            Filled => "a string that is not empty",
            Count => "an integer of at least 0",
            Integer => "an integer",
            Number => "a number",
            Flag => "true or false",
            Texts => "a list of strings",
            Any => "any JSON",
            OneOf(names) => return format!("one of {}", names.join(" ")),
            Object(_) => "an object",
        };
        name.to_owned()
    }
}
