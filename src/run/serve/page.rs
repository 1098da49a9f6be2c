//! Page that shows and steers the runs: files that are part of the program. They hold no secret: the page takes the token from
//! the fragment of its address, and asks with it.

use axum::response::Response;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::problem::Problem;
use super::router::typed;

/// Content Security Policy: nothing is loaded from elsewhere, and no text becomes markup or a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($name:literal $kind:expr,)*) => {
        /// Files of the page: name, type and content.
        const FILES: &[(&str, &str, &str)] = &[$(($name, $kind, include_str!(concat!("page/", $name))),)*];
    };
}

files! {
    "index.html" "text/html; charset=utf-8",
    "style.css" "text/css; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "main.js" SCRIPT,
    "api.js" SCRIPT,
    "connection.js" SCRIPT,
    "run.js" SCRIPT,
    "times.js" SCRIPT,
    "tool.js" SCRIPT,
    "words.js" SCRIPT,
    "pieces.js" SCRIPT,
    "markdown.js" SCRIPT,
    "dom.js" SCRIPT,
    "item.js" SCRIPT,
    "scroll.js" SCRIPT,
    "pane.js" SCRIPT,
    "write.js" SCRIPT,
    "list.js" SCRIPT,
    "start.js" SCRIPT,
    "about.js" SCRIPT,
}

/// `GET /`, which is index.html, and `GET /page/{file}`.
pub(super) fn file(name: &str) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, content) = found.ok_or_else(|| Problem::not_found("file"))?;
    let mut answer = typed(200, kind, *content);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(answer)
}
