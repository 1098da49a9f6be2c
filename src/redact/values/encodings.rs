//! Encodings of bytes as text: percent-encoding, base64 and hexadecimal digits. A value has at most [`MOST`] forms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Most forms of a value: eight sets of characters in two cases of digits, two alphabets at three alignments, two cases.
pub(super) const MOST: usize = 2 * SETS.len() + 2 * 3 + 2;

/// Characters that stay as they are, beside letters and digits, and what a space becomes.
const SETS: [(&[u8], &str); 8] = [
    // everything that is no letter and no digit
    (b"", "%20"),
    // RFC 3986, unreserved; Python's quote without safe characters
    (b"-_.~", "%20"),
    // Python's quote
    (b"-_.~/", "%20"),
    // encodeURIComponent (ECMA-262)
    (b"-_.!~*'()", "%20"),
    // encodeURI (ECMA-262)
    (b"-_.!~*'();/?:@&=+$,#", "%20"),
    // user information (URL Standard)
    (b"-_.!~*'()$&+,%", "%20"),
    // application/x-www-form-urlencoded (URL Standard)
    (b"-_.*", "+"),
    // Python's quote_plus
    (b"-_.~", "+"),
];

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// The two digits of a byte.
fn digits(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// The value with percent signs, once for each set of characters and case of the digits.
pub(super) fn percent(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::with_capacity(2 * SETS.len());
    for (kept, space) in SETS {
        for case in [UPPER, LOWER] {
            let mut form = Vec::with_capacity(value.len() + 8);
            for byte in value {
                match byte {
                    b' ' => form.extend_from_slice(space.as_bytes()),
                    _ if byte.is_ascii_alphanumeric() || kept.contains(byte) => form.push(*byte),
                    _ => {
                        form.push(b'%');
                        form.extend_from_slice(&digits(*byte, case));
                    }
                }
            }
            forms.push(form);
        }
    }
    forms
}

/// The characters of base64 that depend on the value alone, with zero, one or two bytes before it in its group of three, in
/// the standard and in the URL alphabet (RFC 4648).
pub(super) fn base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::with_capacity(6);
    for (before, first) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&[0; 2][..before], value].concat();
        let end = bytes.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&bytes).as_bytes()[first..end].to_vec());
        }
    }
    forms
}

/// The value in hexadecimal digits, in lower and in upper case.
pub(super) fn hex(value: &[u8]) -> Vec<Vec<u8>> {
    let form = |case| value.iter().flat_map(|byte| digits(*byte, case)).collect();
    vec![form(LOWER), form(UPPER)]
}
