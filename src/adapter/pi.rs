//! pi: `pi -p --mode json PROMPT`. Until 0.84 every update repeated the whole message twice; its delta and the message's
//! end are all that is read. A turn is from `agent_start` to the `agent_end` that is not tried again.
//!
//! Source: recordings of 0.73.1 and fixtures of its users. `turn_start` and `turn_end` are one call of the model.

use super::prelude::*;
use std::collections::BTreeMap;

use crate::codec::{Cursor, Fields};

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

/// Limit of the blocks of a message.
const MAX_BLOCKS: usize = 256;

fn detect(value: &Value) -> Match {
    let message = value.at("message");
    let sure = match value.text("type") {
        "session" => value.at("version").is_number() && value.has("cwd"),
        "message_update" => value.has("assistantMessageEvent"),
        // The Messages API has a `message_start` too; its messages have a type.
        "message_start" | "message_end" | "turn_end" => {
            message.get("role").is_some() && message.get("type").is_none()
        }
        "tool_execution_start" | "tool_execution_update" | "tool_execution_end" => {
            value.has("toolCallId") && value.has("toolName")
        }
        "agent_end" => value.at("messages").is_array(),
        "auto_retry_start" => value.has("maxAttempts"),
        "agent_start" | "turn_start" if value.as_object().is_some_and(|o| o.len() == 1) => {
            return Match::Maybe;
        }
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

#[derive(Default)]
struct Pi {
    session: Value,
    message: u64,
    /// Blocks of the message that is growing, by their index.
    blocks: BTreeMap<u64, OpenBlock>,
    spent: UsageAndCost,
    /// Stop reason and error of the assistant's last message.
    last: (String, String),
    /// Error of an `agent_end` that may be retried.
    failed: Option<Failure<'static>>,
    /// True if the failed turn goes on with the next `agent_start`.
    retrying: bool,
}

#[derive(Default)]
struct OpenBlock {
    streamed: StreamedText,
    done: bool,
}

/// The named fields of a message as a value; nothing if one of them cannot be read.
fn part(fields: &Fields<'_>, keys: &[&str]) -> Option<Value> {
    let read = |key: &&str| Some(((*key).to_owned(), serde_json::from_str(fields.get(key)?)));
    let part: serde_json::Result<_> =
        keys.iter().filter_map(read).map(|(key, value)| Ok((key, value?))).collect();
    part.map(Value::Object).ok()
}

impl Runtime for Pi {
    /// No value is made of the messages that an update, a start or the end of a call repeats.
    fn on_text(&mut self, event: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        let fields = Cursor::read(text, Fields::scan);
        let said = fields.is_some_and(|fields| self.repeat(&fields, emit));
        if !said {
            self.on_message(event, serde_json::from_str(text)?, emit);
        }
        emit.keep_unknown(text);
        Ok(())
    }

    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let (type_, again) = (value.text("type"), value.is("willRetry"));
        match type_ {
            "message_update" if self.update(value.at("assistantMessageEvent"), emit) => return,
            "auto_retry_start" => self.retry(),
            "auto_compaction_end" | "compaction_end" if again => self.retry(),
            "auto_compaction_start" | "compaction_start" | "agent_settled" => {}
            _ => self.fail(emit),
        }
        match type_ {
            "session" => {
                emit.status("session", value.text("id"), value.clone());
                self.session = value;
            }
            "agent_start" => self.start(emit),
            "turn_start" | "turn_end" => {}
            "message_start" => self.next_message(),
            "message_end" => self.message_end(value.at("message"), emit),
            "tool_execution_start" => {
                emit.tool(value.text("toolCallId"), value.text("toolName"), value.get("args"));
            }
            "tool_execution_end" => tool_done(&value, emit),
            "agent_end" if emit.over() => emit.late(&value),
            "agent_end" if again => self.retry(),
            "agent_end" => self.agent_end(&value, emit),
            _ => other(type_, &value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.fail(emit);
        TurnVerdict::MissingResult
    }
}

impl Pi {
    /// Takes a message that is for the most part a repetition; `false` if it is none.
    fn repeat(&mut self, fields: &Fields<'_>, emit: &mut Emit<'_>) -> bool {
        let type_ = fields.text("type").unwrap_or_default();
        let part = match &*type_ {
            "message_update" => fields
                .object("assistantMessageEvent")
                .and_then(|event| part(&event, &["type", "contentIndex", "delta", "content"])),
            "message_start" | "turn_start" | "turn_end" => part(fields, &["type"]),
            _ => None,
        };
        match part {
            Some(event) if type_ == "message_update" => self.update(&event, emit),
            Some(message) => {
                self.on_message("", message, emit);
                true
            }
            None => false,
        }
    }

    /// Emits an update; `false` if it is of an unknown kind.
    fn update(&mut self, event: &Value, emit: &mut Emit<'_>) -> bool {
        let index = event.non_null("contentIndex").map_or(Some(0), Value::as_u64);
        let Some(index) = index else { return false };
        let type_ = event.text("type");
        let thought = type_.starts_with("thinking");
        let kind = if thought { TextKind::Reasoning } else { TextKind::Answer };
        match (type_, event.opt_text("delta"), event.opt_text("content")) {
            ("text_delta" | "thinking_delta", Some(delta), _) => {
                let key = format!("{}/{index}", self.message);
                self.block(index).streamed.delta(&text(kind, &key), delta, emit);
            }
            ("text_end" | "thinking_end", _, Some(whole)) => self.whole(kind, index, whole, emit),
            // Deltas, the message's end and the tools themselves have the rest.
            ("start" | "done" | "text_start" | "thinking_start", ..) => {}
            ("toolcall_start" | "toolcall_delta" | "toolcall_end", ..) => {}
            _ => return false,
        }
        true
    }

    fn block(&mut self, index: u64) -> &mut OpenBlock {
        if self.blocks.len() >= MAX_BLOCKS && !self.blocks.contains_key(&index) {
            self.blocks.pop_first();
        }
        self.blocks.entry(index).or_default()
    }

    /// A text as a whole: at the end of its block, and again at the end of its message.
    fn whole(&mut self, kind: TextKind, index: u64, whole: &str, emit: &mut Emit<'_>) {
        let key = format!("{}/{index}", self.message);
        let block = self.block(index);
        if !std::mem::replace(&mut block.done, true) {
            std::mem::take(&mut block.streamed).confirm(&text(kind, &key), whole, emit);
        }
    }

    fn next_message(&mut self) {
        self.message += 1;
        self.blocks.clear();
    }

    /// The `agent_end` before was not the last.
    fn retry(&mut self) {
        self.failed = None;
        self.retrying = true;
    }

    fn start(&mut self, emit: &mut Emit<'_>) {
        if std::mem::take(&mut self.retrying) && emit.turn_open() {
            return;
        }
        self.spent = UsageAndCost::default();
        self.last = Default::default();
        emit.start_turn(&TurnStarted {
            session: self.session.opt_text("id").map(Into::into),
            cwd: self.session.opt_text("cwd").map(Into::into),
            ..TurnStarted::default()
        });
    }

    fn message_end(&mut self, message: &Value, emit: &mut Emit<'_>) {
        match message.text("role") {
            "assistant" => self.assistant(message, emit),
            "user" => {
                let first = message.items("content").find_map(|part| part.opt_text("text"));
                emit.user(plain(message.at("content")).as_str().or(first).unwrap_or_default());
            }
            // The end of the tool has the same.
            "toolResult" => {}
            role => emit.status("info", &format!("message of role {role:?}"), message.clone()),
        }
    }

    fn assistant(&mut self, message: &Value, emit: &mut Emit<'_>) {
        for (index, part) in (0..).zip(message.items("content")) {
            match (part.opt_text("text"), part.opt_text("thinking")) {
                (Some(answer), _) => self.whole(TextKind::Answer, index, answer, emit),
                (_, Some(thought)) => self.whole(TextKind::Reasoning, index, thought, emit),
                _ => {}
            }
        }
        // A message may come without its start.
        self.next_message();
        let used = message.at("usage");
        spend(&mut self.spent, usage(used).map(with_cache), used.at("cost").f64("total"));
        emit.report_spent(&self.spent);
        self.note(message);
    }

    fn note(&mut self, message: &Value) {
        let text = |key| message.text(key).to_owned();
        self.last = (text("stopReason"), text("errorMessage"));
    }

    /// Ends the turn by its last message; with an error it may be tried again.
    fn agent_end(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let last = value.items("messages").rfind(|message| message.text("role") == "assistant");
        last.into_iter().for_each(|message| self.note(message));
        let (stop, error) = (self.last.0.as_str(), &self.last.1);
        if stop == "error" {
            self.failed = Some(failure(error, "", None));
            return;
        }
        let spent = std::mem::take(&mut self.spent);
        if stop == "aborted" {
            emit.cancelled(stop, Some(stop), &spent);
        } else {
            let stop = if stop.is_empty() { "agent_end" } else { stop };
            // In some releases the text of the last message stands nowhere else.
            let parts = last.into_iter().flat_map(|message| message.items("content"));
            let result: String = parts.filter_map(|part| part.opt_text("text")).collect();
            emit.complete(stop, Some(&*result).filter(|text| !text.is_empty()), &spent);
        }
        self.last = Default::default();
        self.retrying = false;
    }

    /// Ends the turn with the error that was not tried again, if there is one.
    fn fail(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.failed.take() {
            self.last = Default::default();
            self.retrying = false;
            emit.fail(error, &std::mem::take(&mut self.spent));
        }
    }
}

fn tool_done(value: &Value, emit: &mut Emit<'_>) {
    let (result, details) = (value.at("result"), value.at("result").at("details"));
    emit.finish_tool(&Done {
        id: value.text("toolCallId"),
        name: value.text("toolName"),
        outcome: if value.is("isError") { "error" } else { "ok" },
        output: Some(&plain(result.get("content").unwrap_or(result))),
        exit_code: ["exit_code", "exitCode"].iter().find_map(|key| details.at(key).as_i64()),
        ..Done::default()
    });
}

fn other(type_: &str, value: &Value, emit: &mut Emit<'_>) {
    let kind = match type_ {
        t if t.contains("retry") => "retry",
        t if t.contains("compaction") => "compaction",
        "tool_execution_update" | "message_update" => "progress",
        "extension_error" => "error",
        _ => "info",
    };
    let keys = ["errorMessage", "finalError", "error", "message", "toolName"];
    let message = keys.iter().find_map(|key| value.opt_text(key)).map(one_line);
    let message = message.unwrap_or_else(|| match kind {
        "info" => format!("message of type {type_:?}"),
        _ => type_.replace('_', " "),
    });
    let data = match type_ {
        // The output that it repeats grows with every update, and the tool's end has all of it.
        "tool_execution_update" => serde_json::json!({"id": value.opt_text("toolCallId")}),
        "message_update" => value.get("assistantMessageEvent").unwrap_or(value).clone(),
        _ => value.clone(),
    };
    emit.status(kind, &message, data);
}
