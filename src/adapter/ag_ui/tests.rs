//! What the protocol does, in small.
