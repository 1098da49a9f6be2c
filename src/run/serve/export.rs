//! Events of a run in another format, for a client that is a place in the run's file.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use tokio::sync::watch;

use super::App;
use super::problem::Problem;
use super::router::typed;
use super::runs;
use super::watch::Progress;
use crate::export::{Format, Options, stage};
use crate::run::Clock;
use crate::stage::{Io, Stage};

/// Bytes of a read.
const READ: usize = 64 << 10;

/// End of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The events that there are.
    Now,
    /// The end of the run.
    WithRun,
}

/// Answer with a run in this format, from its start.
pub(super) async fn export(
    app: &Arc<App>,
    id: &str,
    format: Format,
    ends: Ends,
) -> Result<Response, Problem> {
    let run = runs::find(&app.state, id)?;
    let progress = app.watch.subscribe(id)?.ok_or_else(|| Problem::not_found("run"))?;
    let file = run.events()?;
    let length = file.metadata().map_err(anyhow::Error::from)?.len();
    let reader = Reader {
        file,
        place: 0,
        ends,
        limit: if ends == Ends::Now { length } else { u64::MAX },
        stage: stage(Options::of(format)),
        ended: false,
        io: Io::default(),
        clock: Clock::start(),
        progress,
        server_ends: app.ends.subscribe(),
    };
    let parts = unfold(reader, |mut reader| async move {
        let part = reader.next().await?;
        Some((Ok::<_, Infallible>(part), reader))
    });
    let mut answer = typed(200, kind(format), Body::from_stream(parts));
    // A page of what an agent wrote is no page of this server.
    let policy = HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}

struct Reader {
    file: File,
    place: u64,
    ends: Ends,
    /// End of what is read, in bytes.
    limit: u64,
    stage: Box<dyn Stage + Send>,
    /// True behind the end of what is read.
    ended: bool,
    io: Io,
    clock: Clock,
    progress: watch::Receiver<Progress>,
    server_ends: watch::Receiver<bool>,
}

impl Reader {
    /// Next part of the answer; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            let seen = *self.progress.borrow_and_update();
            while self.read().ok()? > 0 {
                if let Some(part) = self.part() {
                    return Some(part);
                }
                // Others have their turn while the stage writes nothing.
                tokio::task::yield_now().await;
            }
            if self.ends == Ends::Now || seen.ends_at.is_some_and(|end| self.place >= end) {
                self.ended = true;
                self.stage.on_end(self.clock.now(), &mut self.io);
                break;
            }
            tokio::select! {
                changed = self.progress.changed() => changed.ok()?,
                _ = self.server_ends.wait_for(|ends| *ends) => return None,
            }
        }
        while self.io.out.is_empty() && self.stage.on_rest(self.clock.now(), &mut self.io) {}
        self.part()
    }

    /// Gives the stage what the file has behind the place; the number of bytes.
    fn read(&mut self) -> io::Result<usize> {
        let left = usize::try_from(self.limit - self.place).unwrap_or(READ);
        let mut bytes = vec![0; READ.min(left)];
        let count = loop {
            match self.file.read_at(&mut bytes, self.place) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.place += count as u64;
        if count > 0 {
            self.stage.on_bytes(self.clock.now(), &bytes[..count], &mut self.io);
        }
        Ok(count)
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
