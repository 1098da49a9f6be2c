//! Signatures of Standard Webhooks (symmetric, `v1`): HMAC-SHA256 over id, time and body. Pure.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Beginning of a secret.
const PREFIX: &str = "whsec_";

/// Shortest and longest key, in bytes, by the standard.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// Length of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// Keys that sign each request; several while a receiver changes from one to the next.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys(Vec<Vec<u8>>);

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

impl SigningKeys {
    /// Keys by their text: `whsec_` and the key in base64, one a line. The error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key = |line: &str| {
            let key = STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?;
            LENGTHS.contains(&key.len()).then_some(key)
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Option<Vec<_>> = lines.map(key).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self).ok_or_else(|| {
            format!(
                "a secret is {PREFIX} and {} to {} bytes in base64, one a line",
                LENGTHS.start(),
                LENGTHS.end()
            )
        })
    }

    /// Value of `webhook-signature`: a signature for each key.
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let head = format!("{id}.{seconds}.");
        let sign = |key: &Vec<u8>| STANDARD.encode(hmac(key, &[head.as_bytes(), body]));
        let signatures: Vec<String> =
            self.0.iter().map(|key| format!("v1,{}", sign(key))).collect();
        signatures.join(" ")
    }
}

/// HMAC-SHA256 (RFC 2104) of a text in parts. The key has at most the length of a block.
fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let padded = |pad: u8| -> [u8; BLOCK] {
        std::array::from_fn(|n| key.get(n).copied().unwrap_or_default() ^ pad)
    };
    let mut inner = Sha256::new_with_prefix(padded(0x36));
    for part in parts {
        inner.update(part);
    }
    let outer = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_standard_has_its_signature() {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let sign = |secret| {
            let keys = SigningKeys::parse(secret).unwrap();
            keys.sign(id, 1_614_265_330, br#"{"test": 2432232314}"#)
        };
        let want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(SECRET), want);
        let two = sign(&format!("{SECRET}\nwhsec_{}\n", STANDARD.encode([7; 64])));
        assert_eq!(two.split(' ').count(), 2);
        assert!(two.starts_with(want));
    }

    #[test]
    fn what_is_no_secret_is_said_without_it() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for wrong in ["", "\n", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", &short, &long] {
            let why = SigningKeys::parse(wrong).unwrap_err();
            assert!(why.starts_with("a secret is whsec_ and 24 to 64 bytes"), "{why}");
        }
        assert_eq!(format!("{:?}", SigningKeys::parse(SECRET).unwrap()), "SigningKeys(1)");
    }

    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let want = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex(hmac(&[0x0b; 20], &[b"Hi ", b"There"])), want);
    }
}
