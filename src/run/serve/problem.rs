//! Refusal of a request as an answer (RFC 9457).

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::router::typed;
use crate::codec::to_json;
use crate::serve::doors::Refused;

/// Seconds after which a client that was turned away may come again.
pub(super) const AGAIN_AFTER: &str = "5";

/// Reason why a request is not carried out.
#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: u16, detail: impl Into<String>) -> Self {
        let header = match status {
            401 => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            429 | 503 => Some((RETRY_AFTER, HeaderValue::from_static(AGAIN_AFTER))),
            _ => None,
        };
        Self { status, detail: detail.into(), header }
    }

    /// A wrong request.
    pub(super) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(400, detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, format!("there is no such {what}"))
    }

    /// True if a run with the wanted stream exists.
    pub(super) fn is_taken(&self) -> bool {
        self.status == 400 && self.detail.starts_with("there is a run with the stream ")
    }

    /// Body of the answer.
    pub(super) fn json(&self) -> String {
        let code = StatusCode::from_u16(self.status).unwrap_or_default();
        let title = code.canonical_reason().unwrap_or_default();
        to_json(&json!({"status": self.status, "title": title, "detail": self.detail})) + "\n"
    }

    /// A method that the path does not have.
    pub(super) fn method(allowed: Option<HeaderValue>) -> Self {
        let header = allowed.map(|methods| (ALLOW, methods));
        Self { header, ..Self::new(405, "the route has other methods") }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::new(refused.status, refused.why)
    }
}

/// Failure of the system, as a full disk.
impl From<anyhow::Error> for Problem {
    fn from(e: anyhow::Error) -> Self {
        Self::new(503, format!("{e:#}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = typed(self.status, "application/problem+json", self.json());
        answer.headers_mut().extend(self.header);
        answer
    }
}
