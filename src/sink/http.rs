//! An HTTP endpoint: one POST for each event, the event as its body, the delivery id as `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header), so that a receiver that keeps keys takes nothing twice.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::http::{HeaderMap, Uri};
use ureq::{Agent, Error, Timeout};

use super::{Delivery, Form, Needs, Outcome, Sink, one_by_one};
use crate::backoff::Wait;

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a request may take in all.
const ANSWER: Duration = Duration::from_secs(30);

/// As much of an answer is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// The sink.
#[derive(Debug)]
pub struct HttpSink {
    poster: Poster,
}

impl HttpSink {
    /// A sink that posts to `url`. It connects when there is something to say.
    ///
    /// # Errors
    /// That it is no URL.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self { poster: Poster::new(url)? })
    }
}

impl Sink for HttpSink {
    fn needs(&self) -> Needs {
        Needs { form: Form::Event, batch: 1, idempotent: true }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<Outcome> {
        one_by_one(batch, |delivery| match self.poster.post(delivery.bytes, delivery.id) {
            Ok(answer) => answer.outcome(),
            Err(outcome) => outcome,
        })
    }
}

/// What posts, and knows what an error says about whether it was posted.
#[derive(Debug)]
pub(super) struct Poster {
    agent: Agent,
    url: Uri,
}

/// An answer.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Poster {
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let url: Uri = url.parse().map_err(|e| format!("is no URL: {e}"))?;
        if url.host().is_none_or(str::is_empty) {
            return Err("is no URL: it has no host".to_owned());
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .user_agent(concat!("spile/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), url })
    }

    /// Posts JSON. `Err` is what the lack of an answer means.
    pub(super) fn post(&self, body: &[u8], key: Option<&str>) -> Result<Answer, Outcome> {
        let mut request = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send(body).map_err(|e| unanswered(&e))?;
        let (parts, mut body) = response.into_parts();
        // An answer whose end is missing is one all the same: the status was there.
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.unwrap_or_default(),
        })
    }
}

/// What an error comes to: nothing was sent, or nobody knows.
fn unanswered(error: &Error) -> Outcome {
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
        ),
        _ => false,
    };
    let (wait, why) = (Wait::Down, error.to_string());
    if let Error::Http(_) = error {
        // No request can be made of it.
        return Outcome::Failed { why };
    }
    if not_sent { Outcome::Retry { wait, why } } else { Outcome::Unknown { wait, why } }
}

impl Answer {
    pub(super) fn outcome(&self) -> Outcome {
        let why = || format!("status {}", self.status);
        let asked = self.retry_after().map(Wait::Asked);
        let wait = asked.unwrap_or(match self.status {
            429 | 502..=504 => Wait::Down,
            _ => Wait::Failed,
        });
        match self.status {
            200..=299 => Outcome::Sent { receipt: self.header("location").map(str::to_owned) },
            // The request did not arrive whole (RFC 9110, 15.5.9), or is to come again later (RFC 8470, 5.2; RFC 6585, 4).
            408 | 425 | 429 => Outcome::Retry { wait, why: why() },
            503 if asked.is_some() => Outcome::Retry { wait, why: why() },
            // The same key is being worked on (draft-ietf-httpapi-idempotency-key-header, 2.7).
            409 | 500..=599 => Outcome::Unknown { wait, why: why() },
            _ => Outcome::Failed { why: why() },
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            // What is no time at all is too long a time.
            return Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
        }
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let at = Duration::try_from_secs_f64(at.as_millisecond() as f64 / 1000.0).ok()?;
        Some(at.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Outcome {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer { status, headers: headers.collect(), body: Vec::new() }.outcome()
    }

    #[test]
    fn what_a_status_says() {
        let receipt = Some("/events/1".to_owned());
        let created = answer(201, &[("location", "/events/1")]);
        assert_eq!(created, Outcome::Sent { receipt });
        let after = |outcome| match outcome {
            Outcome::Retry { wait, .. } => wait,
            other => panic!("{other:?}"),
        };
        let seconds = after(answer(429, &[("retry-after", "1.5")]));
        assert_eq!(seconds, Wait::Asked(Duration::from_millis(1500)));
        let past = [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(after(answer(429, &past)), Wait::Asked(Duration::ZERO));
        assert_eq!(after(answer(429, &[])), Wait::Down);
        let endless = after(answer(429, &[("retry-after", "1e300")]));
        assert_eq!(endless, Wait::Asked(Duration::MAX));
        assert!(matches!(answer(503, &[]), Outcome::Unknown { .. }));
        assert!(matches!(answer(302, &[]), Outcome::Failed { .. }));
        assert!(matches!(answer(400, &[]), Outcome::Failed { .. }));
    }

    #[test]
    fn an_address_is_looked_at_before_the_first_event() {
        assert!(HttpSink::new("http://").is_err());
        assert!(HttpSink::new("http://a b").is_err());
        assert!(HttpSink::new("http://localhost:1/x?y").is_ok());
    }
}
