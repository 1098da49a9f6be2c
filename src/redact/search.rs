//! The search through one text that arrives in pieces: which bytes belong to a secret, and up to which byte that is decided.
//! The time is linear in the text. The search never panics, and never keeps more of the text than its last few bytes.
//!
//! A byte is hidden if any occurrence of a value or of a pattern covers it. Occurrences may overlap: what they cover
//! together becomes one [`Span`]. The result does not depend on where the text is cut, except that a long cluster of
//! overlapping occurrences may be reported as more spans than one.
//!
//! Two things run beside each other: an automaton over the values (`literals`) and a breadth-first simulation of the
//! patterns (`threads`). While neither has a beginning of a secret, bytes are skipped with a table (`starts`).

mod clean;
mod compile;
mod covers;
mod fingerprints;
mod hidden;
mod literals;
mod look;
mod pairs;
mod program;
mod recent;
mod refusal;
mod secrets;
mod starts;
#[cfg(test)]
mod tests;
mod threads;

pub use clean::Form;
pub use compile::{BadPattern, BuildError, Part};
pub use covers::Span;
pub use secrets::{Pattern, RuleId, Secrets, Until};
pub use threads::Scratch;

use covers::Covers;
use hidden::Hidden;
use literals::Prefix;
use program::Role;
use recent::Recent;
use threads::{Report, Thread};

/// Shortest undecided beginning of a secret that is hidden when its text ends or its time is up, in characters.
pub const HIDDEN_BEGINNING: usize = 6;

/// The search through one text. It allocates nothing before the first beginning of a secret.
#[derive(Debug, Default, Clone)]
pub struct Search {
    /// Bytes that were fed.
    position: u64,
    recent: Recent,
    prefix: Prefix,
    /// Beginnings of patterns, in order of their starts.
    threads: Vec<Thread>,
    hidden: Hidden,
    covers: Covers,
}

impl Search {
    /// Search of the text that follows `earlier`, for a caller that keeps hiding what comes behind a marker such as
    /// `-----BEGIN PRIVATE KEY-----` across texts. Only this mode is taken over.
    pub fn after(earlier: &Self) -> Self {
        Self { hidden: earlier.hidden.in_next_text(), ..Self::default() }
    }

    /// Offset in the text before which every byte is decided: it belongs to a reported span or to no secret.
    pub fn decided(&self) -> u64 {
        self.covers.released()
    }

    /// True if everything is hidden until an end marker.
    pub fn is_hiding(&self) -> bool {
        self.hidden.is_active()
    }

    /// Searches the next piece. Spans are appended in order. They do not overlap, and each ends at or before
    /// [`decided`](Self::decided).
    pub fn feed(
        &mut self,
        secrets: &Secrets,
        scratch: &mut Scratch,
        piece: &[u8],
        found: &mut Vec<Span>,
    ) {
        let mut at = 0;
        if self.is_idle() {
            at = self.skip(secrets, piece, at);
            if at == piece.len() && self.prefix.is_empty() && self.covers.is_empty() {
                self.recent.push(piece);
                self.position += piece.len() as u64;
                self.covers.pass(self.position);
                return;
            }
        }
        scratch.load(&secrets.program, &self.threads);
        while at < piece.len() {
            if scratch.is_empty() && !self.hidden.is_active() {
                at = self.skip(secrets, piece, at);
                if at == piece.len() {
                    break;
                }
            }
            self.byte(secrets, scratch, piece, at);
            at += 1;
        }
        self.take(secrets, scratch, piece, found);
    }

    /// Searches a piece until nothing is undecided, or to its end. Returns the number of bytes that were searched.
    fn feed_some(
        &mut self,
        secrets: &Secrets,
        scratch: &mut Scratch,
        piece: &[u8],
        found: &mut Vec<Span>,
    ) -> usize {
        scratch.load(&secrets.program, &self.threads);
        let mut at = 0;
        while at < piece.len() {
            self.byte(secrets, scratch, piece, at);
            at += 1;
            if scratch.is_empty() && self.prefix.is_empty() && !self.hidden.is_active() {
                break;
            }
        }
        self.take(secrets, scratch, &piece[..at], found);
        at
    }

    /// Counts a piece that was searched.
    fn take(&mut self, secrets: &Secrets, scratch: &Scratch, piece: &[u8], found: &mut Vec<Span>) {
        self.recent.push(piece);
        self.position += piece.len() as u64;
        scratch.store(&mut self.threads);
        let decided = self.undecided(secrets);
        self.covers.release(decided, found);
    }

    /// True if nothing is undecided and nothing is hidden.
    fn is_idle(&self) -> bool {
        self.threads.is_empty()
            && self.prefix.is_empty()
            && !self.hidden.is_active()
            && self.covers.released() == self.position
    }

    /// The text is over: complete occurrences count. An undecided beginning of [`HIDDEN_BEGINNING`] characters or more
    /// becomes a span too, because a secret that was cut must not leave. A shorter one does not.
    pub fn end(&mut self, secrets: &Secrets, scratch: &mut Scratch, found: &mut Vec<Span>) {
        self.resolve_end(secrets, scratch);
        scratch.store(&mut self.threads);
        self.settle(secrets, found);
        self.threads.clear();
        self.prefix = Prefix::default();
    }

    /// As [`end`](Self::end), of a text that was not cut: a beginning of a secret is none.
    pub fn end_whole(&mut self, secrets: &Secrets, scratch: &mut Scratch, found: &mut Vec<Span>) {
        self.resolve_end(secrets, scratch);
        self.threads.clear();
        self.prefix = Prefix::default();
        self.covers.release(self.position, found);
    }

    /// Takes what matches because the text is over.
    fn resolve_end(&mut self, secrets: &Secrets, scratch: &mut Scratch) {
        scratch.load(&secrets.program, &self.threads);
        scratch.resolve(&secrets.program, self.position, self.recent.last(), None);
        self.reports(secrets, scratch, self.position);
    }

    /// Decides everything that is undecided, as [`end`](Self::end) does, but the text may go on. The rest of a secret
    /// whose beginning was too short to be hidden is still reported when the secret is complete.
    pub fn settle(&mut self, secrets: &Secrets, found: &mut Vec<Span>) {
        let position = self.position;
        let is_long = |start: u64| self.recent.characters(position - start) >= HIDDEN_BEGINNING;
        if let Some((start, rule)) = secrets.literals.beginning(self.prefix, position)
            && is_long(start)
        {
            self.covers.add(start..position, rule);
        }
        for thread in &self.threads {
            if let Some(start) = secrets.program.held_from(thread)
                && is_long(start)
            {
                let range = start..thread.secret_end.min(position);
                self.covers.add(range, secrets.program.expression(thread.state).rule);
            }
        }
        self.covers.release(position, found);
    }

    /// First byte that may belong to a secret which is not complete, or the end of what was fed.
    fn undecided(&self, secrets: &Secrets) -> u64 {
        let literal = secrets.literals.beginning(self.prefix, self.position);
        let threads = self.threads.iter().filter_map(|t| secrets.program.held_from(t));
        let literal = literal.map(|(start, _)| start);
        threads.chain(literal).min().unwrap_or(self.position)
    }

    /// Passes bytes at which no pattern can begin. Returns the place of the first other byte, or the end of the piece.
    ///
    /// The automaton over the values takes only bytes behind a fingerprint of a value. Once it knows less than a
    /// fingerprint again, the search for fingerprints goes on where that beginning starts.
    fn skip(&mut self, secrets: &Secrets, piece: &[u8], mut at: usize) -> usize {
        // First place whose fingerprint is not known.
        let mut unknown = at;
        loop {
            if self.prefix.is_empty() {
                at = secrets.starts.next(self.recent.last(), piece, at);
                unknown = at + 1;
            }
            loop {
                let patterns = |at| secrets.starts.patterns(self.recent.last(), piece, at) != 0;
                if at == piece.len() || patterns(at) {
                    return at;
                }
                self.literal(secrets, piece[at], self.position + at as u64);
                at += 1;
                let length = secrets.literals.length(self.prefix);
                if length < fingerprints::LENGTH && at >= unknown + length {
                    at -= length;
                    self.prefix = Prefix::default();
                    break;
                }
            }
        }
    }

    /// Feeds one byte, which stands at offset `at` of the text, to the automaton over the values.
    fn literal(&mut self, secrets: &Secrets, byte: u8, at: u64) {
        if let Some((length, rule)) = secrets.literals.step(&mut self.prefix, byte) {
            let end = at + 1;
            self.covers.add(end - length..end, rule);
        }
    }

    /// Feeds the byte at `piece[index]` to everything.
    fn byte(&mut self, secrets: &Secrets, scratch: &mut Scratch, piece: &[u8], index: usize) {
        let program = &secrets.program;
        let byte = piece[index];
        let at = self.position + index as u64;
        let before = self.recent.last().at(piece, index);
        let markers = self.hidden.count();

        self.literal(secrets, byte, at);
        for expression in secrets.starts.expressions(self.recent.last(), piece, index) {
            scratch.start(program, expression, at, byte);
        }
        for expression in self.hidden.endings() {
            scratch.start(program, expression, at, byte);
        }
        scratch.resolve(program, at, before, Some(byte));
        self.reports(secrets, scratch, at);
        if let Some((start, rule)) = self.hidden.byte(before.last, byte) {
            self.covers.add(start..at + 1, rule);
        }
        scratch.step(program, byte, at + 1);
        self.reports(secrets, scratch, at + 1);
        if let Some(thread) = scratch.oldest()
            && let Some(start) = program.held_from(&thread)
            && at + 1 - start > secrets.limit
        {
            self.covers.add(start..at + 1, program.expression(thread.state).rule);
        }
        if self.hidden.count() < markers {
            // The beginnings of an end marker must neither hold text nor close what is opened later.
            scratch.retain(|state| {
                let expression = program.expression(state);
                !matches!(expression.role, Role::Ending) || self.hidden.hides(expression.rule)
            });
        }
    }

    /// Takes what the threads found when they reached offset `at`.
    fn reports(&mut self, secrets: &Secrets, scratch: &mut Scratch, at: u64) {
        for report in scratch.reports() {
            let (Report::Match(thread) | Report::Merged(thread)) = report;
            let expression = secrets.program.expression(thread.state);
            let start = if expression.has_group { thread.secret } else { thread.start };
            match (report, expression.role) {
                (Report::Match(_), Role::Ending) => {
                    self.hidden.close(expression.rule);
                    continue;
                }
                (Report::Match(_), Role::Opening { lines, ending }) => {
                    self.hidden.open(expression.rule, start, lines, ending);
                }
                _ => {}
            }
            self.covers.add(start..thread.secret_end.min(at), expression.rule);
        }
    }
}
