//! Pull parser of JSON text: one pass in which the caller reads the parts that it knows and skips the rest. It accepts
//! exactly the texts that serde_json accepts, in a fraction of the time, and gives no place or reason of an error.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::special::{self, BLOCK};
use crate::event::Raw;

/// Nesting depth past which values are left to serde_json: every level takes stack here, and none there.
const MAX_DEPTH: u32 = 64;

/// Inlined throughout: most strings have a dozen bytes, and a call costs as much as they do.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// Special bytes of the block that begins at `block`: finding the end of a string does not depend on the one before.
    marks: u64,
    block: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first byte of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, marks: 0, block: text.len() }
    }

    /// Reads `text`, which is one value with nothing but white space around it.
    pub fn read<T>(text: &'a str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut at = Self::new(text);
        at.spaces();
        let value = read(&mut at)?;
        at.spaces();
        at.is_over().then_some(value)
    }

    /// True at the end of the text.
    pub(super) fn is_over(&self) -> bool {
        self.at == self.text.len()
    }

    /// The next byte.
    #[inline(always)]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// True if no value may be read here by one who calls himself for what lies in it.
    pub fn is_deep(&self) -> bool {
        self.depth >= MAX_DEPTH
    }

    /// Inlined, a literal is compared as a constant.
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &str) -> Option<()> {
        self.text.as_bytes()[self.at..]
            .starts_with(literal.as_bytes())
            .then(|| self.at += literal.len())
    }

    /// An integer as JSON writes it: no sign, no leading zero, at most 19 digits.
    #[inline(always)]
    pub(super) fn integer(&mut self) -> Option<u64> {
        let bytes = self.rest()?;
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

    /// The members of an object, past its closing brace: `each` is given a key and reads the value.
    #[inline(always)]
    pub fn members(
        &mut self,
        each: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        self.pairs(Self::inside, each)
    }

    /// The same, where `key` reads a key behind its opening quote.
    #[inline(always)]
    fn pairs<K>(
        &mut self,
        key: impl Fn(&mut Self) -> Option<K>,
        mut each: impl FnMut(&mut Self, K) -> Option<()>,
    ) -> Option<()> {
        self.literal("{")?;
        self.spaces();
        if self.literal("}").is_some() {
            return Some(());
        }
        self.depth += 1;
        loop {
            self.literal("\"")?;
            let key = key(self)?;
            self.spaces();
            self.literal(":")?;
            self.spaces();
            each(self, key)?;
            self.spaces();
            if self.literal("}").is_some() {
                self.depth -= 1;
                return Some(());
            }
            self.literal(",")?;
            self.spaces();
        }
    }

    /// The elements of an array, past its closing bracket: `each` reads one.
    #[inline(always)]
    pub fn elements(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.literal("[")?;
        self.spaces();
        if self.literal("]").is_some() {
            return Some(());
        }
        self.depth += 1;
        loop {
            each(self)?;
            self.spaces();
            if self.literal("]").is_some() {
                self.depth -= 1;
                return Some(());
            }
            self.literal(",")?;
            self.spaces();
        }
    }

    /// Any value, as it stands.
    #[inline(always)]
    pub fn raw(&mut self) -> Option<&'a str> {
        self.span(Self::skip).map(|(raw, ())| raw)
    }

    /// A value as it stands, and the result of `read`, which reads all of it.
    #[inline(always)]
    pub fn span<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<(&'a str, T)> {
        let start = self.at;
        let value = read(self)?;
        Some((self.text.get(start..self.at)?, value))
    }

    /// Any value, as it stands, and what `read` makes of it: nothing if it cannot read it.
    pub fn part<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<(&'a str, Option<T>)> {
        let (start, depth) = (self.at, self.depth);
        let part = read(self);
        if part.is_none() {
            (self.at, self.depth) = (start, depth);
            self.skip()?;
        }
        Some((self.text.get(start..self.at)?, part))
    }

    /// Null, or what `read` reads.
    #[inline(always)]
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.literal("null").is_some() {
            return Some(None);
        }
        read(self).map(Some)
    }

    /// A string, as the text that it stands for; none that holds half a character.
    #[inline(always)]
    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        self.literal("\"")?;
        self.inside()
    }

    /// The same, behind its opening quote.
    #[inline(always)]
    fn inside(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let end = self.special(start)?;
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return self.text.get(start..end).map(Cow::Borrowed);
        }
        self.escaped(end)?.whole()
    }

    /// Any value, to its end.
    #[inline(always)]
    fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.past_string()
            }
            _ => self.value(),
        }
    }

    /// Any value but a string, to its end; it calls itself, so it is no part of its callers.
    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if self.is_deep() => self.deep(),
            b'{' => self.pairs(Self::past_string, |at, ()| at.skip()),
            b'[' => self.elements(Self::skip),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.integer().map(drop).or_else(|| self.number()),
        }
    }

    /// Offset of the first special byte from `at` on.
    #[inline(always)]
    fn special(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let past = at.wrapping_sub(self.block);
            if past < BLOCK {
                let marks = self.marks >> past;
                if marks != 0 {
                    return Some(at + marks.trailing_zeros() as usize);
                }
                at = self.block + BLOCK;
            }
            self.mark(at)?;
        }
    }

    /// Marks the block that begins at `at`, if anything does.
    #[inline(always)]
    fn mark(&mut self, at: usize) -> Option<()> {
        let rest = self.text.as_bytes().get(at..)?;
        let marks = match rest.first_chunk() {
            Some(block) => special::marks(block),
            None => special::marks_of_few(rest)?,
        };
        (self.marks, self.block) = (marks, at);
        Some(())
    }

    /// Any value, by serde_json.
    #[cold]
    fn deep(&mut self) -> Option<()> {
        let rest = serde_json::Deserializer::from_str(self.text.get(self.at..)?);
        let mut values = rest.into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(())
    }

    #[inline(always)]
    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn rest(&self) -> Option<&'a [u8]> {
        self.text.as_bytes().get(self.at..)
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
        let rest = self.rest()?;
        let len = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        self.at += len;
        (len > 0).then_some(())
    }

    /// The inside of a string in which nothing is escaped, past its closing quote.
    #[inline(always)]
    pub(super) fn plain(&mut self) -> Option<&'a str> {
        let start = self.at;
        let end = self.special(start)?;
        (self.text.as_bytes().get(end) == Some(&b'"')).then(|| {
            self.at = end + 1;
            &self.text[start..end]
        })
    }

    /// The inside of a string, escapes and all, past its closing quote. Escapes are checked, surrogates are not paired.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Option<Raw<'a>> {
        let bytes = self.text.as_bytes();
        let here = self.special(self.at)?;
        if bytes.get(here) != Some(&b'"') {
            return self.escaped(here);
        }
        let inside = self.text.get(self.at..here)?;
        self.at = here + 1;
        Some(Raw(inside))
    }

    /// [`Cursor::string`] without the text.
    #[inline(always)]
    fn past_string(&mut self) -> Option<()> {
        let here = self.special(self.at)?;
        if self.text.as_bytes().get(here) != Some(&b'"') {
            return self.escaped(here).map(drop);
        }
        self.at = here + 1;
        Some(())
    }

    /// [`Cursor::string`] of which the first thing that is no plain text stands `here`.
    fn escaped(&mut self, mut here: usize) -> Option<Raw<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        loop {
            match bytes.get(here)? {
                b'"' => {
                    self.at = here + 1;
                    return Some(Raw(self.text.get(start..here)?));
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
            here = self.special(at)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_the_end_nothing_is_special() {
        let text = "\"".repeat(70);
        let mut at = Cursor::new(&text);
        let found = [0, 69, 70, 70, 71, 5].map(|start| at.special(start));
        assert_eq!(found, [Some(0), Some(69), None, None, None, Some(5)]);
    }

    #[test]
    fn no_depth_is_too_deep() {
        for depth in [1, 63, 64, 65, 100_000] {
            let deep = format!("{{\"a\":{}1{} }}", "[".repeat(depth), "]".repeat(depth));
            let raw = Cursor::read(&deep, Cursor::raw);
            assert_eq!(raw, Some(&*deep), "{depth}");
            assert_eq!(Cursor::read(&deep.replacen(']', "", 1), Cursor::raw), None);
        }
    }

    proptest! {
        #[test]
        fn the_next_special_byte_is_found_from_anywhere(text in "[a-z é\"\\\\\\x00-\\x1f]{0,200}", starts in prop::collection::vec(0usize..220, 1..9)) {
            let mut at = Cursor::new(&text);
            for start in starts {
                let rest = text.as_bytes().iter().enumerate().skip(start);
                let next = rest.clone().find(|(_, c)| matches!(c, b'"' | b'\\' | 0..b' '));
                prop_assert_eq!(at.special(start), next.map(|(at, _)| at));
            }
        }

        #[test]
        fn an_integer_is_what_json_writes(digits in "[0-9]{0,21}", behind in "[,}x.]?") {
            let line = digits.clone() + &behind;
            let mut at = Cursor::new(&line);
            let proper = (digits == "0" || !digits.starts_with('0')) && digits.len() <= 19;
            let ended = behind == "," || behind == "}";
            let want = digits.parse().ok().filter(|_: &u64| proper && ended);
            prop_assert_eq!(at.integer(), want);
        }
    }
}
