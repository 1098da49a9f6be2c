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
    /// What the stream called an error; it wins over what follows.
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
                let said = said_at(&value, "delta", emit);
                emit.delta(&block, said);
            }
            "text-end" | "reasoning-end" => emit.finish_block(&block, None),
            "tool-input-start" => self.held.begin(call, (call, value.text("toolName")), emit),
            "tool-input-delta" => self.held.add(call, value.text("inputTextDelta")),
            "finish" => self.finish(&value, emit),
            "abort" => self.abort(&value, emit),
            "error" => {
                emit.status("error", value.text("errorText"), value.clone());
                self.error.get_or_insert(value);
            }
            type_ if type_.starts_with("tool-") => self.tool((type_, call), &value, emit),
            type_ => emit.status("info", type_, value.clone()),
        }
    }

    fn on_done(&mut self, emit: &mut Emit<'_>) {
        self.give_in(emit);
        if emit.turn_open() && !self.step {
            self.held.start_all(emit);
            emit.complete("end_of_output", None, &Spent::default());
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        self.give_in(emit);
        if emit.turn_open() {
            self.held.start_all(emit);
        }
        Verdict::MissingResult
    }
}

impl Vercel {
    fn start(&mut self, emit: &mut Emit<'_>) {
        self.give_in(emit);
        self.step = false;
        emit.start_turn(&TurnStarted { runtime: SPEC.name.into(), ..TurnStarted::default() });
    }

    /// Fails the turn if there was an error, whatever the stream said since.
    fn give_in(&mut self, emit: &mut Emit<'_>) {
        if let Some(error) = self.error.take()
            && !emit.over()
        {
            self.held.start_all(emit);
            emit.fail(failure_of(&error), &Spent::default());
        }
    }

    fn finish(&mut self, value: &Value, emit: &mut Emit<'_>) {
        self.step = false;
        if self.error.is_some() {
            return self.give_in(emit);
        }
        if emit.over() {
            return emit.late(value);
        }
        self.held.start_all(emit);
        let stop = value.opt_text("finishReason").unwrap_or("finish");
        if stop == "error" {
            let why = serde_json::json!({"message": "the stream finished with an error"});
            return emit.fail(failure_of(&why), &Spent::default());
        }
        emit.complete(stop, None, &Spent::default());
    }

    fn abort(&mut self, value: &Value, emit: &mut Emit<'_>) {
        if self.error.is_some() {
            return self.give_in(emit);
        }
        if !emit.over() {
            self.held.start_all(emit);
            let reason = value.opt_text("reason").unwrap_or("abort");
            emit.cancelled(reason, Some("abort"), &Spent::default());
        }
    }

    fn tool(&mut self, (type_, id): (&str, &str), value: &Value, emit: &mut Emit<'_>) {
        let outcome = match type_ {
            "tool-input-available" | "tool-input-error" => {
                self.held.begin(id, (id, value.text("toolName")), emit);
                if let Some(input) = value.get("input") {
                    self.held.set(id, &crate::codec::to_json(input));
                }
                self.held.start(id, emit);
                if type_ == "tool-input-available" {
                    return;
                }
                "error"
            }
            "tool-output-available" if value.is("preliminary") => {
                return emit.status("progress", type_, value.clone());
            }
            "tool-output-available" => "ok",
            "tool-output-error" => "error",
            "tool-output-denied" => "denied",
            "tool-approval-request" => return emit.status("permission", type_, value.clone()),
            _ => return emit.status("info", type_, value.clone()),
        };
        self.held.start(id, emit);
        emit.tool_done(id, "", outcome, value.get("output").or(value.get("errorText")));
    }
}
