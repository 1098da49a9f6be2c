//! Page that lists the runs. It holds no secret: it takes the token from the fragment of its address, and asks with it.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use sha2::{Digest, Sha256};

use super::router::typed;

const SCRIPT: &str = include_str!("page.js");

/// `GET /`.
pub(super) fn page() -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>spile</title>\n<h1>Runs</h1>\n<pre id=\"runs\"></pre>\n<script>{SCRIPT}</script>\n</html>\n"
    );
    let mut answer = typed(200, "text/html; charset=utf-8", page);
    // Nothing else of the page is carried out or loaded.
    let policy = format!(
        "default-src 'none'; connect-src 'self'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(SCRIPT))
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}
