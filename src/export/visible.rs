//! Foreign text for a page: control characters, bidirectional controls and other invisible characters become visible, and the
//! characters that the page's syntax needs are escaped.

use crate::term::sanitize::{is_hidden, show};

/// Bytes that may begin a character that is not copied as it stands: markup, controls, and the first bytes of invisible ones.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let control = byte < 0x20 && byte != 0x09 && byte != 0x0a || byte == 0x7f;
        let lead = matches!(byte, 0xc2 | 0xd8 | 0xe1 | 0xe2 | 0xe3 | 0xef | 0xf3);
        special[byte] = control || lead || byte < 0x80 && (byte as u8).is_ascii_punctuation();
        byte += 1;
    }
    special
};

/// True for a character that no reader sees: joiners of emoji and scripts (U+200C, U+200D) and the variation selectors of
/// emoji are left, since text needs them.
fn is_invisible(c: char) -> bool {
    is_hidden(c)
        || matches!(c, '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
            | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Adds a text to `out`. `escape` gives what stands for an ASCII punctuation mark; empty if the mark itself does.
pub(super) fn push(text: &str, out: &mut String, escape: impl Fn(u8) -> &'static str) {
    let bytes = text.as_bytes();
    let (mut copied, mut at) = (0, 0);
    while let Some(next) = bytes[at..].iter().position(|byte| SPECIAL[usize::from(*byte)]) {
        let begin = at + next;
        let Some(c) = text[begin..].chars().next() else { break };
        at = begin + c.len_utf8();
        let escaped = if c.is_ascii_punctuation() { escape(bytes[begin]) } else { "" };
        if escaped.is_empty() && !is_invisible(c) {
            continue;
        }
        out.push_str(&text[copied..begin]);
        copied = at;
        match c {
            '\r' if matches!(bytes.get(at), None | Some(b'\n')) => {}
            _ if !escaped.is_empty() => out.push_str(escaped),
            c => {
                // The brackets around the code point are escaped like any other.
                let mut shown = String::new();
                show(c, &mut shown);
                shown.bytes().for_each(|byte| match escape(byte) {
                    "" => out.push(char::from(byte)),
                    escaped => out.push_str(escaped),
                });
            }
        }
    }
    out.push_str(&text[copied..]);
}

/// The character reference of a mark that HTML reserves; empty for any other.
pub(super) fn html(byte: u8) -> &'static str {
    match byte {
        b'&' => "&amp;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'"' => "&quot;",
        b'\'' => "&#39;",
        _ => "",
    }
}

/// No escape at all, for code in Markdown.
pub(super) fn bare(_: u8) -> &'static str {
    ""
}

/// True if a link may lead there: over http(s), to a mailbox, or with `Relative` to a place beside the page.
pub(super) fn is_harmless(target: &str, relative: Relative) -> bool {
    // A browser skips white space and controls before it looks for the scheme.
    let target: String = target.chars().filter(|c| *c > ' ' && !c.is_control()).collect();
    match target.find([':', '/', '?', '#', '\\']) {
        Some(at) if target[at..].starts_with(':') => {
            ["http", "https", "mailto"].contains(&target[..at].to_ascii_lowercase().as_str())
        }
        _ => relative == Relative::Allowed,
    }
}

/// Treatment of links that have no scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relative {
    Allowed,
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, escape: impl Fn(u8) -> &'static str) -> String {
        let mut out = String::new();
        push(text, &mut out, escape);
        out
    }

    #[test]
    fn nothing_invisible_is_left_and_nothing_visible_is_changed() {
        assert_eq!(shown("a\0b\x1b[1m\r\nc\rd\r", bare), "a^@b^[[1m\nc^Md");
        assert_eq!(
            shown("x\u{202e}y\u{200b}\u{feff}\u{e0041}", bare),
            "x<U+202E>y<U+200B><U+FEFF><U+E0041>"
        );
        assert_eq!(
            shown("<a href='\"'>&\u{202e}", html),
            "&lt;a href=&#39;&quot;&#39;&gt;&amp;&lt;U+202E&gt;"
        );
        let text = "Grüße, 日本語ㄱ 👩‍💻 ❤️ ﷺ a\u{301}\n\tend";
        assert_eq!(shown(text, bare), text);
    }

    #[test]
    fn every_invisible_character_begins_with_a_special_byte() {
        let special = |c: &char| SPECIAL[usize::from(c.encode_utf8(&mut [0; 4]).as_bytes()[0])];
        let missed = ('\0'..=char::MAX).filter(|c| is_invisible(*c)).find(|c| !special(c));
        assert_eq!(missed, None);
    }

    #[test]
    fn links_lead_nowhere_dangerous() {
        for good in ["http://a", "HTTPS://a", "mailto:a@b", "https://a:1/x:y"] {
            assert!(is_harmless(good, Relative::Refused), "{good}");
        }
        for near in ["a/b:c", "#x", "/a", "?q=javascript:x", "//a.example/x"] {
            assert!(
                is_harmless(near, Relative::Allowed) && !is_harmless(near, Relative::Refused),
                "{near}"
            );
        }
        for bad in [
            "javascript:alert(1)",
            " java\nscript:x",
            "\u{1}javascript:x",
            "data:text/html,x",
            "file:///etc",
            "vbscript:x",
            "blob:x",
        ] {
            assert!(!is_harmless(bad, Relative::Allowed), "{bad}");
        }
    }
}
