//! Secrets in events: what they look like, how they are found in text that arrives in pieces, and how they are replaced.
//! Pure: nothing here reads a file or a variable.

mod escaped;
pub mod file;
mod finder;
mod hiding;
mod line;
pub mod rules;
mod search;
mod stage;
mod stream;
mod tail;
#[cfg(test)]
mod tests;
mod text;
pub mod values;
mod walk;

use std::time::Duration;

use finder::{Finder, Key, Marks};
pub use search::{BadPattern, BuildError, Part, Pattern, Until};
use search::{RuleId, Scratch, Search, Secrets, Span};
pub use stage::Redact;
use values::Refusal;

/// Longest time that text waits unless another is set.
pub const WITHIN: Duration = Duration::from_secs(1);

/// Secrets to search for, and the form of their replacements.
#[derive(Debug)]
pub struct Options {
    /// Known secrets, each with the name of its rule. They are found in their encoded forms too.
    pub values: Vec<(String, String)>,
    /// Patterns of secrets.
    pub patterns: Vec<Pattern>,
    /// Key of the hashes in replacements, if those have any.
    pub key: Option<[u8; 32]>,
    /// Longest time that text waits.
    pub within: Duration,
}

/// Reason why nothing can be searched for.
#[derive(Debug)]
pub enum Refused {
    /// A value, by its place in the options.
    Value(usize, Refusal),
    /// A pattern, by its place in the options, or all of them together.
    Pattern(BuildError),
}

impl Options {
    /// A stage that replaces these secrets in the lines of its input.
    ///
    /// # Errors
    ///
    /// A value or a pattern is refused.
    pub fn stage(self) -> Result<Redact, Refused> {
        let within = self.within;
        Ok(Redact::new(self.finder()?, within))
    }

    fn finder(self) -> Result<Finder, Refused> {
        let Self { values, patterns, key, .. } = self;
        let (mut forms, mut originals) = (Vec::new(), Vec::new());
        for (at, (name, value)) in values.iter().enumerate() {
            for form in values::forms(value).map_err(|why| Refused::Value(at, why))? {
                forms.push((rule_name(name), form));
                originals.push(value.as_bytes());
            }
        }
        let key = key.map(|key| Key::new(key, &originals));
        let secrets = Secrets::new(forms, patterns).map_err(Refused::Pattern)?;
        Ok(Finder::new(secrets, originals.len(), Marks::new(key)))
    }
}

/// A name that needs no escape in a mark.
fn rule_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}
