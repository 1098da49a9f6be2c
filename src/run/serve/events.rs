//! Events of one run for a client, which is no more than a place in the run's file: a slow one costs nothing and loses nothing.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;
use tokio::sync::watch;

use super::export::{self, Ends};
use super::problem::Problem;
use super::router::{Call, typed};
use super::watch::Progress;
use super::{App, runs};
use crate::export::Format;
use crate::named::Named;
use crate::run::new_word;
use crate::run::state::RunFolder;
use crate::runs::cursor::Cursor;
use crate::serve::only::Only;
use crate::serve::place::{RunPlace, Tag};
use crate::serve::sse;

/// Time without an event after which a sign of life is sent.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// End of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The client leaves.
    Never,
    /// The run's end.
    End,
    /// The last event that there is.
    Now,
}

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
            let until = until(&call, Shape::Lines)?;
            let ends = if until == Until::End { Ends::WithRun } else { Ends::Now };
            return export::export(&call.app, call.param("id"), format, ends).await;
        }
    };
    let wanted = Wanted {
        shape,
        after: last_event_id(&call).map(str::to_owned),
        only: call.query("only").map(Only::parse).transpose().map_err(Problem::wrong)?,
        until: until(&call, shape)?,
    };
    if let (Shape::Lines, Some(after)) = (shape, wanted.after.as_deref()) {
        check_id(after)?;
    }
    of_run(&call.app, call.param("id"), wanted).await
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
    export::export(&call.app, call.param("id"), Format::Text, Ends::Now).await
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
pub(super) async fn of_run(app: &Arc<App>, id: &str, wanted: Wanted) -> Result<Response, Problem> {
    let mut reader = Reader::open(app, id, &wanted)?;
    if wanted.shape == Shape::Sse {
        let mut first = Vec::new();
        sse::retry(&mut first, random());
        reader.first.splice(0..0, first);
    }
    let is_over = reader.progress.borrow().ends_at == Some(reader.cursor.place());
    if is_over && wanted.after.is_some() && wanted.until == Until::End {
        let mut nothing = Response::new(Body::empty());
        *nothing.status_mut() = StatusCode::NO_CONTENT;
        return Ok(nothing);
    }
    let kind = match wanted.shape {
        Shape::Sse => "text/event-stream",
        Shape::Lines => "application/x-ndjson",
    };
    let mut answer = typed(200, kind, Body::from_stream(reader.parts()));
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

/// Server-sent events of a run, behind a place in it if `asked` is one and not only a stream.
pub(super) fn followed(
    app: &Arc<App>,
    asked: &str,
    until: Until,
) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Problem> {
    let (id, after) = match asked.rsplit_once('@') {
        Some((id, _)) => (id, Some(asked.to_owned())),
        None => (asked, None),
    };
    Ok(Reader::open(app, id, &Wanted { after, until, ..Wanted::all() })?.parts())
}

/// A random number, for a time that differs between clients.
pub(super) fn random() -> u64 {
    u64::from_str_radix(&new_word(), 16).unwrap_or_default()
}

#[derive(Debug)]
struct Reader {
    stream: String,
    tag: Tag,
    file: File,
    cursor: Cursor,
    progress: watch::Receiver<Progress>,
    ends: watch::Receiver<bool>,
    /// Sent before all events.
    first: Vec<u8>,
    shape: Shape,
    only: Option<Only>,
    until: Until,
}

impl Reader {
    /// Reader of a run's file, at the place that is wanted.
    fn open(app: &App, id: &str, wanted: &Wanted) -> Result<Self, Problem> {
        let run = runs::find(&app.state, id)?;
        let control = run.info().unwrap_or_default().control;
        let progress = app.watch.subscribe(id)?.ok_or_else(|| Problem::not_found("run"))?;
        let mut reader = Self {
            cursor: Cursor::at(0),
            first: Vec::new(),
            tag: Tag::of(id, &control),
            stream: id.to_owned(),
            ends: app.ends.subscribe(),
            until: wanted.until,
            file: run.events()?,
            progress,
            shape: wanted.shape,
            only: wanted.only.clone(),
        };
        if let Some(asked) = &wanted.after {
            reader.go_to(asked);
        }
        Ok(reader)
    }

    /// All parts of the answer.
    fn parts(self) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        unfold(self, |mut reader| async move {
            let part = reader.next().await?;
            Some((Ok(part), reader))
        })
    }

    /// Goes behind the event with this id; where there is none, to the start, and says so.
    fn go_to(&mut self, id: &str) {
        let place = match id {
            "now" => self
                .file
                .metadata()
                .and_then(|file| RunFolder::line_end(&self.file, file.len()))
                .ok(),
            // A run of the same stream before this one has another tag.
            _ => RunPlace::parse(id)
                .filter(|place| *place == self.place(place.offset))
                .map(|place| place.offset),
        };
        match place.filter(|place| self.is_end_of_line(*place)) {
            Some(place) => self.cursor = Cursor::at(place),
            None if self.shape == Shape::Sse => {
                let to = self.place(0).to_string();
                sse::message(&mut self.first, "gap", &json!({"asked": id, "to": to}));
            }
            None => {}
        }
    }

    fn place(&self, offset: u64) -> RunPlace<'_> {
        RunPlace { stream: &self.stream, offset, tag: self.tag }
    }

    fn is_end_of_line(&self, place: u64) -> bool {
        let mut last = [0];
        place == 0
            || self.file.read_at(&mut last, place - 1).is_ok_and(|n| n == 1) && last == *b"\n"
    }

    /// Next part of the answer; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first).into());
        }
        loop {
            let progress = *self.progress.borrow_and_update();
            while let Some(part) = self.read().ok()? {
                if !part.is_empty() {
                    return Some(part.into());
                }
                // Others have their turn while nothing of the file is wanted.
                tokio::task::yield_now().await;
            }
            let place = self.cursor.place();
            let is_over = match self.until {
                Until::Never => false,
                Until::End => progress.ends_at.is_some_and(|end| place >= end),
                Until::Now => true,
            };
            if is_over || *self.ends.borrow() {
                return None;
            }
            tokio::select! {
                changed = self.progress.changed() => changed.ok()?,
                _ = self.ends.wait_for(|ends| *ends) => return None,
                () = tokio::time::sleep(ALIVE_EVERY) => {
                    if self.shape == Shape::Sse {
                        let mut alive = Vec::new();
                        let place = RunPlace { stream: &self.stream, offset: place, tag: self.tag };
                        sse::alive(&mut alive, Some(place));
                        return Some(alive.into());
                    }
                }
            }
        }
    }

    /// Next complete lines in the form of the answer, without those that are not wanted; `None` where the file has none now.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let (place, want) = (self.cursor.place(), self.cursor.want());
            let mut bytes = vec![0; want];
            let count = self.file.read_at(&mut bytes, place)?;
            bytes.truncate(count);
            let batch = self.cursor.take(&bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
            if batch.bytes.is_empty() && count == want {
                continue;
            }
            let length = batch.bytes.len();
            if length == 0 {
                return Ok(None);
            }
            if self.shape == Shape::Lines && self.only.is_none() {
                bytes.truncate(length);
                return Ok(Some(bytes));
            }
            let mut part = Vec::with_capacity(length + length / 4);
            for (offset, line) in batch.lines() {
                if self.only.as_ref().is_some_and(|only| !only.admits(line)) {
                    continue;
                }
                match self.shape {
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
            return Ok(Some(part));
        }
    }
}
