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
    new: |_| Box::new(Streams::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    match value.text("method").strip_prefix("scaffold/") {
        Some(_) if is_rpc(value) => Match::Sure,
        Some(_) => Match::Maybe,
        None => Match::No,
    }
}

/// Limit of the chunks that wait for a missing one.
const MAX_EARLY: usize = 64;

/// Limit of their bytes.
const MAX_EARLY_BYTES: usize = 1 << 20;

/// State of each stream of events. A stream that begins while the turns of all others are open gets a new one.
#[derive(Default)]
struct Streams {
    streams: Vec<Chunks>,
    last: usize,
}

/// The `stream_id` whose turn is open, or was the last.
#[derive(Default)]
struct Chunks {
    stream: Option<String>,
    /// Number of the next chunk; `None` before the first.
    next: Option<u64>,
    early: BTreeMap<u64, Chunk>,
}

struct Chunk {
    text: String,
    /// True if it is the last of its stream.
    done: bool,
}

impl Runtime for Streams {
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

impl Streams {
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
                    self.release(|stream| stream.early.values().any(|chunk| chunk.done), emit);
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
                return emit.fail_with(params, &UsageAndCost::default());
            }
            let reason = params.opt_text("reason").unwrap_or("cancelled");
            emit.cancelled(reason, Some("streamCancel"), &UsageAndCost::default());
        });
    }

    /// Emits the chunks that wait in the streams that are due.
    fn release(&mut self, due: impl Fn(&Chunks) -> bool, emit: &mut Emit<'_>) {
        let streams = self.streams.iter_mut().enumerate();
        for (stream, chunks) in streams.filter(|(_, stream)| due(stream)) {
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
            emit.begin(None, Some(&stream));
            // A stream begins with 0 or with 1.
            let next = number.map(|n| n.min(1));
            *self = Self { stream: Some(stream), next, ..Self::default() };
        }
        let chunk = Chunk { text: text_of(params.at("chunk")), done: params.is("done") };
        let Some(number) = number else { return self.emit_chunk(&chunk, emit) };
        let next = *self.next.get_or_insert(number);
        if number < next || self.early.contains_key(&number) {
            let how = if number < next { "too late, or twice" } else { "twice" };
            let data = json!({"sequence": number, "expected": next, "chunk": chunk.text});
            return emit.status("gap", &format!("a chunk that came {how}"), data);
        }
        if number > next {
            let data = json!({"sequence": number, "expected": next});
            emit.status("gap", "chunks came out of order", data);
        }
        self.early.insert(number, chunk);
        self.emit_ready(emit);
        let bytes: usize = self.early.values().map(|chunk| chunk.text.len()).sum();
        if self.early.len() > MAX_EARLY || bytes > MAX_EARLY_BYTES {
            self.skip(emit);
        }
    }

    fn emit_ready(&mut self, emit: &mut Emit<'_>) {
        while let Some(next) = self.next
            && let Some(chunk) = self.early.remove(&next)
        {
            self.next = next.checked_add(1);
            self.emit_chunk(&chunk, emit);
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

    fn emit_chunk(&mut self, chunk: &Chunk, emit: &mut Emit<'_>) {
        emit.delta(&ANSWER, &chunk.text);
        if chunk.done {
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
