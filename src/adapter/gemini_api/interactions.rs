//! Google's Interactions API: a run in steps, each started, said in deltas and stopped; `interaction.completed` ends it.
//!
//! Source: the API's reference on streaming and the types of @google/genai 2.

use super::super::prelude::*;

/// The steps that the server runs by itself; a function call is the client's to run.
const HOSTED: &str = "_result";

/// True if an event is one of the API's.
pub(super) fn is_event(value: &Value) -> bool {
    let kind = value.text("event_type");
    kind.starts_with("interaction.") || kind.starts_with("step.") || kind == "error"
}

/// An interaction that is being read.
#[derive(Default)]
pub(super) struct Interaction {
    current: Current,
    held: HeldTools,
    /// The type of each open step, by its index.
    steps: Vec<(u64, String)>,
    /// True if one has begun and not ended.
    pub open: bool,
}

impl Interaction {
    /// Takes the next event, or a whole interaction.
    pub(super) fn event(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.open = true;
        let index = value.u64("index").unwrap_or(0);
        let interaction = value.at("interaction");
        match value.text("event_type") {
            "interaction.created" | "interaction.start" => start(interaction, emit),
            "step.start" => self.step(index, value.at("step"), emit),
            "step.delta" => self.delta(index, value.at("delta"), emit),
            "step.stop" => {
                self.current.finish(emit);
                self.held.start(&index.to_string(), emit);
                self.steps.retain(|(number, _)| *number != index);
            }
            "interaction.completed" | "interaction.complete" => self.end(interaction, emit),
            "error" if emit.error_after_turn(value) => {}
            "error" => {
                self.held.start_all(emit);
                emit.fail_with(value, &Spent::default());
            }
            _ => {
                emit.status("progress", value.text("status"), value.clone());
            }
        }
    }

    /// A body that was not streamed.
    pub(super) fn whole(&mut self, value: &Value, emit: &mut Emit<'_>) {
        start(value, emit);
        let steps = value.get("steps").or(value.get("outputs")).and_then(Value::as_array);
        for (at, step) in steps.into_iter().flatten().enumerate() {
            self.step(at as u64, step, emit);
            self.current.finish(emit);
            self.held.start(&at.to_string(), emit);
        }
        self.end(value, emit);
    }

    /// The output has ended without an end of the interaction.
    pub(super) fn release(&mut self, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
    }

    fn step(&mut self, index: u64, step: &Value, emit: &mut Emit<'_>) {
        let kind = step.text("type");
        self.current.finish(emit);
        self.steps.push((index, kind.to_owned()));
        if kind.ends_with("_call") {
            let (id, name) = (step.text("id"), step.opt_text("name"));
            self.held.begin(&index.to_string(), (id, name.unwrap_or(kind)), emit);
            let input =
                step.get("arguments").filter(|a| a.as_object().is_none_or(|a| !a.is_empty()));
            if let Some(input) = input {
                self.held.set(&index.to_string(), &raw(input));
            }
        } else if kind.ends_with(HOSTED) {
            let failed = step.is("is_error");
            emit.tool_done(
                step.text("call_id"),
                &kind.replace(HOSTED, "_call"),
                if failed { "error" } else { "ok" },
                step.get("result"),
            );
        } else {
            let reasoning = kind == "thought";
            let parts = step.get(if reasoning { "summary" } else { "content" });
            for part in parts.and_then(Value::as_array).into_iter().flatten() {
                self.said(index, reasoning.then_some(TextKind::Reasoning), part, emit);
            }
        }
    }

    fn said(&mut self, index: u64, kind: Option<TextKind>, part: &Value, emit: &mut Emit<'_>) {
        let key = index.to_string();
        match part.opt_text("text") {
            Some(said) => self.current.delta((kind.unwrap_or(TextKind::Answer), &key), said, emit),
            None => emit.status("info", "content that is no text", part.clone()),
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, emit: &mut Emit<'_>) {
        let thought = self.steps.iter().any(|(number, kind)| *number == index && kind == "thought");
        match delta.text("type") {
            "text" => self.said(index, thought.then_some(TextKind::Reasoning), delta, emit),
            "thought_summary" => {
                let part = delta.at("content");
                self.said(index, Some(TextKind::Reasoning), part, emit);
            }
            "thought_signature" => {}
            "arguments_delta" => {
                self.held.add(&index.to_string(), delta.text("arguments"));
            }
            type_ => {
                let message = format!("delta of type {type_:?}");
                emit.status("info", &message, delta.clone());
            }
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
        let spent = spent(interaction.at("usage"));
        match interaction.opt_text("status").unwrap_or("completed") {
            "failed" => {
                let error = interaction.non_null("error");
                emit.fail_with(error.unwrap_or(&Value::Null), &spent);
            }
            status @ ("cancelled" | "canceled") => emit.cancelled(status, Some(status), &spent),
            status => emit.complete(status, None, &spent),
        }
    }
}

fn start(interaction: &Value, emit: &mut Emit<'_>) {
    if !emit.turn_open() {
        let text = |key| interaction.opt_text(key).map(Into::into);
        emit.start_turn(&TurnStarted {
            runtime: super::SPEC.name.into(),
            model: text("model"),
            session: text("id"),
            ..TurnStarted::default()
        });
    }
}

/// Thoughts are counted beside the output.
fn spent(usage: &Value) -> Spent {
    let count = |key: &str| usage.u64(key);
    let thoughts = count("total_thought_tokens");
    let usage = Usage {
        input_tokens: count("total_input_tokens"),
        output_tokens: count("total_output_tokens").map(|n| n + thoughts.unwrap_or(0)),
        cache_read_tokens: count("total_cached_tokens"),
        reasoning_tokens: thoughts,
        ..Usage::default()
    };
    Spent { usage: Some(usage).filter(|u| *u != Usage::default()), ..Spent::default() }
}
