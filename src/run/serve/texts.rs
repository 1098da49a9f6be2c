//! Routes of stored texts and of the history.

use std::collections::VecDeque;

use axum::response::Response;
use serde_json::json;

use super::problem::Problem;
use super::router::{Call, blocking, json as answer, typed};
use super::{App, runs};
use crate::named::Named;
use crate::run::Clock;
use crate::runs::history::{Mode, Op, Operation, Reader};
use crate::serve::doors::Form;
use crate::serve::request::{self, is_digest};

/// Operations of a list without a limit, and its largest limit.
const LIST: (usize, usize) = (100, 10_000);

/// `POST /paste`.
pub(super) async fn paste(call: Call) -> Result<Response, Problem> {
    let text = match call.form {
        Form::Bytes => call.body.to_vec(),
        _ => call.json::<request::Paste>()?.text.into_bytes(),
    };
    if text.is_empty() {
        return Err(Problem::wrong("the text is empty"));
    }
    blocking(move || {
        let digest = call.app.state.store_context(&text)?;
        let mut operation = Operation::new(Clock::start().now(), Op::Paste, Mode::Runs, "http");
        operation.prompt_sha256 = Some(digest.clone());
        call.app.record(&operation);
        let reference = format!("ctx://paste/{digest}");
        Ok(answer(201, &json!({"ref": reference, "sha256": digest, "bytes": text.len()})))
    })
    .await
}

/// `GET /paste/{sha256}`.
pub(super) async fn pasted(call: Call) -> Result<Response, Problem> {
    let text = blocking(move || match call.param("sha256") {
        digest if is_digest(digest) => Ok(call.app.state.context(digest)?),
        _ => Ok(None),
    });
    let text = text.await?.ok_or_else(|| Problem::not_found("text"))?;
    Ok(typed(200, "application/octet-stream", text))
}

/// Path of a stored text, by its reference.
pub(super) fn path(app: &App, reference: &str) -> Result<String, Problem> {
    let digest = request::pasted(reference).map_err(Problem::wrong)?;
    let path = app.state.context_path(digest);
    match path.exists() {
        true => Ok(path.to_string_lossy().into_owned()),
        false => Err(Problem::not_found("text")),
    }
}

/// `GET /trace`.
pub(super) async fn trace(call: Call) -> Result<Response, Problem> {
    let limit = runs::limit(&call, LIST)?;
    let mode = match call.query("mode") {
        None => None,
        Some(name) => {
            Some(Mode::by_name(name).ok_or_else(|| Problem::wrong("there is no such mode"))?)
        }
    };
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
