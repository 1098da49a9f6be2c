//! Ledger of operations: a line of JSON for each start, message, answer, cancel, removal and end of a run. Without IO.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_width::UnicodeWidthStr;

use crate::codec::to_json;
use crate::named::Named;
use crate::term::sanitize::quoted;
use crate::time::Time;

/// Longest text of a field, in characters; a longer one is cut.
const MAX_TEXT: usize = 256;

/// Number of ends of runs after which the older half of them is forgotten.
const MAX_ENDS: usize = 64 << 10;

/// Head of the table, above the lines of [`Operation::text_line`].
pub const HEAD: &str =
    "TIME                 OPERATION  MODE    RUN                        BY          OUTCOME\n";

/// Kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Start,
    Cancel,
    Send,
    Permit,
    Paste,
    Prune,
    Webhook,
    /// End of a run.
    End,
}

impl Named for Op {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("start", "a run was started", Op::Start),
        ("cancel", "a turn was cancelled by name", Op::Cancel),
        ("send", "an agent was given a message", Op::Send),
        ("permit", "a question for permission was answered", Op::Permit),
        ("paste", "a context text was stored", Op::Paste),
        ("prune", "the files of a run were removed", Op::Prune),
        ("webhook", "a webhook was switched off, or an event for it was given up", Op::Webhook),
        ("end", "a run has ended", Op::End),
    ];
}

/// Interface by which an operation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Cli,
    Chat,
    Direct,
    Runs,
    Mcp,
    Acp,
    Rpc,
    Openai,
}

impl Named for Mode {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("cli", "a command in a shell", Mode::Cli),
        ("chat", "POST /chat of the server", Mode::Chat),
        ("direct", "POST /direct of the server", Mode::Direct),
        ("runs", "the server's other addresses", Mode::Runs),
        ("mcp", "the MCP server", Mode::Mcp),
        ("acp", "an editor, by the Agent Client Protocol", Mode::Acp),
        ("rpc", "JSON-RPC", Mode::Rpc),
        ("openai", "the OpenAI-compatible addresses", Mode::Openai),
    ];
}

/// One operation. Texts that people wrote are in it as a digest only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Time of the operation's end, as in events.
    pub ts: String,
    /// Kind of operation.
    pub op: Op,
    /// Interface.
    pub mode: Mode,
    /// Stream of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Name of the agent's definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Name of the user or client.
    pub by: String,
    /// SHA-256 of the prompt or message, in hexadecimal; see [`digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_sha256: Option<String>,
    /// Result in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Exit status, or the HTTP status of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Time from request to result, or of the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Cost of the run in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// Line of a history file that is no operation: torn, or of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoOperation;

/// Reader of lines in the order in which they were written.
#[derive(Debug, Default)]
pub struct Reader {
    mode: Option<Mode>,
    ends: Ends,
}

/// Runs whose `end` was read. Older ones are forgotten, so that the memory is bounded.
#[derive(Debug, Default)]
struct Ends {
    newer: HashSet<String>,
    older: HashSet<String>,
}

impl Operation {
    /// An operation without the optional fields.
    pub fn new(now: Time, op: Op, mode: Mode, by: impl Into<String>) -> Self {
        Self {
            ts: now.to_string(),
            op,
            mode,
            run: None,
            agent: None,
            by: by.into(),
            prompt_sha256: None,
            outcome: None,
            status: None,
            duration_ms: None,
            cost_usd: None,
        }
    }

    /// Its line in the file, with the line feed: a few KiB at most.
    pub fn line(&self) -> String {
        let cut = |text: &String| text.chars().take(MAX_TEXT).collect::<String>();
        let short = Self {
            run: self.run.as_ref().map(cut),
            agent: self.agent.as_ref().map(cut),
            by: cut(&self.by),
            outcome: self.outcome.as_ref().map(cut),
            ..self.clone()
        };
        format!("{}\n", to_json(&short))
    }

    /// Operation in a line of a file.
    pub fn parse(line: &[u8]) -> Result<Self, NoOperation> {
        serde_json::from_slice(line).map_err(|_| NoOperation)
    }

    /// The operation as a line for people, without control characters.
    pub fn text_line(&self) -> String {
        let time = self.ts.get(..19).unwrap_or(&self.ts).replace('T', " ");
        let run = self.run.as_deref().unwrap_or("-");
        let cells = [(&*time, 19), (self.op.name(), 9), (self.mode.name(), 6), (run, 25)];
        let mut line = String::new();
        for (text, width) in cells.into_iter().chain([(&*self.by, 10)]) {
            let text = quoted(text);
            line.push_str(&text);
            line.push_str(&" ".repeat(width.max(text.width()) - text.width() + 2));
        }
        line.push_str(&quoted(self.outcome.as_deref().unwrap_or("-")));
        if let Some(status) = self.status.filter(|status| *status != 0) {
            let _ = write!(line, ", status {status}");
        }
        if let Some(ms) = self.duration_ms {
            let _ = write!(line, ", {:.1?}", Duration::from_millis(ms));
        }
        if let Some(cost) = self.cost_usd {
            let _ = write!(line, ", ${cost:.2}");
        }
        if let Some(agent) = &self.agent {
            let _ = write!(line, ", agent {}", quoted(agent));
        }
        line.push('\n');
        line
    }
}

impl Reader {
    /// A reader of the operations of one interface, or of all.
    pub fn new(mode: Option<Mode>) -> Self {
        Self { mode, ends: Ends::default() }
    }

    /// Operation in the next line; `None` if it is of another interface, or a further `end` of a run.
    pub fn read(&mut self, line: &[u8]) -> Result<Option<Operation>, NoOperation> {
        let operation = Operation::parse(line)?;
        let is_first = self.ends.add(&operation);
        let is_wanted = self.mode.is_none_or(|mode| mode == operation.mode);
        Ok(Some(operation).filter(|_| is_first && is_wanted))
    }
}

impl Ends {
    /// False for a further `end` of a run. After a `start` the stream names another run, which ends again.
    fn add(&mut self, operation: &Operation) -> bool {
        let Some(run) = &operation.run else { return true };
        match operation.op {
            Op::Start => {
                self.newer.remove(run);
                self.older.remove(run);
                true
            }
            Op::End if self.older.contains(run) => false,
            Op::End => {
                if self.newer.len() >= MAX_ENDS {
                    self.older = std::mem::take(&mut self.newer);
                }
                self.newer.insert(run.clone())
            }
            _ => true,
        }
    }
}

/// True if these lines hold an `end` of the run, and no `start` after it.
pub fn has_ended(lines: &[u8], run: &str) -> bool {
    let name = format!("\"run\":{}", to_json(run));
    let name = memchr::memmem::Finder::new(&name);
    let of_run = lines.split(|byte| *byte == b'\n').filter(|line| name.find(line).is_some());
    let mut operations = of_run.filter_map(|line| Operation::parse(line).ok());
    let last = operations.rfind(|found| {
        found.run.as_deref() == Some(run) && matches!(found.op, Op::Start | Op::End)
    });
    last.is_some_and(|last| last.op == Op::End)
}

/// SHA-256 of a text, in hexadecimal.
pub fn digest(text: impl AsRef<[u8]>) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
