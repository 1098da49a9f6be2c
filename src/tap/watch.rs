//! Detection after a guess: a line that is certainly another runtime's wins over the guess. A line that may be one is held
//! until it ends, for a limited time; all other bytes pass at once.

use std::time::Duration;

use memchr::memchr;

use crate::adapter::{self, Match, Spec};
use crate::time::Time;

/// Hold time of a line without its end that may be a message.
const HOLD: Duration = Duration::from_millis(200);

/// Longest line that is held, in bytes.
const LONGEST: usize = 1 << 20;

/// The beginnings of lines that may be messages: of JSON lines and of server-sent events.
const BEGINNINGS: [&[u8]; 2] = [b"{\"", b"data:"];

#[derive(Debug, Default)]
pub(super) struct Watch {
    held: Vec<u8>,
    since: Option<Time>,
    /// True inside a line that is no message.
    passing: bool,
}

/// A line that is certainly a runtime's.
pub(super) struct Found {
    pub spec: &'static Spec,
    /// The bytes before the line; they belong to the guess.
    pub before: Vec<u8>,
    /// The line and the bytes behind it.
    pub from: Vec<u8>,
}

impl Watch {
    /// Takes the next bytes: returns those for the guessed runtime, or a line that is certainly another's.
    pub(super) fn feed(&mut self, now: Time, guess: &Spec, bytes: &[u8]) -> Result<Vec<u8>, Found> {
        let mut pass = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).map(|at| at + 1);
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if self.passing {
                pass.extend_from_slice(piece);
                self.passing = end.is_none();
                continue;
            }
            self.held.extend_from_slice(piece);
            if end.is_some() {
                let line = std::mem::take(&mut self.held);
                self.since = None;
                match surely(&line).filter(|spec| spec.name != guess.name) {
                    Some(spec) => {
                        return Err(Found { spec, before: pass, from: [&line, rest].concat() });
                    }
                    None => pass.extend_from_slice(&line),
                }
            } else if may_be(&self.held) && self.held.len() <= LONGEST {
                self.since.get_or_insert(now);
            } else {
                pass.append(&mut self.held);
                (self.passing, self.since) = (true, None);
            }
        }
        Ok(pass)
    }

    /// Releases the held beginning of a line, after its time or at the end of the output.
    pub(super) fn release(&mut self) -> Vec<u8> {
        self.since = None;
        self.passing |= !self.held.is_empty();
        std::mem::take(&mut self.held)
    }

    /// Time at which the held beginning of a line passes.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.since.map(|since| since + HOLD)
    }
}

/// True if bytes are the beginning of a line that may be a message.
fn may_be(line: &[u8]) -> bool {
    BEGINNINGS.iter().any(|begin| line.starts_with(begin) || begin.starts_with(line))
}

/// The runtime of a line, if that is certain.
fn surely(line: &[u8]) -> Option<&'static Spec> {
    let text = std::str::from_utf8(line).ok().filter(|_| may_be(line))?.trim();
    let json = text.strip_prefix("data:").unwrap_or(text);
    let (spec, sure) = adapter::by_content(&serde_json::from_str(json).ok()?)?;
    (sure == Match::Sure).then_some(spec)
}
