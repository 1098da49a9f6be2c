//! What channels take, one row each with its source. Where sources disagree the safe bound stands here.

use crate::text::units::{Limit, Unit};

/// One channel.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name after `--for`.
    pub name: &'static str,
    /// The limits, all of which hold.
    pub limits: &'static [(Unit, usize)],
    /// The most lines; 0 is any number.
    pub lines: usize,
    /// Where the numbers come from.
    pub source: &'static str,
}

impl Preset {
    /// The preset of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Its limits, as text is cut by them.
    #[must_use]
    pub fn to_limits(self) -> Vec<Limit> {
        let limit = |(unit, max): &(Unit, usize)| Limit {
            unit: *unit,
            max: *max,
        };
        let mut limits: Vec<Limit> = self.limits.iter().map(limit).collect();
        limits.extend(self.lines.checked_sub(1).map(|max| Limit {
            unit: Unit::LineFeeds,
            max,
        }));
        limits
    }
}

/// The channels.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "discord",
        limits: &[(Unit::Utf16, 2000)],
        lines: 0,
        source: "Discord API, Create Message: content up to 2000 characters; whether those are code points or UTF-16 units is \
                 not said, and clients count UTF-16",
    },
    Preset {
        name: "telegram",
        limits: &[(Unit::Utf16, 4096)],
        lines: 0,
        source: "Telegram Bot API, sendMessage: 1-4096 characters after entities parsing; entities count UTF-16 units",
    },
    Preset {
        name: "slack",
        limits: &[(Unit::Utf16, 4000)],
        lines: 0,
        source: "Slack chat.postMessage: limit text to 4000 characters, truncated past 40000",
    },
    Preset {
        name: "whatsapp",
        limits: &[(Unit::Utf16, 4096)],
        lines: 0,
        source: "WhatsApp Cloud API, text object: body at most 4096 characters",
    },
    Preset {
        name: "signal",
        limits: &[(Unit::Bytes, 2000)],
        lines: 0,
        source: "Signal clients: a body over 2000 characters (newer: 2 KiB) becomes a long-text attachment",
    },
    Preset {
        name: "line",
        limits: &[(Unit::Utf16, 5000)],
        lines: 0,
        source: "LINE Messaging API, text message: at most 5000 characters, counted in UTF-16 units",
    },
    Preset {
        name: "teams",
        limits: &[(Unit::Bytes, 14_000)],
        lines: 0,
        source: "Microsoft Teams, bot messages: about 28 KB with its JSON, in UTF-16 for webhooks; half of it is left for \
                 escapes",
    },
    Preset {
        name: "matrix",
        limits: &[(Unit::Bytes, 16_000)],
        lines: 0,
        source: "Matrix client-server API, size limits: an event is at most 65536 bytes; body and formatted_body both hold the \
                 text, escaped",
    },
    Preset {
        name: "bluesky",
        limits: &[(Unit::Graphemes, 300), (Unit::Bytes, 3000)],
        lines: 0,
        source: "Bluesky lexicon app.bsky.feed.post: maxGraphemes 300, maxLength 3000 bytes",
    },
    Preset {
        name: "irc",
        limits: &[(Unit::Bytes, 400)],
        lines: 1,
        source: "RFC 2812 2.3: 512 bytes a message with CR LF, of which prefix and command take up to about 110; one line each",
    },
    Preset {
        name: "plain",
        limits: &[(Unit::Codepoints, 4000)],
        lines: 0,
        source: "no channel: a screenful or two for anything that does not say",
    },
];
