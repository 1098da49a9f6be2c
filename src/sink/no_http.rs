//! Stands for `http` in a build without it.

use super::Sink;
use super::address::Address;

/// Reason why this build opens no address.
pub const MISSING: &str = "this build has no HTTP: build with --features http";

/// Refuses the address.
///
/// # Errors
/// Always [`MISSING`].
pub fn open(_: &str, _: &Address) -> Result<Box<dyn Sink>, String> {
    Err(MISSING.to_owned())
}
