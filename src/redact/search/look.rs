//! Assertions of patterns, decided by the bytes beside a place: two before it, and one behind.

use regex_automata::util::look::Look;

/// An assertion of a pattern.
#[derive(Debug, Clone, Copy)]
pub enum Assertion {
    /// One of the regex syntax.
    Regex(Look),
    /// A place where a word may begin, also behind the end of an escape.
    WordStart,
}

/// The two bytes before a place of a text, as far as it has them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Before {
    pub last: Option<u8>,
    pub second: Option<u8>,
}

impl Before {
    /// Bytes before a place of a piece, where `self` is before the piece.
    #[inline]
    pub fn at(self, piece: &[u8], at: usize) -> Self {
        match piece[..at] {
            [] => self,
            [last] => Self { last: Some(last), second: self.last },
            [.., second, last] => Self { last: Some(last), second: Some(second) },
        }
    }

    /// True if a word may begin behind these bytes: they end with no letter, digit or `_`, or with an escape, either of JSON
    /// (`\n`) or of a terminal (`[32m`, of which the last two bytes are enough). Escapes of URLs (`%3D`) do not count.
    pub fn begins_word(self) -> bool {
        let is_escape = match self.last {
            Some(b'n' | b'r' | b't') => self.second == Some(b'\\'),
            Some(b'm') => matches!(self.second, Some(b'0'..=b'9' | b'[')),
            _ => false,
        };
        is_escape || !is_ascii_word(self.last)
    }
}

impl Assertion {
    /// True if the assertion holds between these bytes and the one behind, where `None` is the edge of the text.
    pub fn holds(self, before: Before, after: Option<u8>) -> bool {
        match self {
            Self::Regex(look) => holds(look, before.last, after),
            Self::WordStart => before.begins_word(),
        }
    }

    /// True for an assertion that holds at an edge of a text or of a line, whatever stands there.
    pub fn is_edge(self) -> bool {
        use Look::{End, EndCRLF, EndLF, Start, StartCRLF, StartLF};
        matches!(self, Self::Regex(Start | End | StartLF | EndLF | StartCRLF | EndCRLF))
    }

    /// True for an assertion that fails within a word.
    pub fn begins_word(self) -> bool {
        matches!(self, Self::WordStart | Self::Regex(Look::WordAscii | Look::WordStartAscii))
    }
}

/// True if an assertion of the regex syntax holds between two bytes. For the word boundaries of Unicode, each byte from
/// 0x80 on counts as a part of a word, so a letter such as `é` is one and so is a dash such as `—`.
fn holds(look: Look, before: Option<u8>, after: Option<u8>) -> bool {
    let (word_before, word_after) = match look {
        Look::WordAscii
        | Look::WordAsciiNegate
        | Look::WordStartAscii
        | Look::WordEndAscii
        | Look::WordStartHalfAscii
        | Look::WordEndHalfAscii => (is_ascii_word(before), is_ascii_word(after)),
        _ => (is_word(before), is_word(after)),
    };
    match look {
        Look::Start => before.is_none(),
        Look::End => after.is_none(),
        Look::StartLF => matches!(before, None | Some(b'\n')),
        Look::EndLF => matches!(after, None | Some(b'\n')),
        Look::StartCRLF => {
            matches!(before, None | Some(b'\n')) || before == Some(b'\r') && after != Some(b'\n')
        }
        Look::EndCRLF => {
            matches!(after, None | Some(b'\r')) || after == Some(b'\n') && before != Some(b'\r')
        }
        Look::WordAscii | Look::WordUnicode => word_before != word_after,
        Look::WordAsciiNegate | Look::WordUnicodeNegate => word_before == word_after,
        Look::WordStartAscii | Look::WordStartUnicode => !word_before && word_after,
        Look::WordEndAscii | Look::WordEndUnicode => word_before && !word_after,
        Look::WordStartHalfAscii | Look::WordStartHalfUnicode => !word_before,
        Look::WordEndHalfAscii | Look::WordEndHalfUnicode => !word_after,
    }
}

/// True for a byte that is an ASCII letter, a digit or `_`.
pub fn is_ascii_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_word(byte: Option<u8>) -> bool {
    is_ascii_word(byte) || byte.is_some_and(|byte| byte >= 0x80)
}
