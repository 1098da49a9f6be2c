//! Length and hash of a text that grows and is not kept.

/// Length in bytes and rolling hash of a text; the same however the text was sliced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Digest {
    pub(crate) len: usize,
    pub(crate) hash: u64,
}

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        let mut digest = Self::default();
        digest.add(text);
        digest
    }

    /// Appends `text`. The hash is a polynomial of the bytes, so eight of them need one dependent multiplication.
    pub(crate) fn add(&mut self, text: &str) {
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let next = |hash: u64, byte: &u8| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(*byte));
        let (eights, rest) = text.as_bytes().as_chunks::<8>();
        for eight in eights {
            let head = self.hash.wrapping_mul(FACTOR.wrapping_pow(8));
            self.hash = head.wrapping_add(eight.iter().fold(0, next));
        }
        self.hash = rest.iter().fold(self.hash, next);
        self.len += text.len();
    }

    /// Suffix of `whole` behind the text of this digest; `None` if `whole` does not begin with it.
    pub(crate) fn rest(self, whole: &str) -> Option<&str> {
        let (head, rest) = whole.split_at_checked(self.len)?;
        (Self::of(head) == self).then_some(rest)
    }
}
