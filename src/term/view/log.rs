//! The log of a CI system that has commands: outputs are folded, failures marked.

use super::layout::Who;
use super::page::Page;
use super::tool::MAX_LINES;
use super::words::clock_time;
use crate::term::ci::{Fold, MAX_ANNOTATIONS, Section, System};
use crate::term::marks::without_commands;
use crate::term::sanitize::clean;

#[derive(Debug)]
pub(super) struct Log {
    system: System,
    /// Number of the process.
    process: u32,
    sections: u64,
    /// Number of annotations of each severity.
    annotations: [usize; 2],
}

/// A finished call.
pub(super) struct LoggedTool<'a> {
    /// The call and its outcome.
    pub(super) title: &'a str,
    pub(super) mark: &'static str,
    pub(super) output: &'a [String],
}

/// Severity of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Warning,
    Error,
}

impl Log {
    pub(super) fn new(system: System, process: u32) -> Self {
        Self { system, process, sections: 0, annotations: [0; 2] }
    }

    /// Adds a finished call with its output; a failure is not folded. `began` and `ended` are seconds since 1970.
    pub(super) fn tool(
        &mut self,
        page: &mut Page,
        who: &Who,
        LoggedTool { title, mark, output }: &LoggedTool<'_>,
        (began, ended): (u64, u64),
    ) {
        let lines: Vec<_> = output.iter().map(String::as_str).collect();
        let fold = if *mark == "✗" { Fold::Open } else { Fold::Closed };
        self.section(page, who, (title, began, ended), (fold, &lines));
        if fold == Fold::Open {
            // The title has the status already.
            let told = |line: &&str| !line.starts_with("Exit code ");
            let first = lines.into_iter().filter(told).take(MAX_LINES);
            let message: Vec<_> = [*title].into_iter().chain(first).collect();
            self.annotate(page, who, Severity::Warning, ("tool failed", &message.join("\n")));
        }
    }

    /// Adds lines of an agent's below a title, or the title alone. Start and end of a section leave together, so that none
    /// stays open whatever ends the process.
    pub(super) fn section(
        &mut self,
        page: &mut Page,
        who: &Who,
        (title, began, ended): (&str, u64, u64),
        (fold, lines): (Fold, &[&str]),
    ) {
        let label = who.label.as_ref().map_or_else(String::new, |label| format!("{label} | "));
        let nested = if who.nested { "> " } else { "" };
        let time = page.stamp.map_or_else(String::new, |stamp| clock_time(stamp) + " ");
        let title = &without_commands(&clean(&format!("{time}{label}{nested}{title}")));
        if lines.is_empty() {
            return page.commands(who, title);
        }
        self.sections += 1;
        let name = &format!("spile_{}_{}", self.process, self.sections);
        if let Some((open, close)) =
            self.system.section(&Section { name, title, began, ended, fold })
        {
            page.commands(who, &open);
            page.quote(who, &lines.join("\n"));
            page.commands(who, &close);
        }
    }

    /// Marks a failure, as often as the system shows such marks.
    pub(super) fn annotate(
        &mut self,
        page: &mut Page,
        who: &Who,
        severity: Severity,
        (title, message): (&str, &str),
    ) {
        let count = &mut self.annotations[severity as usize];
        if *count >= MAX_ANNOTATIONS {
            return;
        }
        *count += 1;
        let name = if severity == Severity::Error { "error" } else { "warning" };
        let label = who.label.as_ref().map_or_else(String::new, |label| format!("{label}: "));
        let title = without_commands(&clean(&format!("{label}{title}")));
        let message = without_commands(&clean(message));
        if let Some(line) = self.system.annotation(name, &title, &message) {
            page.commands(who, &line);
        }
    }
}
