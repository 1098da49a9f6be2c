//! Events of a run in another format, for a client that is a place in the run's file.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::follow::{Follow, Step, Until};
use super::problem::Problem;
use super::router::typed;
use super::{App, runs};
use crate::export::{Format, Options, stage};
use crate::run::Clock;
use crate::stage::{Io, Stage};

/// Answer with a run in this format, from its start.
pub(super) fn export(
    app: &App,
    id: &str,
    format: Format,
    until: Until,
) -> Result<Response, Problem> {
    let reader = Reader {
        follow: Follow::open(app, &runs::find(&app.state, id)?, until)?,
        stage: stage(Options::of(format)),
        ended: false,
        io: Io::default(),
        clock: Clock::start(),
    };
    let parts = unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) });
    let body = Body::from_stream(parts.map(Ok::<_, Infallible>));
    let mut answer = typed(200, kind(format), body);
    // A page of what an agent wrote is no page of this server.
    let policy = HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}

struct Reader {
    follow: Follow,
    stage: Box<dyn Stage + Send>,
    /// True behind the end of what is read.
    ended: bool,
    io: Io,
    clock: Clock,
}

impl Reader {
    /// Next part of the answer; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            match self.follow.next().await? {
                Step::Lines(_, lines) => {
                    self.stage.on_bytes(self.clock.now(), &lines, &mut self.io);
                    if let Some(part) = self.part() {
                        return Some(part);
                    }
                    // Others have their turn while the stage writes nothing.
                    tokio::task::yield_now().await;
                }
                Step::Quiet => {}
                Step::End => {
                    self.ended = true;
                    self.stage.on_end(self.clock.now(), &mut self.io);
                }
            }
        }
        while self.io.out.is_empty() && self.stage.on_rest(self.clock.now(), &mut self.io) {}
        self.part()
    }

    /// Output of the stage since the last part; `None` if there is none.
    fn part(&mut self) -> Option<Bytes> {
        self.io.err.clear();
        let part = std::mem::take(&mut self.io.out);
        Some(part).filter(|part| !part.is_empty()).map(Bytes::from)
    }
}

fn kind(format: Format) -> &'static str {
    match format {
        Format::Text => "text/plain; charset=utf-8",
        Format::Sse => "text/event-stream",
        Format::Csv => "text/csv; charset=utf-8",
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Html => "text/html; charset=utf-8",
        Format::StreamChunk | Format::Cast => "application/x-ndjson",
    }
}
