//! Delivery ids: made of checked parts, so that an id is safe in a header, an environment, a shell and a list of lines
//! whatever the stream and the block that it names are called.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Longest part of an id that stands as it is, in bytes: as long as a stream's name may be.
const MAX_NAME: usize = 64;

/// Longest id or name of a tool that stands as the runtime has it, in bytes.
const MAX_TOOL: usize = 256;

/// The id or the name of a tool, at most 256 bytes long: of a longer one the beginning, `~` and a digest of all of it.
pub fn tool_id(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TOOL {
        return Cow::Borrowed(text);
    }
    Cow::Owned(shortened(text, text))
}

/// The delivery id of a part of a block: `stream/turn/block/part`.
pub fn part_id(stream: &str, turn: u64, block: &str, part: u64) -> String {
    format!("{}{part}", part_ids(stream, turn, block))
}

/// Prefix of the delivery ids of all parts of a block.
pub fn part_ids(stream: &str, turn: u64, block: &str) -> String {
    format!("{}/{turn}/{}/", name(stream), name(block))
}

/// The delivery id of any other event: `stream/seq`.
pub fn event_id(stream: &str, seq: u64) -> String {
    format!("{}/{seq}", name(stream))
}

/// A name as it is if it has the form of a stream's (1 to 64 of `[A-Za-z0-9._:-]`, the first alphanumeric), which a block's has
/// too; else with its other bytes as `%XX`, and where that is too long its beginning, `~` and a digest of all of it.
fn name(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_NAME));
    for (at, b) in text.bytes().enumerate() {
        let plain = b.is_ascii_alphanumeric() || (at > 0 && b"._:-".contains(&b));
        if plain {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        if out.len() > MAX_NAME {
            return shortened(text, &out);
        }
    }
    if out.is_empty() {
        out.push('~');
    }
    out
}

fn shortened(text: &str, escaped: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut out = escaped.chars().take(MAX_NAME / 2).collect::<String>();
    out.push('~');
    for b in digest.iter().take(12) {
        let _ = write!(out, "{b:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_the_form_of_the_contract_stands_as_it_is() {
        assert_eq!(part_id("msg-1:a.b", 2, "b3", 4), "msg-1:a.b/2/b3/4");
        assert_eq!(event_id(&"s".repeat(64), 7), format!("{}/7", "s".repeat(64)));
    }

    #[test]
    fn what_a_shell_a_header_or_a_list_would_obey_is_escaped() {
        assert_eq!(part_id("s", 1, "b1;touch x;#\n", 0), "s/1/b1%3Btouch%20x%3B%23%0A/0");
        assert_eq!(event_id("-a/b%\0", 1), "%2Da%2Fb%25%00/1");
        assert_eq!(event_id("", 1), "~/1");
        let long = event_id(&"x".repeat(200_000), 1);
        assert!(long.len() < 70 && long.starts_with("xxx"), "{long}");
        assert_ne!(long, event_id(&"x".repeat(200_001), 1));
    }

    proptest! {
        #[test]
        fn other_names_have_other_ids(a in any::<String>(), b in any::<String>()) {
            let (one, two) = (part_id(&a, 1, &b, 1), part_id(&b, 1, &a, 1));
            prop_assert_eq!(one == two, a == b);
            let safe = |c: char| c.is_ascii_alphanumeric() || "._:-%~/".contains(c);
            prop_assert!(one.chars().all(safe) && !one.starts_with('-'));
            prop_assert!(one.len() < 160);
        }
    }
}
