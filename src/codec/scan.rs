//! The fast path: an event in spile's own key order, read by a byte scan. Whatever is not exactly that goes to `slow`.

use std::borrow::Cow;

use crate::event::{Delta, Event, Raw, Type, VERSION};

/// How deep values may lie in each other here: what is deeper is rare, and no reason to need more stack.
const MAX_DEPTH: u8 = 32;

/// `None`: not in the known order; it may be an event all the same.
pub(super) fn event(line: &str) -> Option<Event<'_>> {
    const { assert!(VERSION == 1) };
    let mut at = Cursor { line, at: 0 };
    at.literal("{\"v\":1,\"type\":\"")?;
    // Nine of ten events are deltas.
    let kind = if at.literal("text_delta\"").is_some() {
        Type::TextDelta
    } else {
        Type::parse(at.plain()?)
    };
    at.literal(",\"stream\":\"")?;
    let stream = at.plain()?;
    if !super::is_stream_id(stream) {
        return None;
    }
    // Events without a turn or a number are rare; that one has these keys further on can only be told by the slow path.
    at.literal(",\"turn\":")?;
    let turn = at.integer()?;
    at.literal(",\"seq\":")?;
    let seq = at.integer()?;
    let first_seq = if at.literal(",\"first_seq\":").is_some() {
        Some(at.integer()?)
    } else {
        None
    };
    at.literal(",\"ts\":\"")?;
    let ts = at.plain()?;
    let delta = if kind == Type::TextDelta {
        Some(delta(&mut at, first_seq)?)
    } else {
        // A complete object by the look of it: whole lines are what is cut short in practice.
        if !line.ends_with('}') || !matches!(at.peek(), Some(b',' | b'}')) {
            return None;
        }
        None
    };
    Some(Event {
        line,
        kind,
        stream: Some(Cow::Borrowed(stream)),
        turn: Some(turn),
        seq: Some(seq),
        ts: Some(Cow::Borrowed(ts)),
        delta,
    })
}

/// The fields of an object on one line with nothing but spaces between its tokens: nearly every object there is.
/// `None`: something else is in it, or it is broken.
pub(super) fn fields(line: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut at = Cursor { line, at: 0 };
    let mut fields = Vec::with_capacity(24);
    at.literal("{")?;
    at.members(0, |key, value| fields.push((Cow::Borrowed(key), value)))?;
    (at.at == line.len()).then_some(fields)
}

/// The rest of a `text_delta`, to the end of the line: an unknown field sends the whole line to the slow path.
fn delta<'a>(at: &mut Cursor<'a>, first_seq: Option<u64>) -> Option<Delta<'a>> {
    let mut label = None;
    let mut parent = None;
    if at.literal(",\"label\":\"").is_some() {
        label = Some(at.string()?);
    }
    if at.literal(",\"parent\":\"").is_some() {
        parent = Some(at.string()?);
    }
    let synthetic = at.literal(",\"synthetic\":true").is_some();
    at.literal(",\"block\":\"")?;
    let block = at.string()?;
    at.literal(",\"kind\":\"")?;
    let kind = at.string()?;
    at.literal(",\"text\":\"")?;
    let text = at.string()?;
    at.literal("}")?;
    (at.at == at.line.len() && !text.0.is_empty()).then_some(Delta {
        first_seq,
        label,
        parent,
        synthetic,
        block,
        kind,
        text,
        extra: Cow::Borrowed(""),
    })
}

/// Where the first quote, backslash or control character is. Most strings are short: eight bytes at a time are looked at
/// in a register, which is done before a wider search is set up.
#[inline(always)]
pub(super) fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // A borrow can spoil only bytes above the lowest hit, and that is the one that counts.
    let below = |x: u64, n: u8| x.wrapping_sub(ONES * u64::from(n)) & !x & HIGHS;
    let first = |x: u64| {
        let quote = below(x ^ (ONES * u64::from(b'"')), 1);
        let slash = below(x ^ (ONES * u64::from(b'\\')), 1);
        let hits = quote | slash | below(x, b' ');
        (hits != 0).then(|| hits.trailing_zeros() as usize / 8)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        if let Some(at) = first(u64::from_le_bytes(*word)) {
            return Some(i * 8 + at);
        }
    }
    if rest.is_empty() {
        return None;
    }
    let at = match bytes.last_chunk::<8>() {
        // The last eight, moved so that the rest comes first; the zeros behind it pass for control characters.
        Some(last) => first(u64::from_le_bytes(*last) >> (8 * (8 - rest.len()))),
        None => rest
            .iter()
            .position(|c| matches!(c, b'"' | b'\\' | 0..b' ')),
    }?;
    (at < rest.len()).then_some(words.len() * 8 + at)
}

/// Inlined throughout: most strings have a dozen bytes, and a call costs as much as they do.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    /// Inlined, a literal is compared as a constant.
    #[inline(always)]
    fn literal(&mut self, literal: &str) -> Option<()> {
        self.line.as_bytes()[self.at..]
            .starts_with(literal.as_bytes())
            .then(|| self.at += literal.len())
    }

    /// An integer as JSON writes it: no sign, no leading zero, at most 19 digits.
    #[inline(always)]
    fn integer(&mut self) -> Option<u64> {
        let bytes = self.line.as_bytes().get(self.at..)?;
        let (mut len, mut value) = (0, 0_u64);
        loop {
            match bytes.get(len)? {
                digit @ b'0'..=b'9' => {
                    value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                }
                b',' | b'}' => break,
                _ => return None,
            }
            len += 1;
        }
        let proper = matches!(len, 1..=19) && (len == 1 || bytes.first() != Some(&b'0'));
        proper.then(|| {
            self.at += len;
            value
        })
    }

    /// The members of an object, past its closing brace. In no key is anything escaped.
    #[inline(always)]
    fn members(&mut self, depth: u8, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
        self.spaces();
        if self.literal("}").is_some() {
            return Some(());
        }
        loop {
            self.literal("\"")?;
            let key = self.plain()?;
            self.spaces();
            self.literal(":")?;
            self.spaces();
            let start = self.at;
            if self.literal("\"").is_some() {
                self.string()?;
            } else {
                self.value(depth)?;
            }
            each(key, &self.line[start..self.at]);
            self.spaces();
            if self.literal("}").is_some() {
                return Some(());
            }
            self.literal(",")?;
            self.spaces();
        }
    }

    /// Any value, to its end.
    fn value(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string().map(drop)
            }
            b'{' if depth < MAX_DEPTH => {
                self.at += 1;
                self.members(depth + 1, |_, _| {})
            }
            b'[' if depth < MAX_DEPTH => {
                self.at += 1;
                self.elements(depth + 1)
            }
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.integer().map(drop).or_else(|| self.number()),
        }
    }

    /// The elements of an array, past its closing bracket.
    fn elements(&mut self, depth: u8) -> Option<()> {
        self.spaces();
        if self.literal("]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            self.spaces();
            if self.literal("]").is_some() {
                return Some(());
            }
            self.literal(",")?;
            self.spaces();
        }
    }

    #[inline(always)]
    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// A number by JSON's grammar.
    fn number(&mut self) -> Option<()> {
        let _ = self.literal("-");
        if self.literal("0").is_none() {
            self.digits()?;
        }
        if self.literal(".").is_some() {
            self.digits()?;
        }
        if self.literal("e").or_else(|| self.literal("E")).is_some() {
            let _ = self.literal("+").or_else(|| self.literal("-"));
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let rest = self.line.as_bytes().get(self.at..)?;
        let len = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        self.at += len;
        (len > 0).then_some(())
    }

    /// The inside of a string in which nothing is escaped, past its closing quote.
    #[inline(always)]
    fn plain(&mut self) -> Option<&'a str> {
        let rest = &self.line[self.at..];
        let len = special(rest.as_bytes())?;
        (rest.as_bytes()[len] == b'"').then(|| {
            self.at += len + 1;
            &rest[..len]
        })
    }

    /// The inside of a string, escapes and all, past its closing quote. Escapes are checked, surrogates are not paired.
    #[inline(always)]
    fn string(&mut self) -> Option<Raw<'a>> {
        let bytes = self.line.as_bytes();
        let here = self.at + special(bytes.get(self.at..)?)?;
        if bytes.get(here) != Some(&b'"') {
            return self.escaped(here);
        }
        let inside = self.line.get(self.at..here)?;
        self.at = here + 1;
        Some(Raw(inside))
    }

    /// [`Cursor::string`] of which the first thing that is no plain text stands `here`.
    fn escaped(&mut self, mut here: usize) -> Option<Raw<'a>> {
        let bytes = self.line.as_bytes();
        let start = self.at;
        loop {
            match bytes.get(here)? {
                b'"' => {
                    self.at = here + 1;
                    return Some(Raw(self.line.get(start..here)?));
                }
                b'\\' => {}
                _ => return None,
            }
            let mut at = here + 2;
            match bytes.get(here + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let hex = bytes.get(at..at + 4)?;
                    if !hex.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 4;
                }
                _ => return None,
            }
            here = at + special(bytes.get(at..)?)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found_at_any_length(
            bytes in prop::collection::vec(prop_oneof![
                20 => b'a'..=b'z', 2 => Just(b' '), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => any::<u8>()], 0..40)
        ) {
            let first = bytes.iter().position(|c| matches!(c, b'"' | b'\\' | 0..b' '));
            prop_assert_eq!(special(&bytes), first);
        }

        #[test]
        fn an_integer_is_what_json_writes(digits in "[0-9]{0,21}", behind in "[,}x.]?") {
            let line = digits.clone() + &behind;
            let mut at = Cursor { line: &line, at: 0 };
            let proper = (digits == "0" || !digits.starts_with('0')) && digits.len() <= 19;
            let ended = behind == "," || behind == "}";
            let want = digits.parse().ok().filter(|_: &u64| proper && ended);
            prop_assert_eq!(at.integer(), want);
        }
    }
}
