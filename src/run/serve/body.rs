//! Body of a request: read at once, bounded in size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::header::{CONTENT_LENGTH, HeaderMap};

use super::problem::Problem;

/// Time for a whole body.
const WITHIN: Duration = Duration::from_secs(30);

/// Reads a body of at most `max` bytes. One whose length says that it is longer is not read.
pub(super) async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(413, format!("the body is longer than {max} bytes"));
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > max) {
        return Err(too_long());
    }
    match tokio::time::timeout(WITHIN, Limited::new(body, max).collect()).await {
        Err(_) => Err(Problem::new(408, "the body did not arrive in time")),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(e)) => Err(Problem::wrong(format!("the body cannot be read: {e}"))),
    }
}
