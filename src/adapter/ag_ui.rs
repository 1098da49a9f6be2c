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
    framing: Framing::Frames,
    new: |_| Box::new(AgUi::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    match value.text("type") {
        "RUN_STARTED" if has("runId") || has("threadId") => Match::Sure,
        "RUN_ERROR" | "RUN_FINISHED" | "RUN_STARTED" | "MESSAGES_SNAPSHOT" => Match::Maybe,
        type_ if type_.starts_with("TEXT_MESSAGE_") && has("messageId") => Match::Sure,
        type_ if type_.starts_with("TOOL_CALL_") && has("toolCallId") => Match::Sure,
        type_ => {
            let prefixes = ["STATE_", "STEP_", "REASONING_", "THINKING_", "ACTIVITY_"];
            let maybe = prefixes.iter().any(|prefix| type_.starts_with(prefix));
            if maybe { Match::Maybe } else { Match::No }
        }
    }
}

#[derive(Default)]
struct AgUi {
    /// Ids of messages that a user said, which are no answer.
    users: Vec<String>,
    /// The message and the tool of the last chunk: the next one need not name them.
    message: String,
    tool: String,
    held: HeldTools,
}

/// How many messages of users are remembered.
const MAX_USERS: usize = 256;

impl Runtime for AgUi {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let type_ = value.opt_text("type").unwrap_or(event).to_owned();
        let id = value.text("toolCallId");
        match type_.as_str() {
            "RUN_STARTED" => {
                self.held.start_all(emit);
                emit.start_turn(&TurnStarted {
                    runtime: SPEC.name.into(),
                    session: value.opt_text("threadId").map(Into::into),
                    ..TurnStarted::default()
                });
            }
            "RUN_FINISHED" | "RUN_ERROR" if emit.over() => {
                emit.status("log", "the run had ended already", value);
            }
            "RUN_FINISHED" => self.finish(&value, emit),
            "RUN_ERROR" => {
                self.held.start_all(emit);
                emit.fail(failure_of(&value), &spent(&value));
            }
            "TOOL_CALL_START" => self.tool(id, &value, emit),
            "TOOL_CALL_ARGS" => self.held.add(id, value.text("delta")),
            "TOOL_CALL_END" => self.held.start(id, emit),
            "TOOL_CALL_CHUNK" => {
                if !id.is_empty() && id != self.tool {
                    self.tool(id, &value, emit);
                }
                self.held.add(&self.tool, value.text("delta"));
            }
            "TOOL_CALL_RESULT" => {
                self.held.start(id, emit);
                emit.tool_done(id, "", "unknown", value.get("content"));
            }
            _ if self.text(&type_, &value, emit) => {}
            _ => other(&type_, value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        Verdict::MissingResult
    }
}

impl AgUi {
    /// Says what a message of text says; `false` if it is none.
    fn text(&mut self, type_: &str, value: &Value, emit: &mut Emit<'_>) -> bool {
        let (kind, what) = match type_.rsplit_once('_') {
            Some(("TEXT_MESSAGE", what)) => (TextKind::Answer, what),
            Some(("REASONING_MESSAGE" | "THINKING_TEXT_MESSAGE", what)) => {
                (TextKind::Reasoning, what)
            }
            _ => return false,
        };
        let id = value.opt_text("messageId").unwrap_or(&self.message).to_owned();
        let user = ["user", "system", "developer"].contains(&value.text("role"));
        if user && self.users.len() < MAX_USERS {
            self.users.push(id.clone());
        }
        let said = said_at(value, "delta", emit);
        let block = text(kind, &id);
        match what {
            "START" => {}
            "CHUNK" | "CONTENT" if self.users.contains(&id) => emit.user(said),
            "CHUNK" if id != self.message => {
                self.held.start_all(emit);
                emit.finish_block(&text(kind, &self.message), None);
                emit.delta(&block, said);
            }
            "CHUNK" | "CONTENT" => emit.delta(&block, said),
            "END" => emit.finish_block(&block, None),
            _ => return false,
        }
        self.message = id;
        true
    }

    fn tool(&mut self, id: &str, value: &Value, emit: &mut Emit<'_>) {
        if self.held.has(&self.tool) && value.opt_text("type") == Some("TOOL_CALL_CHUNK") {
            self.held.start(&self.tool, emit);
        }
        self.held.begin(id, (id, value.text("toolCallName")), emit);
        id.clone_into(&mut self.tool);
    }

    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.held.start_all(emit);
        let outcome = value.at("outcome");
        let stop = match outcome.as_str().or_else(|| outcome.opt_text("type")) {
            // The run waits for the user; what it waits for is in the message.
            Some("interrupt") => {
                emit.status("permission", "the run waits for an answer", value.clone());
                "needs_input"
            }
            stop => stop.unwrap_or("finished"),
        };
        emit.complete(stop, value.opt_text("result"), &spent(value));
    }
}

/// The sum over the models of a run.
fn spent(value: &Value) -> Spent {
    let usage = value.get("usage").filter(|u| u.is_array() || u.is_object());
    let models = usage.map(|u| u.as_array().map_or(std::slice::from_ref(u), Vec::as_slice));
    let Some(models) = models.filter(|m| !m.is_empty()) else {
        return Spent::default();
    };
    let sum =
        |key: &str| models.iter().filter_map(|model| model.u64(key)).reduce(u64::saturating_add);
    Spent {
        usage: Some(Usage {
            input_tokens: sum("inputTokens"),
            output_tokens: sum("outputTokens"),
            cache_read_tokens: sum("cachedInputTokens"),
            cache_write_tokens: None,
            reasoning_tokens: sum("reasoningTokens"),
            total_tokens: sum("totalTokens").filter(|_| sum("inputTokens").is_none()),
        }),
        ..Spent::default()
    }
}

fn other(type_: &str, value: Value, emit: &mut Emit<'_>) {
    let name = value.opt_text("stepName").or_else(|| value.opt_text("name"));
    let message = name.unwrap_or(type_).to_owned();
    match type_ {
        "STEP_STARTED" | "STEP_FINISHED" | "ACTIVITY_SNAPSHOT" | "ACTIVITY_DELTA" => {
            emit.status("progress", &message, value);
        }
        "REASONING_START" | "REASONING_END" | "THINKING_START" | "THINKING_END" => {}
        _ => emit.status("info", &message, value),
    }
}
