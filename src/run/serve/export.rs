//! Events of a run in another format. A stage is not shared between threads, so each answer has a thread of its own.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use tokio::sync::mpsc;

use super::App;
use super::problem::Problem;
use super::router::typed;
use super::runs;
use crate::export::{Format, Options, stage};
use crate::run::Clock;
use crate::stage::Io;

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
    let mut progress = app.watch.subscribe(id)?.ok_or_else(|| Problem::not_found("run"))?;
    let file = run.events()?;
    let length = file.metadata().map_err(anyhow::Error::from)?.len();
    let mut server_ends = app.ends.subscribe();
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let clock = Clock::start();
        let (mut stage, mut io, mut place) = (stage(Options::of(format)), Io::default(), 0);
        let mut bytes = vec![0; READ];
        let send = |io: &mut Io| {
            io.err.clear();
            io.out.is_empty() || sender.blocking_send(std::mem::take(&mut io.out).into()).is_ok()
        };
        loop {
            let seen = *progress.borrow_and_update();
            let limit = if ends == Ends::Now { length - place } else { u64::MAX };
            let want = READ.min(usize::try_from(limit).unwrap_or(READ));
            match file.read_at(&mut bytes[..want], place) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
                Ok(0) => {}
                Ok(count) => {
                    place += count as u64;
                    stage.on_bytes(clock.now(), &bytes[..count], &mut io);
                    if send(&mut io) {
                        continue;
                    }
                    return;
                }
            }
            if ends == Ends::Now || seen.ends_at.is_some_and(|end| place >= end) {
                break;
            }
            let goes_on = runtime.block_on(async {
                tokio::select! {
                    changed = progress.changed() => changed.is_ok(),
                    _ = server_ends.wait_for(|ends| *ends) => false,
                    () = sender.closed() => false,
                }
            });
            if !goes_on {
                return;
            }
        }
        stage.on_end(clock.now(), &mut io);
        send(&mut io);
    });
    let parts = unfold(receiver, |mut receiver| async move {
        let part = receiver.recv().await?;
        Some((Ok::<_, Infallible>(part), receiver))
    });
    let mut answer = typed(200, kind(format), Body::from_stream(parts));
    // A page of what an agent wrote is no page of this server.
    let policy = HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
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
