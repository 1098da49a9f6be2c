//! JSON-RPC 2.0: the frames with `Content-Length` (as the Language Server Protocol has them) and what a message is.

use serde_json::Value;

use super::super::json::ValueExt;
use crate::codec::MAX_LINE;

/// The length of the body that a header announces, in bytes.
pub(super) fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    let ours = name.eq_ignore_ascii_case("content-length");
    let length = ours.then(|| value.trim().parse().ok())??;
    (length <= MAX_LINE).then_some(length)
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rpc<'v> {
    /// A request or, without an id, a notification.
    Call {
        /// The request's id.
        id: Option<&'v Value>,
        /// What is called.
        method: &'v str,
        /// With what; null if there is nothing.
        params: &'v Value,
    },
    /// A response that succeeded.
    Result {
        /// Of which request.
        id: &'v Value,
        /// What it gave.
        result: &'v Value,
    },
    /// A response that failed.
    Error {
        /// Of which request; null if that could not be read.
        id: &'v Value,
        /// Code, message and data.
        error: &'v Value,
    },
    /// None of them.
    Other,
}

impl<'v> Rpc<'v> {
    /// Tells what a message is.
    #[must_use]
    pub fn of(value: &'v Value) -> Self {
        let id = value.non_null("id");
        if let Some(method) = value.opt_text("method") {
            let params = value.at("params");
            return Self::Call { id, method, params };
        }
        let id = id.unwrap_or(&Value::Null);
        match (value.get("error"), value.get("result")) {
            (Some(error), _) if !error.is_null() => Self::Error { id, error },
            (_, Some(result)) => Self::Result { id, result },
            _ => Self::Other,
        }
    }
}

/// True if a value is a message of JSON-RPC 2.0 at all.
#[must_use]
pub fn is_rpc(value: &Value) -> bool {
    value.opt_text("jsonrpc") == Some("2.0")
}
