//! merge: x
