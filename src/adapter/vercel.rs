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
    new: |_| Box::new(Vercel::default()),
    ..Spec::FRAMES
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
                emit.text_field((kind, value.text("id")), &value, "delta");
            }
            "text-end" | "reasoning-end" => emit.finish_block(&block, None),
            "tool-input-start" => emit.hold(call, (call, value.text("toolName"))),
            "tool-input-delta" => emit.add_arguments(call, value.text("inputTextDelta")),
            "tool-input-available" | "tool-input-error" => {
                emit.hold(call, (call, value.text("toolName")));
                if let Some(input) = value.get("input") {
                    emit.set_arguments(call, &raw(input));
                }
                emit.start_held(call);
                if type_ == "tool-input-error" {
                    tool_done(call, "error", &value, emit);
                }
            }
            "tool-output-available" if value.is("preliminary") => {
                emit.status("progress", type_, value.clone());
            }
            "tool-output-available" => tool_done(call, "ok", &value, emit),
            "tool-output-error" => tool_done(call, "error", &value, emit),
            "tool-output-denied" => tool_done(call, "denied", &value, emit),
            "tool-approval-request" => emit.status("permission", type_, value.clone()),
            "finish" => self.finish(&value, emit),
            "abort" => {
                if !emit.fail_last() && !emit.over() {
                    let reason = value.opt_text("reason").unwrap_or("abort");
                    emit.cancelled(reason, Some("abort"), &UsageAndCost::default());
                }
            }
            "error" => {
                emit.status("error", value.text("errorText"), value.clone());
                // The first error of a stream wins over what follows it.
                let first = emit.input.error.take().unwrap_or_else(|| emit.failure(&value));
                emit.input.error = Some(first);
            }
            type_ => emit.status("info", type_, value.clone()),
        }
    }

    fn on_done(&mut self, emit: &mut Emit<'_>) {
        if !emit.fail_last() && emit.turn_open() && !self.step {
            emit.complete("end_of_output", None, &UsageAndCost::default());
        }
    }
}

impl Vercel {
    fn start(&mut self, emit: &mut Emit<'_>) {
        emit.fail_last();
        self.step = false;
        emit.start(None, None);
    }

    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.step = false;
        if emit.fail_last() {
            return;
        }
        if emit.over() {
            return emit.late(value);
        }
        let spent = UsageAndCost::default();
        match value.opt_text("finishReason").unwrap_or("finish") {
            "error" => {
                emit.fail(failure("the stream finished with an error", "", None), &spent);
            }
            stop => emit.complete(stop, None, &spent),
        }
    }
}

fn tool_done(id: &str, outcome: &str, value: &Value, emit: &mut Emit<'_>) {
    emit.tool_done(id, "", outcome, value.get("output").or(value.get("errorText")));
}
