//! OpenAI's Responses API, streamed or whole, as `curl -N` prints it.
//!
//! Source: recordings of OpenAI, and OpenAI's API reference. Every text comes as deltas and again as a whole;
//! `response.completed`, `.incomplete`, `.failed` or a top-level `error` ends a turn, whichever comes first.

mod items;

use super::prelude::*;

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
    framing: Framing::Frames,
    new: |_| Box::new(Responses::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let type_ = value.text("type");
    let whole = value.opt_text("object") == Some("response") && has("output");
    if whole || (type_.starts_with("response.") && (has("response") || has("item_id"))) {
        Match::Sure
    } else if type_.starts_with("response.") || (type_ == "error" && has("sequence_number")) {
        // Of its errors only the number tells them from others'.
        if has("sequence_number") { Match::Sure } else { Match::Maybe }
    } else {
        Match::No
    }
}

#[derive(Default)]
struct Responses {
    id: String,
    /// The number of the last event: a stream that is resumed repeats what it had said.
    number: Option<u64>,
    /// The items with texts: output index and id of each. Some gateways leave the index out, number with gaps, or give an
    /// item another id in each event.
    places: Vec<(Option<u64>, String)>,
    /// What of the texts was said, for those that have not come as a whole.
    said: Vec<(String, Snapshot)>,
    /// Keys of the texts and ids of the items that are complete.
    whole: std::collections::HashSet<String>,
    held: HeldTools,
}

/// How many texts may be open, and how many complete ones are remembered.
const MAX_OPEN: usize = 64;
const MAX_WHOLE: usize = 65_536;

impl Runtime for Responses {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.opt_text("type").unwrap_or(event).to_owned();
        if type_ == "response.created" {
            return self.begin(value.at("response"), emit);
        }
        let number = value.u64("sequence_number");
        if let (Some(number), Some(last)) = (number, self.number)
            && number <= last
        {
            return;
        }
        self.number = number.or(self.number);
        if value.opt_text("object") == Some("response") {
            self.begin(&value, emit);
            return self.terminal(&value, emit);
        }
        if self.text(&type_, &value, emit) {
            return;
        }
        match type_.strip_prefix("response.").unwrap_or(&type_) {
            "completed" | "incomplete" | "failed" | "cancelled" => {
                let nothing = Value::Null;
                self.terminal(value.get("response").unwrap_or(&nothing), emit);
            }
            "output_item.added" => self.item_added(&value, emit),
            "output_item.done" => {
                if let Some(item) = value.get("item") {
                    self.item_done(item, emit);
                }
            }
            "in_progress" | "content_part.added" | "content_part.done" => {}
            "reasoning_summary_part.added" | "reasoning_summary_part.done" => {}
            _ if type_ == "error" || value.get("error").is_some_and(Value::is_object) => {
                self.fail(&value, emit);
            }
            kind => items::other(kind, value.clone(), &mut self.held, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        Verdict::MissingResult
    }
}

impl Responses {
    fn begin(&mut self, response: &Value, emit: &mut Emit<'_>) {
        let id = response.text("id");
        if emit.turn_open() && id == self.id {
            return;
        }
        id.clone_into(&mut self.id);
        self.number = None;
        self.places.clear();
        self.said.clear();
        self.whole.clear();
        self.held = HeldTools::default();
        let model = response.opt_text("model").filter(|m| !m.is_empty());
        emit.start_turn(&TurnStarted {
            runtime: SPEC.name.into(),
            model: model.map(Into::into),
            ..TurnStarted::default()
        });
    }

    /// A piece of a text or the whole of it; `false` if the message is neither.
    fn text(&mut self, type_: &str, value: &Value, emit: &mut Emit<'_>) -> bool {
        let (kind, part) = match type_.rsplit_once('.').unwrap_or_default().0 {
            "response.output_text" | "response.refusal" => (TextKind::Answer, "content_index"),
            "response.reasoning_text" => (TextKind::Reasoning, "content_index"),
            "response.reasoning_summary_text" => (TextKind::Reasoning, "summary_index"),
            _ => return false,
        };
        let number = |key: &str| value.u64(key);
        let item = value.text("item_id");
        let place = self.place(number("output_index"), item);
        let key = key_of(place, part.trim_end_matches("_index"), number(part).unwrap_or(0));
        if type_.ends_with(".delta") {
            let delta = said_at(value, "delta", emit);
            if !delta.is_empty() {
                self.piece((kind, &key), delta, emit);
            }
            return true;
        }
        let whole = value.opt_text("text").or_else(|| value.opt_text("refusal"));
        if !type_.ends_with(".done") {
            return false;
        }
        self.say_whole((kind, &key), whole.unwrap_or_default(), emit);
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

    /// Says a piece of the text under this key.
    fn piece(&mut self, (kind, key): (TextKind, &str), delta: &str, emit: &mut Emit<'_>) {
        let known = self.said.iter().position(|(k, _)| k == key);
        let mut said = known.map(|at| self.said.remove(at).1).unwrap_or_default();
        said.delta(&text(kind, key), delta, emit);
        if self.said.len() >= MAX_OPEN {
            self.said.remove(0);
        }
        self.said.push((key.to_owned(), said));
    }

    /// The whole of a text, once.
    fn say_whole(&mut self, (kind, key): (TextKind, &str), whole: &str, emit: &mut Emit<'_>) {
        if self.whole.contains(key) {
            return;
        }
        let at = self.said.iter().position(|(k, _)| k == key);
        let mut said = at.map(|at| self.said.remove(at).1).unwrap_or_default();
        if !whole.is_empty() {
            said.whole(&text(kind, key), whole, emit);
        }
        emit.finish_block(&text(kind, key), None);
        self.remember(key);
    }

    /// True if this is seen for the first time.
    fn remember(&mut self, key: &str) -> bool {
        if self.whole.len() >= MAX_WHOLE {
            self.whole.clear();
        }
        self.whole.insert(key.to_owned())
    }

    fn item_added(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let item = value.at("item");
        if let Some((id, name)) = items::tool(item) {
            let key = item.opt_text("id").unwrap_or(id);
            self.held.begin(key, (id, &name), emit);
            if !items::has_arguments(item) {
                self.held.start(key, emit);
            }
        }
    }

    /// An item is complete: a tool at least has its arguments, one that OpenAI runs is over.
    fn item_done(&mut self, item: &Value, emit: &mut Emit<'_>) {
        let id = item.text("id");
        if !self.remember(&format!("item {id}")) && !id.is_empty() {
            return;
        }
        if items::result(item, emit) {
            // It has finished its tool.
        } else if items::tool(item).is_some() {
            items::done(item, &mut self.held, emit);
        } else if let Some((status, message)) = items::notice(item) {
            emit.status(status, message, item.clone());
        }
    }

    /// The response as a whole, which ends the turn. What of it nobody has said yet is said first.
    fn terminal(&mut self, response: &Value, emit: &mut Emit<'_>) {
        if !emit.turn_open() && emit.turns() > 0 {
            return;
        }
        let output = response.at("output").as_array();
        for (at, item) in output.into_iter().flatten().enumerate() {
            let id = item.text("id");
            let known = self.places.iter().position(|(_, name)| !id.is_empty() && name == id);
            let texts = [("content", TextKind::Answer), ("summary", TextKind::Reasoning)];
            for (field, kind) in texts {
                let parts = item.get(field).and_then(Value::as_array).filter(|p| !p.is_empty());
                let Some(parts) = parts else { continue };
                let place = known.unwrap_or_else(|| self.place(Some(at as u64), id));
                for (index, part) in parts.iter().enumerate() {
                    let whole = part.opt_text("text").or_else(|| part.opt_text("refusal"));
                    let reasoning = item.opt_text("type") == Some("reasoning");
                    let kind = if reasoning { TextKind::Reasoning } else { kind };
                    let key = key_of(place, field, index as u64);
                    self.say_whole((kind, &key), whole.unwrap_or_default(), emit);
                }
            }
            self.item_done(item, emit);
        }
        self.held.start_all(emit);
        let spent = spent(response);
        let reason = response.pointer("/incomplete_details/reason");
        let error = response.non_null("error");
        match response.opt_text("status").unwrap_or("completed") {
            "failed" => {
                let error = error.unwrap_or(&Value::Null);
                emit.fail_with(error, &spent);
            }
            "cancelled" => emit.cancelled("cancelled", Some("cancelled"), &spent),
            status => {
                let stop = reason.and_then(Value::as_str).unwrap_or(status);
                emit.complete(stop, None, &spent);
            }
        }
    }

    fn fail(&mut self, error: &Value, emit: &mut Emit<'_>) {
        if emit.error_after_turn(error) {
            return;
        }
        self.held.start_all(emit);
        let failure = emit.failure(error);
        emit.fail(failure, &Spent::default());
    }
}

/// The key of a text: its item, and its number among the item's texts or summaries.
fn key_of(place: usize, list: &str, number: u64) -> String {
    format!("{place}/{list}/{number}")
}

fn spent(response: &Value) -> Spent {
    let usage = response.get("usage").filter(|u| u.is_object());
    Spent {
        usage: usage.map(|usage| {
            let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
            Usage {
                input_tokens: count("/input_tokens"),
                output_tokens: count("/output_tokens"),
                cache_read_tokens: count("/input_tokens_details/cached_tokens"),
                cache_write_tokens: None,
                reasoning_tokens: count("/output_tokens_details/reasoning_tokens"),
                total_tokens: None,
            }
        }),
        ..Spent::default()
    }
}
