//! Plain output of a command as it comes: text leaves at once, escape sequences and what is written over do not.

use super::Escapes;

/// The byte order mark, U+FEFF, in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes in, bytes without escape sequences out; a carriage return before a line feed stays. Bytes that are not UTF-8 are handed on as they are.
///
/// Unlike [`Escapes`] it does not hold a line until it ends: of a line that is written over, the text that has left stays, and
/// from there on only its last state follows, on a line of its own.
#[derive(Default)]
pub struct Plain {
    escapes: Escapes,
    /// True if an escape sequence has been seen: the next bytes may be the rest of one.
    escaped: bool,
    started: bool,
}

impl Plain {
    /// Takes the next bytes; the text that may leave.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let marked = !std::mem::replace(&mut self.started, true);
        self.escapes.line.keeps_crlf = true;
        let bytes = bytes.strip_prefix(MARK).filter(|_| marked).unwrap_or(bytes);
        if !self.escaped && self.escapes.is_idle() && is_plain(bytes) {
            if let Some(last) = bytes.last() {
                self.escapes.line.shown = *last != b'\n';
            }
            return bytes.to_vec();
        }
        self.escaped |= bytes.iter().any(|byte| matches!(byte, 0x1b | 0xc2));
        let mut out = Vec::with_capacity(bytes.len());
        self.escapes.parse(bytes, |escapes, wrong| {
            out.extend_from_slice(escapes.flush().as_bytes());
            out.extend_from_slice(wrong);
            escapes.line.shown = true;
        });
        out.extend_from_slice(self.escapes.flush().as_bytes());
        out
    }

    #[must_use]
    pub fn end(&mut self) -> Vec<u8> {
        let mut begun = std::mem::take(&mut self.escapes.begun);
        let mut out = self.escapes.end().into_bytes();
        out.append(&mut begun);
        out
    }
}

/// True if there is nothing in it that a terminal would obey but the line feed and the tab.
fn is_plain(bytes: &[u8]) -> bool {
    // U+0080 to U+009F begin with 0xC2, as do some letters.
    !bytes.iter().any(|byte| matches!(byte, 0..b'\t' | 0x0b..b' ' | 0x7f | 0xc2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(pieces: &[&[u8]]) -> String {
        let mut plain = Plain::default();
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| plain.feed(piece)).collect();
        out.extend(plain.end());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn colours_go_and_of_progress_the_last_state_is_left() {
        let said = b"\x1b[1m\x1b[32m   Compiling\x1b[0m foo\n\x1b[31merror\x1b[0m: boom\r\n 10%\r 50%\r100%\ndone";
        assert_eq!(text(&[said]), "   Compiling foo\nerror: boom\r\n100%\ndone");
    }

    #[test]
    fn text_leaves_at_once_and_progress_ends_on_a_line_of_its_own() {
        let mut plain = Plain::default();
        assert_eq!(plain.feed(b"10%"), b"10%");
        assert_eq!(plain.feed(b"\r20%"), b"\n");
        assert_eq!(plain.feed(b"\r30%"), b"");
        assert_eq!(plain.feed(b"\r100%\nnext"), b"100%\nnext");
        assert_eq!(plain.feed(b" line\r"), b"");
        assert_eq!(plain.feed(b"\n"), b" line\r\n");
        assert_eq!(plain.end(), b"");
    }

    #[test]
    fn a_sequence_that_is_cut_goes_too_and_no_byte_that_is_no_text_is_lost() {
        assert_eq!(text(&[b"a\x1b[3", b"1mb\x1b", b"]0;title", b"\x07c"]), "abc");
        assert_eq!(text(&[b"a\xc2", b"\x9bb"]), "ab");
        assert_eq!(text(&[b"\xef\xbb\xbfa\xe2\x82", b"\xacb"]), "a\u{20ac}b");
        let mut plain = Plain::default();
        assert_eq!(plain.feed(b"a\x1b[mb\xffc"), b"ab\xffc");
    }

    proptest! {
        #[test]
        fn plain_text_is_the_same_however_it_is_cut(text in "([a-zé€\n\t]|\r\n){0,60}", cut in 0usize..60) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut plain = Plain::default();
            let mut out = plain.feed(head);
            out.extend(plain.feed(tail));
            out.extend(plain.end());
            prop_assert_eq!(out, bytes);
        }
    }
}
