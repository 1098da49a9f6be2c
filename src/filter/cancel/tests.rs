//! cancel under virtual time.
