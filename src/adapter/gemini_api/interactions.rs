//! Google's Interactions API: a run in steps, each with a start, deltas and a stop; `interaction.completed` ends it.
//!
//! Source: the API's reference on streaming and the types of @google/genai 2.

use super::super::prelude::*;

/// True if an event is one of the API's.
pub(super) fn is_event(value: &Value) -> bool {
    let kind = value.text("event_type");
    kind.starts_with("interaction.") || kind.starts_with("step.") || kind == "error"
}

#[derive(Default)]
pub(super) struct Interaction {
    /// The index and the type of each open step.
    steps: Vec<(String, String)>,
    /// True if one has begun and not ended.
    pub open: bool,
}

impl Interaction {
    pub(super) fn event(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.open = true;
        let key = value.u64("index").unwrap_or(0).to_string();
        let interaction = value.at("interaction");
        match value.text("event_type") {
            "interaction.created" | "interaction.start" => begin(interaction, emit),
            "step.start" => self.step(&key, value.at("step"), emit),
            "step.delta" => self.delta(&key, value.at("delta"), emit),
            "step.stop" => {
                emit.close_texts();
                emit.start_held(&key);
                self.steps.retain(|(index, _)| *index != key);
            }
            "interaction.completed" | "interaction.complete" => self.end(interaction, emit),
            "error" => emit.fail_open(value, &UsageAndCost::default()),
            _ => emit.status("progress", value.text("status"), value.clone()),
        }
    }

    pub(super) fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        begin(value, emit);
        let steps = if value.get("steps").is_some() { "steps" } else { "outputs" };
        for (index, step) in value.items(steps).enumerate() {
            self.step(&index.to_string(), step, emit);
            emit.close_texts();
            emit.start_held(&index.to_string());
        }
        self.end(value, emit);
    }

    fn step(&mut self, key: &str, step: &Value, emit: &mut Emit<'_>) {
        let kind = step.text("type");
        emit.close_texts();
        self.steps.push((key.to_owned(), kind.to_owned()));
        if kind.ends_with("_call") {
            let tool = (step.text("id"), step.opt_text("name").unwrap_or(kind));
            emit.hold(key, tool);
            let input = step.get("arguments");
            if let Some(input) = input.filter(|i| i.as_object().is_none_or(|i| !i.is_empty())) {
                emit.set_arguments(key, &raw(input));
            }
        } else if kind.ends_with("_result") {
            // The server has run the call; a function call is the client's to run.
            let outcome = if step.is("is_error") { "error" } else { "ok" };
            let name = kind.replace("_result", "_call");
            emit.tool_done(step.text("call_id"), &name, outcome, step.get("result"));
        } else {
            let (kind, parts) = match kind {
                "thought" => (TextKind::Reasoning, "summary"),
                _ => (TextKind::Answer, "content"),
            };
            for part in step.items(parts) {
                add((kind, key), part, emit);
            }
        }
    }

    fn delta(&mut self, key: &str, delta: &Value, emit: &mut Emit<'_>) {
        let thought = self.steps.iter().any(|(index, kind)| index == key && kind == "thought");
        match delta.text("type") {
            "text" if thought => add((TextKind::Reasoning, key), delta, emit),
            "text" => add((TextKind::Answer, key), delta, emit),
            "thought_summary" => add((TextKind::Reasoning, key), delta.at("content"), emit),
            "thought_signature" => {}
            "arguments_delta" => emit.add_arguments(key, delta.text("arguments")),
            type_ => emit.status("info", &format!("delta of type {type_:?}"), delta.clone()),
        }
    }

    fn end(&mut self, interaction: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return emit.late(interaction);
        }
        emit.close_texts();
        self.steps.clear();
        self.open = false;
        let spent = usage_of(interaction.at("usage"));
        match interaction.opt_text("status").unwrap_or("completed") {
            "failed" => emit.fail_with(interaction.at("error"), &spent),
            status @ ("cancelled" | "canceled") => emit.cancelled(status, Some(status), &spent),
            status => emit.complete(status, None, &spent),
        }
    }
}

fn add(block: (TextKind, &str), part: &Value, emit: &mut Emit<'_>) {
    match part.opt_text("text") {
        Some(text) => emit.only(block, text),
        None => emit.status("info", "content that is no text", part.clone()),
    }
}

fn begin(interaction: &Value, emit: &mut Emit<'_>) {
    emit.begin(interaction.opt_text("model"), interaction.opt_text("id"));
}

fn usage_of(usage: &Value) -> UsageAndCost {
    let (input, output) = ("total_input_tokens", "total_output_tokens");
    let (cached, thoughts) = ("total_cached_tokens", "total_thought_tokens");
    let mut used = tokens(usage, [input, output, cached, "", thoughts]);
    let thoughts = used.reasoning_tokens.unwrap_or(0);
    used.output_tokens = used.output_tokens.map(|output| output.saturating_add(thoughts));
    Some(used).filter(|used| *used != Usage::default()).into()
}
