//! Selection of runs by stream, label or time of their start. An error names the runs that there are.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use crate::term::sanitize::quoted;
use crate::text::floor;

/// Runs that an error names at most.
const MAX_NAMED: usize = 8;

/// Longest label in a message, in bytes.
const MAX_LABEL: usize = 40;

/// A run to select from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Stream of the run.
    pub stream: String,
    /// Name for people.
    pub label: Option<String>,
    /// Time of the start, as in `ts`.
    pub started: String,
    /// True if a process of the run lives.
    pub alive: bool,
}

/// Selection of runs. With no field set it is the only live run, or else the one that was started last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Streams, each of a run or one of its further streams; or labels, if no run has such a stream.
    pub names: Vec<String>,
    /// Label of the runs.
    pub label: Option<String>,
    /// True for the last started one only, of those with the label if there is one.
    pub last: bool,
    /// True for all runs.
    pub all: bool,
}

/// Failure of a selection. Its text is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unselected {
    /// No run is selected.
    Missing(String),
    /// One run is wanted, and several could be meant.
    Ambiguous(String),
}

impl fmt::Display for Unselected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(why) | Self::Ambiguous(why)) = self;
        f.write_str(why)
    }
}

/// True if a name is that of a run, or of one of its further streams: `s:2` of `s`.
pub fn is_of(name: &str, run: &str) -> bool {
    let number = name.strip_prefix(run).map(|rest| rest.strip_prefix(':'));
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    name == run || number.flatten().is_some_and(is_number)
}

impl Selection {
    /// True if a run that is started later belongs to the selection.
    pub fn admits(&self, run: &Candidate) -> bool {
        self.all || self.label.is_some() && self.label == run.label
    }

    /// Selected runs of `all`, in the order of their start.
    pub fn select(&self, mut all: Vec<Candidate>) -> Result<Vec<Candidate>, Unselected> {
        all.sort_by(|a, b| (&a.started, &a.stream).cmp(&(&b.started, &b.stream)));
        let missing = |what: String| Err(Unselected::Missing(format!("{what}{}", known(&all))));
        let mut selected = BTreeSet::new();
        for name in &self.names {
            let mut found = positions(&all, |run| is_of(name, &run.stream));
            if found.is_empty() {
                found = positions(&all, |run| run.label.as_ref() == Some(name));
            }
            if found.is_empty() {
                return missing(format!("no run has the stream or label {}", quoted(name)));
            }
            selected.extend(found);
        }
        let is_default = self.names.is_empty() && self.label.is_none() && !self.all && !self.last;
        let live = all.iter().filter(|run| run.alive).count();
        if is_default && live > 1 {
            let which: Vec<_> = all.iter().filter(|run| run.alive).cloned().collect();
            let why = format!("{live} runs live: name one{}", known(&which));
            return Err(Unselected::Ambiguous(why));
        }
        if self.names.is_empty() {
            let admits = |run: &Candidate| match &self.label {
                Some(_) => self.label == run.label,
                None => !is_default || live == 0 || run.alive,
            };
            selected.extend(positions(&all, admits));
        }
        let mut picked: Vec<_> = selected.into_iter().map(|n| all[n].clone()).collect();
        match &self.label {
            Some(label) if picked.is_empty() => {
                return missing(format!("no run has the label {}", quoted(label)));
            }
            None if picked.is_empty() => return missing("there is no run".to_owned()),
            _ => {}
        }
        if self.last || is_default {
            picked.drain(..picked.len() - 1);
        }
        Ok(picked)
    }
}

fn positions(all: &[Candidate], wanted: impl Fn(&Candidate) -> bool) -> Vec<usize> {
    let found = all.iter().enumerate().filter(|(_, run)| wanted(run));
    found.map(|(n, _)| n).collect()
}

/// The runs that there are, newest first, for the end of a message.
fn known(all: &[Candidate]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let name = |run: &Candidate| {
        let label = run.label.as_deref().map(|label| {
            let shown = &label[..floor(label, MAX_LABEL)];
            let more = if shown.len() < label.len() { "…" } else { "" };
            format!("label {}{more}, ", quoted(shown))
        });
        let life = if run.alive { "live" } else { "over" };
        format!("{} ({}{life})", run.stream, label.unwrap_or_default())
    };
    let names: Vec<_> = all.iter().rev().take(MAX_NAMED).map(name).collect();
    let more = match all.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("; there are: {}{more}", names.join(", "))
}
