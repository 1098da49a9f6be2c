//! Secrets in a text, found while the text arrives in pieces. Pure: it never reads a file or the environment.

mod escaped;
mod finder;
mod hiding;
mod line;
mod search;
mod stage;
mod stream;
mod text;
mod walk;

use finder::{Finder, Key, Marks};
pub use stage::{Redact, WITHIN};
pub use search::{
    BadPattern, BuildError, Part, Pattern, Refused, RuleId, Scratch, Search, Secrets, Span, Until,
};
