//! Claude Code, `claude -p --output-format stream-json --verbose`, with or without partial messages.
//!
//! Source: recordings of 2.1.12 to 2.1.257 and the SDKs' schemas. A line is a content block; `system/init` opens a turn
//! and `result` ends it. Neither the exit status nor the order of a line's keys decides anything.

mod blocks;
mod dialect;
mod notices;
mod partial;
mod result;
mod tally;
#[cfg(test)]
mod tests;
mod wire;

use super::OWN;
use super::prelude::*;
use crate::codec::{self, Fields};
use crate::guard::TextKind::{Answer, Reasoning};

pub(super) use dialect::Dialect;
use dialect::{CLAUDE, detect};
use notices::Notices;
use partial::Partial;
use result::Results;
use tally::Tally;
use wire::{Body, Content, Message, StreamEvent};

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
        ephemeral_1h_input_tokens ephemeral_5m_input_tokens error_status errors estimated_tokens estimated_tokens_delta event failed \
        fast_mode_disabled_reason fast_mode_state first_message_read_ms five_hour foreground \
        hook_event hook_id isReplay hook_name hooks_init_ms inference_geo isUsingOverage iterations \
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
    new: |argv| {
        let two = |pair: &[String]| pair == ["--input-format", "stream-json"];
        let one = |arg: &String| arg == "--input-format=stream-json";
        let takes_orders = argv.windows(2).any(two) || argv.iter().any(one);
        Box::new(Claude { takes_orders, ..Claude::new(&CLAUDE, argv) })
    },
    ..Spec::LINES
};

/// The user message with a text.
pub(crate) fn user_message(text: &str, uuid: Option<&str>) -> Value {
    let mut message = serde_json::json!({"type": "user", "session_id": "", "parent_tool_use_id": null,
        "message": {"role": "user", "content": text}});
    if let Some(uuid) = uuid {
        message["uuid"] = uuid.into();
    }
    message
}

/// The request that interrupts the turn.
pub(crate) fn interrupt(number: u64) -> Value {
    serde_json::json!({"type": "control_request", "request_id": format!("spile-{number}"),
        "request": {"subtype": "interrupt"}})
}

/// The adapter of a dialect.
pub(super) struct Claude {
    dialect: &'static Dialect,
    /// True if it reads messages on its stdin.
    takes_orders: bool,
    partial: Partial,
    notices: Notices,
    results: Results,
    tally: Tally,
}

impl Runtime for Claude {
    fn on_text(&mut self, _: &str, text: &str, emit: &mut Emit<'_>) -> serde_json::Result<()> {
        if !text.starts_with('{') {
            // An element of an array that is no object.
            serde_json::from_str::<serde::de::IgnoredAny>(text)?;
            self.notice(text, &Fields(Vec::new()), emit);
            return Ok(());
        }
        let message = Message::read(text, &emit.input.keys)?;
        let fields = &message.fields;
        let known = match &*message.type_ {
            "assistant" | "user" | "stream_event" => {
                let known = self.parts(text, &message, emit);
                if !known && codec::replace_lone_surrogates(text).is_some() {
                    // Half a character may be all that makes it look odd.
                    serde_json::from_str::<Value>(text)?;
                }
                known
            }
            "system" if fields.text("subtype").as_deref() == Some("init") => {
                notices::init(self.dialect, fields, emit);
                true
            }
            "result" => {
                if codec::replace_lone_surrogates(text).is_some() {
                    serde_json::from_str::<Value>(text)?;
                }
                emit.start_all_held();
                self.results.result(self.dialect, text, &message, emit);
                self.partial = Partial::default();
                self.tally = Tally::default();
                true
            }
            _ => false,
        };
        if !known {
            self.notice(text, fields, emit);
        } else if message.odd {
            emit.keep_unknown(text);
        }
        Ok(())
    }

    /// Source: the Agent SDKs, which run the same program.
    fn order(&self, order: Order<'_>, number: u64) -> Option<String> {
        let message = match order {
            Order::Interrupt(_) => interrupt(number),
            Order::Prompt(text) => user_message(text, None),
        };
        self.takes_orders.then(|| message.to_string())
    }
}

impl Claude {
    /// An adapter before its first line.
    pub(super) fn new(dialect: &'static Dialect, argv: &[String]) -> Self {
        Self {
            dialect,
            takes_orders: false,
            partial: Partial::default(),
            notices: Notices::default(),
            results: Results::new(argv),
            tally: Tally::default(),
        }
    }

    /// Texts and tools, whole or in pieces; `false` if the line has none that are known.
    fn parts(&mut self, line: &str, message: &Message<'_>, emit: &mut Emit<'_>) -> bool {
        let parent = message.parent.as_deref();
        match (&*message.type_, &message.body, &message.event) {
            ("assistant", Some(body @ Body { content: Content::Blocks(blocks), .. }), _) => {
                self.assistant(line, message, (body, blocks), emit);
            }
            ("user", Some(Body { content: Content::Blocks(blocks), .. }), _) => {
                for block in blocks.iter().enumerate() {
                    self.block(line, block, message, emit);
                }
            }
            ("user", Some(Body { content: Content::Text(prompt), .. }), _) => {
                match message.fields.text("uuid").filter(|id| id.starts_with(OWN)) {
                    Some(id) => emit.message_read(&id),
                    None => self.prompt(prompt, parent, emit),
                }
            }
            ("stream_event", _, Some(event)) => return self.stream_event(parent, event, emit),
            _ => return false,
        }
        true
    }

    /// A line that is neither text nor tool nor a result, or one of an unknown shape.
    fn notice(&mut self, line: &str, fields: &Fields<'_>, emit: &mut Emit<'_>) {
        let event = fields.object("event");
        if let Some(usage) = event.and_then(|event| self.dialect.usage(event.get("usage")?)) {
            let parent = fields.text("parent_tool_use_id");
            self.tally.count(parent.as_deref(), usage, emit);
        }
        if let Some(limit) = fields.object("rate_limit_info")
            && limit.text("status").as_deref() == Some("rejected")
        {
            self.results.resets_at = limit.count("resetsAt");
        }
        if self.dialect.errors_end && fields.text("type").as_deref() == Some("error") {
            let error = value_of(line, emit);
            let inner = error.get("error").unwrap_or(&error);
            let message = inner.as_str().or_else(|| inner.opt_text("message"));
            let message = message.or_else(|| error.opt_text("message"));
            let message = message.unwrap_or("the runtime reported an error");
            emit.input.error = Some(failure(message, &error.to_string(), None));
        }
        self.notices.emit_text(line, fields, emit);
    }

    /// A partial message; `false` if it is of an unknown kind.
    fn stream_event(
        &mut self,
        parent: Option<&str>,
        event: &StreamEvent<'_>,
        emit: &mut Emit<'_>,
    ) -> bool {
        let (partial, place) = (&mut self.partial, (parent, event.index));
        match (&*event.type_, &event.block) {
            ("content_block_delta", Some(delta)) => {
                match (&*delta.type_, &delta.text, &delta.thinking, &delta.partial_json) {
                    ("text_delta", Some(text), ..) => partial.delta(place, Answer, text, emit),
                    ("thinking_delta", _, Some(text), _) => {
                        partial.delta(place, Reasoning, text, emit);
                    }
                    ("input_json_delta", .., Some(json)) => partial.input(place, json, emit),
                    ("signature_delta", ..) => {}
                    _ => return false,
                }
            }
            ("content_block_start", Some(block)) => {
                for (kind, text) in [(Answer, &block.text), (Reasoning, &block.thinking)] {
                    partial.delta(place, kind, text.as_deref().unwrap_or_default(), emit);
                }
                if let Some(id) = block.id.as_deref().filter(|_| block.type_.ends_with("tool_use"))
                {
                    partial.hold(place, (id, block.name.as_deref().unwrap_or_default()), emit);
                }
            }
            ("content_block_stop", _) => partial.stop(place, emit),
            ("message_start", _) => {
                let message = event.message.as_ref();
                let id = message.and_then(|message| message.id.as_deref()).unwrap_or_default();
                partial.message(parent, id);
                let usage = message.and_then(|message| message.usage);
                if let Some(usage) = usage.filter(|_| !id.is_empty() && self.dialect.has_ids) {
                    self.tally.resume(parent, id);
                    self.tally.count(parent, self.dialect.with_all_input(usage), emit);
                }
            }
            // The frame of a message: its end has nothing.
            ("message_stop" | "ping", _) => {}
            _ => return false,
        }
        true
    }
}
