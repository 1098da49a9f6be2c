//! Length and hash of a text that grows and is not kept.

/// Length in bytes and FNV-1a hash of a text; the same however the text was sliced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) len: usize,
    pub(crate) hash: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { len: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        let mut digest = Self::default();
        digest.add(text);
        digest
    }

    pub(crate) fn add(&mut self, text: &str) {
        self.len += text.len();
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// Suffix of `whole` behind the text of this digest; `None` if `whole` does not begin with it.
    pub(crate) fn rest(self, whole: &str) -> Option<&str> {
        let head = whole.get(..self.len)?;
        (Self::of(head) == self).then(|| &whole[self.len..])
    }
}
