//! Patterns as automata. Refuses what cannot be searched for in bounded time.

use regex_automata::nfa::thompson::{Compiler, Config, NFA, WhichCaptures};
use regex_syntax::Parser;
use regex_syntax::hir::{Capture, Hir, HirKind};

/// Largest pattern, in characters and classes after repeats are written out (`[a-z]{20}` is 20). Each can hold the
/// beginning of an occurrence, so this bounds the time for a byte.
pub const MOST_POSITIONS: u64 = 1024;

/// Largest automaton of a pattern, in bytes. Classes of Unicode characters need much.
const MOST_MEMORY: usize = 10 << 20;

/// Name of the group that restricts what is hidden.
const SECRET: &str = "secret";

/// Name of an empty group where a word has to begin.
const WORD_START: &str = "word_start";

/// An expression as an automaton.
#[derive(Debug)]
pub struct Automaton {
    pub nfa: NFA,
    /// Index of its group `secret`.
    pub secret: Option<usize>,
    /// Index of its empty group `word_start`.
    pub word_start: Option<usize>,
    /// Length of the shortest text that it matches, in bytes.
    pub least: usize,
}

/// Cause for which nothing can be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildError {
    /// A pattern that is refused.
    Pattern(BadPattern),
    /// Values that are too large together, with the message of the automaton's builder.
    Values(String),
}

/// A pattern that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern {
    /// Index of the pattern.
    pub index: usize,
    /// Expression in which the error is.
    pub part: Part,
    /// The error.
    pub error: Refused,
}

/// One of the expressions of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The pattern itself.
    Regex,
    /// The end marker.
    End,
}

/// An expression that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Byte of the expression at which the error is, 0 if it concerns all of it.
    pub offset: usize,
    /// Cause.
    pub message: String,
}

/// The automaton of an expression.
pub fn expression(regex: &str) -> Result<Automaton, Refused> {
    let hir = Parser::new().parse(regex).map_err(syntax)?;
    let least = match hir.properties().minimum_len() {
        Some(0) => return Err(whole("it matches the empty text")),
        None => return Err(whole("it matches nothing")),
        Some(least) => least,
    };
    let positions = positions(&hir);
    if positions > MOST_POSITIONS {
        let limit = format!("more than {MOST_POSITIONS} characters after repeats are written out");
        return Err(whole(&limit));
    }
    let secret = group(&hir, &|capture| capture.name.as_deref() == Some(SECRET));
    if secret.is_some() && !has_secret_always(&hir) {
        return Err(whole("the group \"secret\" does not take part in every match"));
    }
    let config = Config::new()
        .shrink(false)
        .nfa_size_limit(Some(MOST_MEMORY))
        .which_captures(WhichCaptures::All);
    let nfa = Compiler::new().configure(config).build_from_hir(&hir);
    let nfa = nfa.map_err(|error| whole(&error.to_string()))?;
    let is_empty = |capture: &Capture| matches!(capture.sub.kind(), HirKind::Empty);
    let word_start =
        group(&hir, &|group| group.name.as_deref() == Some(WORD_START) && is_empty(group));
    Ok(Automaton { nfa, secret, word_start, least })
}

fn whole(message: &str) -> Refused {
    Refused { offset: 0, message: message.to_owned() }
}

fn syntax(error: regex_syntax::Error) -> Refused {
    match error {
        regex_syntax::Error::Parse(error) => {
            Refused { offset: error.span().start.offset, message: error.kind().to_string() }
        }
        regex_syntax::Error::Translate(error) => {
            Refused { offset: error.span().start.offset, message: error.kind().to_string() }
        }
        error => whole(&error.to_string()),
    }
}

fn positions(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.max(1));
            positions(&repetition.sub).saturating_mul(u64::from(copies))
        }
        HirKind::Capture(capture) => positions(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(positions).fold(0, u64::saturating_add)
        }
    }
}

/// Index of the first group of which something is true.
fn group(hir: &Hir, is_wanted: &dyn Fn(&Capture) -> bool) -> Option<usize> {
    match hir.kind() {
        HirKind::Capture(capture) if is_wanted(capture) => Some(capture.index as usize),
        kind => kind.subs().iter().find_map(|sub| group(sub, is_wanted)),
    }
}

fn has_secret_always(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => false,
        HirKind::Repetition(repetition) => repetition.min > 0 && has_secret_always(&repetition.sub),
        HirKind::Capture(capture) => {
            capture.name.as_deref() == Some(SECRET) || has_secret_always(&capture.sub)
        }
        HirKind::Concat(parts) => parts.iter().any(has_secret_always),
        HirKind::Alternation(parts) => parts.iter().all(has_secret_always),
    }
}
