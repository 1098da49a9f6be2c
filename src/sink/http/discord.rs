//! Discord webhook: answer text as messages, one for each part or block. Relies on the documentation of Execute
//! Webhook, Create Message (nonce) and rate limits.

use std::time::{Duration, Instant};

use super::super::access::Web;
use super::super::{Delivery, Form, Gone, Needs, SendOutcome, Sink, one_by_one};
use super::Poster;
use crate::backoff::Wait;
use crate::codec::{self, Str};

/// Longest message, in code points (Create Message: "up to 2000 characters").
const MAX_CONTENT: usize = 2000;

#[derive(Debug)]
pub struct DiscordSink {
    poster: Poster,
    /// End of the current rate limit window, if it is used up.
    not_before: Option<Instant>,
}

impl DiscordSink {
    /// Posts with `wait=true`, so that an unsaved message is an error.
    pub fn new(url: &str, web: &Web) -> Result<Self, String> {
        Ok(Self { poster: Poster::new(&waiting(url), web)?, not_before: None })
    }

    fn deliver(&mut self, delivery: &Delivery<'_>) -> SendOutcome {
        let content = match content(delivery.bytes, MAX_CONTENT, "discord") {
            Ok(Some(content)) => content,
            // No text to read.
            Ok(None) => return SendOutcome::Sent { receipt: None },
            Err(why) => return SendOutcome::Failed { why },
        };
        if let Some(left) = self.must_wait() {
            let why = "its rate limit is used up".to_owned();
            return SendOutcome::Retry { wait: Wait::Asked(left), why };
        }
        let body = message(&content, delivery.id);
        let answer = match self.poster.post(body.as_bytes(), delivery.id) {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        if answer.header("x-ratelimit-remaining") == Some("0") {
            let after = answer
                .header("x-ratelimit-reset-after")
                .and_then(|s| s.parse::<f64>().ok())
                .and_then(|s| Duration::try_from_secs_f64(s).ok());
            self.not_before = after.and_then(|after| Instant::now().checked_add(after));
        }
        match (answer.status, self.poster.outcome(&answer)) {
            (401 | 403 | 404, _) => SendOutcome::Gone {
                gone: Gone::Broken,
                why: format!("there is no such webhook ({})", self.poster.clean(&answer.why())),
            },
            (429, SendOutcome::Retry { wait, why }) => {
                SendOutcome::Retry { wait: limit(&answer.body).map_or(wait, Wait::Asked), why }
            }
            (_, SendOutcome::Sent { .. }) => {
                SendOutcome::Sent { receipt: message_id(&answer.body) }
            }
            (_, outcome) => outcome,
        }
    }

    /// Rest of the rate limit window.
    fn must_wait(&mut self) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.not_before = None;
            return None;
        }
        Some(left)
    }
}

impl Sink for DiscordSink {
    fn needs(&self) -> Needs {
        Needs {
            form: Form::Event,
            batch: 1,
            // The nonce is documented for Create Message only: relying on it could send a message twice.
            idempotent: false,
        }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| self.deliver(delivery))
    }
}

/// URL with `wait=true`.
fn waiting(url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?wait=true"),
        Some((_, query)) if query.split('&').any(|p| p.starts_with("wait=")) => url.to_owned(),
        Some((_, "")) => format!("{url}wait=true"),
        Some(_) => format!("{url}&wait=true"),
    }
}

/// Text of a part or block of an answer, not of a sub-agent. `Err` if it has more than `most` characters; `preset` of
/// chunk makes shorter parts.
pub(super) fn content(line: &[u8], most: usize, preset: &str) -> Result<Option<String>, String> {
    #[derive(serde::Deserialize)]
    struct EmbedBlock<'a> {
        #[serde(borrow, rename = "type")]
        type_: Str<'a>,
        #[serde(borrow)]
        kind: Option<Str<'a>>,
        #[serde(borrow)]
        text: Option<Str<'a>>,
        #[serde(borrow)]
        parent: Option<Str<'a>>,
    }
    let line = std::str::from_utf8(line).map_err(|e| e.to_string())?;
    let line = codec::without_lone(line);
    let block: EmbedBlock<'_> = codec::body(&line).map_err(|e| e.reason.clone())?;
    let answer = block.kind.is_some_and(|kind| &*kind == "answer");
    if &*block.type_ != "block_final" || !answer || block.parent.is_some() {
        return Ok(None);
    }
    let text = block.text.map(|text| text.0.into_owned());
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    match text.chars().count() {
        long if long > most => Err(format!(
            "{long} characters are more than the {most} of a message: put spile chunk --for {preset} before tee"
        )),
        _ => Ok(Some(text)),
    }
}

/// Message without mentions. The nonce is the id, for a Discord that checks it: Create Message accepts one once "in the
/// past few minutes".
fn message(content: &str, id: Option<&str>) -> String {
    let mut message = serde_json::json!({ "content": content });
    if let Some(id) = id {
        message["nonce"] = nonce(id).into();
        message["enforce_nonce"] = true.into();
    }
    message["allowed_mentions"] = serde_json::json!({ "parse": [] });
    message.to_string()
}

/// FNV-1a (Fowler, Noll, Vo) of 128 bits in base 36: 25 characters, the longest nonce.
fn nonce(id: &str) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in id.bytes() {
        hash ^= u128::from(byte);
        hash = hash.wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let mut digits = [b'0'; 25];
    for digit in digits.iter_mut().rev() {
        let n = u8::try_from(hash % 36).unwrap_or_default();
        *digit = if n < 10 { b'0' + n } else { b'a' + n - 10 };
        hash /= 36;
    }
    digits.iter().map(|d| char::from(*d)).collect()
}

fn limit(body: &[u8]) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Limited {
        retry_after: f64,
    }
    let limited: Limited = serde_json::from_slice(body).ok()?;
    Duration::try_from_secs_f64(limited.retry_after).ok()
}

fn message_id(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Message {
        id: String,
    }
    let message: Message = serde_json::from_slice(body).ok()?;
    Some(message.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_the_message() {
        for (url, want) in [
            ("https://h/x", "https://h/x?wait=true"),
            ("https://h/x?", "https://h/x?wait=true"),
            ("https://h/x?thread_id=1", "https://h/x?thread_id=1&wait=true"),
            ("https://h/x?wait=false", "https://h/x?wait=false"),
        ] {
            assert_eq!(waiting(url), want);
        }
    }

    #[test]
    fn only_answers_are_said() {
        let event = |type_: &str, rest: &str| {
            let line = format!(
                r#"{{"v":1,"type":"{type_}","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z",{rest}}}"#
            );
            content(line.as_bytes(), MAX_CONTENT, "discord")
        };
        let text = r#""block":"b1","kind":"answer","text":"hi \"you\"""#;
        assert_eq!(event("block_final", text), Ok(Some("hi \"you\"".into())));
        assert_eq!(event("text_delta", text), Ok(None));
        let reasoning = text.replace("answer", "reasoning");
        assert_eq!(event("block_final", &reasoning), Ok(None));
        let child = format!(r#""parent":"t1",{text}"#);
        assert_eq!(event("block_final", &child), Ok(None));
        let blank = r#""block":"b1","kind":"answer","text":" \n""#;
        assert_eq!(event("block_final", blank), Ok(None));
        let long = text.replace("hi", &"x".repeat(2001));
        assert!(event("block_final", &long).unwrap_err().contains("chunk"));
    }

    #[test]
    fn a_nonce_is_25_characters_and_always_the_same() {
        assert_eq!(nonce("s/1/b1/0").len(), 25);
        assert_eq!(nonce("s/1/b1/0"), nonce("s/1/b1/0"));
        assert_ne!(nonce("s/1/b1/0"), nonce("s/1/b1/1"));
        // The offset basis itself is the hash of nothing.
        let mut back: u128 = 0;
        for digit in nonce("").chars() {
            back = back * 36 + u128::from(digit.to_digit(36).unwrap());
        }
        assert_eq!(back, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        let said = message("@everyone", Some("s/1"));
        assert!(said.contains(r#""enforce_nonce":true,"allowed_mentions":{"parse":[]}"#));
    }
}
