//! Where a value comes from, and what is refused.
use super::*;
