//! Messages of a conversation in front of the next one, for an agent that cannot resume a session.
//!
//! ```text
//! Earlier messages of this conversation, a JSON object a line:
//! {"from":"user","text":"..."}
//! {"from":"agent","text":"..."}
//!
//! The message
//! ```

use serde_json::json;

/// First line of a prompt with earlier messages.
const HEAD: &str = "Earlier messages of this conversation, a JSON object a line:\n";

/// Longest text of earlier messages, in bytes; the oldest ones are left out.
const MAX_EARLIER: usize = 256 << 10;

/// Longest id, in bytes: a number follows it in the stream of a run.
const MAX_ID: usize = 48;

/// Sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    User,
    Agent,
}

/// Prompt with the earlier messages.
pub fn prompt(earlier: &[(Sender, String)], message: &str) -> String {
    if earlier.is_empty() && !message.starts_with(HEAD) {
        return message.to_owned();
    }
    let line = |(sender, text): &(Sender, String)| {
        let from = if *sender == Sender::User { "user" } else { "agent" };
        format!("{}\n", json!({"from": from, "text": text}))
    };
    let mut lines: Vec<String> = earlier.iter().map(line).collect();
    let mut length: usize = lines.iter().map(String::len).sum();
    let left_out = lines.iter().take_while(|line| {
        let is_excess = length > MAX_EARLIER;
        length -= if is_excess { line.len() } else { 0 };
        is_excess
    });
    let left_out = left_out.count();
    lines.drain(..left_out);
    format!("{HEAD}{}\n{message}", lines.concat())
}

/// Message in a prompt, without the earlier ones.
pub fn message(prompt: &str) -> &str {
    let Some(mut rest) = prompt.strip_prefix(HEAD) else { return prompt };
    // No object has an empty line.
    while let Some((line, behind)) = rest.split_once('\n') {
        rest = behind;
        if line.is_empty() {
            break;
        }
    }
    rest
}

/// Checks the id of a conversation.
pub fn check_id(id: &str) -> Result<(), String> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let begins = id.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    match begins && id.len() <= MAX_ID && id.bytes().all(is_right) {
        true => Ok(()),
        false => Err(format!(
            "a conversation has 1 to {MAX_ID} of A-Z a-z 0-9 _ -, the first a letter or digit"
        )),
    }
}

/// Stream of the message with this number.
pub fn stream(id: &str, number: u64) -> String {
    format!("{id}.{number}")
}

/// Number of the message in a stream of this conversation.
pub fn number(id: &str, stream: &str) -> Option<u64> {
    stream.strip_prefix(id)?.strip_prefix('.')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(from: Sender, text: &str) -> (Sender, String) {
        (from, text.to_owned())
    }

    #[test]
    fn a_message_is_found_behind_the_earlier_ones() {
        let earlier = [said(Sender::User, "a\n\nb \"c\""), said(Sender::Agent, "")];
        for text in ["hello", "two\n\nlines", "", "\n", HEAD, &format!("{HEAD}\nx")] {
            for count in 0..=2 {
                assert_eq!(message(&prompt(&earlier[..count], text)), text, "{count} {text:?}");
            }
        }
        assert_eq!(prompt(&[], "hello"), "hello");
        let want = format!("{HEAD}{{\"from\":\"user\",\"text\":\"x\"}}\n\nhello");
        assert_eq!(prompt(&[said(Sender::User, "x")], "hello"), want);
    }

    #[test]
    fn the_oldest_messages_are_left_out() {
        let earlier: Vec<_> = (0..10)
            .map(|n| said(Sender::User, &format!("{n}{}", "x".repeat(MAX_EARLIER / 5))))
            .collect();
        let text = prompt(&earlier, "hello");
        assert!(text.len() < MAX_EARLIER + 100, "{}", text.len());
        assert!(text.contains("\"9x") && !text.contains("\"0x"));
        assert_eq!(message(&text), "hello");
    }

    #[test]
    fn ids_are_those_of_streams() {
        assert_eq!(number("c", &stream("c", 12)), Some(12));
        assert_eq!(number("c", "d.1"), None);
        assert_eq!(number("c", "c.x"), None);
        for wrong in ["", "-a", "a.b", "a b", &"x".repeat(49)] {
            assert!(check_id(wrong).is_err(), "{wrong}");
        }
        assert!(check_id("c-1_X").is_ok());
    }
}
