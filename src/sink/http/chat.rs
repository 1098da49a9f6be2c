//! Slack, Teams and Telegram: answer text as messages, one for each part or block, in the form that each service
//! documents: Slack's "Sending messages using incoming webhooks", Teams' "Create Incoming Webhooks" (an Adaptive Card),
//! Telegram's Bot API (sendMessage).

use std::time::Duration;

use serde_json::{Value, json};

use super::super::access::Web;
use super::super::address::Service;
use super::super::{Delivery, Form, Gone, Needs, SendOutcome, Sink, one_by_one};
use super::discord::content;
use super::{Answer, Poster};
use crate::backoff::Wait;

impl Service {
    /// Longest text in characters, and the preset of `chunk` for it. Slack cuts at 40,000, Telegram refuses more than
    /// 4,096, Teams more than 28 KB for the whole message.
    fn limit(self) -> (usize, &'static str) {
        match self {
            Service::Slack => (40_000, "slack"),
            Service::Teams => (25_000, "teams"),
            Service::Telegram => (4096, "telegram"),
        }
    }

    fn message(self, text: &str, chat: Option<&str>) -> Value {
        match self {
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

    /// Outcome by the body of an answer.
    fn outcome(self, answer: &Answer, outcome: SendOutcome) -> SendOutcome {
        match (self, answer.status, outcome) {
            // The webhook was removed, or the bot's token is invalid.
            (Service::Slack, 403 | 404 | 410, SendOutcome::Failed { why })
            | (Service::Telegram, 401 | 404, SendOutcome::Failed { why }) => {
                SendOutcome::Gone { gone: Gone::Broken, why }
            }
            (Service::Telegram, 429, SendOutcome::Retry { wait, why }) => {
                let asked = parameters(&answer.body).map(Duration::from_secs);
                SendOutcome::Retry { wait: asked.map_or(wait, Wait::Asked), why }
            }
            (Service::Telegram, _, SendOutcome::Sent { .. }) => {
                SendOutcome::Sent { receipt: message_id(&answer.body) }
            }
            // The status is 200 although nothing was posted.
            (Service::Teams, 200, SendOutcome::Sent { .. })
                if answer.body.starts_with(b"Webhook message delivery failed") =>
            {
                let why = answer.why();
                if why.contains("429") {
                    SendOutcome::Retry { wait: Wait::Down, why }
                } else {
                    SendOutcome::Failed { why }
                }
            }
            (_, _, outcome) => outcome,
        }
    }
}

fn parameters(body: &[u8]) -> Option<u64> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.pointer("/parameters/retry_after")?.as_u64()
}

fn message_id(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.pointer("/result/message_id").map(ToString::to_string)
}

#[derive(Debug)]
pub struct ChatSink {
    poster: Poster,
    service: Service,
    chat: Option<String>,
}

impl ChatSink {
    /// Posts to `url`, to one of its chats where the service has several.
    pub fn new(
        url: &str,
        web: &Web,
        service: Service,
        chat: Option<String>,
    ) -> Result<Self, String> {
        Ok(Self { poster: Poster::new(url, web)?, service, chat })
    }

    fn deliver(&self, delivery: &Delivery<'_>) -> SendOutcome {
        let (most, preset) = self.service.limit();
        let text = match content(delivery.bytes, most, preset) {
            Ok(Some(text)) => text,
            // No text to read.
            Ok(None) => return SendOutcome::Sent { receipt: None },
            Err(why) => return SendOutcome::Failed { why },
        };
        let body = self.service.message(&text, self.chat.as_deref()).to_string();
        match self.poster.post(body.as_bytes(), None) {
            Ok(answer) => self.service.outcome(&answer, self.poster.outcome(&answer)),
            Err(outcome) => outcome,
        }
    }
}

impl Sink for ChatSink {
    fn needs(&self) -> Needs {
        // No service documents an idempotency key.
        Needs { form: Form::Event, batch: 1, idempotent: false }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| self.deliver(delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(service: Service, status: u16, body: &str, of_status: SendOutcome) -> SendOutcome {
        let answer = Answer { status, body: body.into(), ..Answer::default() };
        service.outcome(&answer, of_status)
    }

    #[test]
    fn a_message_has_the_form_that_its_service_documents() {
        let said = |service: Service| service.message("a \"b\"", Some("@c"));
        assert_eq!(said(Service::Slack), json!({"text": "a \"b\""}));
        assert_eq!(said(Service::Telegram), json!({"chat_id": "@c", "text": "a \"b\""}));
        let teams = said(Service::Teams);
        assert_eq!(teams.pointer("/attachments/0/content/body/0/text"), Some(&json!("a \"b\"")));
    }

    #[test]
    fn what_a_service_says_in_its_body_counts() {
        let sent = || SendOutcome::Sent { receipt: None };
        let limited = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
        let retry = SendOutcome::Retry { wait: Wait::Down, why: String::new() };
        assert!(matches!(
            outcome(Service::Telegram, 429, limited, retry),
            SendOutcome::Retry { wait: Wait::Asked(time), .. } if time == Duration::from_secs(7)
        ));
        let receipt = Some("12".to_owned());
        let answer = r#"{"ok":true,"result":{"message_id":12}}"#;
        assert_eq!(outcome(Service::Telegram, 200, answer, sent()), SendOutcome::Sent { receipt });
        let failed = "Webhook message delivery failed with error: HTTP error 429";
        assert!(matches!(outcome(Service::Teams, 200, failed, sent()), SendOutcome::Retry { .. }));
        assert!(matches!(outcome(Service::Teams, 200, "1", sent()), SendOutcome::Sent { .. }));
        let gone = SendOutcome::Failed { why: "no_service".to_owned() };
        assert!(matches!(
            outcome(Service::Slack, 404, "no_service", gone),
            SendOutcome::Gone { .. }
        ));
    }
}
