//! Limits of channels, one row each with its source. Where sources disagree the safe bound is used.

use crate::text::cut::Fences;
use crate::text::units::{Limit, Unit};

/// One channel.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Name after `--for`.
    pub name: &'static str,
    /// Limits, all of which hold.
    pub limits: &'static [(Unit, usize)],
    /// Most lines; 0 is any number.
    pub lines: usize,
    /// Rule by which it finds fences; `Lines` where it has none, for the text is Markdown.
    pub fences: Fences,
    /// Source of the numbers.
    pub source: &'static str,
}

/// Limits that all hold, with the most lines of a part; 0 is any number.
pub fn preset_limits(limits: &[(Unit, usize)], lines: usize) -> Vec<Limit> {
    let limit = |(unit, max): &(Unit, usize)| Limit { unit: *unit, max: *max };
    let mut limits: Vec<Limit> = limits.iter().map(limit).collect();
    limits.extend(lines.checked_sub(1).map(|max| Limit { unit: Unit::LineFeeds, max }));
    limits
}

/// All channels.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "discord",
        limits: &[(Unit::Utf16, 2000)],
        lines: 0,
        fences: Fences::Anywhere,
        source: "Discord API reference, Create Message: content up to 2000 characters. Staff (discord-api-docs issue 1315): the API \
                 counts code points; clients count UTF-16 units, never fewer, which is the safe bound",
    },
    Preset {
        name: "telegram",
        limits: &[(Unit::Utf16, 4096)],
        lines: 0,
        fences: Fences::Anywhere,
        source: "Telegram Bot API, sendMessage: 1-4096 characters after entities parsing. Entities count UTF-16 units and most \
                 libraries split by them; a measurement of 2026 saw 4096 code points taken. UTF-16 is the safe bound",
    },
    Preset {
        name: "telegram-rich",
        limits: &[(Unit::Utf16, 32_768)],
        lines: 240,
        fences: Fences::Lines,
        source: "Telegram Bot API 10.1, sendRichMessage, Rich Message Limits: 32768 characters of text, 500 blocks with nested blocks, \
                 list items and table rows counted. 240 lines are at most about 480 blocks: a list item holds a paragraph",
    },
    Preset {
        name: "slack",
        limits: &[(Unit::Utf16, 4000)],
        lines: 0,
        fences: Fences::Anywhere,
        source: "Slack API, chat.postMessage: clients should limit text to 4000 characters; past that it is split into several \
                 messages, past 40000 it is truncated. Not for a section block, which takes 3000",
    },
    Preset {
        name: "slack-markdown",
        limits: &[(Unit::Utf16, 12_000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Slack Block Kit, markdown block: 12000 characters for all markdown blocks of a message. slackapi/bolt-js issue 2509: \
                 msg_blocks_too_long from about 13200",
    },
    Preset {
        name: "whatsapp",
        limits: &[(Unit::Utf16, 4096)],
        lines: 0,
        fences: Fences::Anywhere,
        source: "WhatsApp Cloud API, text object: body at most 4096 characters; the unit is not said, and client libraries count \
                 UTF-16 units",
    },
    Preset {
        name: "signal",
        limits: &[(Unit::Bytes, 2000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Signal Android and Desktop: a body of more than 2 KiB of UTF-8 must be a long-text attachment, else it is dropped on \
                 receipt; older clients and signal-cli cut at 2000 bytes",
    },
    Preset {
        name: "line",
        limits: &[(Unit::Utf16, 5000)],
        lines: 0,
        fences: Fences::Lines,
        source: "LINE Messaging API, text message: at most 5000 characters; Character counting in a text: UTF-16 code units",
    },
    Preset {
        name: "teams",
        limits: &[(Unit::Bytes, 14_000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Microsoft Teams: incoming webhooks 28 KB, of which users measured about 21 KB. The rest is left for JSON and its \
                 escapes. A bot's own messages take more: teams-bot",
    },
    Preset {
        name: "teams-bot",
        limits: &[(Unit::Utf16, 40_000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Microsoft Teams, Format your bot messages: 100 KB with the text encoded as UTF-16, of which 80 KB are recommended \
                 to guarantee delivery; past that 413, MessageSizeTooBig. A unit of UTF-16 has two bytes",
    },
    Preset {
        name: "matrix",
        limits: &[(Unit::Bytes, 16_000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Matrix client-server API, size limits: a complete event is at most 65536 bytes of JSON; body and formatted_body both \
                 hold the text, escaped, and encryption makes it a third longer",
    },
    Preset {
        name: "bluesky",
        limits: &[(Unit::Graphemes, 300), (Unit::Bytes, 3000)],
        lines: 0,
        fences: Fences::Lines,
        source: "Bluesky lexicon app.bsky.feed.post: text maxGraphemes 300, maxLength 3000 (bytes of UTF-8)",
    },
    Preset {
        name: "irc",
        limits: &[(Unit::Bytes, 340)],
        lines: 1,
        fences: Fences::Lines,
        source: "RFC 2812 2.3: 512 bytes a message with CR LF, as the server relays it: with a nick of 30, user of 11, host of 63 and \
                 channel of 50 bytes 342 are left for text; one line each",
    },
    Preset {
        name: "plain",
        limits: &[(Unit::Codepoints, 4000)],
        lines: 0,
        fences: Fences::Lines,
        source: "no channel: a screenful or two for anything that does not say",
    },
];
