//! cancel under virtual time.

