//! The UI message stream of the Vercel AI SDK (version 5 and later).
//!
//! Source: recordings of its tests, and its documentation. An `error` fails the turn, although the stream goes on to its
//! `finish`; a stream without `finish` ends at `[DONE]`, and completes there if its last step had ended.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "vercel",
    aliases: &["ai-sdk", "vercel-ui"],
    versions: "captures of AI SDK 5 and 6",
    about: "Vercel AI SDK, UI message stream",
    usage: "curl -N -d @chat.json http://localhost:3000/api/chat",
    keys: "approvalId approved errorText finishReason inputTextDelta isAutomatic itemId location \
        mediaType openai providerMetadata redactedData sourceId temperature testProvider url",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Vercel::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let has = |key: &str| value.get(key).is_some();
    let fields = value.as_object().map_or(0, serde_json::Map::len);
    match value.text("type") {
        "start-step" | "finish-step" if fields == 1 => Match::Sure,
        "text-start" | "text-end" | "reasoning-start" | "reasoning-end" if has("id") => Match::Sure,
        "text-delta" | "reasoning-delta" if has("id") && has("delta") => Match::Sure,
        "tool-input-start" | "tool-input-available" if has("toolCallId") => Match::Sure,
        "error" if has("errorText") => Match::Sure,
        "start" if fields == 1 || has("messageId") || has("messageMetadata") => Match::Maybe,
        _ => Match::No,
    }
}

#[derive(Default)]
struct Vercel {
    /// True if a step has begun and not ended.
    step: bool,
    /// The first error of the stream; it wins over what follows.
    error: Option<Value>,
    held: HeldTools,
}

impl Runtime for Vercel {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let call = value.text("toolCallId");
        let type_ = value.text("type");
        let reasoning = type_.starts_with("reasoning");
        let kind = if reasoning { TextKind::Reasoning } else { TextKind::Answer };
        let block = text(kind, value.text("id"));
        match type_ {
            "start" => self.start(emit),
            "start-step" => {
                if !emit.turn_open() {
                    self.start(emit);
                }
                self.step = true;
            }
            "finish-step" => self.step = false,
            "text-start" | "reasoning-start" => {}
            "text-delta" | "reasoning-delta" => {
                let said = str_at(&value, "delta", emit);
                emit.delta(&block, said);
            }
            "text-end" | "reasoning-end" => emit.finish_block(&block, None),
            "tool-input-start" => self.held.begin(call, (call, value.text("toolName")), emit),
            "tool-input-delta" => self.held.add(call, value.text("inputTextDelta")),
            "tool-input-available" | "tool-input-error" => {
                self.held.begin(call, (call, value.text("toolName")), emit);
                if let Some(input) = value.get("input") {
                    self.held.set(call, &raw(input));
                }
                self.held.start(call, emit);
                if type_ == "tool-input-error" {
                    self.tool_done(call, "error", &value, emit);
                }
            }
            "tool-output-available" if value.is("preliminary") => {
                emit.status("progress", type_, value.clone());
            }
            "tool-output-available" => self.tool_done(call, "ok", &value, emit),
            "tool-output-error" => self.tool_done(call, "error", &value, emit),
            "tool-output-denied" => self.tool_done(call, "denied", &value, emit),
            "tool-approval-request" => emit.status("permission", type_, value.clone()),
            "finish" => self.finish(&value, emit),
            "abort" => {
                if !self.give_in(emit) && !emit.over() {
                    self.held.start_all(emit);
                    let reason = value.opt_text("reason").unwrap_or("abort");
                    emit.cancelled(reason, Some("abort"), &UsageAndCost::default());
                }
            }
            "error" => {
                emit.status("error", value.text("errorText"), value.clone());
                self.error.get_or_insert(value);
            }
            type_ => emit.status("info", type_, value.clone()),
        }
    }

    fn on_done(&mut self, emit: &mut Emit<'_>) {
        self.give_in(emit);
        if emit.turn_open() && !self.step {
            self.held.start_all(emit);
            emit.complete("end_of_output", None, &UsageAndCost::default());
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.give_in(emit);
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        TurnVerdict::MissingResult
    }
}

impl Vercel {
    fn start(&mut self, emit: &mut Emit<'_>) {
        self.give_in(emit);
        self.step = false;
        emit.start(SPEC.name, None, None);
    }

    /// Fails the turn if there was an error, whatever the stream said since; `false` if there was none.
    fn give_in(&mut self, emit: &mut Emit<'_>) -> bool {
        let Some(error) = self.error.take() else { return false };
        if !emit.over() {
            self.held.start_all(emit);
            emit.fail(failure_of(&error), &UsageAndCost::default());
        }
        true
    }

    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.step = false;
        if self.give_in(emit) {
            return;
        }
        if emit.over() {
            return emit.late(value);
        }
        self.held.start_all(emit);
        let spent = UsageAndCost::default();
        match value.opt_text("finishReason").unwrap_or("finish") {
            "error" => {
                emit.fail(failure("the stream finished with an error", "", None), &spent);
            }
            stop => emit.complete(stop, None, &spent),
        }
    }

    fn tool_done(&mut self, id: &str, outcome: &str, value: &Value, emit: &mut Emit<'_>) {
        self.held.start(id, emit);
        let output = value.get("output").or_else(|| value.get("errorText"));
        emit.tool_done(id, "", outcome, output);
    }
}
