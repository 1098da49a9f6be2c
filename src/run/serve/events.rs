//! Events of one run for a client, which is no more than a place in the run's file: a slow one costs nothing and loses nothing.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::json;

use super::export::export;
use super::follow::{Follow, Step, Until};
use super::problem::Problem;
use super::router::{Call, streamed};
use super::{App, runs};
use crate::export::Format;
use crate::named::Named;
use crate::run::new_word;
use crate::runs::cursor::Batch;
use crate::serve::only::Only;
use crate::serve::place::{RunPlace, Tag};
use crate::serve::sse;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Form of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Lines,
    Sse,
}

/// Events that a client wants.
#[derive(Debug)]
pub(super) struct Wanted {
    shape: Shape,
    /// Id of the last event that the client knows.
    after: Option<String>,
    only: Option<Only>,
    until: Until,
}

impl Wanted {
    /// All events to the end of the run, as server-sent events.
    pub(super) fn all() -> Self {
        Self { shape: Shape::Sse, after: None, only: None, until: Until::End }
    }
}

/// `GET /runs/{id}/events`.
pub(super) async fn events(call: Call) -> Result<Response, Problem> {
    let shape = match call.query("format") {
        None if call.accepts_sse() => Shape::Sse,
        None | Some("events") => Shape::Lines,
        Some("sse") => Shape::Sse,
        Some(name) => {
            let format =
                Format::by_name(name).ok_or_else(|| Problem::wrong("there is no such format"))?;
            whole(&call)?;
            return export(&call.app, call.param("id"), format, until(&call, Shape::Lines)?);
        }
    };
    let wanted = Wanted {
        shape,
        after: last_event_id(&call).map(str::to_owned),
        only: call.parsed("only", Only::parse)?,
        until: until(&call, shape)?,
    };
    if let (Shape::Lines, Some(after)) = (shape, wanted.after.as_deref()) {
        check_id(after)?;
    }
    of_run(&call.app, call.param("id"), wanted)
}

/// Checks that a whole run is wanted, of which alone another format can be made.
fn whole(call: &Call) -> Result<(), Problem> {
    let is_part = |name: &&str| call.query(name).is_some_and(|value| value != "start");
    match ["only", "from", "last_event_id"].into_iter().find(is_part) {
        Some(name) => Err(Problem::wrong(format!(
            "{name} is for format=events and format=sse: another format has the whole run"
        ))),
        None => Ok(()),
    }
}

/// Checks an id where no event `gap` can tell that it is none.
fn check_id(id: &str) -> Result<(), Problem> {
    match id == "now" || RunPlace::parse(id).is_some() {
        true => Ok(()),
        false => Err(Problem::wrong("from is <stream>@<offset>.<tag>, start or now")),
    }
}

/// Id of the last event that a client knows; `None` for one that begins.
pub(super) fn last_event_id(call: &Call) -> Option<&str> {
    let last = call.header(&LAST_EVENT_ID).or(call.query("last_event_id")).or(call.query("from"));
    last.filter(|last| *last != "start" && !last.is_empty())
}

/// `GET /runs/{id}/text`.
pub(super) async fn text(call: Call) -> Result<Response, Problem> {
    export(&call.app, call.param("id"), Format::Text, Until::Now)
}

fn until(call: &Call, shape: Shape) -> Result<Until, Problem> {
    match call.query("until") {
        // A browser that is sent away comes again.
        None if shape == Shape::Sse => Ok(Until::Never),
        None | Some("end") => Ok(Until::End),
        Some("now") => Ok(Until::Now),
        Some(_) => Err(Problem::wrong("until is end or now")),
    }
}

/// Answer with the events of a run.
pub(super) fn of_run(app: &App, id: &str, wanted: Wanted) -> Result<Response, Problem> {
    let mut reader = Reader::open(app, id, wanted)?;
    let Wanted { shape, after, until, .. } = &reader.wanted;
    if reader.follow.is_read() && after.is_some() && *until == Until::End {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    match shape {
        Shape::Lines => Ok(streamed("application/x-ndjson", reader.parts())),
        Shape::Sse => {
            let mut first = Vec::new();
            sse::retry(&mut first, random());
            reader.first.splice(0..0, first);
            Ok(streamed("text/event-stream", reader.parts()))
        }
    }
}

/// Server-sent events of a run, behind a place in it if `asked` is one and not only a stream.
pub(super) fn followed(
    app: &App,
    asked: &str,
    until: Until,
) -> Result<impl Stream<Item = Bytes> + use<>, Problem> {
    let (id, after) = match asked.rsplit_once('@') {
        Some((id, _)) => (id, Some(asked.to_owned())),
        None => (asked, None),
    };
    Ok(Reader::open(app, id, Wanted { after, until, ..Wanted::all() })?.parts())
}

/// A random number, for a time that differs between clients.
pub(super) fn random() -> u64 {
    u64::from_str_radix(&new_word(), 16).unwrap_or_default()
}

#[derive(Debug)]
struct Reader {
    follow: Follow,
    stream: String,
    tag: Tag,
    /// Sent before all events.
    first: Vec<u8>,
    wanted: Wanted,
}

impl Reader {
    /// Reader of a run's file, at the place that is wanted.
    fn open(app: &App, id: &str, wanted: Wanted) -> Result<Self, Problem> {
        let run = runs::find(&app.state, id)?;
        let control = run.info().unwrap_or_default().control;
        let mut reader = Self {
            follow: Follow::open(app, &run, wanted.until)?,
            stream: id.to_owned(),
            tag: Tag::of(id, &control),
            first: Vec::new(),
            wanted,
        };
        reader.begin();
        Ok(reader)
    }

    /// All parts of the answer.
    fn parts(self) -> impl Stream<Item = Bytes> + use<> {
        unfold(self, |mut reader| async move { Some((reader.next().await?, reader)) })
    }

    /// Goes behind the event that the client knows; where there is none, to the start, and says so.
    fn begin(&mut self) {
        let Some(id) = &self.wanted.after else { return };
        let place = match id.as_str() {
            "now" => self.follow.last().ok(),
            // A run of the same stream before this one has another tag.
            id => RunPlace::parse(id)
                .filter(|place| *place == self.place(place.offset))
                .map(|place| place.offset),
        };
        let is_found = place.is_some_and(|place| self.follow.go_to(place));
        if !is_found && self.wanted.shape == Shape::Sse {
            let to = self.place(0).to_string();
            sse::message(&mut self.first, "gap", &json!({"asked": id, "to": to}));
        }
    }

    fn place(&self, offset: u64) -> RunPlace<'_> {
        RunPlace { stream: &self.stream, offset, tag: self.tag }
    }

    /// Next part of the answer; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first).into());
        }
        loop {
            match self.follow.next().await? {
                Step::Lines(offset, lines) => {
                    let part = self.shaped(offset, lines);
                    if !part.is_empty() {
                        return Some(part.into());
                    }
                    // Others have their turn while nothing of the file is wanted.
                    tokio::task::yield_now().await;
                }
                Step::Quiet if self.wanted.shape == Shape::Sse => {
                    let mut alive = Vec::new();
                    sse::alive(&mut alive, self.place(self.follow.place()));
                    return Some(alive.into());
                }
                Step::Quiet => {}
                Step::End => return None,
            }
        }
    }

    /// Lines in the form of the answer, without those that are not wanted.
    fn shaped(&self, offset: u64, bytes: Vec<u8>) -> Vec<u8> {
        let Wanted { shape, only, .. } = &self.wanted;
        if *shape == Shape::Lines && only.is_none() {
            return bytes;
        }
        let mut part = Vec::with_capacity(bytes.len() + bytes.len() / 4);
        for (offset, line) in (Batch { offset, bytes: &bytes }).lines() {
            if only.as_ref().is_some_and(|only| !only.admits(line)) {
                continue;
            }
            match shape {
                Shape::Lines => {
                    part.extend_from_slice(line);
                    part.push(b'\n');
                }
                Shape::Sse => {
                    let end = offset + line.len() as u64 + 1;
                    sse::event(&mut part, self.place(end), line);
                }
            }
        }
        part
    }
}
