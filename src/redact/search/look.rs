//! Look-around assertions of patterns, decided by the byte before and the byte behind. Never looks further.

use regex_automata::util::look::Look;

/// True if the assertion holds between two bytes; `None` is the edge of the text. For the word boundaries of Unicode,
/// each byte from 0x80 on counts as a part of a word, so a letter such as `é` is one and so is a dash such as `—`.
pub fn holds(look: Look, before: Option<u8>, after: Option<u8>) -> bool {
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

/// True for an assertion that holds at an edge of a text or of a line, whatever stands there.
pub fn is_edge(look: Look) -> bool {
    use Look::{End, EndCRLF, EndLF, Start, StartCRLF, StartLF};
    matches!(look, Start | End | StartLF | EndLF | StartCRLF | EndCRLF)
}

/// True for a byte that is an ASCII letter, a digit or `_`.
pub fn is_ascii_word(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_word(byte: Option<u8>) -> bool {
    is_ascii_word(byte) || byte.is_some_and(|byte| byte >= 0x80)
}
