//! Codex CLI: `codex app-server`, and `codex exec --json` in its three generations, told apart by what their messages hold and never by a version.
//!
//! Source: recordings of 0.46 to 0.142 and of two generations before, and `exec_events.rs`. The first generation wraps
//! everything in `{id, msg}`, the second calls an item's type `item_type` and has no terminal event, the third is today's.

mod first;
mod items;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use super::prelude::*;

use first::First;
use server::Server;
use wire::{Item, Message};

pub(super) const SPEC: Spec = Spec {
    name: "codex",
    aliases: &["codex-exec"],
    versions: "generation 1 (mid 2025), 2 (September 2025), 3 (0.46 to 0.142), app-server by its documentation",
    about: "Codex CLI, exec --json and app-server",
    usage: "codex exec --json",
    commands: &["codex"],
    flags: &["--json", "--experimental-json", "app-server"],
    keys: "Err action agents_states aggregated_output approval cached_input_tokens changes command \
        completed count diff duration exit_code foo invocation item item_type items \
        last_agent_message matches msg nanos phase queries query reasoning_output_tokens \
        receiver_thread_ids sandbox secs sender_thread_id server shape stderr stdout \
        structured_content thread_id tool workdir worker-thread \
        aggregatedOutput exitCode itemId jsonrpc last method params threadId tokenUsage total \
        turnId turn willRetry inputTokens outputTokens cachedInputTokens cacheWriteInputTokens \
        reasoningOutputTokens totalTokens durationMs summaryIndex contentIndex codexErrorInfo",
    detect,
    new: |argv| Box::new(Codex::new(argv)),
    ..Spec::LINES
};

/// How many open items are remembered.
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

/// The generation, as far as it shows: they differ in what the end of the output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    First,
    Second,
    Third,
}

struct Codex {
    generation: Option<Generation>,
    thread: Option<String>,
    /// Items of this turn that were started and have not been completed.
    open: Vec<String>,
    usage: Counter,
    first: First,
    server: Server,
    /// The second generation's last word, if it was an error.
    error: Option<Value>,
}

/// The tokens of the thread, which its messages count from its beginning.
#[derive(Debug, Default)]
struct Counter {
    /// The sum at the end of the last turn; `None` where the thread began in another process.
    before: Option<Usage>,
}

impl Counter {
    /// What a turn used that ends with this sum.
    fn spent(&mut self, total: Option<Usage>) -> Spent {
        let Some(total) = total else {
            return Spent::default();
        };
        let before = self.before.replace(total);
        let mut spent = Spent::default();
        match before {
            None => spent.usage_total = Some(total),
            Some(before) => spent.usage = Some(minus(total, before)),
        }
        spent
    }
}

/// The difference of two sums; a sum that went back has begun anew.
fn minus(total: Usage, before: Usage) -> Usage {
    let fields = |u: Usage| [u.input_tokens, u.output_tokens, u.total_tokens];
    let back = fields(total)
        .into_iter()
        .zip(fields(before))
        .any(|(now, then)| now < then && now.is_some());
    let less = |now: Option<u64>, then: Option<u64>| {
        let then = if back { 0 } else { then.unwrap_or(0) };
        now.map(|n| n.saturating_sub(then))
    };
    Usage {
        input_tokens: less(total.input_tokens, before.input_tokens),
        output_tokens: less(total.output_tokens, before.output_tokens),
        cache_read_tokens: less(total.cache_read_tokens, before.cache_read_tokens),
        cache_write_tokens: less(total.cache_write_tokens, before.cache_write_tokens),
        reasoning_tokens: less(total.reasoning_tokens, before.reasoning_tokens),
        total_tokens: less(total.total_tokens, before.total_tokens),
    }
}

/// Tokens in Codex's words.
fn usage(value: &Value) -> Option<Usage> {
    let count = |key: &str| value.u64(key);
    value.is_object().then(|| Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cache_read_tokens: count("cached_input_tokens"),
        cache_write_tokens: count("cache_write_input_tokens"),
        reasoning_tokens: count("reasoning_output_tokens"),
        total_tokens: count("total_tokens"),
    })
}

impl Runtime for Codex {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        let value = serde_json::from_str(text)?;
        let unknown = emit.unknown(&value);
        let message = serde_json::from_str::<Message<'_>>(text).ok();
        let item = message.as_ref().and_then(|m| Some((m.type_.as_deref(), m.item.as_ref()?)));
        if !item.is_some_and(|item| self.item(item, emit)) {
            self.value(value, emit);
        }
        emit.keep(unknown);
        Ok(())
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.server.end(emit);
        if self.generation != Some(Generation::Second) {
            return Verdict::MissingResult;
        }
        // It exits with 0 even where it could not log in: its own last word decides.
        if let Some(error) = self.error.take()
            && (emit.turn_open() || emit.turns() == 0)
        {
            emit.fail(failure_of(&error), &Spent::default());
        }
        if self.open.is_empty() { Verdict::ByExit } else { Verdict::Truncated }
    }
}

impl Codex {
    fn new(argv: &[String]) -> Self {
        let resumed = argv.iter().any(|arg| arg == "resume");
        Self {
            generation: None,
            thread: None,
            open: Vec::new(),
            usage: Counter { before: (!resumed).then(Usage::default) },
            first: First::default(),
            server: Server::default(),
            error: None,
        }
    }

    fn start_turn(&mut self, emit: &mut Emit<'_>) {
        self.open.clear();
        emit.start_turn(&TurnStarted {
            runtime: "codex".into(),
            session: self.thread.as_deref().map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// Says an item; `false` if it is of an unknown kind.
    fn item(&mut self, (type_, item): (Option<&str>, &Item<'_>), emit: &mut Emit<'_>) -> bool {
        self.error = None;
        if item.item_type.is_some() {
            self.generation = Some(Generation::Second);
        }
        self.generation.get_or_insert(Generation::Third);
        let kind = item.type_.as_ref().or(item.item_type.as_ref());
        let kind = kind.map(|k| &**k).unwrap_or_default();
        // The second generation does not say when a turn begins.
        if self.generation == Some(Generation::Second) && kind != "error" && !emit.turn_open() {
            self.start_turn(emit);
        }
        let id = item.id.as_deref().unwrap_or_default();
        let text = |kind| Text { key: id, kind, parent: None };
        match (type_.unwrap_or_default(), kind, &item.text) {
            ("item.completed", "agent_message" | "assistant_message", Some(said)) => {
                emit.finish_block(&text(TextKind::Answer), Some(said));
            }
            ("item.completed", "reasoning", Some(said)) => {
                emit.finish_block(&text(TextKind::Reasoning), Some(said));
            }
            (type_, kind, _) if items::is_tool(kind) => {
                self.tool((type_, kind), item, emit);
            }
            _ => return false,
        }
        true
    }

    fn tool(&mut self, (type_, kind): (&str, &str), item: &Item<'_>, emit: &mut Emit<'_>) {
        let id = item.id.as_deref().unwrap_or_default();
        let late = type_ == "item.completed" && !emit.turn_open() && emit.turns() > 0;
        if !late {
            items::start(kind, item, emit);
        }
        if type_ == "item.completed" {
            self.open.retain(|open| open != id);
            items::finish(kind, item, emit);
        } else if self.open.len() < MAX_OPEN && !self.open.iter().any(|open| open == id) {
            self.open.push(id.to_owned());
        }
    }

    /// A message that is neither text nor tool, or one of the first generation.
    fn value(&mut self, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.text("type").to_owned();
        let over = !emit.turn_open() && emit.turns() > 0;
        match type_.as_str() {
            "" if server::is_message(&value) => self.server.message(&value, emit),
            "" => {
                self.generation.get_or_insert(Generation::First);
                self.first.value(value, emit, &mut self.usage);
            }
            "thread.started" | "session.created" => {
                let second = type_ == "session.created";
                self.generation.get_or_insert(if second {
                    Generation::Second
                } else {
                    Generation::Third
                });
                let id = value.opt_text("thread_id").or_else(|| value.opt_text("session_id"));
                self.thread = id.map(str::to_owned);
                let message = id.unwrap_or_default().to_owned();
                emit.status("session", &message, items::strip(value));
            }
            "turn.started" => {
                self.generation.get_or_insert(Generation::Third);
                self.start_turn(emit);
            }
            "turn.completed" if !over => {
                let total = value.get("usage").and_then(usage);
                let spent = self.usage.spent(total);
                emit.complete("completed", None, &spent);
                self.open.clear();
            }
            "turn.failed" if !over => {
                let spent = self.usage.spent(value.get("usage").and_then(usage));
                emit.fail(failure_of(value.get("error").unwrap_or(&value)), &spent);
                self.open.clear();
            }
            "turn.completed" | "turn.failed" => {
                emit.late(&value);
            }
            "error" => {
                let message = sentence(&value);
                if self.generation == Some(Generation::Second) {
                    self.error = Some(value.clone());
                }
                emit.status("error", &message, items::strip(value));
            }
            _ => items::other(&type_, value, emit),
        }
    }
}
