//! Routes of stored texts and of the history.

use axum::response::Response;
use serde_json::json;

use super::App;
use super::problem::Problem;
use super::router::{Call, blocking, json as answer, typed};
use crate::run::Clock;
use crate::runs::history::{Mode, Op, Operation};
use crate::serve::doors::Form;
use crate::serve::request::{self, is_digest};

/// `POST /paste`.
pub(super) async fn paste(call: Call) -> Result<Response, Problem> {
    let text = match call.form {
        Form::Bytes => call.body.to_vec(),
        _ => call.json::<request::Text>()?.text.into_bytes(),
    };
    if text.is_empty() {
        return Err(Problem::wrong("the text is empty"));
    }
    blocking(move || {
        let digest = call.app.state.store_context(&text)?;
        let mut operation = Operation::new(Clock::start().now(), Op::Paste, Mode::Runs, "http");
        operation.prompt_sha256 = Some(digest.clone());
        call.app.state.note(&operation);
        let reference = request::reference(&digest);
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
