//! Stdout of a background run: its event file. A file that cannot be written is a slow reader, which is tried again.

use std::io::{self, Read};
use std::time::Duration;

use memchr::memchr_iter;

use crate::codec;
use crate::event::Type;
use crate::run::background::{Background, Report};
use crate::run::control::SocketPlace;
use crate::run::output::warn;
use crate::runs::info::{Summary, SummaryFold};
use crate::runs::thin::Thinner;
use crate::time::Time;

/// Interval of the tries to write a file that could not be written.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Event file of the run that this process hosts.
pub(super) struct RunFile<'a> {
    background: &'a mut Background,
    fold: SummaryFold,
    thinner: Thinner,
    /// Length of the file once all lines are written, in bytes.
    length: u64,
    /// True if a turn or the run has ended since the last summary.
    summary_due: bool,
    /// Next try to write, and the time at which the wait for it ends for good.
    retry_at: Option<Time>,
    pub give_up_at: Option<Time>,
    /// True if the lines of this round go without their deltas.
    pub thins: bool,
    is_too_large: bool,
    end_recorded: bool,
}

impl<'a> RunFile<'a> {
    pub(super) fn new(background: &'a mut Background) -> Self {
        let mut before = Vec::new();
        let events = background.folder.events();
        let _ = events.map(|mut events| events.read_to_end(&mut before));
        let mut file = Self {
            background,
            fold: SummaryFold::default(),
            thinner: Thinner::default(),
            length: 0,
            summary_due: false,
            retry_at: None,
            give_up_at: None,
            thins: false,
            is_too_large: false,
            end_recorded: false,
        };
        // The wait for the turn of the run.
        file.pass(&mut before);
        file
    }

    /// Takes lines on their way to the file, and leaves out what cannot wait.
    pub(super) fn pass(&mut self, lines: &mut Vec<u8>) {
        let mut kept = Vec::new();
        if self.thins {
            self.thinner.thin(lines, &mut kept);
            *lines = kept;
        } else if !lines.is_empty() {
            self.thinner.finish(&mut kept);
            if !kept.is_empty() {
                kept.append(lines);
                *lines = kept;
            }
        }
        self.length += lines.len() as u64;
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            if let Ok(event) = codec::decode(&lines[start..end]) {
                self.fold.on_event(&event);
                let is_over = event.kind != Type::TextDelta && self.fold.summary().state.is_over();
                self.summary_due |= event.kind.is_terminal() || is_over;
                if is_over && self.retry_at.is_none() {
                    self.record_end();
                }
            }
            start = end + 1;
        }
    }

    /// Tells the starter that the agent runs, and can be reached.
    pub(super) fn report(&mut self, pid: i32) {
        self.background.report(&Report::Runs(pid));
    }

    /// Place of the control socket.
    pub(super) fn socket_place(&self) -> SocketPlace {
        SocketPlace::Run(self.background.folder.open_path())
    }

    /// True the first time that the file is larger than its limit.
    pub(super) fn exceeds(&mut self) -> bool {
        let exceeds = self.length > self.background.options.max_run;
        exceeds && !std::mem::replace(&mut self.is_too_large, true)
    }

    /// Limit of the file, in bytes.
    pub(super) fn limit(&self) -> u64 {
        self.background.options.max_run
    }

    /// True while the file cannot be written.
    pub(super) fn is_blocked(&self) -> bool {
        self.retry_at.is_some()
    }

    /// True if it is time to write.
    pub(super) fn may_write(&self, now: Time) -> bool {
        self.retry_at.is_none_or(|at| at <= now)
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.retry_at.into_iter().chain(self.give_up_at).min()
    }

    /// Takes note that all lines are in the file.
    pub(super) fn written(&mut self) {
        self.retry_at = None;
        self.give_up_at = None;
        if self.fold.summary().state.is_over() {
            self.record_end();
        }
        if std::mem::take(&mut self.summary_due) {
            let summary = Summary { bytes: self.length, ..self.fold.summary().clone() };
            // A summary that cannot be written is made from the events by whoever needs it.
            let _ = self.background.folder.write_summary(&summary);
        }
    }

    /// Writes the end of the run into the history: before the last events, unless these may be lost.
    fn record_end(&mut self) {
        if !std::mem::replace(&mut self.end_recorded, true) {
            self.background.folder.record_end(self.fold.summary(), self.fold.exit());
        }
    }

    /// Takes note of a failed write.
    pub(super) fn failed(&mut self, now: Time, e: &io::Error) {
        if self.retry_at.is_none() {
            warn(format_args!("cannot write the events, which wait: {e}"));
        }
        self.retry_at = Some(now + TRY_EVERY);
    }

    /// Limits the wait for the last lines.
    pub(super) fn limit_wait(&mut self, now: Time) {
        self.give_up_at.get_or_insert(now + self.background.options.linger);
    }
}
