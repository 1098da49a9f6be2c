//! A recording behind an address: server-sent events, which are taken up again where a connection broke, or a body of lines.

use std::io::{Read, Write};
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::super::output::complain;
use super::source::{Copied, Trouble, copy};
use crate::exit::Exit;
use crate::replay::sse::Sse;

/// How long a server may take to accept a connection or to begin its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often in a row a connection is taken up again without anything new coming over it.
const ATTEMPTS: u32 = 5;

/// The pause before the first of them, unless the server says another; it doubles.
const RETRY: Duration = Duration::from_secs(1);

/// The longest pause.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Bytes asked for in one read.
const CHUNK: usize = 16 << 10;

/// Why an answer is of no use.
enum No {
    /// It may be of use later.
    Yet(String),
    /// It will not be.
    Ever(String),
    /// There is nothing more.
    More,
}

/// Writes the events behind `url` into `out` as lines.
pub(super) fn fetch(url: &str, out: &mut dyn Write) -> Result<(), Trouble> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .accept("text/event-stream, application/x-ndjson, */*")
        .user_agent(concat!("spile/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::new_with_config(config);
    let mut body = match get(&agent, url, None) {
        Ok(body) => body,
        Err(No::More) => return Ok(()),
        Err(No::Yet(why) | No::Ever(why)) => return Err(unavailable(why)),
    };
    let is_sse = body.mime_type() == Some("text/event-stream");
    if !is_sse {
        return match copy(&mut body.as_reader(), out) {
            Ok(()) | Err(Copied::Unwanted) => Ok(()),
            Err(Copied::Broken(e)) => Err(unavailable(format!("the connection broke: {e}"))),
        };
    }
    let mut sse = Sse::default();
    let mut failures = 0;
    loop {
        match listen(&mut sse, body, out) {
            Heard::All => return Ok(()),
            Heard::Some => failures = 0,
            Heard::Nothing => {}
        }
        body = loop {
            if failures >= ATTEMPTS {
                return Err(unavailable(format!(
                    "the connection broke and {ATTEMPTS} more brought nothing new"
                )));
            }
            std::thread::sleep(pause(sse.retry(), failures));
            failures += 1;
            match get(&agent, url, sse.last_id()) {
                Ok(body) => break body,
                Err(No::More) => return Ok(()),
                Err(No::Yet(_)) => {}
                Err(No::Ever(why)) => return Err(unavailable(why)),
            }
        };
        sse.reconnect();
    }
}

fn pause(wanted: Option<Duration>, failures: u32) -> Duration {
    let first = wanted.unwrap_or(RETRY);
    first.saturating_mul(1 << failures.min(8)).min(MAX_RETRY)
}

fn unavailable(why: String) -> Trouble {
    Trouble { why, exit: Exit::Unavailable }
}

fn get(agent: &Agent, url: &str, last_id: Option<&str>) -> Result<Body, No> {
    let mut request = agent.get(url).header("Cache-Control", "no-store");
    if let Some(id) = last_id {
        request = request.header("Last-Event-ID", id);
    }
    let response: Response<Body> = match request.call() {
        Ok(response) => response,
        Err(e @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
            return Err(No::Ever(e.to_string()));
        }
        Err(e) => return Err(No::Yet(e.to_string())),
    };
    let status = response.status();
    match status.as_u16() {
        // "Do not connect again", says the standard of server-sent events.
        204 => Err(No::More),
        200..=299 => Ok(response.into_body()),
        408 | 425 | 429 | 500.. => Err(No::Yet(format!("HTTP {status}"))),
        _ => Err(No::Ever(format!("HTTP {status}"))),
    }
}

/// How a connection ended.
enum Heard {
    /// All there is: no turn is open.
    All,
    /// It broke after something new.
    Some,
    /// It broke, and brought nothing.
    Nothing,
}

fn listen(sse: &mut Sse, body: Body, out: &mut dyn Write) -> Heard {
    let mut reader = body.into_reader();
    let (mut buf, mut lines) = (vec![0; CHUNK], Vec::new());
    let mut heard = Heard::Nothing;
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
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => None,
            Err(_) => Some(false),
        };
        if sse.lost() > lost {
            complain(b"spile: an event longer than 16M has been left out\n");
        }
        if !lines.is_empty() {
            heard = Heard::Some;
            if out.write_all(&lines).is_err() {
                // Nobody wants the rest.
                return Heard::All;
            }
            lines.clear();
        }
        match ended {
            Some(true) => return Heard::All,
            Some(false) => return heard,
            None => {}
        }
    }
}
