//! Place of a client in the event file of a run: complete lines from there on, up to the end that is wanted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use tokio::sync::watch;

use super::App;
use super::problem::Problem;
use super::watch::Progress;
use crate::run::state::{RunFolder, read_at};
use crate::runs::cursor::Cursor;

/// Time without an event after which a sign of life is sent.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// End of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The client leaves.
    Never,
    /// The run's end.
    End,
    /// The last event that there is.
    Now,
}

/// The place, and what moves it.
#[derive(Debug)]
pub(super) struct Follow {
    file: File,
    cursor: Cursor,
    until: Until,
    progress: watch::Receiver<Progress>,
    server_ends: watch::Receiver<bool>,
}

/// Next of a file.
pub(super) enum Step {
    /// Complete lines, and the offset of the first one.
    Lines(u64, Vec<u8>),
    /// Nothing for a while.
    Quiet,
    /// The end that is wanted.
    End,
}

impl Follow {
    /// A place at the start of a run.
    pub(super) fn open(app: &App, run: &RunFolder, until: Until) -> Result<Self, Problem> {
        let progress = app.watch.subscribe(run.stream())?;
        Ok(Self {
            progress: progress.ok_or_else(|| Problem::not_found("run"))?,
            file: run.events()?,
            cursor: Cursor::at(0),
            until,
            server_ends: app.ends.subscribe(),
        })
    }

    /// Offset of the next line.
    pub(super) fn place(&self) -> u64 {
        self.cursor.place()
    }

    /// True if the run is over and all of it was read.
    pub(super) fn is_read(&self) -> bool {
        self.progress.borrow().ends_at == Some(self.place())
    }

    /// End of the last complete line.
    pub(super) fn last(&self) -> io::Result<u64> {
        RunFolder::line_end(&self.file, self.file.metadata()?.len())
    }

    /// Goes to the end of a line; false if there is none at this offset.
    pub(super) fn go_to(&mut self, place: u64) -> bool {
        let mut last = *b"\n";
        let is_there =
            place == 0 || self.file.read_at(&mut last, place - 1).is_ok_and(|count| count == 1);
        let is_end = is_there && last == *b"\n";
        if is_end {
            self.cursor = Cursor::at(place);
        }
        is_end
    }

    /// Waits for the next step; `None` if the server ends, or the file cannot be read.
    pub(super) async fn next(&mut self) -> Option<Step> {
        loop {
            // Taken before the read, so that nothing is written between the two at the end of the run.
            let ends_at = self.progress.borrow_and_update().ends_at;
            let place = self.place();
            let lines = self.read().ok()?;
            if !lines.is_empty() {
                return Some(Step::Lines(place, lines));
            }
            let is_end = match self.until {
                Until::Never => false,
                Until::End => ends_at.is_some_and(|end| place >= end),
                Until::Now => true,
            };
            if is_end {
                return Some(Step::End);
            }
            tokio::select! {
                changed = self.progress.changed() => changed.ok()?,
                _ = self.server_ends.wait_for(|ends| *ends) => return None,
                () = tokio::time::sleep(ALIVE_EVERY) => return Some(Step::Quiet),
            }
        }
    }

    /// Next complete lines; none where the file has none now.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let want = self.cursor.want();
            let mut bytes = vec![0; want];
            let count = read_at(&self.file, &mut bytes, self.place())?;
            let lines = self.cursor.take(&bytes[..count]);
            let length = lines.map_err(|_| io::ErrorKind::FileTooLarge)?.bytes.len();
            if length > 0 || count < want {
                bytes.truncate(length);
                return Ok(bytes);
            }
        }
    }
}
