//! Text in numbered chunks over JSON-RPC: `scaffold/streamChunk` with `stream_id`, `chunk`, `sequence` and `done`, and
//! `scaffold/streamCancel`; as lines or with `Content-Length`. Chunks that come early wait a little for those before them.
//! One after another the streams are turns of one stream of events; those that overlap have streams of their own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{failure, text};
use super::framing::jsonrpc::{Rpc, is_rpc};
use super::framing::{Framed, Protocol, Tail};
use super::{Match, Spec, say_status, text_at};
use crate::event::{Spent, TurnStarted};
use crate::guard::{Guard, MAX_LANES, TextKind, Verdict};
use crate::time::Time;

pub(super) const SPEC: Spec = Spec {
    name: "stream-chunk",
    aliases: &["scaffold"],
    versions: "by its documentation",
    about: "numbered chunks over JSON-RPC, scaffold/streamChunk",
    usage: "a JSON-RPC server over stdio",
    commands: &[],
    flags: &[],
    has_result: true,
    detect,
    new: |_| Box::new(Framed::new(Lanes::default())),
};

fn detect(value: &Value) -> Match {
    let ours = text_at(value, "method").is_some_and(|m| m.starts_with("scaffold/"));
    if ours && is_rpc(value) {
        Match::Sure
    } else if ours {
        Match::Maybe
    } else {
        Match::No
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

const KEY: &str = "chunk";

impl Protocol for Lanes {
    fn message(&mut self, now: Time, _: &str, value: Value, guard: &mut Guard) {
        match Rpc::of(&value) {
            Rpc::Call { method, params, .. } => self.call(now, method, params, guard),
            Rpc::Error { error, .. } => {
                let message = text_at(error, "message").unwrap_or_default();
                self.note(now, "error", message, error, guard);
            }
            _ => self.note(now, "info", "a message of another kind", &value, guard),
        }
    }

    fn end(&mut self, now: Time, _: Tail, guard: &mut Guard) -> Verdict {
        for (lane, chunks) in self.lanes.iter_mut().enumerate() {
            guard.in_lane(lane, |guard| chunks.release(now, guard));
        }
        Verdict::MissingResult
    }
}

impl Lanes {
    fn call(&mut self, now: Time, method: &str, params: &Value, guard: &mut Guard) {
        let id = id_of(params);
        let known = self.lanes.iter().position(|lane| lane.is(&id));
        let open = known.filter(|lane| guard.in_lane(*lane, |guard| guard.turn_open()));
        let method = method.strip_prefix("scaffold/").unwrap_or(method);
        let (lane, missed) = match method {
            "streamChunk" => {
                if known.is_none() {
                    self.give_up(now, guard);
                }
                let free = || self.free(guard);
                (known.or_else(free), ("info", "another stream"))
            }
            "streamCancel" => (open, ("info", "another stream was cancelled")),
            "streamError" => (open, ("error", "another stream failed")),
            _ => (None, ("info", method)),
        };
        let Some(lane) = lane else {
            return self.note(now, missed.0, missed.1, params, guard);
        };
        if lane == self.lanes.len() {
            self.lanes.push(Chunks::default());
        }
        self.last = lane;
        let Some(chunks) = self.lanes.get_mut(lane) else {
            return;
        };
        guard.in_lane(lane, |guard| match method {
            "streamCancel" => chunks.cancel(now, params, guard),
            "streamError" => chunks.fail(now, params, guard),
            _ => chunks.chunk(now, id, params, guard),
        });
    }

    /// A stream whose last chunk has come does not wait any longer for one before it once another begins.
    fn give_up(&mut self, now: Time, guard: &mut Guard) {
        for (lane, chunks) in self.lanes.iter_mut().enumerate() {
            if chunks.early.values().any(|chunk| chunk.done) {
                guard.in_lane(lane, |guard| chunks.release(now, guard));
            }
        }
    }

    /// The first lane in which no turn is open; `None` if there are too many.
    fn free(&self, guard: &mut Guard) -> Option<usize> {
        let mut lanes = 0..=self.lanes.len();
        lanes
            .find(|lane| *lane == self.lanes.len() || !guard.in_lane(*lane, |g| g.turn_open()))
            .filter(|lane| *lane < MAX_LANES)
    }

    /// Says a status where the last message was said.
    fn note(&self, now: Time, kind: &str, message: &str, data: &Value, guard: &mut Guard) {
        guard.in_lane(self.last, |guard| {
            say_status(now, guard, kind, message, data.clone());
        });
    }
}

impl Chunks {
    fn is(&self, stream: &str) -> bool {
        self.stream.as_deref() == Some(stream)
    }

    fn chunk(&mut self, now: Time, stream: String, params: &Value, guard: &mut Guard) {
        let number = params.get("sequence").and_then(Value::as_u64);
        if !guard.turn_open() {
            if self.is(&stream) {
                let message = "the turn had ended already";
                return say_status(now, guard, "log", message, params.clone());
            }
            let started = TurnStarted {
                runtime: SPEC.name.into(),
                session: Some(stream.as_str().into()),
                ..TurnStarted::default()
            };
            guard.start_turn(now, &started);
            *self = Self {
                stream: Some(stream),
                // A stream begins with 0 or with 1.
                next: number.filter(|n| *n <= 1).or(number.map(|_| 1)),
                ..Self::default()
            };
        }
        let chunk = Chunk {
            text: text_of(params.get("chunk").unwrap_or(&Value::Null)),
            done: params.get("done").and_then(Value::as_bool) == Some(true),
        };
        match (number, self.next) {
            (Some(number), Some(next)) if number > next => self.wait(now, number, chunk, guard),
            (Some(number), Some(next)) if number < next => {
                let message = "a chunk that came too late, or twice";
                let data = json!({"sequence": number, "expected": next, "chunk": chunk.text});
                say_status(now, guard, "gap", message, data);
            }
            _ => {
                self.next = number.map_or(self.next, |n| n.checked_add(1));
                self.say(now, &chunk, guard);
                self.say_ready(now, guard);
            }
        }
    }

    /// Keeps a chunk that came before its turn; too many of them are said without what is missing.
    fn wait(&mut self, now: Time, number: u64, chunk: Chunk, guard: &mut Guard) {
        if self.early.contains_key(&number) {
            let data = json!({"sequence": number, "expected": self.next, "chunk": chunk.text});
            return say_status(now, guard, "gap", "a chunk that came twice", data);
        }
        let data = json!({"sequence": number, "expected": self.next});
        say_status(now, guard, "gap", "chunks came out of order", data);
        self.early_bytes += chunk.text.len();
        self.early.insert(number, chunk);
        if self.early.len() > MAX_EARLY || self.early_bytes > MAX_EARLY_BYTES {
            self.skip(now, guard);
            self.say_ready(now, guard);
        }
    }

    /// Says the chunks that have waited and are due.
    fn say_ready(&mut self, now: Time, guard: &mut Guard) {
        while let Some(next) = self.next
            && let Some(chunk) = self.early.remove(&next)
        {
            self.early_bytes = self.early_bytes.saturating_sub(chunk.text.len());
            self.next = next.checked_add(1);
            self.say(now, &chunk, guard);
        }
    }

    /// Gives up the chunks before the first that waits.
    fn skip(&mut self, now: Time, guard: &mut Guard) {
        if let (Some(next), Some((&first, _))) = (self.next, self.early.first_key_value()) {
            let data = json!({"missing_from": next, "missing_to": first.saturating_sub(1)});
            say_status(now, guard, "gap", "chunks are missing", data);
            self.next = Some(first);
        }
    }

    /// Says all that has waited, with its gaps.
    fn release(&mut self, now: Time, guard: &mut Guard) {
        while guard.turn_open() && !self.early.is_empty() {
            self.skip(now, guard);
            self.say_ready(now, guard);
        }
        self.early.clear();
        self.early_bytes = 0;
    }

    fn say(&mut self, now: Time, chunk: &Chunk, guard: &mut Guard) {
        guard.delta(now, &text(TextKind::Answer, KEY), &chunk.text);
        if chunk.done {
            guard.finish_block(now, &text(TextKind::Answer, KEY), None);
            guard.complete(now, "done", None, &Spent::default());
            self.early.clear();
        }
    }

    fn cancel(&mut self, now: Time, params: &Value, guard: &mut Guard) {
        self.release(now, guard);
        let reason = text_at(params, "reason").unwrap_or("cancelled");
        guard.cancelled(now, reason, Some("streamCancel"), &Spent::default());
    }

    fn fail(&mut self, now: Time, params: &Value, guard: &mut Guard) {
        self.release(now, guard);
        guard.fail(now, failure(params), &Spent::default());
    }
}

fn id_of(params: &Value) -> String {
    let id = params.get("stream_id").unwrap_or(&Value::Null);
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// The text of a chunk: a string, or an object that has one.
fn text_of(chunk: &Value) -> String {
    let keys = ["text", "content", "delta", "data"];
    let text = chunk.as_str().or_else(|| keys.into_iter().find_map(|key| text_at(chunk, key)));
    match text {
        Some(text) => text.to_owned(),
        None if chunk.is_null() => String::new(),
        None => chunk.to_string(),
    }
}
