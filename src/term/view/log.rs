//! The log of a CI system that has commands: outputs are folded, failures marked.

use super::layout::Who;
use super::page::Page;
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

    /// Adds the output of a call, folded under a title, or the title alone. Start and end leave together: whatever ends the
    /// process, no section stays open. A failure is not hidden.
    pub(super) fn section(
        &mut self,
        page: &mut Page,
        who: &Who,
        (title, (began, ended)): (&str, (u64, u64)),
        (mark, output): (&str, &[String]),
    ) {
        let label = who.label.as_ref().map_or_else(String::new, |label| format!("{label} | "));
        let nested = if who.nested { "> " } else { "" };
        let title = without_commands(&clean(&format!("{label}{nested}{title}")));
        if output.is_empty() {
            return page.commands(who, &title);
        }
        self.sections += 1;
        let name = format!("spile_{}_{}", self.process, self.sections);
        let fold = if mark == "✗" { Fold::Open } else { Fold::Closed };
        let section = Section { name: &name, title: &title, began, ended, fold };
        if let Some((open, close)) = self.system.section(&section) {
            page.commands(who, &open);
            page.quote(who, &output.join("\n"));
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
