//! Text in numbered chunks over JSON-RPC: `scaffold/streamChunk` with `stream_id`, `chunk`, `sequence` and `done`, and
//! `scaffold/streamCancel`; as lines or with `Content-Length`. Chunks that come early wait a little for those before them.
//! One after another the streams are turns of one stream of events; those that overlap have streams of their own.

use super::prelude::*;
use std::collections::BTreeMap;

use serde_json::json;

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
    let ours = value.opt_text("method").is_some_and(|m| m.starts_with("scaffold/"));
    match (ours, is_rpc(value)) {
        (true, true) => Match::Sure,
        (true, false) => Match::Maybe,
        (false, _) => Match::No,
    }
}

/// How many chunks, and how many bytes of them, wait for one that is missing.
const MAX_EARLY: usize = 64;
const MAX_EARLY_BYTES: usize = 1 << 20;

/// What is known in each lane; there is one more when a stream begins while the turns of all others are open.
#[derive(Default)]
struct Lanes {
    lanes: Vec<Chunks>,
    /// Where the last message was said.
    last: usize,
}

/// The stream whose turn is open, or was the last.
#[derive(Default)]
struct Chunks {
    stream: Option<String>,
    /// The number that comes next; `None` before the first.
    next: Option<u64>,
    early: BTreeMap<u64, Chunk>,
    early_bytes: usize,
}

#[derive(Debug)]
struct Chunk {
    text: String,
    done: bool,
}

const ANSWER: Text<'_> = Text { key: "chunk", kind: TextKind::Answer, parent: None };

impl Runtime for Lanes {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        match Rpc::of(&value) {
            Rpc::Call { method, params, .. } => self.call(method, params, emit),
            Rpc::Error { error, .. } => self.note("error", error.text("message"), error, emit),
            _ => self.note("info", "a message of another kind", &value, emit),
        }
    }

    fn on_end(&mut self, _: Tail, emit: &mut Emit<'_>) -> Verdict {
        for (lane, chunks) in self.lanes.iter_mut().enumerate() {
            emit.in_lane(lane, |emit| chunks.release(emit));
        }
        Verdict::MissingResult
    }
}

impl Lanes {
    fn call(&mut self, method: &str, params: &Value, emit: &mut Emit<'_>) {
        let id = id_of(params);
        let known = self.lanes.iter().position(|lane| lane.is(&id));
        let open = known.filter(|lane| emit.in_lane(*lane, |emit| emit.turn_open()));
        let method = method.strip_prefix("scaffold/").unwrap_or(method);
        let (lane, kind, missed) = match method {
            "streamChunk" => {
                if known.is_none() {
                    self.give_up(emit);
                }
                (known.or_else(|| self.free(emit)), "info", "another stream")
            }
            "streamCancel" => (open, "info", "another stream was cancelled"),
            "streamError" => (open, "error", "another stream failed"),
            _ => (None, "info", method),
        };
        let Some(lane) = lane else {
            return self.note(kind, missed, params, emit);
        };
        if lane == self.lanes.len() {
            self.lanes.push(Chunks::default());
        }
        self.last = lane;
        let chunks = &mut self.lanes[lane];
        emit.in_lane(lane, |emit| match method {
            "streamCancel" => {
                chunks.release(emit);
                let reason = params.opt_text("reason").unwrap_or("cancelled");
                emit.cancelled(reason, Some("streamCancel"), &Spent::default());
            }
            "streamError" => {
                chunks.release(emit);
                emit.fail(failure_of(params), &Spent::default());
            }
            _ => chunks.chunk(id, params, emit),
        });
    }

    /// A stream whose last chunk has come does not wait any longer for one before it once another begins.
    fn give_up(&mut self, emit: &mut Emit<'_>) {
        for (lane, chunks) in self.lanes.iter_mut().enumerate() {
            if chunks.early.values().any(|chunk| chunk.done) {
                emit.in_lane(lane, |emit| chunks.release(emit));
            }
        }
    }

    /// The first lane in which no turn is open; `None` if there are too many.
    fn free(&self, emit: &mut Emit<'_>) -> Option<usize> {
        let mut lanes = 0..=self.lanes.len();
        lanes
            .find(|lane| *lane == self.lanes.len() || !emit.in_lane(*lane, |g| g.turn_open()))
            .filter(|lane| *lane < MAX_LANES)
    }

    /// Says a status where the last message was said.
    fn note(&self, kind: &str, message: &str, data: &Value, emit: &mut Emit<'_>) {
        emit.in_lane(self.last, |emit| emit.status(kind, message, data.clone()));
    }
}

impl Chunks {
    fn is(&self, stream: &str) -> bool {
        self.stream.as_deref() == Some(stream)
    }

    fn chunk(&mut self, stream: String, params: &Value, emit: &mut Emit<'_>) {
        let number = params.u64("sequence");
        if !emit.turn_open() {
            if self.is(&stream) {
                return emit.late(params);
            }
            emit.begin(SPEC.name, None, Some(&stream));
            *self = Self {
                stream: Some(stream),
                // A stream begins with 0 or with 1.
                next: number.filter(|n| *n <= 1).or(number.map(|_| 1)),
                ..Self::default()
            };
        }
        let chunk = Chunk { text: text_of(params.at("chunk")), done: params.is("done") };
        match (number, self.next) {
            (Some(number), Some(next)) if number > next => self.wait(number, chunk, emit),
            (Some(number), Some(next)) if number < next => {
                let message = "a chunk that came too late, or twice";
                let data = json!({"sequence": number, "expected": next, "chunk": chunk.text});
                emit.status("gap", message, data);
            }
            _ => {
                self.next = number.map_or(self.next, |n| n.checked_add(1));
                self.say(&chunk, emit);
                self.say_ready(emit);
            }
        }
    }

    /// Keeps a chunk that came before its turn; too many of them are said without what is missing.
    fn wait(&mut self, number: u64, chunk: Chunk, emit: &mut Emit<'_>) {
        if self.early.contains_key(&number) {
            let data = json!({"sequence": number, "expected": self.next, "chunk": chunk.text});
            return emit.status("gap", "a chunk that came twice", data);
        }
        let data = json!({"sequence": number, "expected": self.next});
        emit.status("gap", "chunks came out of order", data);
        self.early_bytes += chunk.text.len();
        self.early.insert(number, chunk);
        if self.early.len() > MAX_EARLY || self.early_bytes > MAX_EARLY_BYTES {
            self.skip(emit);
            self.say_ready(emit);
        }
    }

    /// Says the chunks that have waited and are due.
    fn say_ready(&mut self, emit: &mut Emit<'_>) {
        while let Some(next) = self.next
            && let Some(chunk) = self.early.remove(&next)
        {
            self.early_bytes = self.early_bytes.saturating_sub(chunk.text.len());
            self.next = next.checked_add(1);
            self.say(&chunk, emit);
        }
    }

    /// Gives up the chunks before the first that waits.
    fn skip(&mut self, emit: &mut Emit<'_>) {
        if let (Some(next), Some((&first, _))) = (self.next, self.early.first_key_value()) {
            let data = json!({"missing_from": next, "missing_to": first.saturating_sub(1)});
            emit.status("gap", "chunks are missing", data);
            self.next = Some(first);
        }
    }

    /// Says all that has waited, with its gaps.
    fn release(&mut self, emit: &mut Emit<'_>) {
        while emit.turn_open() && !self.early.is_empty() {
            self.skip(emit);
            self.say_ready(emit);
        }
        self.early.clear();
        self.early_bytes = 0;
    }

    fn say(&mut self, chunk: &Chunk, emit: &mut Emit<'_>) {
        emit.delta(&ANSWER, &chunk.text);
        if chunk.done {
            emit.finish_block(&ANSWER, None);
            emit.complete("done", None, &Spent::default());
            self.early.clear();
        }
    }
}

fn id_of(params: &Value) -> String {
    let id = params.at("stream_id");
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
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
