//! Codex CLI: `codex app-server`, and `codex exec --json` in its three generations, recognised by their messages alone.
//!
//! Source: recordings of 0.46 to 0.142 and of two generations before, and `exec_events.rs`. The first generation wraps
//! everything in `{id, msg}`, the second calls an item's type `item_type` and has no terminal event, the third is today's.

mod first;
mod items;
mod server;
#[cfg(test)]
mod tests;

use super::prelude::*;
use crate::codec::{self, Fields};

use first::First;
use server::Server;

pub(super) const SPEC: Spec = Spec {
    name: "codex",
    aliases: &["codex-exec"],
    versions: "generation 1 (mid 2025), 2 (September 2025), 3 (0.46 to 0.142), app-server by its documentation",
    about: "Codex CLI, exec --json and app-server",
    usage: "codex exec --json",
    commands: &["codex"],
    flags: &["--json", "--experimental-json", "app-server"],
    keys: "Err action agents_states aggregated_output approval cached_input_tokens changes command \
        completed count diff duration exit_code invocation item item_type items \
        last_agent_message matches msg nanos phase queries query reasoning_output_tokens \
        receiver_thread_ids sandbox secs sender_thread_id server shape stderr stdout \
        structured_content thread_id tool workdir \
        aggregatedOutput exitCode itemId jsonrpc last method params threadId tokenUsage total \
        turnId turn willRetry inputTokens outputTokens cachedInputTokens cacheWriteInputTokens \
        reasoningOutputTokens totalTokens durationMs summaryIndex contentIndex codexErrorInfo",
    detect,
    new: |argv| Box::new(Codex::new(argv)),
    ..Spec::LINES
};

/// Open items that are remembered.
const MAX_OPEN: usize = 4096;

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let type_ = value.text("type");
    let item = value.at("item");
    let item = item.opt_text("type").or_else(|| item.opt_text("item_type"));
    match type_ {
        "thread.started" if has("thread_id") => Match::Sure,
        "session.created" if has("session_id") => Match::Sure,
        "item.started" | "item.updated" | "item.completed" if item.is_some() => Match::Sure,
        "turn.started" | "turn.completed" | "turn.failed" if !has("data") => Match::Maybe,
        "error" if value.opt_text("message").is_some() && !has("timestamp") => Match::Maybe,
        "" if has("id") && value.get("msg").is_some_and(|m| m.opt_text("type").is_some()) => {
            Match::Sure
        }
        "" if has("sandbox") && has("model") => Match::Maybe,
        "" => server::detect(value),
        _ => Match::No,
    }
}

struct Codex {
    /// True if the messages are the second generation's, once that is known: it has no terminal event.
    second: Option<bool>,
    thread: Option<String>,
    /// Items of this turn that were started and not completed.
    open: Vec<String>,
    usage: Counter,
    first: First,
    server: Server,
}

/// Tokens of the thread, which are counted from its beginning.
#[derive(Debug, Default)]
struct Counter {
    /// The sum at the end of the last turn; `None` where the thread began in another process.
    before: Option<Usage>,
}

impl Counter {
    /// The tokens of a turn that ends with this sum.
    fn usage_of(&mut self, total: Option<Usage>) -> UsageAndCost {
        let before = total.and_then(|total| self.before.replace(total));
        let usage = total.zip(before).map(|(total, before)| minus(total, before));
        UsageAndCost {
            usage,
            usage_total: total.filter(|_| before.is_none()),
            ..UsageAndCost::default()
        }
    }
}

/// The difference of two sums; a sum that went back has begun anew.
fn minus(total: Usage, before: Usage) -> Usage {
    let fields = |u: Usage| [u.input_tokens, u.output_tokens, u.total_tokens];
    let mut both = fields(total).into_iter().zip(fields(before));
    let back = both.any(|(now, then)| now < then && now.is_some());
    let before = if back { Usage::default() } else { before };
    total.merge(before, |now, then| Some(now?.saturating_sub(then.unwrap_or(0))))
}

/// Tokens, under the keys of exec or of the app-server.
fn usage(value: &Value) -> Option<Usage> {
    let exec = ["input_tokens", "output_tokens", "cached_input_tokens"];
    let server = ["inputTokens", "outputTokens", "cachedInputTokens"];
    let read = |[input, output, cached]: [_; 3], written, reasoning, total| Usage {
        total_tokens: value.u64(total),
        ..tokens(value, [input, output, cached, written, reasoning])
    };
    let exec = read(exec, "cache_write_input_tokens", "reasoning_output_tokens", "total_tokens");
    let server = read(server, "cacheWriteInputTokens", "reasoningOutputTokens", "totalTokens");
    value.is_object().then(|| exec.merge(server, Option::or))
}

/// Outcome of a tool with this status; `done` is that of a completed one.
fn outcome(status: Option<&str>, done: &'static str) -> &'static str {
    match status.unwrap_or("completed") {
        "declined" => "denied",
        "cancelled" | "canceled" | "interrupted" => "cancelled",
        "completed" => done,
        "failed" => "error",
        _ => "unknown",
    }
}

impl Runtime for Codex {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        let item = items::read(text).filter(|_| codec::replace_lone_surrogates(text).is_none());
        if let Some((fields, item)) = item
            && self.item(&fields.text("type").unwrap_or_default(), &item, emit)
        {
            let keys = &emit.input.keys;
            if keys.odd_among(&fields) || keys.odd_among(&item) {
                emit.keep_unknown(text);
            }
            return Ok(());
        }
        self.value(serde_json::from_str(text)?, emit);
        emit.keep_unknown(text);
        Ok(())
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if self.second != Some(true) {
            return TurnVerdict::MissingResult;
        }
        // It exits with 0 even where it could not log in: an error that comes last decides.
        emit.fail_last();
        if self.open.is_empty() { TurnVerdict::ByExit } else { TurnVerdict::Truncated }
    }
}

impl Codex {
    fn new(argv: &[String]) -> Self {
        let resumed = argv.iter().any(|arg| arg == "resume");
        Self {
            second: None,
            thread: None,
            open: Vec::new(),
            usage: Counter { before: (!resumed).then(Usage::default) },
            first: First::default(),
            server: Server::default(),
        }
    }

    fn start_turn(&mut self, emit: &mut Emit<'_>) {
        self.open.clear();
        emit.start_turn(&TurnStarted {
            session: self.thread.as_deref().map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// An item; `false` if it is of an unknown kind.
    fn item(&mut self, type_: &str, item: &Fields<'_>, emit: &mut Emit<'_>) -> bool {
        emit.input.error = None;
        let second_type = item.text("item_type");
        if second_type.is_some() {
            self.second = Some(true);
        }
        self.second.get_or_insert(false);
        let kind = item.text("type").or(second_type).unwrap_or_default();
        // In the second generation no message begins a turn.
        if self.second == Some(true) && kind != "error" && !emit.turn_open() {
            self.start_turn(emit);
        }
        let id = item.text("id").unwrap_or_default();
        let completed = type_ == "item.completed";
        match (&*kind, item.text("text")) {
            ("agent_message" | "assistant_message", Some(whole)) if completed => {
                emit.finish_block(&text(TextKind::Answer, &id), Some(&whole));
            }
            ("reasoning", Some(whole)) if completed => {
                emit.finish_block(&text(TextKind::Reasoning, &id), Some(&whole));
            }
            (kind, _) if items::TOOLS.contains(&kind) => {
                if !completed || !emit.over() {
                    items::start((&id, kind), item, emit);
                }
                if completed {
                    self.open.retain(|open| *open != id);
                    items::finish((&id, kind), item, emit);
                } else if self.open.len() < MAX_OPEN && !self.open.iter().any(|open| *open == id) {
                    self.open.push(id.into_owned());
                }
            }
            _ => return false,
        }
        true
    }

    /// A message that is neither text nor tool, or one of the first generation or the app-server.
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.text("type").to_owned();
        match type_.as_str() {
            "" if server::is_message(&value) => self.server.message(&value, emit),
            "" => {
                self.second.get_or_insert(false);
                self.first.value(value, &mut self.usage, emit);
            }
            "thread.started" | "session.created" => {
                self.second.get_or_insert(type_ == "session.created");
                let id = value.opt_text("thread_id").or_else(|| value.opt_text("session_id"));
                self.thread = id.map(str::to_owned);
                let message = id.unwrap_or_default().to_owned();
                emit.status("session", &message, items::strip(value));
            }
            "turn.started" => {
                self.second.get_or_insert(false);
                self.start_turn(emit);
            }
            "turn.completed" | "turn.failed" if emit.over() => emit.late(&value),
            "turn.completed" => {
                emit.complete("completed", None, &self.usage.usage_of(usage(value.at("usage"))));
                self.open.clear();
            }
            "turn.failed" => {
                let error = failure_of(value.get("error").unwrap_or(&value));
                emit.fail(error, &self.usage.usage_of(usage(value.at("usage"))));
                self.open.clear();
            }
            "error" => {
                let last = (self.second == Some(true)).then(|| emit.failure(&value));
                emit.input.error = last;
                emit.status("error", &sentence(&value), items::strip(value));
            }
            _ => items::other(&type_, &value, emit),
        }
    }
}
