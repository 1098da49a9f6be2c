//! Report of `check`: one line per violation or note, with its place, and a bounded number of them.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::{self, Write as _};

use crate::stage::STDIN;
use crate::term::marks::without_commands;

/// Violations that are reported; the rest is only counted.
pub(super) const MAX_REPORTED: u64 = 1000;
/// Different notes that are given.
const MAX_NOTES: usize = 100;
/// Characters of the input that are quoted.
const MAX_QUOTED: usize = 80;

/// The rules of docs/EVENTS.md by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    C1,
    C2,
    C3,
    C4,
    C5,
    C6,
    C7,
    C8,
    C9,
}

/// Place in the input: line and byte of the line, both from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportPlace {
    pub(super) line: u64,
    pub(super) column: usize,
}

impl ReportPlace {
    /// The beginning of a line.
    pub(super) fn line(line: u64) -> Self {
        Self { line, column: 1 }
    }
}

/// Lines of the report that are not written yet. Shared by all rules, so each of them reports through `&self`.
#[derive(Debug, Default)]
pub(super) struct Report {
    text: RefCell<String>,
    violations: Cell<u64>,
    noted: RefCell<HashSet<String>>,
    /// Name of the input; empty for stdin.
    pub(super) source: RefCell<String>,
}

impl Report {
    pub(super) fn violation(&self, at: ReportPlace, rule: Rule, what: fmt::Arguments<'_>) {
        self.violations.set(self.violations() + 1);
        match self.violations() {
            ..=MAX_REPORTED => self.line(at, format_args!("{rule:?}: {what}")),
            n if n == MAX_REPORTED + 1 => {
                self.line(at, format_args!("note: violations from here on are only counted"));
            }
            _ => {}
        }
    }

    /// Reports once something that breaks no rule.
    pub(super) fn note(&self, at: ReportPlace, what: &str) {
        let mut noted = self.noted.borrow_mut();
        if noted.len() < MAX_NOTES && noted.insert(what.to_owned()) {
            self.line(at, format_args!("note: {what}"));
        }
    }

    // Writing to a string cannot fail, here and below.
    fn line(&self, at: ReportPlace, what: fmt::Arguments<'_>) {
        let name = self.source.borrow();
        let name = if name.is_empty() { STDIN } else { &name };
        let _ = writeln!(self.text.borrow_mut(), "{name}:{}:{}: {what}", at.line, at.column);
    }

    pub(super) fn summary(&self, what: fmt::Arguments<'_>) {
        let mut text = self.text.borrow_mut();
        let _ = match self.violations() {
            0 => writeln!(text, "{what}: no violations"),
            n => writeln!(text, "{what}: {}", count(n, "violation")),
        };
    }

    pub(super) fn violations(&self) -> u64 {
        self.violations.get()
    }

    /// Moves the lines to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let text = self.text.take();
        if !text.is_empty() {
            out.extend_from_slice(without_commands(&text).as_bytes());
        }
    }
}

/// A number of things in English.
pub(super) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Text of the input in quotes: short, and without anything that moves a terminal's cursor.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_QUOTED) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}...", &self.0[..end]),
        }
    }
}
