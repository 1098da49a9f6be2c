//! The log of a CI system that has commands: outputs are folded, failures marked.

use super::layout::Who;
use super::page::Page;
use super::tool::MAX_LINES;
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

    /// Adds a finished call: its output folded under its title, or the title alone. Start and end of a fold leave together,
    /// so that none stays open whatever ends the process. A failure is not hidden. `began` and `ended` are seconds since 1970.
    pub(super) fn tool(
        &mut self,
        page: &mut Page,
        who: &Who,
        LoggedTool { title, mark, output }: &LoggedTool<'_>,
        (began, ended): (u64, u64),
    ) {
        let failed = *mark == "✗";
        let label = who.label.as_ref().map_or_else(String::new, |label| format!("{label} | "));
        let nested = if who.nested { "> " } else { "" };
        let head = without_commands(&clean(&format!("{label}{nested}{title}")));
        if output.is_empty() {
            page.commands(who, &head);
        } else {
            self.sections += 1;
            let name = format!("spile_{}_{}", self.process, self.sections);
            let fold = if failed { Fold::Open } else { Fold::Closed };
            let section = Section { name: &name, title: &head, began, ended, fold };
            if let Some((open, close)) = self.system.section(&section) {
                page.commands(who, &open);
                page.quote(who, &output.join("\n"));
                page.commands(who, &close);
            }
        }
        if failed {
            let first = output.iter().take(MAX_LINES).map(String::as_str);
            let message: Vec<_> = [*title].into_iter().chain(first).collect();
            self.annotate(page, who, Severity::Warning, ("tool failed", &message.join("\n")));
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
