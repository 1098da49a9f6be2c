//! Search of whole texts, and the marks that stand in the place of secrets.

use std::borrow::Cow;
use std::fmt::Write;

use memchr::memmem;
use sha2::{Digest, Sha256};

use super::search::Form;
use super::text::{Hidden, Text};
use super::{RuleId, Scratch, Search, Secrets, Span, escaped};

/// The secrets, with the memory of a search.
#[derive(Debug)]
pub(super) struct Finder {
    pub(super) secrets: Secrets,
    pub(super) marks: Marks,
    pub(super) scratch: Scratch,
    /// Spans of the last search.
    pub(super) found: Vec<Span>,
    /// The text of the last string that had escapes.
    decoded: Vec<u8>,
    /// Number of the rules that are values: the first ones.
    values: usize,
    base64: memmem::Finder<'static>,
}

/// End of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEnd {
    /// The text may have been cut: what looks like the beginning of a secret is hidden.
    Cut,
    Whole,
}

/// Marks in the place of secrets.
#[derive(Debug)]
pub(super) struct Marks {
    key: Option<Key>,
}

/// Key of the hashes in marks, and the hash of each value, whose forms have the same.
pub(super) struct Key {
    key: [u8; 32],
    values: Vec<u32>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A key, and the value to which each of the first rules belongs.
    pub(super) fn new(key: [u8; 32], values: &[&[u8]]) -> Self {
        let values = values.iter().map(|value| hash(&key, value)).collect();
        Self { key, values }
    }

    /// Hash of a secret.
    pub(super) fn digest(&self, rule: RuleId, secret: &[u8]) -> u32 {
        let known = self.values.get(rule.0 as usize);
        known.copied().unwrap_or_else(|| hash(&self.key, secret))
    }
}

fn hash(key: &[u8; 32], secret: &[u8]) -> u32 {
    let digest = Sha256::new().chain_update(key).chain_update(secret).finalize();
    digest.iter().take(4).fold(0, |hash, byte| hash << 8 | u32::from(*byte))
}

impl Marks {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self { key }
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

/// Writes the mark of a hidden part.
pub(super) fn mark(secrets: &Secrets, hidden: &Hidden, out: &mut Vec<u8>) {
    let name = secrets.name(hidden.rule);
    let mut mark = format!("[redacted:{name}");
    if let Some(digest) = hidden.digest {
        let _ = write!(mark, ":{digest:08x}");
    }
    mark.push(']');
    out.extend_from_slice(mark.as_bytes());
}

impl Finder {
    /// A finder of secrets, of which the first `values` rules are given values.
    pub(super) fn new(secrets: Secrets, values: usize, marks: Marks) -> Self {
        let (scratch, found, decoded) = (Scratch::default(), Vec::new(), Vec::new());
        let base64 = memmem::Finder::new("\"base64\":");
        Self { secrets, marks, scratch, found, decoded, values, base64 }
    }

    /// Searches the inside of a JSON string, in whose text hiding may go on from an earlier one. `None` if it has nothing to
    /// hide.
    pub(super) fn string(
        &mut self,
        raw: &str,
        end: TextEnd,
        earlier: Option<&Search>,
    ) -> Option<Text> {
        self.decoded(raw, |finder, bytes| {
            if earlier.is_none() && finder.is_clean(bytes, Form::Text) {
                return None;
            }
            let mut text = earlier.map_or_else(Text::default, Text::after);
            text.feed(finder, bytes);
            match end {
                TextEnd::Cut => text.end(finder),
                TextEnd::Whole => text.end_whole(finder),
            }
            (!text.hidden().is_empty() || text.hiding().is_some()).then_some(text)
        })
    }

    /// True if a text, or each text in a line of JSON, surely has nothing to hide.
    pub(super) fn is_clean(&mut self, text: &[u8], form: Form) -> bool {
        self.secrets.is_clean(&mut self.scratch, text, form)
    }

    /// True if a status may be a diagnostic with bytes that are no text.
    pub(super) fn has_base64(&self, line: &str) -> bool {
        self.base64.find(line.as_bytes()).is_some()
    }

    /// True if a rule is a given value.
    pub(super) fn is_value(&self, rule: RuleId) -> bool {
        (rule.0 as usize) < self.values
    }

    /// Calls `read` with the text that the inside of a JSON string stands for.
    pub(super) fn decoded<T>(&mut self, raw: &str, read: impl FnOnce(&mut Self, &[u8]) -> T) -> T {
        if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
            return read(self, raw.as_bytes());
        }
        let mut decoded = std::mem::take(&mut self.decoded);
        decoded.clear();
        escaped::decode(raw, &mut decoded);
        let result = read(self, &decoded);
        decoded.shrink_to(1 << 20);
        self.decoded = decoded;
        result
    }

    /// Writes the inside of a JSON string, which begins at the offset `begin` of its text, with marks for its hidden parts.
    pub(super) fn replace(&self, raw: &str, begin: u64, hidden: &[Hidden], out: &mut Vec<u8>) {
        escaped::replace(raw, begin, hidden, |part, out| mark(&self.secrets, part, out), out);
    }

    /// Bytes that are no event, with marks in the place of secrets.
    pub(super) fn bytes<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.is_clean(bytes, Form::Text) {
            return Cow::Borrowed(bytes);
        }
        let mut text = Text::default();
        text.feed(self, bytes);
        text.end(self);
        if text.hidden().is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        self.splice(bytes, 0, text.hidden(), &mut out);
        Cow::Owned(out)
    }

    /// Copies bytes that begin at the offset `begin` of their text, with marks for its hidden parts.
    pub(super) fn splice(&self, bytes: &[u8], begin: u64, hidden: &[Hidden], out: &mut Vec<u8>) {
        let place = |offset: u64| {
            usize::try_from(offset.saturating_sub(begin))
                .map_or(bytes.len(), |at| at.min(bytes.len()))
        };
        let mut at = 0;
        let first = hidden.partition_point(|part| part.end <= begin);
        for part in hidden[first..].iter().take_while(|part| place(part.start) < bytes.len()) {
            out.extend_from_slice(&bytes[at..place(part.start)]);
            if part.start >= begin {
                mark(&self.secrets, part, out);
            }
            at = place(part.end);
        }
        out.extend_from_slice(&bytes[at..]);
    }
}
