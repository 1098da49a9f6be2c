//! `GET /stream`: the events of all runs. A client is a place in their order; a slow one costs nothing and loses nothing.

use std::sync::Arc;

use anyhow::{Result, bail};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{Stream, once, select_all, unfold};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::events::{self, last_event_id, random};
use super::follow::{ALIVE_EVERY, Until};
use super::order::{Order, RunFile, Seen, Span};
use super::problem::Problem;
use super::router::{Call, streamed};
use super::trace::Trace;
use crate::serve::index::Position;
use crate::serve::only::Only;
use crate::serve::sse;

/// Records that are read at once.
const RECORDS: usize = 1024;

/// Bytes of events after which a part of the answer ends.
const PART: usize = 128 << 10;

/// `GET /stream`.
pub(super) async fn stream(call: Call) -> Result<Response, Problem> {
    let order = call.app.order.clone();
    let seen = order.seen.subscribe();
    let now = *seen.borrow();
    let ends_at = match call.query("until") {
        None => None,
        Some("now") => Some(now.count),
        Some(_) => return Err(Problem::wrong("until is now")),
    };
    let trace = match call.query("trace") {
        None | Some("0") => None,
        Some("1") => Some(Trace::start(&call.app.state)?),
        Some(_) => return Err(Problem::wrong("trace is 0 or 1")),
    };
    let mut client = Client {
        order,
        seen,
        ends: call.app.ends.subscribe(),
        position: Position { epoch: now.epoch, number: 0 },
        stream: call.query("stream").map(str::to_owned),
        label: call.query("label").map(str::to_owned),
        only: call.parsed("only", Only::parse)?,
        ends_at,
        first: Vec::new(),
        gap: None,
        trace,
    };
    sse::retry(&mut client.first, random());
    match last_event_id(&call) {
        None => {}
        Some("now") => client.position.number = now.count,
        Some(asked) => client.go_to(asked, now),
    }
    let until = if ends_at.is_some() { Until::Now } else { Until::End };
    let mut parts = vec![client.parts().boxed()];
    for asked in call.query("runs").into_iter().flat_map(|runs| runs.split(',')) {
        parts.push(match events::followed(&call.app, asked, until) {
            Ok(run) => run.boxed(),
            Err(_) => {
                let mut gone = Vec::new();
                sse::message(&mut gone, "gone", &json!({"run": asked}));
                once(async { gone.into() }).boxed()
            }
        });
    }
    Ok(streamed("text/event-stream", select_all(parts)))
}

#[derive(Debug)]
struct Client {
    order: Arc<Order>,
    seen: watch::Receiver<Seen>,
    ends: watch::Receiver<bool>,
    position: Position,
    stream: Option<String>,
    label: Option<String>,
    only: Option<Only>,
    /// Number of the last event that is wanted.
    ends_at: Option<u64>,
    /// Sent before all events.
    first: Vec<u8>,
    /// Numbers, from and to, of events that are lost and not told yet.
    gap: Option<(u64, u64)>,
    /// Operations that are told too.
    trace: Option<Trace>,
}

impl Client {
    /// All parts of the answer.
    fn parts(self) -> impl Stream<Item = Bytes> {
        unfold(self, |mut client| async move { Some((client.next().await?, client)) })
    }

    /// Goes behind the event with this id. Where there is none in this order, it begins at the start, and says so.
    fn go_to(&mut self, asked: &str, now: Seen) {
        let known = Position::parse(asked);
        match known.filter(|it| it.epoch == now.epoch && it.number <= now.count) {
            Some(position) => self.position = position,
            None => {
                let to = self.position.to_string();
                sse::message(&mut self.first, "gap", &json!({"asked": asked, "to": to}));
            }
        }
    }

    /// Next part of the answer; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first).into());
        }
        let alive_at = Instant::now() + ALIVE_EVERY;
        loop {
            if let Some(trace) = &mut self.trace {
                let mut operations = Vec::new();
                trace.push(&mut operations).ok()?;
                if !operations.is_empty() {
                    return Some(operations.into());
                }
            }
            let seen = *self.seen.borrow_and_update();
            if seen.epoch != self.position.epoch {
                // The client comes again, and is told.
                return None;
            }
            if self.position.number < seen.count {
                let part = self.read(seen.count).ok()?;
                if !part.is_empty() {
                    return Some(part);
                }
                // Others have their turn while nothing is wanted.
                tokio::task::yield_now().await;
                continue;
            }
            let mut rest = Vec::new();
            self.tell_gap(&mut rest);
            if !rest.is_empty() {
                return Some(rest.into());
            }
            if *self.ends.borrow() || self.ends_at.is_some_and(|end| self.position.number >= end) {
                return None;
            }
            let look_at = self.trace.as_ref().map_or(alive_at, Trace::look_at);
            tokio::select! {
                changed = self.seen.changed() => changed.ok()?,
                _ = self.ends.wait_for(|ends| *ends) => return None,
                () = sleep_until(look_at), if look_at < alive_at => {}
                () = sleep_until(alive_at) => {
                    let mut alive = Vec::new();
                    sse::alive(&mut alive, self.position);
                    return Some(alive.into());
                }
            }
        }
    }

    /// Events behind the position, up to the one with the number `last`.
    fn read(&mut self, last: u64) -> Result<Bytes> {
        let wants_all = self.stream.is_none() && self.label.is_none() && self.only.is_none();
        if wants_all
            && self.gap.is_none()
            && let Some((part, number)) = self.order.newest(self.position.number)
        {
            self.position.number = number;
            return Ok(part);
        }
        let left = usize::try_from(last - self.position.number).unwrap_or(RECORDS);
        let records = self.order.records(self.position.number, left.min(RECORDS))?;
        if records.is_empty() {
            bail!("the index is shorter than it was");
        }
        let (mut part, mut left) = (Vec::new(), records.as_slice());
        while part.len() < PART
            && let Some(span) = Span::next(&self.order, &mut left)?
        {
            if span.run.as_ref().is_some_and(|run| !self.wants(run)) {
                self.position.number += span.count();
            } else if let Some((_, bytes)) = span.read()? {
                self.push(&span, &bytes, &mut part);
            } else {
                self.lose(span.count());
            }
        }
        Ok(part.into())
    }

    fn wants(&self, run: &RunFile) -> bool {
        self.stream.as_ref().is_none_or(|stream| *stream == run.stream)
            && self.label.as_ref().is_none_or(|label| run.label.as_ref() == Some(label))
    }

    /// Appends the events of a span that are wanted.
    fn push(&mut self, span: &Span<'_>, bytes: &[u8], part: &mut Vec<u8>) {
        part.reserve(bytes.len() + 64 * usize::try_from(span.count()).unwrap_or_default());
        for (_, line) in span.lines(bytes) {
            self.position.number += 1;
            if self.only.as_ref().is_none_or(|only| only.admits(line)) {
                self.tell_gap(part);
                sse::event(part, self.position, line);
            }
        }
    }

    /// Passes events that are lost.
    fn lose(&mut self, count: u64) {
        let from = self.gap.map_or(self.position.number + 1, |(from, _)| from);
        self.position.number += count;
        self.gap = Some((from, self.position.number));
    }

    /// Says once which events are lost. Whose they were is not known, so a client that wants some runs only is not told.
    fn tell_gap(&mut self, out: &mut Vec<u8>) {
        let Some((from, to)) = self.gap.take() else { return };
        if self.stream.is_none() && self.label.is_none() {
            let id = |number| Position { number, ..self.position }.to_string();
            sse::message(out, "gap", &json!({"from": id(from), "to": id(to)}));
        }
    }
}
