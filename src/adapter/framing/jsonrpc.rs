//! JSON-RPC 2.0: the frames with `Content-Length` (as the Language Server Protocol has them) and the kinds of messages.

use serde_json::Value;

use super::super::json::ValueExt;
use crate::codec::MAX_LINE;

/// The length of the body that a header announces, in bytes.
pub(super) fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    let length = value.trim().parse().ok().filter(|length| *length <= MAX_LINE);
    length.filter(|_| name.eq_ignore_ascii_case("content-length"))
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rpc<'v> {
    /// A request or, without an id, a notification; `params` may be null.
    Call { id: Option<&'v Value>, method: &'v str, params: &'v Value },
    /// A response that succeeded.
    Result { id: &'v Value, result: &'v Value },
    /// A response that failed; `id` is null if that of the request could not be read.
    Error { id: &'v Value, error: &'v Value },
    /// None of them.
    Other,
}

impl<'v> Rpc<'v> {
    /// The kind of a message.
    pub fn of(value: &'v Value) -> Self {
        let id = value.at("id");
        match (value.opt_text("method"), value.non_null("error"), value.get("result")) {
            (Some(method), ..) => {
                let (id, params) = (value.non_null("id"), value.at("params"));
                Self::Call { id, method, params }
            }
            (_, Some(error), _) => Self::Error { id, error },
            (.., Some(result)) => Self::Result { id, result },
            _ => Self::Other,
        }
    }
}

/// True if a value is a message of JSON-RPC 2.0.
pub fn is_rpc(value: &Value) -> bool {
    value.opt_text("jsonrpc") == Some("2.0")
}
