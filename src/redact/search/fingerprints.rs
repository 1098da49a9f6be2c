//! Hashes of the first four bytes of all values: at most places of a text no value can begin, even if there are thousands.
//! Never misses a place where one begins.

/// Bytes that are hashed.
pub const LENGTH: usize = 4;

/// Bits of a hash.
const BITS: u32 = 16;

/// A set of hashes.
#[derive(Debug)]
pub struct Fingerprints {
    set: Box<[u64; 1 << (BITS - 6)]>,
    pub is_empty: bool,
}

impl Fingerprints {
    pub fn new<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut prints = Self { set: Box::new([0; 1 << (BITS - 6)]), is_empty: true };
        for value in values {
            prints.is_empty = false;
            match value.first_chunk() {
                Some(first) => {
                    let (word, bit) = place(*first);
                    prints.set[word] |= bit;
                }
                // A value that is too short can begin anywhere.
                None => prints.set.fill(u64::MAX),
            }
        }
        prints
    }

    /// True if a value may begin with these bytes.
    #[inline]
    pub fn contains(&self, first: [u8; LENGTH]) -> bool {
        let (word, bit) = place(first);
        self.set[word] & bit != 0
    }
}

/// Word and bit of a hash (multiplicative, Knuth).
#[inline]
fn place(first: [u8; LENGTH]) -> (usize, u64) {
    let hash = u32::from_le_bytes(first).wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
