//! Makes foreign text safe to show: text, line feed and tab pass, every other control character and every bidirectional
//! override becomes visible, so that no byte controls the terminal.

use std::fmt::Write;

/// Cleaner of one text that may arrive in pieces.
///
/// A carriage return before a line feed is dropped, also where a piece ends between the two; alone it shows as `^M`.
/// Cleaning what is clean already changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Sanitizer {
    /// The text so far ended in a carriage return.
    cr: bool,
    /// Incomplete character at the end of the bytes; at most 3 bytes.
    partial: Vec<u8>,
}

impl Sanitizer {
    /// Adds the next piece of the text to `out`, cleaned.
    pub fn push(&mut self, text: &str, out: &mut String) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.cr) && !text.starts_with('\n') {
            out.push_str("^M");
        }
        if text.bytes().all(|byte| PLAIN[usize::from(byte)]) {
            return out.push_str(text);
        }
        let mut copied = 0;
        for (at, c) in text.char_indices() {
            if !is_hidden(c) {
                continue;
            }
            out.push_str(&text[copied..at]);
            copied = at + c.len_utf8();
            match text.as_bytes().get(copied) {
                Some(b'\n') if c == '\r' => {}
                None if c == '\r' => self.cr = true,
                _ => show(c, out),
            }
        }
        out.push_str(&text[copied..]);
    }

    /// [`Sanitizer::push`] for bytes; invalid UTF-8 shows as U+FFFD.
    pub fn push_bytes(&mut self, bytes: &[u8], out: &mut String) {
        let mut whole = std::mem::take(&mut self.partial);
        let bytes = if whole.is_empty() {
            bytes
        } else {
            whole.extend_from_slice(bytes);
            &whole
        };
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            at += chunk.valid().len() + chunk.invalid().len();
            self.push(chunk.valid(), out);
            let bad = chunk.invalid();
            // Only at the very end can more bytes complete it.
            if at == bytes.len() && is_beginning(bad) {
                self.partial = bad.to_vec();
            } else if !bad.is_empty() {
                self.push("\u{fffd}", out);
            }
        }
    }

    /// Ends the text: an incomplete character shows as U+FFFD, a last carriage return as nothing.
    pub fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.push("\u{fffd}", out);
        }
        self.cr = false;
    }
}

/// True if `bytes` are an incomplete character.
fn is_beginning(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

/// A whole text, cleaned.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    Sanitizer::default().push(text, &mut out);
    out
}

/// Longest text from the input that a message quotes, in characters.
const MAX_QUOTED: usize = 400;

/// Foreign text for a message on stderr: cleaned, on one line, and shortened if it is very long.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_QUOTED));
    for (n, c) in text.chars().enumerate() {
        if n == MAX_QUOTED {
            out.push_str("...");
            break;
        }
        if is_hidden(c) || matches!(c, '\n' | '\t') {
            show(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

/// A text as one word of a suggested command line: bare where that is safe, else in single quotes and cleaned.
pub fn shell_word(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "._:-%/=@+,".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        return text.to_owned();
    }
    format!("'{}'", quoted(text).replace('\'', "'\\''"))
}

/// True if this character could mislead a terminal or a reader: all of C0 but tab and line feed, DEL, C1, every control of
/// UAX #9 (marks, embeddings, overrides, isolates, and the deprecated U+206A to U+206F), and the line separators.
pub(crate) fn is_hidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Bytes that are in no character of [`is_hidden`]; most texts are made of nothing else.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let lead = matches!(byte, 0xc2 | 0xd8 | 0xe2);
        plain[byte] = matches!(byte, 0x09 | 0x0a) || !(byte < 0x20 || byte == 0x7f || lead);
        byte += 1;
    }
    plain
};

/// Caret notation for ASCII, the code point for all others.
pub(crate) fn show(c: char, out: &mut String) {
    match u8::try_from(c) {
        Ok(b) if b < 0x80 => {
            out.push('^');
            out.push(char::from(b ^ 0x40));
        }
        _ => {
            let _ = write!(out, "<U+{:04X}>", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_what_would_be_obeyed() {
        assert_eq!(clean("a\x1b[31mb\x07\x7f\0"), "a^[[31mb^G^?^@");
        assert_eq!(clean("\u{9b}2J\u{85}"), "<U+009B>2J<U+0085>");
        assert_eq!(clean("\u{202e}x\u{2069}\u{2028}"), "<U+202E>x<U+2069><U+2028>");
        assert_eq!(clean("a\u{200e}b\u{200f}c\u{61c}d"), "a<U+200E>b<U+200F>c<U+061C>d");
        assert_eq!(clean("Grüße 😀\n\tend"), "Grüße 😀\n\tend");
    }

    #[test]
    fn what_a_message_quotes_is_one_line_that_tells_a_terminal_nothing() {
        assert_eq!(quoted("a\n\x1b]0;x\x07\tb\u{202e}"), "a^J^[]0;x^G^Ib<U+202E>");
        assert_eq!(quoted(&"x".repeat(500)).len(), 403);
    }

    #[test]
    fn a_suggested_command_runs_nothing_of_the_input() {
        assert_eq!(shell_word("s/1/b1/0"), "s/1/b1/0");
        assert_eq!(shell_word("b1;touch x"), "'b1;touch x'");
        assert_eq!(shell_word("it's\n$(x)"), r"'it'\''s^J$(x)'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_carriage_return_is_judged_by_what_follows() {
        let mut cleaner = Sanitizer::default();
        let mut out = String::new();
        for piece in ["a\r", "\nb\r", "", "c\r\nd", "\r", "\r\n", "e\r"] {
            cleaner.push(piece, &mut out);
        }
        assert_eq!(out, "a\nb^Mc\nd^M\ne");
    }

    #[test]
    fn bytes_that_are_no_text_show_as_such() {
        let mut cleaner = Sanitizer::default();
        let mut out = String::new();
        for piece in [&b"a\xff\xe2"[..], b"\x82", b"\xac b\xe2\x82", b"c\xc2", b"\x9b"] {
            cleaner.push_bytes(piece, &mut out);
        }
        assert_eq!(out, "a\u{fffd}€ b\u{fffd}c<U+009B>");
    }

    #[test]
    fn every_hidden_character_has_a_byte_that_is_not_plain() {
        let plain = |c: &char| c.encode_utf8(&mut [0; 4]).bytes().all(|b| PLAIN[usize::from(b)]);
        assert_eq!(('\0'..=char::MAX).filter(|c| is_hidden(*c)).find(plain), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_obeyed_gets_through(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = String::new();
            Sanitizer::default().push_bytes(&bytes, &mut out);
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(clean(&out), out);
        }

        #[test]
        fn pieces_make_no_difference(text in "[a\\r\\n\\x1b\\u{9b}é€😀]{0,40}", cuts in prop::collection::vec(1usize..6, 0..20)) {
            let mut out = String::new();
            let mut cleaner = Sanitizer::default();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                cleaner.push_bytes(head, &mut out);
                rest = tail;
            }
            cleaner.push_bytes(rest, &mut out);
            prop_assert_eq!(out, clean(&text));
        }
    }
}
