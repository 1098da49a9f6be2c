//! Lines of streams, for tests.

use serde_json::Value;

use crate::filter::tests::Timed;
use crate::time::Time;

/// The lines of streams, numbered as they are made.
#[derive(Default)]
pub(super) struct Script {
    pub lines: Vec<Timed>,
    /// Stream, its last `seq` and its turn.
    streams: Vec<(String, u64, u64)>,
}

impl Script {
    pub(super) fn state(&mut self, stream: &str) -> &mut (String, u64, u64) {
        let at = self.streams.iter().position(|(s, ..)| s == stream);
        let at = at.unwrap_or_else(|| {
            self.streams.push((stream.to_owned(), 0, 0));
            self.streams.len() - 1
        });
        &mut self.streams[at]
    }

    /// A numbered event of the stream's turn. `body` is what stands behind the envelope, without a comma before it.
    pub(super) fn emit(&mut self, at: u64, stream: &str, type_: &str, body: &str) {
        let state = self.state(stream);
        state.1 += 1;
        state.2 += u64::from(type_ == "turn_started");
        let (seq, turn) = (state.1, state.2);
        let ts = Time::from_millis(at);
        self.lines.push((at, format!(
            r#"{{"v":1,"type":"{type_}","stream":"{stream}","turn":{turn},"seq":{seq},"ts":"{ts}",{body}}}"#
        )));
    }

    pub(super) fn start(&mut self, at: u64, stream: &str) {
        self.emit(at, stream, "turn_started", r#""runtime":"x""#);
    }

    pub(super) fn text(&mut self, at: u64, stream: &str, (block, kind): (&str, &str), text: &str) {
        let body = format!(r#""block":"{block}","kind":"{kind}","text":"{text}""#);
        self.emit(at, stream, "text_delta", &body);
    }

    pub(super) fn answer(&mut self, at: u64, text: &str) {
        self.text(at, "s", ("b1", "answer"), text);
    }

    pub(super) fn tool(&mut self, at: u64, id: &str, name: &str) {
        let body = format!(r#""tool":{{"id":"{id}","name":"{name}","kind":"other"}}"#);
        self.emit(at, "s", "tool_started", &body);
    }

    pub(super) fn usage(&mut self, at: u64, data: &Value) {
        let body = format!(r#""kind":"usage","data":{data}"#);
        self.emit(at, "s", "status", &body);
    }

    pub(super) fn complete(&mut self, at: u64, stream: &str) {
        self.emit(at, stream, "turn_completed", r#""stop":"end""#);
    }

    /// A line without a number, injected by a filter before this one.
    pub(super) fn beside(&mut self, at: u64, stream: &str) {
        let (turn, ts) = (self.state(stream).2, Time::from_millis(at));
        self.lines.push((at, format!(
            r#"{{"v":1,"type":"status","stream":"{stream}","turn":{turn},"ts":"{ts}","kind":"heartbeat"}}"#
        )));
    }

    /// The end of a run, which belongs to no turn.
    pub(super) fn exit(&mut self, at: u64, stream: &str) {
        let state = self.state(stream);
        state.1 += 1;
        let (seq, ts) = (state.1, Time::from_millis(at));
        self.lines.push((at, format!(
            r#"{{"v":1,"type":"status","stream":"{stream}","seq":{seq},"ts":"{ts}","kind":"exit","data":{{"code":0}}}}"#
        )));
    }

    /// First event of a wrap, with its socket.
    pub(super) fn session(&mut self, at: u64, stream: &str) {
        let state = self.state(stream);
        state.1 += 1;
        let (seq, ts) = (state.1, Time::from_millis(at));
        self.lines.push((at, format!(
            r#"{{"v":1,"type":"status","stream":"{stream}","seq":{seq},"ts":"{ts}","kind":"session","data":{{"control":{{"pid":7,"word":"w"}}}}}}"#
        )));
    }
}
