//! AG-UI: the events that an agent's server sends to a front end, as server-sent events or JSON lines.
//!
//! Source: recordings of the .NET server, the fixtures of the SDKs and the protocol's documentation. `TOOL_CALL_END` ends
//! a tool's arguments; the tool itself ends with its result, which has no status, or never.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "ag-ui",
    aliases: &["agui"],
    versions: "captures of 2026",
    about: "AG-UI events",
    usage: "curl -N -d @run.json http://localhost:8000/",
    keys: "Address City Conditions Cuisine CurrentTime Location Name Rating Results \
        TemperatureCelsius Timezone approved cachedInputTokens callId contents finishReason \
        informationalOnly inputTokens interrupts modelId outcome outputTokens parentMessageId \
        properties rawEvent reasoningTokens requestId required responseId responseSchema runId \
        stepName threadId toolCallName totalTokens",
    detect,
    new: |_| Box::new(AgUi::default()),
    ..Spec::FRAMES
};

const STATES: [&str; 5] = ["STATE_", "STEP_", "REASONING_", "THINKING_", "ACTIVITY_"];

fn detect(value: &Value) -> Match {
    match value.text("type") {
        "RUN_STARTED" if value.has("runId") || value.has("threadId") => Match::Sure,
        "RUN_ERROR" | "RUN_FINISHED" | "RUN_STARTED" | "MESSAGES_SNAPSHOT" => Match::Maybe,
        type_ if type_.starts_with("TEXT_MESSAGE_") && value.has("messageId") => Match::Sure,
        type_ if type_.starts_with("TOOL_CALL_") && value.has("toolCallId") => Match::Sure,
        type_ if STATES.iter().any(|state| type_.starts_with(state)) => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct AgUi {
    /// Ids of messages of users, which are no answer.
    users: Vec<String>,
    /// The message and the tool of the last chunk: the next one need not name them.
    message: String,
    tool: String,
}

/// Limit of remembered messages of users.
const MAX_USERS: usize = 256;

impl Runtime for AgUi {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let id = value.text("toolCallId");
        match value.opt_text("type").unwrap_or(event) {
            "RUN_STARTED" => emit.start(None, value.opt_text("threadId")),
            "RUN_FINISHED" | "RUN_ERROR" if emit.over() => {
                emit.status("log", "the run had ended already", value);
            }
            "RUN_FINISHED" => self.finish(&value, emit),
            "RUN_ERROR" => emit.fail_with(&value, &usage_of(&value)),
            "TOOL_CALL_START" => self.tool(id, &value, emit),
            "TOOL_CALL_ARGS" => emit.add_arguments(id, value.text("delta")),
            "TOOL_CALL_END" => emit.start_held(id),
            "TOOL_CALL_CHUNK" => {
                if !id.is_empty() && id != self.tool {
                    emit.start_held(&self.tool);
                    self.tool(id, &value, emit);
                }
                emit.add_arguments(&self.tool, value.text("delta"));
            }
            "TOOL_CALL_RESULT" => emit.tool_done(id, "", "unknown", value.get("content")),
            "REASONING_START" | "REASONING_END" | "THINKING_START" | "THINKING_END" => {}
            type_ => self.text(type_, &value, emit),
        }
    }
}

impl AgUi {
    /// A part of a text message, or an event of another type.
    fn text(&mut self, type_: &str, value: &Value, emit: &mut Emit<'_>) {
        let (of, part) = type_.rsplit_once('_').unwrap_or_default();
        let kind = match of {
            "TEXT_MESSAGE" => TextKind::Answer,
            "REASONING_MESSAGE" | "THINKING_TEXT_MESSAGE" => TextKind::Reasoning,
            _ => return other(type_, value, emit),
        };
        let id = value.opt_text("messageId").unwrap_or(&self.message).to_owned();
        let user = ["user", "system", "developer"].contains(&value.text("role"));
        if user && self.users.len() < MAX_USERS {
            self.users.push(id.clone());
        }
        let delta = str_at(value, "delta", emit);
        let block = text(kind, &id);
        match part {
            "START" => {}
            "END" => emit.finish_block(&block, None),
            "CHUNK" | "CONTENT" if self.users.contains(&id) => emit.user(delta),
            "CHUNK" | "CONTENT" => {
                if part == "CHUNK" && id != self.message {
                    emit.start_all_held();
                    emit.finish_block(&text(kind, &self.message), None);
                }
                emit.delta(&block, delta);
            }
            _ => return other(type_, value, emit),
        }
        self.message = id;
    }

    fn tool(&mut self, id: &str, value: &Value, emit: &mut Emit<'_>) {
        emit.hold(id, (id, value.text("toolCallName")));
        id.clone_into(&mut self.tool);
    }

    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        emit.start_all_held();
        let outcome = value.at("outcome");
        let mut stop = outcome.as_str().or(outcome.opt_text("type")).unwrap_or("finished");
        if stop == "interrupt" {
            // The run waits for the user; what it waits for is in the message.
            emit.status("permission", "the run waits for an answer", value.clone());
            stop = "needs_input";
        }
        emit.complete(stop, value.opt_text("result"), &usage_of(value));
    }
}

/// The sum over the models of a run.
fn usage_of(value: &Value) -> UsageAndCost {
    let models = match value.at("usage") {
        Value::Array(models) => models.as_slice(),
        model @ Value::Object(_) => std::slice::from_ref(model),
        _ => &[],
    };
    let each = models.iter().map(|model| Usage {
        total_tokens: model.u64("totalTokens"),
        ..tokens(model, ["inputTokens", "outputTokens", "cachedInputTokens", "", "reasoningTokens"])
    });
    let mut usage = each.reduce(sum).unwrap_or_default();
    usage.total_tokens = usage.total_tokens.filter(|_| usage.input_tokens.is_none());
    Some(usage).filter(|_| !models.is_empty()).into()
}

fn other(type_: &str, value: &Value, emit: &mut Emit<'_>) {
    let name = value.opt_text("stepName").or_else(|| value.opt_text("name"));
    let kind = match type_ {
        "STEP_STARTED" | "STEP_FINISHED" | "ACTIVITY_SNAPSHOT" | "ACTIVITY_DELTA" => "progress",
        _ => "info",
    };
    emit.status(kind, name.unwrap_or(type_), value.clone());
}
