//! Secrets in a text, found while the text arrives in pieces. Pure: it never reads a file or the environment.

mod search;

pub use search::{
    BadPattern, BuildError, Part, Pattern, Refused, RuleId, Scratch, Search, Secrets, Span, Until,
};
