//! HTTP endpoint: a POST for each event with the delivery id as `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header).

mod chat;
pub mod client;
#[cfg(feature = "serve")]
mod hook;
mod proxy;
mod trust;

use std::io;
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, Uri};
use ureq::{Agent, Error, Timeout};

use super::access::{Statuses, Web};
use super::address::Address;
use super::mask::masked;
use super::{Delivery, Form, Needs, SendOutcome, Sink, one_by_one};
use crate::backoff::Wait;
use chat::ChatSink;
use client::Client;
#[cfg(feature = "serve")]
pub use hook::HookSink;

const CONNECT: Duration = Duration::from_secs(10);

/// Timeout of a request, unless the address sets one.
const ANSWER: Duration = Duration::from_secs(30);

const MAX_ANSWER: u64 = 1 << 20;

/// Shortest path segment, in bytes, that may be a token.
const LONG: usize = 11;

const MAX_SHOWN: usize = 300;

/// Opens the sink that posts to `url` in the form that the address wants.
pub fn open(url: &str, address: &Address) -> Result<Box<dyn Sink>, String> {
    let web = &address.web;
    Ok(match address.to {
        None => Box::new(Poster::new(url, web)?),
        Some(service) => Box::new(ChatSink::new(url, web, service, address.chat.clone())?),
    })
}

/// Client that posts, and classifies errors by whether the request arrived. As a sink it posts events unchanged.
#[derive(Debug)]
pub(super) struct Poster {
    client: Client,
    retry: Option<Statuses>,
}

impl Sink for Poster {
    fn needs(&self) -> Needs {
        Needs { form: Form::Event, batch: 1, idempotent: true }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| match self.post(delivery.bytes, delivery.id) {
            Ok(answer) => self.outcome(&answer),
            Err(outcome) => outcome,
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Poster {
    pub(super) fn new(url: &str, web: &Web) -> Result<Self, String> {
        let all = web.timeout.unwrap_or(ANSWER);
        let config = Agent::config_builder()
            .timeout_connect(Some(CONNECT.min(all)))
            .timeout_global(Some(all));
        let client = Client::new(url, &web.access, config)?;
        Ok(Self { client, retry: web.retry.clone() })
    }

    /// Posts JSON; `Err` is the outcome of a missing answer.
    pub(super) fn post(&self, body: &[u8], key: Option<&str>) -> Result<Answer, SendOutcome> {
        let key = key.map(|key| ("Idempotency-Key", key.to_owned()));
        self.post_with(body, key.as_slice())
    }

    /// As [`Poster::post`], with further header fields.
    fn post_with(&self, body: &[u8], fields: &[(&str, String)]) -> Result<Answer, SendOutcome> {
        let client = &self.client;
        let mut request = client.agent.post(&client.url).header("Content-Type", "application/json");
        for (name, value) in &client.headers {
            request = request.header(name, value);
        }
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        let response = request.send(body).map_err(|e| unanswered(&e, client.reason(&e)))?;
        let (parts, mut body) = response.into_parts();
        // A truncated body is no error: the status was received.
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.unwrap_or_default(),
        })
    }

    pub(super) fn outcome(&self, answer: &Answer) -> SendOutcome {
        let why = self.client.clean(&answer.why());
        match (answer.outcome(why.clone()), &self.retry) {
            (sent @ SendOutcome::Sent(..), _) | (sent, None) => sent,
            (_, Some(retry)) if !retry.has(answer.status) => SendOutcome::Failed(why),
            (SendOutcome::Failed(why), _) => {
                let wait = retry_after(&answer.headers).map_or(Wait::Failed, Wait::Asked);
                SendOutcome::Retry(wait, why)
            }
            (outcome, _) => outcome,
        }
    }
}

fn unanswered(error: &Error, why: String) -> SendOutcome {
    use io::ErrorKind as Kind;
    let not_sent = match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        | Error::Tls(_)
        | Error::Rustls(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        Error::Io(e) => matches!(
            e.kind(),
            Kind::ConnectionRefused
                | Kind::HostUnreachable
                | Kind::NetworkUnreachable
                | Kind::NetworkDown
                | Kind::AddrNotAvailable
                // An address that is not allowed, or that the system does not let us use.
                | Kind::PermissionDenied
        ),
        _ => false,
    };
    let wait = Wait::Down;
    if let Error::Http(_) = error {
        // No request can be built.
        return SendOutcome::Failed(why);
    }
    if not_sent { SendOutcome::Retry(wait, why) } else { SendOutcome::Unknown(wait, why) }
}

impl Answer {
    fn outcome(&self, why: String) -> SendOutcome {
        let requested = retry_after(&self.headers).map(Wait::Asked);
        let wait = requested.unwrap_or(match self.status {
            429 | 502..=504 => Wait::Down,
            _ => Wait::Failed,
        });
        match self.status {
            200..=299 => SendOutcome::Sent(self.header("location").map(str::to_owned)),
            // Incomplete request (RFC 9110, 15.5.9), too early (RFC 8470, 5.2) or too many (RFC 6585, 4).
            408 | 425 | 429 => SendOutcome::Retry(wait, why),
            503 if requested.is_some() => SendOutcome::Retry(wait, why),
            // The same key is in progress (draft-ietf-httpapi-idempotency-key-header, 2.7).
            409 | 500..=599 => SendOutcome::Unknown(wait, why),
            _ => SendOutcome::Failed(why),
        }
    }

    /// Status, target of a redirect, and the reason in the body.
    pub(super) fn why(&self) -> String {
        let mut why = format!("status {}", self.status);
        if let (300..=399, Some(location)) = (self.status, self.header("location")) {
            why.push_str(&format!(" to {} (write that address)", shown(location)));
        }
        let text = String::from_utf8_lossy(&self.body);
        let text: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let text = text.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        match text.chars().count() {
            0 => {}
            _ if text == "{}" => {}
            1..=MAX_SHOWN => why.push_str(&format!(": {text}")),
            _ => {
                let start: String = text.chars().take(MAX_SHOWN).collect();
                why.push_str(&format!(": {start}..."));
            }
        }
        why
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// `Retry-After`: seconds, or a date in any of HTTP's three forms (RFC 9110, 10.2.3 and 5.6.7).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        // An invalid time is the longest one.
        return Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Target of a redirect, without user, query and long path segments, which may be secrets.
fn shown(location: &str) -> String {
    let (place, query) = match location.split_once('?') {
        Some((place, _)) => (place, "?..."),
        None => (location, ""),
    };
    let (host, path) = match place.parse::<Uri>() {
        Ok(url) if url.host().is_some() => (masked(place), url.path().to_owned()),
        _ => (String::new(), place.to_owned()),
    };
    let part = |part: &str| if part.len() < LONG { part.to_owned() } else { "***".to_owned() };
    let path: Vec<String> = path.split('/').map(part).collect();
    format!("{host}{}{query}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> SendOutcome {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer { status, headers: headers.collect(), body: Vec::new() }.outcome(String::new())
    }

    #[test]
    fn what_a_status_says() {
        let receipt = Some("/events/1".to_owned());
        let created = answer(201, &[("location", "/events/1")]);
        assert_eq!(created, SendOutcome::Sent(receipt));
        let after = |outcome| match outcome {
            SendOutcome::Retry(wait, _) => wait,
            other => panic!("{other:?}"),
        };
        let seconds = after(answer(429, &[("retry-after", "1.5")]));
        assert_eq!(seconds, Wait::Asked(Duration::from_millis(1500)));
        for past in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(after(answer(429, &[("retry-after", past)])), Wait::Asked(Duration::ZERO));
        }
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        let Wait::Asked(left) = after(answer(429, &[("retry-after", &later)])) else {
            panic!("{later}");
        };
        assert!((590..=600).contains(&left.as_secs()), "{left:?}");
        assert_eq!(after(answer(429, &[])), Wait::Down);
        let endless = after(answer(429, &[("retry-after", "1e300")]));
        assert_eq!(endless, Wait::Asked(Duration::MAX));
        assert!(matches!(answer(503, &[]), SendOutcome::Unknown(..)));
        assert!(matches!(answer(302, &[]), SendOutcome::Failed(..)));
        assert!(matches!(answer(400, &[]), SendOutcome::Failed(..)));
    }

    #[test]
    fn a_refusal_has_its_reason_and_a_redirect_its_place() {
        let why = |status, headers: &[(&'static str, &str)], body: &str| {
            let headers =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Answer { status, headers: headers.collect(), body: body.into() }.why()
        };
        assert_eq!(why(400, &[], "invalid_payload"), "status 400: invalid_payload");
        assert_eq!(
            why(400, &[], "{\n \"code\": 50035\u{1b}[2J}"),
            "status 400: { \"code\": 50035 [2J}"
        );
        assert_eq!(why(404, &[], ""), "status 404");
        assert!(why(400, &[], &"x".repeat(9000)).len() < 400);
        for (location, shown) in [
            ("/new", "/new"),
            ("https://u:PASSWORD@h.example:8/x?TOKEN", "https://h.example:8/x?..."),
            ("https://h/services/T0123456789/x", "https://h/services/***/x"),
        ] {
            let shown_as = why(301, &[("location", location)], "");
            assert_eq!(shown_as, format!("status 301 to {shown} (write that address)"));
        }
    }

    #[test]
    fn an_address_is_looked_at_before_the_first_event() {
        let new = |url| Poster::new(url, &Web::default());
        assert!(new("http://").is_err());
        assert!(new("http://a b").is_err());
        assert!(new("http://localhost:1/x?y").is_ok());
    }
}
