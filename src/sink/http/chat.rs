//! Discord, Slack, Teams and Telegram: answer text as messages, one for each part or block, in the form that each service
//! documents: Discord's Execute Webhook, Create Message (nonce) and rate limits, Slack's "Sending messages using incoming
//! webhooks", Teams' "Create Incoming Webhooks" (an Adaptive Card), Telegram's Bot API (sendMessage).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::access::Web;
use super::super::address::Service;
use super::super::{Delivery, Gone, SendOutcome, Sink, one_by_one};
use super::{Answer, Poster};
use crate::backoff::Wait;
use crate::codec::{self, Str};

impl Service {
    /// Longest text in characters, and the preset of `chunk` for it. Discord refuses more than 2,000, Slack cuts at 40,000,
    /// Telegram refuses more than 4,096, Teams more than 28 KB for the whole message.
    fn limit(self) -> (usize, &'static str) {
        match self {
            Service::Discord => (2000, "discord"),
            Service::Slack => (40_000, "slack"),
            Service::Teams => (25_000, "teams"),
            Service::Telegram => (4096, "telegram"),
        }
    }

    /// Message without mentions, as far as the service has a setting for that.
    fn message(self, text: &str, chat: Option<&str>, id: Option<&str>) -> Value {
        match self {
            Service::Discord => {
                let mut message = json!({ "content": text });
                if let Some(id) = id {
                    // Create Message accepts a nonce once "in the past few minutes"; perhaps Execute Webhook does, too.
                    message["nonce"] = nonce(id).into();
                    message["enforce_nonce"] = true.into();
                }
                message["allowed_mentions"] = json!({ "parse": [] });
                message
            }
            Service::Slack => json!({ "text": text }),
            Service::Teams => json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.4",
                        "msteams": { "width": "Full" },
                        "body": [{ "type": "TextBlock", "text": text, "wrap": true }],
                    },
                }],
            }),
            Service::Telegram => json!({ "chat_id": chat, "text": text }),
        }
    }

    fn outcome(self, answer: &Answer, outcome: SendOutcome) -> SendOutcome {
        use SendOutcome::{Failed, Retry, Sent};
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let field = |pointer: &str| body.as_ref()?.pointer(pointer);
        let pause = |pointer: &str| {
            let seconds = field(pointer)?.as_f64()?;
            Duration::try_from_secs_f64(seconds).ok().map(Wait::Asked)
        };
        match (self, answer.status, outcome) {
            (Service::Discord, 401 | 403 | 404, Failed(why) | Retry(_, why)) => {
                SendOutcome::Gone(Gone::Broken, format!("there is no such webhook ({why})"))
            }
            // The webhook was removed, or the bot's token is invalid.
            (Service::Slack, 403 | 404 | 410, Failed(why))
            | (Service::Telegram, 401 | 404, Failed(why)) => SendOutcome::Gone(Gone::Broken, why),
            (Service::Discord, 429, Retry(wait, why)) => {
                Retry(pause("/retry_after").unwrap_or(wait), why)
            }
            (Service::Telegram, 429, Retry(wait, why)) => {
                Retry(pause("/parameters/retry_after").unwrap_or(wait), why)
            }
            (Service::Discord, _, Sent(_)) => {
                Sent(field("/id").and_then(Value::as_str).map(str::to_owned))
            }
            (Service::Telegram, _, Sent(_)) => {
                Sent(field("/result/message_id").map(ToString::to_string))
            }
            // The status is 200 although nothing was posted.
            (Service::Teams, 200, Sent(_))
                if answer.body.starts_with(b"Webhook message delivery failed") =>
            {
                let why = answer.why();
                if why.contains("429") { Retry(Wait::Down, why) } else { Failed(why) }
            }
            (_, _, outcome) => outcome,
        }
    }
}

#[derive(Debug)]
pub struct ChatSink {
    poster: Poster,
    service: Service,
    chat: Option<String>,
    /// End of Discord's rate limit window, if it is used up.
    not_before: Option<Instant>,
}

impl ChatSink {
    /// Posts to `url`, to one of its chats where the service has several.
    pub fn new(
        url: &str,
        web: &Web,
        service: Service,
        chat: Option<String>,
    ) -> Result<Self, String> {
        let poster = match service {
            Service::Discord => Poster::new(&waiting(url), web)?,
            _ => Poster::new(url, web)?,
        };
        Ok(Self { poster, service, chat, not_before: None })
    }

    fn deliver(&mut self, delivery: &Delivery<'_>) -> SendOutcome {
        let (most, preset) = self.service.limit();
        let text = match content(delivery.bytes, most, preset) {
            Ok(Some(text)) => text,
            // No text to read.
            Ok(None) => return SendOutcome::Sent(None),
            Err(why) => return SendOutcome::Failed(why),
        };
        let left = self.not_before.map(|at| at.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return SendOutcome::Retry(Wait::Asked(left), "its rate limit is used up".to_owned());
        }
        self.not_before = None;
        let body = self.service.message(&text, self.chat.as_deref(), delivery.id).to_string();
        let key = delivery.id.filter(|_| self.service == Service::Discord);
        let answer = match self.poster.post(body.as_bytes(), key) {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        if self.service == Service::Discord && answer.header("x-ratelimit-remaining") == Some("0") {
            let after = answer.header("x-ratelimit-reset-after").and_then(|s| s.parse().ok());
            let after = after.and_then(|s: f64| Duration::try_from_secs_f64(s).ok());
            self.not_before = after.and_then(|after| Instant::now().checked_add(after));
        }
        self.service.outcome(&answer, self.poster.outcome(&answer))
    }
}

/// No service documents an idempotency key, Discord's nonce included: relying on one could send a message twice.
impl Sink for ChatSink {
    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| self.deliver(delivery))
    }
}

/// URL with `wait=true`, by which an unsaved message is an error.
fn waiting(url: &str) -> String {
    match url.split_once('?') {
        None => format!("{url}?wait=true"),
        Some((_, query)) if query.split('&').any(|p| p.starts_with("wait=")) => url.to_owned(),
        Some((_, "")) => format!("{url}wait=true"),
        Some(_) => format!("{url}&wait=true"),
    }
}

/// Text of a part or block of an answer, not of a sub-agent. `preset` of chunk keeps to `most` characters.
fn content(line: &[u8], most: usize, preset: &str) -> Result<Option<String>, String> {
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
    let text = block.text.map(|text| text.0.into_owned()).filter(|text| !text.trim().is_empty());
    match text.as_ref().map_or(0, |text| text.chars().count()) {
        long if long > most => Err(format!(
            "{long} characters are more than the {most} of a message: put spile chunk --for {preset} before tee"
        )),
        _ => Ok(text),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(service: Service, status: u16, body: &str, of_status: SendOutcome) -> SendOutcome {
        let answer = Answer { status, body: body.into(), ..Answer::default() };
        service.outcome(&answer, of_status)
    }

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
    fn only_answers_are_posted() {
        let event = |type_: &str, rest: &str| {
            let line = format!(
                r#"{{"v":1,"type":"{type_}","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z",{rest}}}"#
            );
            content(line.as_bytes(), 2000, "discord")
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
        let message = Service::Discord.message("@everyone", None, Some("s/1")).to_string();
        assert!(message.contains(r#""enforce_nonce":true,"allowed_mentions":{"parse":[]}"#));
    }

    #[test]
    fn a_message_has_the_form_that_its_service_documents() {
        let message = |service: Service| service.message("a \"b\"", Some("@c"), None);
        assert_eq!(message(Service::Slack), json!({"text": "a \"b\""}));
        assert_eq!(message(Service::Telegram), json!({"chat_id": "@c", "text": "a \"b\""}));
        let teams = message(Service::Teams);
        assert_eq!(teams.pointer("/attachments/0/content/body/0/text"), Some(&json!("a \"b\"")));
    }

    #[test]
    fn the_body_of_an_answer_counts() {
        let sent = || SendOutcome::Sent(None);
        let limited = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
        let retry = SendOutcome::Retry(Wait::Down, String::new());
        assert!(matches!(
            outcome(Service::Telegram, 429, limited, retry),
            SendOutcome::Retry(Wait::Asked(time), _) if time == Duration::from_secs(7)
        ));
        let receipt = Some("12".to_owned());
        let answer = r#"{"ok":true,"result":{"message_id":12}}"#;
        assert_eq!(outcome(Service::Telegram, 200, answer, sent()), SendOutcome::Sent(receipt));
        let failed = "Webhook message delivery failed with error: HTTP error 429";
        assert!(matches!(outcome(Service::Teams, 200, failed, sent()), SendOutcome::Retry(..)));
        assert!(matches!(outcome(Service::Teams, 200, "1", sent()), SendOutcome::Sent(_)));
        let gone = SendOutcome::Failed("no_service".to_owned());
        assert!(matches!(outcome(Service::Slack, 404, "no_service", gone), SendOutcome::Gone(..)));
    }
}
