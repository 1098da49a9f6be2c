//! The bytes at which plain text inside a JSON string ends: quotes, backslashes and control characters. Most strings are
//! short, and to look at a byte at a time costs more than all the rest of reading or writing them.

use wide::u8x16;

/// The class of bytes that a search stops at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Quotes, backslashes and control characters.
    Special,
    /// The same, and bytes beyond ASCII.
    NonAscii,
}

/// Number of bytes that are marked at once.
pub(super) const BLOCK: usize = 64;

/// Special bytes of a block, as bits.
#[inline(always)]
pub(super) fn marks(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let bits = parts.iter().rev().map(|part| u64::from(hits(*part, Stop::Special)));
    bits.fold(0, |marks, hits| marks << 16 | hits)
}

/// Special bytes of less than a block, as bits; `None` of nothing.
#[inline(never)]
pub(super) fn marks_of_few(bytes: &[u8]) -> Option<u64> {
    let mut block = [b' '; BLOCK];
    block.get_mut(..bytes.len())?.copy_from_slice(bytes);
    (!bytes.is_empty()).then(|| marks(&block))
}

/// Offset of the first byte of this class.
#[inline(always)]
pub(super) fn first(bytes: &[u8], stop: Stop) -> Option<usize> {
    let (parts, rest) = bytes.as_chunks::<16>();
    for (i, part) in parts.iter().enumerate() {
        let hits = hits(*part, stop);
        if hits != 0 {
            return Some(i * 16 + hits.trailing_zeros() as usize);
        }
    }
    let at = match bytes.last_chunk::<16>() {
        // The last sixteen, moved so that the rest comes first.
        Some(last) => match hits(*last, stop) >> (16 - rest.len()) {
            0 => None,
            hits => Some(hits.trailing_zeros() as usize),
        },
        None => first_of_few(rest, stop),
    }?;
    Some(parts.len() * 16 + at)
}

/// [`first`] in fewer than 16 bytes: most have nothing, which one look at both of their ends tells.
#[inline(always)]
fn first_of_few(bytes: &[u8], stop: Stop) -> Option<usize> {
    let (eight, four) = (bytes.first_chunk::<8>(), bytes.first_chunk::<4>());
    let ends = match (eight.zip(bytes.last_chunk()), four.zip(bytes.last_chunk())) {
        (Some((head, tail)), _) => [*head, *tail],
        (None, Some((head, tail))) => [doubled(*head), doubled(*tail)],
        (None, None) => {
            let mut padded = [b' '; 8];
            padded.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
            [padded; 2]
        }
    };
    let mut block = [0; 16];
    block[..8].copy_from_slice(&ends[0]);
    block[8..].copy_from_slice(&ends[1]);
    if hits(block, stop) == 0 {
        return None;
    }
    let stops =
        |c: &u8| matches!(c, b'"' | b'\\' | 0..b' ') || (stop == Stop::NonAscii && !c.is_ascii());
    bytes.iter().position(stops)
}

/// Four bytes twice.
#[inline(always)]
fn doubled(four: [u8; 4]) -> [u8; 8] {
    let half = u64::from(u32::from_ne_bytes(four));
    (half << 32 | half).to_ne_bytes()
}

/// True if it is ASCII without a control character below the space.
#[inline(always)]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let odd = |part: &[u8; 16]| {
        let part = u8x16::new(*part);
        let control = part.min(u8x16::splat(b' ' - 1)).simd_eq(part);
        (control | part).to_bitmask() != 0
    };
    match bytes.last_chunk() {
        Some(last) => !odd(last) && !bytes.as_chunks().0.iter().any(odd),
        None => bytes.iter().all(|c| matches!(c, b' '..0x80)),
    }
}

#[inline(always)]
fn hits(part: [u8; 16], stop: Stop) -> u32 {
    let part = u8x16::new(part);
    let hits = part.simd_eq(u8x16::splat(b'"'))
        | part.simd_eq(u8x16::splat(b'\\'))
        | part.min(u8x16::splat(b' ' - 1)).simd_eq(part);
    // Of a byte that is not ASCII the highest bit is set, and that is the one that counts.
    let hits = if stop == Stop::NonAscii { hits | part } else { hits };
    hits.to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_found_at_any_length(
            bytes in prop::collection::vec(prop_oneof![
                20 => b'a'..=b'z', 2 => Just(b' '), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => any::<u8>()], 0..80)
        ) {
            let special = |c: &u8| matches!(c, b'"' | b'\\' | 0..b' ');
            prop_assert_eq!(first(&bytes, Stop::Special), bytes.iter().position(special));
            prop_assert_eq!(first(&bytes, Stop::NonAscii), bytes.iter().position(|c| special(c) || !c.is_ascii()));
            prop_assert_eq!(is_plain(&bytes), bytes.iter().all(|c| c.is_ascii() && *c >= b' '));
            if let Some(block) = bytes.first_chunk() {
                let all = block.iter().enumerate().filter(|(_, c)| special(c));
                prop_assert_eq!(marks(block), all.map(|(i, _)| 1 << i).sum::<u64>());
            }
        }
    }
}
