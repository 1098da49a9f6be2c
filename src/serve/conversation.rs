//! Messages of a conversation in front of the next one, for an agent that cannot resume a session.
//!
//! ```text
//! Earlier messages of this conversation, a JSON object a line:
//! {"from":"spile","text":"[earlier messages left out]"}
//! {"from":"user","text":"..."}
//! {"from":"agent","text":"..."}
//!
//! The message
//! ```

use serde::Serialize;
use serde_json::json;

/// First line of a prompt with earlier messages.
const HEAD: &str = "Earlier messages of this conversation, a JSON object a line:\n";

/// Longest text of earlier messages, in bytes; the oldest ones are left out.
const MAX_EARLIER: usize = 256 << 10;

/// Text in front of the messages where older ones are left out.
const LEFT_OUT: &str = "[earlier messages left out]";

/// Room, in bytes, from which on the end of a message is worth its line.
const MIN_ROOM: usize = 512;

/// Room for the line of a message and the words about its cut, in bytes.
const FRAME: usize = 96;

/// Longest id, in bytes: a number follows it in the stream of a run.
const MAX_ID: usize = 48;

/// Sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    User,
    Agent,
    /// This program, about messages that are left out.
    Spile,
}

/// Notice that stands for older messages.
pub fn left_out() -> (Sender, String) {
    (Sender::Spile, LEFT_OUT.to_owned())
}

/// Prompt with the earlier messages, as many of the last ones as `most` bytes have room for.
pub fn prompt(earlier: &[(Sender, String)], message: &str, most: usize) -> String {
    let is_framed = message.starts_with(HEAD);
    if earlier.is_empty() && !is_framed {
        return message.to_owned();
    }
    let room = most.saturating_sub(HEAD.len() + 1 + message.len());
    let lines = last_lines(earlier, room.min(MAX_EARLIER));
    match lines.is_empty() && !is_framed {
        true => message.to_owned(),
        false => format!("{HEAD}{lines}\n{message}"),
    }
}

/// Lines of the last messages. The first one that has no room is cut.
fn last_lines(earlier: &[(Sender, String)], room: usize) -> String {
    let lines: Vec<String> = earlier.iter().map(line).collect();
    if lines.iter().map(String::len).sum::<usize>() <= room {
        return lines.concat();
    }
    let notice = line(&left_out());
    let Some(mut room) = room.checked_sub(notice.len()) else { return String::new() };
    let mut kept = lines.len();
    while let Some(rest) = kept.checked_sub(1).and_then(|at| room.checked_sub(lines[at].len())) {
        (kept, room) = (kept - 1, rest);
    }
    let cut = match kept.checked_sub(1) {
        Some(at) if room >= MIN_ROOM => line(&cut(&earlier[at], room - FRAME)),
        _ => String::new(),
    };
    // A message that is cut says so itself.
    let whole = kept == usize::from(!cut.is_empty());
    let notice = if whole { String::new() } else { notice };
    notice + &cut + &lines[kept..].concat()
}

fn line((sender, text): &(Sender, String)) -> String {
    format!("{}\n", json!({"from": sender, "text": text}))
}

/// End of a message that takes at most `room` bytes in JSON.
fn cut((sender, text): &(Sender, String), room: usize) -> (Sender, String) {
    let (mut start, mut room) = (text.len(), room);
    for (at, c) in text.char_indices().rev() {
        let length = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        let Some(rest) = room.checked_sub(length) else { break };
        (start, room) = (at, rest);
    }
    (*sender, format!("[… {start} bytes left out]{}", &text[start..]))
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

    const MAX: usize = 1 << 20;

    fn said(from: Sender, text: &str) -> (Sender, String) {
        (from, text.to_owned())
    }

    #[test]
    fn a_message_is_found_behind_the_earlier_ones() {
        let earlier = [said(Sender::User, "a\n\nb \"c\""), said(Sender::Agent, "")];
        for text in ["hello", "two\n\nlines", "", "\n", HEAD, &format!("{HEAD}\nx")] {
            for count in 0..=2 {
                assert_eq!(
                    message(&prompt(&earlier[..count], text, MAX)),
                    text,
                    "{count} {text:?}"
                );
            }
        }
        assert_eq!(prompt(&[], "hello", MAX), "hello");
        let want = format!("{HEAD}{{\"from\":\"user\",\"text\":\"x\"}}\n\nhello");
        assert_eq!(prompt(&[said(Sender::User, "x")], "hello", MAX), want);
    }

    #[test]
    fn the_oldest_messages_are_left_out() {
        let earlier: Vec<_> = (0..10)
            .map(|n| said(Sender::User, &format!("{n}{}", "x".repeat(MAX_EARLIER / 5))))
            .collect();
        let text = prompt(&earlier, "hello", MAX);
        assert!(text.len() < MAX_EARLIER + 100, "{}", text.len());
        assert!(text.contains("\"9x") && !text.contains("\"0x"));
        let first = text.lines().nth(1).unwrap();
        assert_eq!(first, r#"{"from":"spile","text":"[earlier messages left out]"}"#);
        assert_eq!(message(&text), "hello");
    }

    #[test]
    fn a_prompt_keeps_to_its_limit() {
        let odd = "a\"\\\n\u{1}é😀";
        for length in [0, 1, 100, 600, 5000, MAX_EARLIER] {
            let earlier = [said(Sender::User, "first"), said(Sender::Agent, &odd.repeat(length))];
            for most in [0, 5, 90, 200, 700, 10_000, MAX] {
                let text = prompt(&earlier, "hello", most);
                assert!(text.len() <= most.max(5), "{length} {most}: {}", text.len());
                assert_eq!(message(&text), "hello");
                let lines = text.lines().filter(|line| line.starts_with('{'));
                for line in lines {
                    serde_json::from_str::<serde_json::Value>(line).unwrap();
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_message_that_is_too_long_is_kept() {
        let long = format!("{}the end", "é".repeat(MAX_EARLIER));
        let text = prompt(&[said(Sender::User, "x"), said(Sender::Agent, &long)], "hello", MAX);
        assert!(text.contains("the end\"}\n\nhello"), "{}", &text[text.len() - 100..]);
        assert!(text.contains(LEFT_OUT) && text.contains("[… "));
        // The first message of all says itself that it is cut.
        let text = prompt(&[said(Sender::Agent, &long)], "hello", MAX);
        assert!(!text.contains(LEFT_OUT) && text.contains(" bytes left out]é"));
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
