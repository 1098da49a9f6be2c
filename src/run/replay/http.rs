//! Recording behind an address: server-sent events, resumed after a broken connection, or a body of lines.

use std::io::{self, Read, Write};
use std::time::Duration;

use ureq::http::header::{CONTENT_TYPE, LOCATION};
use ureq::http::{HeaderMap, Uri};
use ureq::{Agent, Body};

use super::super::output::warn_user;
use super::source::{Fetch, copy};
use crate::exit::{Exit, Refusal};
use crate::replay::sse::Sse;
use crate::sink::access::Access;
use crate::sink::http::client::Client;
use crate::sink::http::retry_after;
use crate::sink::masked;

const PATIENCE: Duration = Duration::from_secs(30);

/// Silence, without even an SSE comment, after which a connection counts as broken.
const SILENCE: Duration = Duration::from_secs(300);

/// Reconnects in a row without new events.
const ATTEMPTS: u32 = 5;

const REDIRECTS: usize = 10;

/// First pause before a reconnect, unless the server sets one; exponential backoff.
const RETRY: Duration = Duration::from_secs(1);

const MAX_RETRY: Duration = Duration::from_secs(30);

/// Longest pause by `Retry-After`.
const MAX_ASKED: Duration = Duration::from_secs(600);

const CHUNK: usize = 16 << 10;

enum No {
    /// Temporary, with the pause that the server asks for.
    Yet(String, Option<Duration>),
    Ever(String),
    More,
}

impl Fetch {
    /// Writes the events to `out` as lines.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<(), Refusal> {
        let (is_sse, mut body) = match self.get(None) {
            Ok(found) => found,
            Err(No::More) => return Ok(()),
            Err(No::Yet(why, _) | No::Ever(why)) => return Err(unavailable(why)),
        };
        if !is_sse {
            let copied = copy(&mut body.as_reader(), out);
            return copied.map(|_| ()).map_err(|e| unavailable(broke(&e)));
        }
        let mut sse = Sse::default();
        let mut failures = 0;
        loop {
            match listen(&mut sse, body, out) {
                ConnectionEnd::All if !self.follow => return Ok(()),
                ConnectionEnd::Unwanted => return Ok(()),
                ConnectionEnd::All | ConnectionEnd::Some => failures = 0,
                ConnectionEnd::Nothing => {}
            }
            let mut requested = None;
            body = loop {
                if failures >= ATTEMPTS && !self.follow {
                    return Err(unavailable(format!(
                        "the connection broke and {ATTEMPTS} reconnects brought nothing new"
                    )));
                }
                let time = pause(sse.retry(), failures);
                let wanted: Option<Duration> = requested.take();
                std::thread::sleep(
                    wanted.map_or(time, |requested| requested.min(MAX_ASKED).max(time)),
                );
                failures += 1;
                match self.get(sse.last_id()) {
                    Ok((true, body)) => break body,
                    Ok((false, _)) => {
                        let why = "the server does not send text/event-stream any more";
                        return Err(unavailable(why.to_owned()));
                    }
                    Err(No::More) => return Ok(()),
                    Err(No::Yet(_, after)) => requested = after,
                    Err(No::Ever(why)) => return Err(unavailable(why)),
                }
            };
            sse.reconnect();
        }
    }

    /// Requests the address, following redirects; `true` for server-sent events.
    fn get(&self, last_id: Option<&str>) -> Result<(bool, Body), No> {
        let (mut url, mut access) = (self.url.clone(), self.access.clone());
        for _ in 0..=REDIRECTS {
            let client = client(&url, &access).map_err(No::Ever)?;
            let mut request = client.agent.get(&client.url).header("Cache-Control", "no-store");
            for (name, value) in &client.headers {
                request = request.header(name, value);
            }
            if let Some(id) = last_id {
                request = request.header("Last-Event-ID", id);
            }
            let response = request.call().map_err(|e| match e {
                ureq::Error::BadUri(_) | ureq::Error::Http(_) => No::Ever(client.reason(&e)),
                e => No::Yet(client.reason(&e), None),
            })?;
            let status = response.status();
            match status.as_u16() {
                // "Do not connect again" in the standard of server-sent events.
                204 => return Err(No::More),
                200..=299 => return Ok((is_sse(response.headers()), response.into_body())),
                301 | 302 | 303 | 307 | 308 => {
                    let next = leads_to(&url, &client.url, response.headers());
                    let next =
                        next.ok_or_else(|| No::Ever(format!("HTTP {status} without a target")))?;
                    if origin(&next) != origin(&url) {
                        // Credentials are for the original server alone.
                        access.headers.clear();
                    }
                    url = next;
                }
                408 | 425 | 429 | 500.. => {
                    let after = retry_after(response.headers());
                    return Err(No::Yet(format!("HTTP {status}"), after));
                }
                _ => return Err(No::Ever(format!("HTTP {status}"))),
            }
        }
        Err(No::Ever(format!("more than {REDIRECTS} redirects")))
    }
}

fn client(url: &str, access: &Access) -> Result<Client, String> {
    let config = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(SILENCE))
        .accept("text/event-stream, application/x-ndjson, */*");
    Client::new(url, access, config)
}

fn is_sse(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
}

/// Absolute URL of `Location`; `now` is the current one, `uri` the same without its user.
fn leads_to(now: &str, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.authority()?);
    if to.contains("://") {
        return (to.starts_with("http://") || to.starts_with("https://")).then(|| to.to_owned());
    }
    if let Some(rest) = to.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    // The user is kept on the same server.
    let user = now.split("://").nth(1)?.split(['/', '?']).next()?.rsplit_once('@');
    let user = user.map(|(user, _)| format!("{user}@")).unwrap_or_default();
    let path = match to.starts_with('/') {
        true => to.to_owned(),
        false => format!("{}/{to}", uri.path().rsplit_once('/')?.0),
    };
    Some(format!("{scheme}://{user}{host}{path}"))
}

fn origin(url: &str) -> String {
    masked(url).to_ascii_lowercase()
}

fn pause(wanted: Option<Duration>, failures: u32) -> Duration {
    let first = wanted.unwrap_or(RETRY);
    first.saturating_mul(1 << failures.min(8)).min(MAX_RETRY)
}

fn broke(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => format!("nothing came for {} s", SILENCE.as_secs()),
        _ => format!("the connection broke: {error}"),
    }
}

fn unavailable(why: String) -> Refusal {
    Refusal { why, exit: Exit::Unavailable }
}

enum ConnectionEnd {
    /// Complete: no turn is open.
    All,
    Some,
    Nothing,
    Unwanted,
}

fn listen(sse: &mut Sse, body: Body, out: &mut dyn Write) -> ConnectionEnd {
    let mut reader = body.into_reader();
    let (mut buf, mut lines) = (vec![0; CHUNK], Vec::new());
    let mut end = ConnectionEnd::Nothing;
    loop {
        let lost = sse.lost();
        let ended = match reader.read(&mut buf) {
            Ok(0) => {
                sse.end(&mut lines);
                Some(!sse.is_open())
            }
            Ok(n) => {
                sse.feed(buf.get(..n).unwrap_or_default(), &mut lines);
                None
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => None,
            Err(_) => Some(false),
        };
        if sse.lost() > lost {
            warn_user(b"spile: an event longer than 16M has been left out\n");
        }
        if !lines.is_empty() {
            end = ConnectionEnd::Some;
            if out.write_all(&lines).is_err() {
                return ConnectionEnd::Unwanted;
            }
            lines.clear();
        }
        match ended {
            Some(true) => return ConnectionEnd::All,
            Some(false) => return end,
            None => {}
        }
    }
}
