//! Text in numbered chunks over JSON-RPC: `scaffold/streamChunk` with `stream_id`, `chunk`, `sequence` and `done`, and
//! `scaffold/streamCancel`; as lines or with `Content-Length`. Chunks that come early wait a little for those before them.
//! Streams one after another are turns of one stream of events; streams that overlap have streams of their own.

use std::collections::BTreeMap;

use serde_json::json;

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "stream-chunk",
    aliases: &["scaffold"],
    versions: "by its documentation",
    about: "numbered chunks over JSON-RPC, scaffold/streamChunk",
    usage: "a JSON-RPC server over stdio",
    keys: "chunk done jsonrpc method params sequence stream_id",
    detect,
    framing: Framing::Frames,
    new: |_| Box::new(Lanes::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    match value.text("method").starts_with("scaffold/") {
        true if is_rpc(value) => Match::Sure,
        true => Match::Maybe,
        false => Match::No,
    }
}

/// Limits of the chunks, and of their bytes, that wait for one that is missing.
const MAX_EARLY: usize = 64;
const MAX_EARLY_BYTES: usize = 1 << 20;

/// The state of each stream; there is one more when a stream begins while the turns of all others are open.
#[derive(Default)]
struct Lanes {
    streams: Vec<Chunks>,
    /// The stream of the last message.
    last: usize,
}

/// The stream whose turn is open, or was the last.
#[derive(Default)]
struct Chunks {
    stream: Option<String>,
    /// The number that comes next; `None` before the first.
    next: Option<u64>,
    /// Chunks that came early: text, and true if it is the last.
    early: BTreeMap<u64, (String, bool)>,
}

impl Runtime for Lanes {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match Rpc::of(&value) {
            Rpc::Call { method, params, .. } => self.call(method, params, emit),
            Rpc::Error { error, .. } => self.note("error", error.text("message"), error, emit),
            _ => self.note("info", "a message of another kind", &value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        self.release(|_| true, emit);
        TurnVerdict::MissingResult
    }
}

impl Lanes {
    fn call(&mut self, method: &str, params: &Value, emit: &mut Emit<'_>) {
        let id = params.at("stream_id");
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let method = method.strip_prefix("scaffold/").unwrap_or(method);
        let known = self.streams.iter().position(|stream| stream.stream.as_ref() == Some(&id));
        let open = known.filter(|stream| emit.in_stream(*stream, |emit| emit.turn_open()));
        let (stream, kind, missed) = match method {
            "streamChunk" => {
                if known.is_none() {
                    // A stream whose last chunk has come waits for no other once another begins.
                    self.release(|stream| stream.early.values().any(|(_, done)| *done), emit);
                }
                (known.or_else(|| self.free(emit)), "info", "another stream")
            }
            "streamCancel" => (open, "info", "another stream was cancelled"),
            "streamError" => (open, "error", "another stream failed"),
            _ => (None, "info", method),
        };
        let Some(stream) = stream else {
            return self.note(kind, missed, params, emit);
        };
        if stream == self.streams.len() {
            self.streams.push(Chunks::default());
        }
        self.last = stream;
        let chunks = &mut self.streams[stream];
        emit.in_stream(stream, |emit| {
            if method == "streamChunk" {
                return chunks.chunk(id, params, emit);
            }
            chunks.release(emit);
            if method == "streamError" {
                return emit.fail(failure_of(params), &UsageAndCost::default());
            }
            let reason = params.opt_text("reason").unwrap_or("cancelled");
            emit.cancelled(reason, Some("streamCancel"), &UsageAndCost::default());
        });
    }

    /// Emits the chunks that wait in the streams that are due.
    fn release(&mut self, due: impl Fn(&Chunks) -> bool, emit: &mut Emit<'_>) {
        for (stream, chunks) in
            self.streams.iter_mut().enumerate().filter(|(_, stream)| due(stream))
        {
            emit.in_stream(stream, |emit| chunks.release(emit));
        }
    }

    /// The first stream in which no turn is open; `None` if there are too many.
    fn free(&self, emit: &mut Emit<'_>) -> Option<usize> {
        let known = self.streams.len();
        (0..MAX_STREAMS)
            .find(|stream| *stream >= known || !emit.in_stream(*stream, |emit| emit.turn_open()))
    }

    /// Emits a status in the stream of the last message.
    fn note(&self, kind: &str, message: &str, data: &Value, emit: &mut Emit<'_>) {
        emit.in_stream(self.last, |emit| emit.status(kind, message, data.clone()));
    }
}

impl Chunks {
    fn chunk(&mut self, stream: String, params: &Value, emit: &mut Emit<'_>) {
        let number = params.u64("sequence");
        if !emit.turn_open() {
            if self.stream.as_ref() == Some(&stream) {
                return emit.late(params);
            }
            emit.begin(SPEC.name, None, Some(&stream));
            // A stream begins with 0 or with 1.
            let next = number.map(|n| n.min(1));
            *self = Self { stream: Some(stream), next, ..Self::default() };
        }
        let (said, done) = (text_of(params.at("chunk")), params.is("done"));
        let Some(number) = number else {
            return self.emit_text(&said, done, emit);
        };
        let next = *self.next.get_or_insert(number);
        if number < next || self.early.contains_key(&number) {
            let how = if number < next { "too late, or twice" } else { "twice" };
            let data = json!({"sequence": number, "expected": next, "chunk": said});
            return emit.status("gap", &format!("a chunk that came {how}"), data);
        }
        if number > next {
            let data = json!({"sequence": number, "expected": next});
            emit.status("gap", "chunks came out of order", data);
        }
        self.early.insert(number, (said, done));
        self.emit_ready(emit);
        let bytes: usize = self.early.values().map(|(said, _)| said.len()).sum();
        if self.early.len() > MAX_EARLY || bytes > MAX_EARLY_BYTES {
            self.skip(emit);
        }
    }

    /// Emits the chunks that are due.
    fn emit_ready(&mut self, emit: &mut Emit<'_>) {
        while let Some(next) = self.next
            && let Some((said, done)) = self.early.remove(&next)
        {
            self.next = next.checked_add(1);
            self.emit_text(&said, done, emit);
        }
    }

    /// Gives up the chunks before the first that waits.
    fn skip(&mut self, emit: &mut Emit<'_>) {
        if let (Some(next), Some((&first, _))) = (self.next, self.early.first_key_value()) {
            let data = json!({"missing_from": next, "missing_to": first.saturating_sub(1)});
            emit.status("gap", "chunks are missing", data);
            self.next = Some(first);
        }
        self.emit_ready(emit);
    }

    /// Emits all that has waited, with its gaps.
    fn release(&mut self, emit: &mut Emit<'_>) {
        while emit.turn_open() && !self.early.is_empty() {
            self.skip(emit);
        }
        self.early.clear();
    }

    fn emit_text(&mut self, said: &str, done: bool, emit: &mut Emit<'_>) {
        let block = text(TextKind::Answer, "chunk");
        emit.delta(&block, said);
        if done {
            emit.finish_block(&block, None);
            emit.complete("done", None, &UsageAndCost::default());
            self.early.clear();
        }
    }
}

/// The text of a chunk: a string, or an object that has one.
fn text_of(chunk: &Value) -> String {
    let keys = ["text", "content", "delta", "data"];
    match chunk.as_str().or_else(|| keys.into_iter().find_map(|key| chunk.opt_text(key))) {
        Some(text) => text.to_owned(),
        None if chunk.is_null() => String::new(),
        None => chunk.to_string(),
    }
}
