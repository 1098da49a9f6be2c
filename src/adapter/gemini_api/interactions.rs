//! Google's Interactions API: a run in steps, each started, said in deltas and stopped; `interaction.completed` ends it.
//!
//! Source: the API's reference on streaming and the types of @google/genai 2.

use super::super::prelude::*;

/// True if an event is one of the API's.
pub(super) fn is_event(value: &Value) -> bool {
    let kind = value.text("event_type");
    kind.starts_with("interaction.") || kind.starts_with("step.") || kind == "error"
}

/// An interaction that is being read.
#[derive(Default)]
pub(super) struct Interaction {
    current: Current,
    pub held: HeldTools,
    /// The index and the type of each open step.
    steps: Vec<(String, String)>,
    /// True if one has begun and not ended.
    pub open: bool,
}

impl Interaction {
    /// Takes the next event.
    pub(super) fn event(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.open = true;
        let key = value.u64("index").unwrap_or(0).to_string();
        let interaction = value.at("interaction");
        match value.text("event_type") {
            "interaction.created" | "interaction.start" => begin(interaction, emit),
            "step.start" => self.step(&key, value.at("step"), emit),
            "step.delta" => self.delta(&key, value.at("delta"), emit),
            "step.stop" => {
                self.current.finish(emit);
                self.held.start(&key, emit);
                self.steps.retain(|(index, _)| *index != key);
            }
            "interaction.completed" | "interaction.complete" => self.end(interaction, emit),
            "error" => self.held.fail(value, &UsageAndCost::default(), emit),
            _ => emit.status("progress", value.text("status"), value.clone()),
        }
    }

    /// A body that was not streamed.
    pub(super) fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        begin(value, emit);
        let steps = if value.get("steps").is_some() { "steps" } else { "outputs" };
        for (index, step) in value.items(steps).enumerate() {
            self.step(&index.to_string(), step, emit);
            self.current.finish(emit);
            self.held.start(&index.to_string(), emit);
        }
        self.end(value, emit);
    }

    fn step(&mut self, key: &str, step: &Value, emit: &mut Emit<'_>) {
        let kind = step.text("type");
        self.current.finish(emit);
        self.steps.push((key.to_owned(), kind.to_owned()));
        if kind.ends_with("_call") {
            let tool = (step.text("id"), step.opt_text("name").unwrap_or(kind));
            self.held.begin(key, tool, emit);
            let input = step.get("arguments");
            if let Some(input) = input.filter(|i| i.as_object().is_none_or(|i| !i.is_empty())) {
                self.held.set(key, &raw(input));
            }
        } else if kind.ends_with("_result") {
            // The server has run the call; a function call is the client's to run.
            let outcome = if step.is("is_error") { "error" } else { "ok" };
            let name = kind.replace("_result", "_call");
            emit.tool_done(step.text("call_id"), &name, outcome, step.get("result"));
        } else {
            let thought = kind == "thought";
            for part in step.items(if thought { "summary" } else { "content" }) {
                self.said(key, thought, part, emit);
            }
        }
    }

    fn said(&mut self, key: &str, thought: bool, part: &Value, emit: &mut Emit<'_>) {
        let kind = if thought { TextKind::Reasoning } else { TextKind::Answer };
        match part.opt_text("text") {
            Some(said) => self.current.delta((kind, key), said, emit),
            None => emit.status("info", "content that is no text", part.clone()),
        }
    }

    fn delta(&mut self, key: &str, delta: &Value, emit: &mut Emit<'_>) {
        let thought = self.steps.iter().any(|(index, kind)| index == key && kind == "thought");
        match delta.text("type") {
            "text" => self.said(key, thought, delta, emit),
            "thought_summary" => self.said(key, true, delta.at("content"), emit),
            "thought_signature" => {}
            "arguments_delta" => self.held.add(key, delta.text("arguments")),
            type_ => emit.status("info", &format!("delta of type {type_:?}"), delta.clone()),
        }
    }

    fn end(&mut self, interaction: &Value, emit: &mut Emit<'_>) {
        if emit.over() {
            return emit.late(interaction);
        }
        self.current.finish(emit);
        self.held.start_all(emit);
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

fn begin(interaction: &Value, emit: &mut Emit<'_>) {
    emit.begin(super::SPEC.name, interaction.opt_text("model"), interaction.opt_text("id"));
}

/// Thoughts are counted beside the output.
fn usage_of(usage: &Value) -> UsageAndCost {
    let thoughts = usage.u64("total_thought_tokens");
    let output = usage.u64("total_output_tokens");
    let usage = Usage {
        input_tokens: usage.u64("total_input_tokens"),
        output_tokens: output.map(|output| output + thoughts.unwrap_or(0)),
        cache_read_tokens: usage.u64("total_cached_tokens"),
        reasoning_tokens: thoughts,
        ..Usage::default()
    };
    UsageAndCost {
        usage: Some(usage).filter(|usage| *usage != Usage::default()),
        ..UsageAndCost::default()
    }
}
