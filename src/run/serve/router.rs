//! Way of a request: host, origin and token are checked, the route is found, its body is read, its operation carried out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::extract::rejection::RawPathParamsRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE,
    HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, StatusCode};
use hyper_util::service::TowerToHyperService;

use super::problem::Problem;
use super::{App, body, chat, control, events, page, runs, status, stream, texts, trace};
use crate::serve::doors::{Form, Takes};
use crate::serve::routes::{Access, Operation, ROUTES, Route};
use crate::serve::sse;
use crate::serve::{openapi, request};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Parameters of the path, if they are text.
type Params = Result<RawPathParams, RawPathParamsRejection>;

/// Kind of socket by which a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Tcp,
    /// Its peer is a process of this user.
    Unix,
}

/// A request whose caller may ask, with its body.
pub(super) struct Call {
    pub app: Arc<App>,
    pub headers: HeaderMap,
    params: RawPathParams,
    query: BTreeMap<String, String>,
    pub form: Form,
    pub body: Bytes,
}

/// Router of all routes.
pub(super) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let app = app.clone();
        let handler =
            move |params: Params, request: Request<Body>| carry_out(app, route, params, request);
        let method = match route.method {
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        router = router.route(route.path, on(method, handler));
    }
    router.fallback(|| async { Problem::not_found("route") })
}

/// Answer to a request.
pub(super) async fn answer(
    app: &Arc<App>,
    router: Router,
    door: Door,
    mut request: Request<hyper::body::Incoming>,
) -> Response {
    app.requests.fetch_add(1, Ordering::Relaxed);
    let headers = request.headers();
    let origin = header(headers, &ORIGIN).map(str::to_owned);
    // Whatever stands behind a body of chunks could be read otherwise by a proxy that has seen a length too.
    let is_last = headers.contains_key(TRANSFER_ENCODING);
    let allowed = origin.as_deref().filter(|origin| app.doors.allows(origin)).map(str::to_owned);
    let checked = match door {
        Door::Unix => Ok(()),
        Door::Tcp => app.doors.host(header(headers, &HOST)),
    };
    let mut answer = match checked.and_then(|()| app.doors.origin(origin.as_deref())) {
        Err(refused) => Problem::from(refused).into_response(),
        Ok(()) if app.is_ending() => Problem::new(503, "the server shuts down").into_response(),
        Ok(()) if allowed.is_some() && is_preflight(&request) => preflight(),
        Ok(()) => {
            request.extensions_mut().insert(door);
            let service = TowerToHyperService::new(router);
            match hyper::service::Service::call(&service, request).await {
                Ok(answer) => answer,
                Err(never) => match never {},
            }
        }
    };
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = answer.headers_mut().remove(ALLOW);
        answer = Problem::method(allowed).into_response();
    }
    let headers = answer.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_last {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(origin) = allowed.and_then(|origin| origin.parse().ok()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("location, retry-after"),
        );
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    answer
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answer to a browser that asks what a page of an allowed origin may do.
fn preflight() -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let headers = answer.headers_mut();
    let allowed = "authorization, content-type, idempotency-key, last-event-id, prefer";
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

async fn carry_out(
    app: Arc<App>,
    route: &'static Route,
    params: Params,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let query = head.uri.query();
    if route.access == Access::Token && head.extensions.get() != Some(&Door::Unix) {
        app.token.check(header(&head.headers, &AUTHORIZATION), query)?;
    }
    let params = params.map_err(|_| Problem::wrong("the path is no text"))?;
    let query = request::query(query, &route.query_names()).map_err(Problem::wrong)?;
    let form = route.takes.check(header(&head.headers, &CONTENT_TYPE))?;
    let body = match form {
        Form::Nothing => Bytes::new(),
        _ => body::read(&head.headers, body, route.max_body()).await?,
    };
    // Many clients name a type for a body that they leave out.
    let form = match route.takes {
        Takes::JsonOrNothing if body.is_empty() => Form::Nothing,
        _ => form,
    };
    let call = Call { app, headers: head.headers, params, query, form, body };
    match route.operation {
        Operation::Page => page::file("index.html"),
        Operation::PageFile => page::file(call.param("file")),
        Operation::Health => status::health(call).await,
        Operation::Status => status::status(call).await,
        Operation::Metrics => status::metrics(call).await,
        Operation::OpenApi => Ok(json(200, &openapi::document())),
        Operation::StartRun => runs::start(call).await,
        Operation::ListRuns => runs::list(call).await,
        Operation::Run => runs::one(call).await,
        Operation::DeleteRun => runs::delete(call).await,
        Operation::Events => events::events(call).await,
        Operation::Stream => stream::stream(call).await,
        Operation::Text => events::text(call).await,
        Operation::Cancel => control::cancel(call).await,
        Operation::Send => control::send(call).await,
        Operation::Permit => control::permit(call).await,
        Operation::Chat => chat::chat(call).await,
        Operation::Direct => runs::direct(call).await,
        Operation::Paste => texts::paste(call).await,
        Operation::Pasted => texts::pasted(call).await,
        Operation::Trace => trace::trace(call).await,
    }
}

/// Text of a header.
fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    // A value that is no text is as wrong as an empty one, and so are two values.
    Some(value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or_default())
}

impl Call {
    /// Parameter of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Parameter of the query, read by `parse`.
    pub(super) fn parsed<T, E: Into<String>>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.query(name).map(parse).transpose().map_err(Problem::wrong)
    }

    /// Text of a header.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Refuses a key on a route that would start something again.
    pub(super) fn refuse_key(&self) -> Result<(), Problem> {
        match self.headers.contains_key(IDEMPOTENCY_KEY) {
            true => Err(Problem::wrong("Idempotency-Key is for POST /runs")),
            false => Ok(()),
        }
    }

    /// Content of the body.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        request::parse(&self.body).map_err(Problem::wrong)
    }

    /// True if the client wants server-sent events.
    pub(super) fn accepts_sse(&self) -> bool {
        let accepts = self.headers.get_all(ACCEPT);
        sse::is_accepted(accepts.iter().filter_map(|accept| accept.to_str().ok()))
    }
}

/// Carries out work that may wait for files or processes.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Problem::new(503, format!("the request failed: {e}"))))
}

/// An answer with a body of JSON.
pub(super) fn json(status: u16, value: &impl serde::Serialize) -> Response {
    typed(status, "application/json", crate::codec::to_json(value) + "\n")
}

/// An answer whose parts are sent as they come; no proxy is to hold them back.
pub(super) fn streamed(
    kind: &'static str,
    parts: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let body = Body::from_stream(parts.map(Ok::<_, Infallible>));
    let mut answer = typed(200, kind, body);
    answer.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    answer
}

/// An answer about a run, with its address.
pub(super) fn located(mut answer: Response, stream: &str) -> Response {
    if let Ok(location) = HeaderValue::from_str(&format!("/runs/{stream}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// An answer with a body of this type.
pub(super) fn typed(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
