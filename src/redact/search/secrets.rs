//! Values and patterns of secrets, prepared for searches. Immutable; one serves all searches.

use aho_corasick::packed;

use super::compile::{self, Automaton, BadPattern, BuildError, Part};
use super::literals::Literals;
use super::program::{Program, Role};
use super::starts::Starts;

/// Longest part of a text that may stay undecided, in bytes, unless a value is longer. What gets longer is hidden.
pub const MOST_UNDECIDED: u64 = 16 * 1024;

/// A pattern of secrets.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Name of the rule.
    pub name: String,
    /// Expression in the syntax of the crate regex. If it has a group named `secret`, only that part is hidden; a
    /// repeated group counts from its first beginning to its last end. An empty group named `word_start` matches where a word
    /// may begin. For `\b`, each non-ASCII byte is a letter.
    pub regex: String,
    /// The end of what is hidden behind an occurrence. `None`: the occurrence alone is hidden.
    pub until: Option<Until>,
}

/// The end of what is hidden.
#[derive(Debug, Clone)]
pub struct Until {
    /// Expression of the end marker, which is hidden as well.
    pub end: String,
    /// Most line feeds that are hidden if the marker does not come. `\n` in two characters counts as one.
    pub lines: u32,
}

/// Number of a rule: first the values, in their order, then the patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Everything that is searched for.
#[derive(Debug)]
pub struct Secrets {
    names: Vec<String>,
    pub(super) literals: Literals,
    pub(super) program: Program,
    pub(super) starts: Starts,
    pub(super) limit: u64,
    /// Length of the shortest text that anything matches, in bytes.
    pub(super) shortest: usize,
    /// Escapes that make JSON of a text in more than one way; `None` on a processor that cannot search for both at once.
    pub(super) rare_escapes: Option<packed::Searcher>,
}

impl Secrets {
    /// Values with their names, and patterns. Empty values are ignored.
    ///
    /// # Errors
    ///
    /// The first pattern that is refused, or values of gigabytes.
    pub fn new(values: Vec<(String, Vec<u8>)>, patterns: Vec<Pattern>) -> Result<Self, BuildError> {
        let mut names = Vec::with_capacity(values.len() + patterns.len());
        let mut literals = Vec::with_capacity(values.len());
        for (name, bytes) in values {
            if !bytes.is_empty() {
                literals.push((rule(names.len()), bytes));
            }
            names.push(name);
        }
        let mut program = Program::default();
        let mut shortest =
            literals.iter().map(|(_, bytes)| bytes.len()).min().unwrap_or(usize::MAX);
        for (index, Pattern { name, regex, until }) in patterns.into_iter().enumerate() {
            let bad = |part| move |error| BuildError::Pattern(BadPattern { index, part, error });
            let id = rule(names.len());
            let automaton = compile::expression(&regex).map_err(bad(Part::Regex))?;
            shortest = shortest.min(automaton.least);
            let role = until.as_ref().map_or(Role::Secret, |until| {
                let ending = u32::try_from(program.count() + 1).unwrap_or(u32::MAX);
                Role::Opening { lines: until.lines, ending }
            });
            program.add(id, role, &automaton);
            if let Some(until) = until {
                let automaton = compile::expression(&until.end).map_err(bad(Part::End))?;
                program.add(id, Role::Ending, &Automaton { secret: None, ..automaton });
            }
            names.push(name);
        }
        let starts = Starts::new(&program, literals.iter().map(|(_, bytes)| &bytes[..]));
        let literals =
            Literals::new(&literals).map_err(|error| BuildError::Values(error.to_string()))?;
        let limit = literals.longest.max(MOST_UNDECIDED);
        let rare_escapes = packed::Searcher::new([r"\u", r"\/"]);
        Ok(Self { names, literals, program, starts, limit, shortest, rare_escapes })
    }

    /// Name of a rule.
    pub fn name(&self, rule: RuleId) -> &str {
        self.names.get(rule.0 as usize).map_or("", String::as_str)
    }
}

fn rule(index: usize) -> RuleId {
    RuleId(u32::try_from(index).unwrap_or(u32::MAX))
}
