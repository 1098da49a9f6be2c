//! Operations of the history: `GET /trace`, and in `GET /stream` as they happen.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::Result;
use axum::response::Response;
use serde_json::Value;
use tokio::time::Instant;

use super::problem::Problem;
use super::router::{Call, blocking, typed};
use super::runs;
use crate::named::Named;
use crate::run::state::{HistoryReader, StateFolder};
use crate::runs::history::{Mode, Reader};
use crate::serve::sse;

/// Operations without a limit, and its largest limit.
const LIST: (usize, usize) = (100, 10_000);

/// Time between looks at the history.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Operations from now on, as messages of an event stream.
#[derive(Debug)]
pub(super) struct Trace {
    history: HistoryReader,
    reader: Reader,
    look_at: Instant,
}

impl Trace {
    pub(super) fn start(state: &StateFolder) -> Result<Self> {
        let history = state.history_from_now()?;
        Ok(Self { history, reader: Reader::new(None), look_at: Instant::now() })
    }

    /// Time of the next look.
    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Appends the operations that are new, if a look is due.
    pub(super) fn push(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.look_at > Instant::now() {
            return Ok(());
        }
        while let Some((_, batch)) = self.history.read()? {
            for (_, line) in batch.lines() {
                if let Ok(Some(_)) = self.reader.read(line)
                    && let Ok(operation) = serde_json::from_slice::<Value>(line)
                {
                    sse::message(out, "trace", &operation);
                }
            }
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        Ok(())
    }
}

/// `GET /trace`.
pub(super) async fn trace(call: Call) -> Result<Response, Problem> {
    let limit = runs::limit(&call, LIST)?;
    let known = |name: &str| Mode::by_name(name).ok_or("there is no such mode");
    let mode = call.parsed("mode", known)?;
    let lines = blocking(move || {
        let after = call.query("after").unwrap_or_default();
        let mut reader = Reader::new(mode);
        let mut last: VecDeque<String> = VecDeque::new();
        let mut history = call.app.state.history();
        while let Some((_, batch)) = history.read()? {
            for (_, line) in batch.lines() {
                let Ok(Some(operation)) = reader.read(line) else { continue };
                if operation.ts.as_str() > after {
                    last.push_back(operation.line());
                    if last.len() > limit {
                        last.pop_front();
                    }
                }
            }
        }
        Ok(last.into_iter().collect::<String>())
    });
    Ok(typed(200, "application/x-ndjson", lines.await?))
}
