//! Claude Code's stream-json: `claude -p --output-format stream-json --verbose`, with or without partial messages.
//!
//! Source: recordings of 2.1.12 to 2.1.257 and the SDKs' schemas. One line is one content block; `system/init` opens a turn
//! and `result` ends it. It never decides by the exit status, and never by the order of a line's keys.

mod blocks;
mod content;
mod dialect;
mod notices;
mod partial;
mod result;
mod tally;
#[cfg(test)]
mod tests;
mod wire;

use super::prelude::*;
use crate::codec::{self, Fields};

use content::sentence;
use dialect::{CLAUDE, detect};
pub(super) use dialect::{Cached, Dialect, Errors, Ids};
use notices::Notices;
use partial::{Partial, Place};
use result::{Outcome, Results};
use tally::Tally;
use wire::{Content, Message, StreamEvent};

pub(super) const SPEC: Spec = Spec {
    name: "claude",
    aliases: &["claude-code"],
    versions: "2.1.12 to 2.1.257",
    about: "Claude Code, stream-json",
    usage: "claude -p --output-format stream-json --verbose --include-partial-messages",
    commands: &["claude"],
    flags: &["stream-json"],
    keys: "aborted agents analytics_disabled apiKeySource api_error_status attempt auto background \
        budget by_type cache_creation cache_creation_input_tokens cache_read_input_tokens caller \
        capabilities claude_code_version completed concurrency_limit content_block \
        context_management cost_usd depth_limit diagnostics duration_api_ms end_time entrypoint \
        error_status errors estimated_tokens estimated_tokens_delta event failed \
        fast_mode_disabled_reason fast_mode_state first_message_read_ms five_hour foreground \
        hook_event hook_id hook_name hooks_init_ms inference_geo isUsingOverage iterations \
        killed max_depth max_retries mcp_connect_ms mcp_prewait_ms mcp_servers memory_paths \
        needs_action node_boot_ms non_execution_kind output_file output_style \
        output_tokens_details overageDisabledReason overageStatus parent parent_tool_use_id \
        patch permissionMode permission_denials phase_start_ms phases plugins \
        product_feedback_disabled queued_turn_count rateLimitType rate_limit_info refused \
        request requested resetsAt response retry_delay_ms server_tool_use settings_load_ms \
        seven_day skills skills_load_ms slash_commands source spawned spawned_by_subagents speed \
        started_in_background startup_timing status_category status_detail still_queued \
        stop_details stop_reason stop_sequence subagent_stats subagent_type summarizes_uuid \
        surpassedThreshold system task_description task_id task_type terminal_reason \
        terminal_slash_commands thinking_tokens time_origin_ms time_to_request_ms tool_name \
        tool_result_meta tool_uses total_cost_usd ttft_ms ttft_stream_ms unifiedWindows unset \
        user utilization uuid warm_spare_claimed web_fetch_requests web_search_requests",
    detect,
    new: |argv| Box::new(Claude::new(&CLAUDE, argv).taking_orders(argv)),
    ..Spec::LINES
};

/// The adapter of a dialect.
pub(super) struct Claude {
    dialect: &'static Dialect,
    /// True if it reads messages on its stdin.
    takes_orders: bool,
    /// How many lines without a message id there were.
    unnamed: u64,
    /// The last message of type `error`, where that can end a turn.
    error: Option<Value>,
    partial: Partial,
    notices: Notices,
    results: Results,
    tally: Tally,
}

impl Runtime for Claude {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        self.message(text, emit)
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.release(emit);
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            let (message, words) = (sentence(&error), error.to_string());
            emit.fail(failure(&message, &words, None), &Spent::default());
        }
        Verdict::MissingResult
    }

    /// Source: the Agent SDKs, which speak to the same program.
    fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        let message = match order {
            Order::Interrupt => serde_json::json!({"type": "control_request",
                "request_id": format!("spile-{number}"), "request": {"subtype": "interrupt"}}),
            Order::Prompt(text) => serde_json::json!({"type": "user", "session_id": "",
                "parent_tool_use_id": null, "message": {"role": "user", "content": text}}),
        };
        self.takes_orders.then(|| message.to_string())
    }
}

impl Claude {
    /// It takes orders if the command line says that it reads messages.
    fn taking_orders(mut self, argv: &[String]) -> Self {
        let mut words = argv.iter().map(String::as_str);
        let two = words
            .clone()
            .zip(words.clone().skip(1))
            .any(|pair| pair == ("--input-format", "stream-json"));
        self.takes_orders = two || words.any(|word| word == "--input-format=stream-json");
        self
    }

    /// An adapter before its first line.
    pub(super) fn new(dialect: &'static Dialect, argv: &[String]) -> Self {
        Self {
            dialect,
            takes_orders: false,
            unnamed: 0,
            error: None,
            partial: Partial::default(),
            notices: Notices::default(),
            results: Results::new(argv),
            tally: Tally::default(),
        }
    }

    /// Says what a line says.
    ///
    /// # Errors
    /// That the line is no JSON, or holds an escape which serde_json refuses.
    fn message(&mut self, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        if !text.starts_with('{') {
            serde_json::from_str::<serde::de::IgnoredAny>(text)?;
            // An element of an array that is no object.
            self.notice(text, &Fields(Vec::new()), emit);
            return Ok(());
        }
        let message = Message::read(text)?;
        let fields = &message.fields;
        let known = match &*message.type_ {
            "assistant" | "user" | "stream_event" => {
                let said = self.said(text, &message, emit);
                if !said && codec::mend_lone(text).is_some() {
                    // It may be no more than half a character that makes it look odd.
                    serde_json::from_str::<Value>(text)?;
                }
                said
            }
            "system" => self.system(fields, emit),
            "result" => {
                self.result(&Outcome::read(text, fields)?, emit);
                true
            }
            _ => false,
        };
        let told = matches!(&*message.type_, "assistant" | "user" | "stream_event");
        // Looking for unknown keys costs more than all the rest.
        let unknown = if known && (message.odd || !told) {
            let value = value_of(text, emit);
            emit.unknown(&value)
        } else {
            serde_json::Map::new()
        };
        if !known {
            self.notice(text, fields, emit);
        }
        emit.keep(unknown);
        Ok(())
    }

    /// Texts and tools, whole or in pieces; `false` if the line has none that are known.
    fn said(&mut self, line: &str, message: &Message<'_>, emit: &mut Emit<'_>) -> bool {
        let parent = message.parent.as_deref();
        let content = message.body.as_ref().map(|body| (body, &body.content));
        match (&*message.type_, content) {
            ("assistant", Some((body, Content::Blocks(blocks)))) => {
                self.assistant(line, (message, body, blocks), emit);
            }
            ("user", Some((_, Content::Blocks(blocks)))) => {
                for (at, block) in blocks.iter().enumerate() {
                    self.block(line, (at, block), message, emit);
                }
            }
            ("user", Some((_, Content::Text(said)))) => self.prompt(said, parent, emit),
            ("stream_event", _) => {
                return message
                    .event
                    .as_ref()
                    .is_some_and(|event| self.stream_event(parent, event, emit));
            }
            _ => return false,
        }
        true
    }

    /// The two kinds of `system` lines that are long or many; `false` for every other.
    fn system(&mut self, fields: &Fields<'_>, emit: &mut Emit<'_>) -> bool {
        match fields.text("subtype").as_deref() {
            Some("init") => notices::init(self.dialect, fields, emit),
            Some("thinking_tokens") => notices::thinking(fields, emit),
            _ => return false,
        }
        true
    }

    /// The end of a turn.
    fn result(&mut self, outcome: &Outcome<'_>, emit: &mut Emit<'_>) {
        self.release(emit);
        self.results.result(self.dialect, outcome, emit);
        self.partial.clear();
        self.tally.clear();
        self.error = None;
    }

    /// A line that is neither text nor tool nor a result, or one of an unknown shape.
    fn notice(&mut self, line: &str, fields: &Fields<'_>, emit: &mut Emit<'_>) {
        let event = fields.object("event");
        if let Some(usage) = event.and_then(|event| self.dialect.usage(event.get("usage")?)) {
            self.tally.count("", usage, emit);
        }
        self.results.note(fields);
        if fields.text("type").as_deref() == Some("error") && self.dialect.errors == Errors::Fatal {
            self.error = Some(value_of(line, emit));
        }
        self.notices.say(line, fields, emit);
    }

    /// Says what a partial message says; `false` if it is of an unknown kind.
    fn stream_event(
        &mut self,
        parent: Option<&str>,
        event: &StreamEvent<'_>,
        emit: &mut Emit<'_>,
    ) -> bool {
        let place = Place { parent, index: event.index };
        match (&*event.type_, &event.delta, &event.content_block) {
            ("content_block_delta", Some(delta), _) => {
                match (&*delta.type_, &delta.text, &delta.thinking, &delta.partial_json) {
                    ("text_delta", Some(text), _, _) => {
                        self.partial.delta(place, TextKind::Answer, text, emit);
                    }
                    ("thinking_delta", _, Some(text), _) => {
                        self.partial.delta(place, TextKind::Reasoning, text, emit);
                    }
                    ("input_json_delta", _, _, Some(json)) => self.partial.input(place, json),
                    ("signature_delta", ..) => {}
                    _ => return false,
                }
            }
            ("content_block_start", _, Some(block)) => {
                let said =
                    [(TextKind::Answer, &block.text), (TextKind::Reasoning, &block.thinking)];
                for (kind, text) in said {
                    self.partial.delta(place, kind, text.as_deref().unwrap_or_default(), emit);
                }
                if block.type_.ends_with("tool_use")
                    && let Some(id) = &block.id
                    && let Some(oldest) =
                        self.partial.hold(place, id, block.name.as_deref().unwrap_or_default())
                {
                    self.start_held(&oldest, emit);
                }
            }
            ("content_block_stop", ..) => {
                if let Some(held) = self.partial.stop(place, emit) {
                    self.start_held(&held, emit);
                }
            }
            ("message_start", ..) => {
                let id = event.message.as_deref().unwrap_or_default();
                self.partial.message(parent, id);
            }
            // The frame of a message: its end says nothing.
            ("message_stop" | "ping", ..) => {}
            _ => return false,
        }
        true
    }
}
