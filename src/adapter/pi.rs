//! pi: `pi -p --mode json PROMPT`. Until 0.84 every update repeated the whole message twice; its delta and the message's
//! end are all that is read. A turn is from `agent_start` to the `agent_end` that is not tried again.
//!
//! Source: recordings of 0.73.1 and fixtures of its users. `turn_start` and `turn_end` are one call of the model.

use super::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::Str;

pub(super) const SPEC: Spec = Spec {
    name: "pi",
    aliases: &["pi-coding-agent"],
    versions: "0.73.1 and the delta-only form of 0.84",
    about: "pi, mode json",
    usage: "pi -p --mode json PROMPT",
    commands: &["pi"],
    flags: &["--mode"],
    keys: "aborted api assistantMessageEvent attempt bytesRead cacheRead cacheWrite contentIndex \
        delayMs details errorMessage exit_code firstKeptEntryId maxAttempts messages mimeType \
        modifiedFiles partial partialResult readFiles responseId stopReason success \
        textSignature tokensBefore toolResults total totalTokens truncated willRetry",
    detect,
    new: |_| Box::new(Pi::default()),
    ..Spec::LINES
};

/// How many blocks of a message are told apart.
const MAX_BLOCKS: usize = 256;

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let message = value.at("message");
    // The Messages API has a `message_start` too; its messages have a type.
    let role = message.get("role").is_some() && message.get("type").is_none();
    let sure = match value.text("type") {
        "session" => value.get("version").is_some_and(Value::is_number) && has("cwd"),
        "message_update" => has("assistantMessageEvent"),
        "message_start" | "message_end" | "turn_end" => role,
        "tool_execution_start" | "tool_execution_update" | "tool_execution_end" => {
            has("toolCallId") && has("toolName")
        }
        "agent_end" => value.get("messages").is_some_and(Value::is_array),
        "auto_retry_start" => has("maxAttempts"),
        "agent_start" | "turn_start" if value.as_object().is_some_and(|o| o.len() == 1) => {
            return Match::Maybe;
        }
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

/// An update; everything else is read as a value.
#[derive(Deserialize)]
struct Update<'a> {
    #[serde(rename = "type", borrow)]
    type_: Option<Str<'a>>,
    #[serde(rename = "assistantMessageEvent", borrow)]
    event: Option<&'a RawValue>,
}

/// What an update says beside the snapshots that it repeats.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    type_: Str<'a>,
    #[serde(rename = "contentIndex")]
    index: Option<usize>,
    #[serde(borrow)]
    delta: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<Str<'a>>,
}

#[derive(Default)]
struct Pi {
    session: Option<Value>,
    message: u64,
    blocks: Vec<Block>,
    spent: Spent,
    /// The last message of the assistant: how it ended, and with which error.
    last: (String, String),
    /// An `agent_end` with an error, which may be tried again.
    ending: Option<Value>,
    /// The failed turn goes on with the next `agent_start`.
    retrying: bool,
}

/// A block of the message that is being said.
struct Block {
    index: usize,
    said: Said,
    done: bool,
}

impl Runtime for Pi {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        let value = serde_json::from_str(text)?;
        let unknown = emit.unknown(&value);
        let update = serde_json::from_str::<Update<'_>>(text).ok();
        let update = update.filter(|update| update.type_.as_deref() == Some("message_update"));
        let event = update.and_then(|update| lenient(update.event));
        if !event.is_some_and(|event| self.update(&event, emit)) {
            self.value(value, emit);
        }
        emit.keep(unknown);
        Ok(())
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.end(emit);
        Verdict::MissingResult
    }
}

impl Pi {
    /// Says an update; `false` if it is of an unknown kind.
    fn update(&mut self, event: &Event<'_>, emit: &mut Emit<'_>) -> bool {
        let index = event.index.unwrap_or(0);
        let key = format!("{}/{index}", self.message);
        let kind = if event.type_.starts_with("thinking") {
            TextKind::Reasoning
        } else {
            TextKind::Answer
        };
        let text = Text { key: &key, kind, parent: None };
        match (&*event.type_, &event.delta, &event.content) {
            ("text_delta" | "thinking_delta", Some(delta), _) => {
                if let Some(block) = self.block(index).filter(|_| !delta.is_empty()) {
                    block.said.delta(&text, delta, emit);
                }
            }
            ("text_end" | "thinking_end", _, Some(whole)) => {
                self.whole(&text, index, whole, emit);
            }
            // What these frame is said by the deltas, by the message's end and by the tools themselves.
            ("start" | "done" | "text_start" | "thinking_start", ..) => {}
            ("toolcall_start" | "toolcall_delta" | "toolcall_end", ..) => {}
            _ => return false,
        }
        true
    }

    fn block(&mut self, index: usize) -> Option<&mut Block> {
        let at = self.blocks.iter().position(|b| b.index == index);
        let at = at.unwrap_or_else(|| {
            if self.blocks.len() >= MAX_BLOCKS {
                self.blocks.remove(0);
            }
            self.blocks.push(Block { index, said: Said::default(), done: false });
            self.blocks.len() - 1
        });
        self.blocks.get_mut(at)
    }

    /// A text as a whole: at the end of its block, and again at the end of its message.
    fn whole(&mut self, text: &Text<'_>, index: usize, whole: &str, emit: &mut Emit<'_>) {
        if let Some(block) = self.block(index).filter(|block| !block.done) {
            block.done = true;
            std::mem::take(&mut block.said).confirm(text, whole, emit);
        }
    }

    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.text("type");
        let again = value.is("willRetry");
        match type_ {
            "auto_retry_start" => self.retry(),
            "auto_compaction_end" | "compaction_end" if again => self.retry(),
            "auto_compaction_start" | "compaction_start" | "agent_settled" => {}
            _ => self.end(emit),
        }
        match type_ {
            "session" => {
                emit.status("session", value.text("id"), value.clone());
                self.session = Some(value);
            }
            "agent_start" => self.start(emit),
            "turn_start" | "turn_end" => {}
            "message_start" => {
                self.message += 1;
                self.blocks.clear();
            }
            "message_end" => self.message_end(&value, emit),
            "tool_execution_start" => self.tool(&value, emit),
            "tool_execution_end" => self.tool_done(&value, emit),
            "agent_end" if emit.over() => {
                emit.late(&value);
            }
            "agent_end" if again => self.retry(),
            "agent_end" => {
                let failed = self.note_last(&value) == "error";
                self.ending = Some(value);
                if !failed {
                    self.end(emit);
                }
            }
            _ => other(type_, &value, emit),
        }
    }

    /// The `agent_end` that is held was not the last.
    fn retry(&mut self) {
        self.ending = None;
        self.retrying = true;
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if std::mem::take(&mut self.retrying) && emit.turn_open() {
            return;
        }
        self.spent = Spent::default();
        self.last = Default::default();
        let session = self.session.as_ref();
        let text = |key| Some(session?.opt_text(key)?.into());
        emit.start_turn(&TurnStarted {
            runtime: "pi".into(),
            session: text("id"),
            cwd: text("cwd"),
            ..TurnStarted::default()
        });
    }

    fn message_end(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let message = value.at("message");
        let content = message.at("content");
        match message.text("role") {
            "assistant" => self.assistant(message, emit),
            "user" => {
                let said = plain(content);
                let parts = content.as_array().into_iter().flatten();
                let first = parts.filter_map(|part| part.opt_text("text")).next();
                emit.user(said.as_str().or(first).unwrap_or_default());
            }
            // The end of the tool has said it.
            "toolResult" => {}
            role => {
                let text = format!("message of role {role:?}");
                emit.status("info", &text, message.clone());
            }
        }
    }

    fn assistant(&mut self, message: &Value, emit: &mut Emit<'_>) {
        let content = message.get("content").and_then(Value::as_array);
        for (index, part) in content.into_iter().flatten().enumerate() {
            let (kind, said) = match (part.opt_text("text"), part.opt_text("thinking")) {
                (Some(said), _) => (TextKind::Answer, said),
                (_, Some(said)) => (TextKind::Reasoning, said),
                _ => continue,
            };
            let key = format!("{}/{index}", self.message);
            let text = Text { key: &key, kind, parent: None };
            self.whole(&text, index, said, emit);
        }
        // A message may come without its start.
        self.message += 1;
        self.blocks.clear();
        let used = message.at("usage");
        let cost = used.pointer("/cost/total").and_then(Value::as_f64);
        spend(&mut self.spent, usage(used).map(with_cache), cost);
        emit.note_spent(&self.spent);
        self.note(message);
    }

    fn note(&mut self, message: &Value) {
        let text = |key| message.text(key).to_owned();
        self.last = (text("stopReason"), text("errorMessage"));
    }

    /// How the last message ended, by the list of all if there is one.
    fn note_last(&mut self, value: &Value) -> &str {
        let all = value.get("messages").and_then(Value::as_array);
        let mut all = all.into_iter().flatten().rev();
        if let Some(message) = all.find(|m| m.opt_text("role") == Some("assistant")) {
            self.note(message);
        }
        &self.last.0
    }

    fn tool(&mut self, value: &Value, emit: &mut Emit<'_>) {
        for block in &mut self.blocks {
            block.said.close();
        }
        emit.tool(value.text("toolCallId"), value.text("toolName"), value.get("args"));
    }

    fn tool_done(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let result = value.at("result");
        let failed = value.is("isError");
        let output = plain(result.get("content").unwrap_or(result));
        let exit = ["/details/exit_code", "/details/exitCode"];
        emit.finish_tool(&Done {
            id: value.text("toolCallId"),
            name: value.text("toolName"),
            outcome: if failed { "error" } else { "ok" },
            output: Some(&output),
            exit_code: exit.iter().find_map(|key| result.pointer(key)?.as_i64()),
            ..Done::default()
        });
    }

    /// Ends the turn, if its last `agent_end` is still held.
    fn end(&mut self, emit: &mut Emit<'_>) {
        let Some(value) = self.ending.take() else {
            return;
        };
        let spent = std::mem::take(&mut self.spent);
        let (stop, error) = std::mem::take(&mut self.last);
        self.retrying = false;
        match stop.as_str() {
            "error" => emit.fail(failure(&error, "", None), &spent),
            "aborted" => emit.cancelled("aborted", Some("aborted"), &spent),
            _ => {
                let stop = if stop.is_empty() { "agent_end" } else { &stop };
                let result = last_text(&value);
                emit.complete(stop, result.as_deref(), &spent);
            }
        }
    }
}

/// The text of the last message, for releases that say it nowhere else.
fn last_text(value: &Value) -> Option<String> {
    let all = value.get("messages").and_then(Value::as_array)?;
    let last = all.iter().rev().find(|m| m.opt_text("role") == Some("assistant"))?;
    let parts = last.get("content").and_then(Value::as_array)?;
    let texts: Vec<&str> = parts.iter().filter_map(|p| p.opt_text("text")).collect();
    Some(texts.concat()).filter(|text| !text.is_empty())
}

fn other(type_: &str, value: &Value, emit: &mut Emit<'_>) {
    let said = ["errorMessage", "finalError", "error", "message", "toolName"];
    let said = said.iter().find_map(|key| value.opt_text(key)).map(one_line);
    let kind = match type_ {
        t if t.contains("retry") => "retry",
        t if t.contains("compaction") => "compaction",
        "tool_execution_update" => "progress",
        "extension_error" => "error",
        "message_update" => "progress",
        _ => "info",
    };
    let message = said.unwrap_or_else(|| match kind {
        "info" => format!("message of type {type_:?}"),
        _ => type_.replace('_', " "),
    });
    let data = match type_ {
        // What it repeats grows with every update, and the tool's end has it all.
        "tool_execution_update" => serde_json::json!({"id": value.opt_text("toolCallId")}),
        "message_update" => value.get("assistantMessageEvent").unwrap_or(value).clone(),
        _ => value.clone(),
    };
    emit.status(kind, &message, data);
}
