//! OpenAI's Responses API, streamed or whole, as `curl -N` prints it.
//!
//! Source: recordings of OpenAI, and OpenAI's API reference. Every text comes as deltas and again as a whole;
//! `response.completed`, `.incomplete`, `.failed` or a top-level `error` ends a turn, whichever comes first.

use super::prelude::*;
use std::borrow::Cow;

pub(super) const SPEC: Spec = Spec {
    name: "openai-responses",
    aliases: &["responses"],
    versions: "captures of 2025 and 2026",
    about: "OpenAI Responses API, raw body",
    usage: "curl -N https://api.openai.com/v1/responses -d '{\"stream\":true,...}'",
    keys: "action additionalProperties allowed_tools approval_request_id background blocked \
        cached_tokens check_offset completed_at content_filter_offsets content_filter_raw \
        content_filter_results content_filters content_index context created_at detected effort \
        encrypted_content end_offset filtered format frequency_penalty generate_summary hate \
        incomplete_details input_schema input_tokens_details instructions item item_id jailbreak \
        logprobs max_output_tokens max_tool_calls metadata moderation obfuscation object \
        output_index output_tokens_details parallel_tool_calls param part presence_penalty \
        previous_response_id prompt_cache_key prompt_cache_retention properties \
        protected_material_code protected_material_text query question read_only reasoning \
        reasoning_tokens repoName require_approval required response safety_identifier self_harm \
        sequence_number server_description server_label server_url severity sexual source_type \
        start_offset store strict summary_index temperature tool_choice top_logprobs top_p \
        truncation user verbosity violence",
    detect,
    new: |_| Box::new(Responses::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let type_ = value.text("type");
    let whole = value.opt_text("object") == Some("response") && value.has("output");
    let ours = type_.starts_with("response.");
    let named = ["response", "item_id", "sequence_number"].into_iter().any(|key| value.has(key));
    // Only the number tells its errors from those of others.
    let error = type_ == "error" && value.has("sequence_number");
    let maybe = if ours { Match::Maybe } else { Match::No };
    if whole || error || (ours && named) { Match::Sure } else { maybe }
}

#[derive(Default)]
struct Responses {
    id: String,
    /// Number of the last event: a resumed stream repeats earlier events.
    number: Option<u64>,
    /// Items with texts: output index and id of each. Some gateways leave the index out, number with gaps, or give an item
    /// another id in each event.
    places: Vec<(Option<u64>, String)>,
    /// Texts that have not come as a whole.
    texts: StreamedTexts,
    /// Keys of the texts and ids of the items that are complete.
    whole: std::collections::HashSet<String>,
}

/// Limit of complete texts and items that are remembered.
const MAX_WHOLE: usize = 65_536;

impl Runtime for Responses {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.opt_text("type").unwrap_or(event);
        if type_ == "response.created" {
            return self.begin(value.at("response"), emit);
        }
        let number = value.u64("sequence_number");
        if number.is_some() && number <= self.number {
            return;
        }
        self.number = number.or(self.number);
        if value.text("object") == "response" {
            self.begin(&value, emit);
            return self.terminal(&value, emit);
        }
        if self.text(type_, &value, emit) {
            return;
        }
        match type_.strip_prefix("response.").unwrap_or(type_) {
            "completed" | "incomplete" | "failed" | "cancelled" => {
                self.terminal(value.at("response"), emit);
            }
            "output_item.added" => begin_item(value.at("item"), emit),
            "output_item.done" => {
                value.get("item").into_iter().for_each(|item| self.item_done(item, emit));
            }
            "in_progress" | "content_part.added" | "content_part.done" => {}
            "reasoning_summary_part.added" | "reasoning_summary_part.done" => {}
            _ if type_ == "error" || value.at("error").is_object() => {
                emit.fail_open(&value, &UsageAndCost::default());
            }
            kind => other(kind, &value, emit),
        }
    }
}

impl Responses {
    fn begin(&mut self, response: &Value, emit: &mut Emit<'_>) {
        let id = response.text("id");
        if emit.turn_open() && id == self.id {
            return;
        }
        *self = Self { id: id.to_owned(), ..Self::default() };
        emit.start(response.filled("model"), None);
    }

    /// A piece of a text or the whole of it; `false` if the message is neither.
    fn text(&mut self, type_: &str, value: &Value, emit: &mut Emit<'_>) -> bool {
        let (of, event) = type_.rsplit_once('.').unwrap_or_default();
        let (kind, index) = match of {
            "response.output_text" | "response.refusal" => (TextKind::Answer, "content_index"),
            "response.reasoning_text" => (TextKind::Reasoning, "content_index"),
            "response.reasoning_summary_text" => (TextKind::Reasoning, "summary_index"),
            _ => return false,
        };
        let place = self.place(value.u64("output_index"), value.text("item_id"));
        let list = index.trim_end_matches("_index");
        let key = key_of(place, list, value.u64(index).unwrap_or(0));
        match event {
            "delta" => {
                let delta = str_at(value, "delta", emit);
                self.texts.of(&key).delta(&text(kind, &key), delta, emit);
            }
            "done" => self.emit_whole((kind, &key), value, emit),
            _ => return false,
        }
        true
    }

    /// The place of an item with texts, by its index if it has one.
    fn place(&mut self, index: Option<u64>, id: &str) -> usize {
        let same = |(number, name): &(Option<u64>, String)| match index {
            Some(_) => *number == index,
            None => !id.is_empty() && name == id,
        };
        self.places.iter().position(same).unwrap_or_else(|| {
            self.places.push((index, id.to_owned()));
            self.places.len() - 1
        })
    }

    fn emit_whole(&mut self, (kind, key): (TextKind, &str), part: &Value, emit: &mut Emit<'_>) {
        if self.remember(key) {
            let whole = part.opt_text("text").unwrap_or(part.text("refusal"));
            let streamed = self.texts.take(key).unwrap_or_default();
            streamed.confirm(&text(kind, key), whole, emit);
        }
    }

    /// True if this is seen for the first time.
    fn remember(&mut self, key: &str) -> bool {
        if self.whole.len() >= MAX_WHOLE && !self.whole.contains(key) {
            self.whole.clear();
        }
        self.whole.insert(key.to_owned())
    }

    fn item_done(&mut self, item: &Value, emit: &mut Emit<'_>) {
        let id = item.text("id");
        if self.remember(&format!("item {id}")) || id.is_empty() {
            finish_item(item, emit);
        }
    }

    /// The response as a whole, which ends the turn. Items of it that were not emitted yet come first.
    fn terminal(&mut self, response: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return;
        }
        for (at, item) in response.items("output").enumerate() {
            let id = item.text("id");
            let known = self.places.iter().position(|(_, name)| !id.is_empty() && name == id);
            for field in ["content", "summary"] {
                let answer = field == "content" && item.text("type") != "reasoning";
                let kind = if answer { TextKind::Answer } else { TextKind::Reasoning };
                for (index, part) in item.items(field).enumerate() {
                    let place = known.unwrap_or_else(|| self.place(Some(at as u64), id));
                    self.emit_whole((kind, &key_of(place, field, index as u64)), part, emit);
                }
            }
            self.item_done(item, emit);
        }
        let usage = response.get("usage").filter(|usage| usage.is_object());
        let (cached, reasoning) =
            ("input_tokens_details/cached_tokens", "output_tokens_details/reasoning_tokens");
        let paths = ["input_tokens", "output_tokens", cached, "", reasoning];
        let usage = usage.map(|usage| tokens(usage, paths));
        let spent = UsageAndCost::from(usage);
        match response.opt_text("status").unwrap_or("completed") {
            "failed" => emit.fail_with(response.at("error"), &spent),
            "cancelled" => emit.cancelled("cancelled", Some("cancelled"), &spent),
            status => {
                let reason = response.at("incomplete_details").opt_text("reason");
                emit.complete(reason.unwrap_or(status), None, &spent);
            }
        }
    }
}

/// The key of a text: its item, and its number among the item's texts or summaries.
fn key_of(place: usize, list: &str, number: u64) -> String {
    format!("{place}/{list}/{number}")
}

/// Tools that OpenAI runs, which their item finishes; all others are for the client to run.
const HOSTED: [&str; 5] = [
    "mcp_call",
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
];

/// The id and the name of the tool that an item is.
fn tool(item: &Value) -> Option<(&str, Cow<'_, str>)> {
    let type_ = item.text("type");
    let id = item.filled("call_id").unwrap_or(item.text("id"));
    let name = match (item.opt_text("server_label"), item.opt_text("name")) {
        (Some(server), Some(name)) => format!("{server}/{name}").into(),
        (_, name) => name.unwrap_or(type_).into(),
    };
    type_.ends_with("_call").then_some((id, name))
}

/// A tool begins; it waits if arguments will come in pieces.
fn begin_item(item: &Value, emit: &mut Emit<'_>) {
    let Some((id, name)) = tool(item) else { return };
    let key = item.opt_text("id").unwrap_or(id);
    emit.hold(key, (id, &name));
    if item.text("type") != "mcp_call" && HOSTED.contains(&item.text("type")) {
        emit.start_held(key);
    }
}

/// The arguments of a tool, as the text of JSON.
fn input(item: &Value) -> Option<String> {
    if let Some(text) = item.opt_text("arguments").or(item.opt_text("input")) {
        return Some(text.to_owned());
    }
    let keys = ["action", "queries", "code", "operation"];
    let key = keys.into_iter().find(|key| item.get(key).is_some())?;
    let value = item.non_null(key)?;
    let whole = value.is_object().then(|| value.to_string());
    Some(whole.unwrap_or_else(|| serde_json::json!({key: value}).to_string()))
}

/// A complete item: a tool at least has its arguments, and one that OpenAI runs is over.
fn finish_item(item: &Value, emit: &mut Emit<'_>) {
    let type_ = item.text("type");
    if let Some(name) = type_.strip_suffix("_output").filter(|name| name.ends_with("_call")) {
        return result(name, item, emit);
    }
    let Some((id, name)) = tool(item) else { return notice(item, emit) };
    let key = item.opt_text("id").unwrap_or(id);
    if !emit.call_started(id) {
        emit.hold(key, (id, &name));
        if let Some(input) = input(item) {
            emit.set_arguments(key, &input);
        }
        emit.start_held(key);
    }
    if HOSTED.contains(&type_) {
        // An image is far too long for an event.
        let output = ["output", "error", "results", "outputs", "action"];
        let output = output.iter().find_map(|key| item.non_null(key));
        let failed = item.non_null("error").is_some();
        let outcome = if failed { "error" } else { outcome(item) };
        emit.tool_done(id, &name, outcome, output);
    }
}

/// A result that is an item of its own. A shell's output has an exit status for each command.
fn result(name: &str, item: &Value, emit: &mut Emit<'_>) {
    let ends = || item.items("output").filter_map(|part| part.get("outcome"));
    let codes = || ends().filter_map(|end| end.i64("exit_code"));
    let exit_code = codes().find(|code| *code != 0).or_else(|| codes().next_back());
    let timeout = ends().any(|end| end.text("type") == "timeout");
    let failed = timeout || exit_code.is_some_and(|code| code != 0);
    emit.finish_tool(&Done {
        id: item.text("call_id"),
        name,
        outcome: if failed { "error" } else { outcome(item) },
        output: item.get("output"),
        exit_code,
        ..Done::default()
    });
}

fn outcome(item: &Value) -> &'static str {
    match item.opt_text("status").unwrap_or("completed") {
        "completed" => "ok",
        "failed" => "error",
        _ => "unknown",
    }
}

/// An item that is neither text nor tool.
fn notice(item: &Value, emit: &mut Emit<'_>) {
    let (kind, message) = match item.text("type") {
        "message" | "reasoning" => return,
        "mcp_list_tools" => ("info", "tools of an MCP server"),
        "mcp_approval_request" => ("permission", "an MCP tool waits for approval"),
        "compaction" => ("compaction", "the conversation was compacted"),
        _ => ("info", "an item of another type"),
    };
    emit.status(kind, message, item.clone());
}

/// An event of `kind`, without its `response.`, that is neither text nor item nor the end of a turn.
fn other(kind: &str, value: &Value, emit: &mut Emit<'_>) {
    let key = value.text("item_id");
    let (of, event) = kind.rsplit_once('.').unwrap_or((kind, ""));
    let arguments = of.ends_with("_arguments") || of.ends_with("_input");
    match event {
        "delta" if arguments => emit.add_arguments(key, value.text("delta")),
        "done" if arguments => {
            emit.set_arguments(key, value.opt_text("arguments").unwrap_or(value.text("input")));
            emit.start_held(key);
        }
        _ if kind == "queued" || of.ends_with("_call") || of == "mcp_list_tools" => {
            let data = serde_json::json!({"item_id": value.get("item_id")});
            emit.status("progress", kind, data);
        }
        _ => emit.status("info", &format!("event of type {kind:?}"), value.clone()),
    }
}
