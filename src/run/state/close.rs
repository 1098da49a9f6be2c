//! Closer of a run whose wrap has died. It changes the event file only under the run's lock; a closer that is killed leaves a
//! file that the next one completes.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use anyhow::Result;
use rustix::io::{read, retry_on_intr};
use rustix::process::Pid;

use super::run_folder::{RunFolder, RunLife};
use super::survivors;
use crate::exit::Exit;
use crate::named::Named;
use crate::run::clock::Clock;
use crate::run::output::warn;
use crate::runs::closing::{Closer, Closing};
use crate::runs::history::{Mode, Op, Operation};
use crate::runs::info::Summary;
use crate::time::Time;

/// Bytes of a read.
const READ: usize = 256 << 10;

/// Result of an attempt to close a run.
#[derive(Debug)]
pub enum Closed {
    /// The run lives, or another process closes it.
    Held,
    /// Closed before.
    Already,
    /// Closed by these changes.
    Done(Closing),
    /// The file cannot be written: a reader shows these changes as if they had been made.
    ReadOnly(Closing, anyhow::Error),
}

/// Run that is over and closed.
#[derive(Debug)]
pub struct Over {
    pub summary: Summary,
    /// Lines that a reader shows behind those of a file that cannot be written.
    pub tail: Vec<u8>,
}

impl RunFolder {
    /// Looks at the run, and closes it if its processes have ended. `None` while it lives.
    pub fn settle(&self) -> Result<Option<Over>> {
        if self.life()? == RunLife::Alive {
            return Ok(None);
        }
        let over = |summary| Over { summary, tail: Vec::new() };
        Ok(match self.close()? {
            Closed::Held => None,
            Closed::Already => Some(over(self.summary().unwrap_or_default())),
            Closed::Done(closing) => Some(over(closing.summary)),
            Closed::ReadOnly(closing, _) => {
                Some(Over { tail: closing.append, ..over(closing.summary) })
            }
        })
    }

    /// Closes the run if its wrap and its guardian have ended and it is not closed. Kills what is left of its agent before.
    pub fn close(&self) -> Result<Closed> {
        if self.is_closed() {
            return Ok(Closed::Already);
        }
        let Some(_lock) = self.lock()? else { return Ok(Closed::Held) };
        let token = self.info().map(|info| info.control).filter(|token| !token.is_empty());
        let left = token.map(|token| survivors::kill_all(&token)).unwrap_or_default();
        if !left.is_empty() {
            let pids: Vec<i32> = left.into_iter().map(Pid::as_raw_pid).collect();
            warn(format_args!(
                "{}: processes that cannot be killed still run: {pids:?}",
                self.stream()
            ));
        }
        let (closing, length) = self.closing()?;
        let done = closing.is_done(length);
        if !done && let Err(why) = self.append(&closing, length) {
            return Ok(Closed::ReadOnly(closing, why));
        }
        self.record_end(&closing.summary, closing.exit);
        // A summary that cannot be written is made from the events by whoever needs it.
        let _ = self.write_summary(&closing.summary);
        Ok(if done { Closed::Already } else { Closed::Done(closing) })
    }

    /// Writes the end of the run into the history, unless it stands there.
    pub(in crate::run) fn record_end(&self, summary: &Summary, exit: Exit) {
        let now = Clock::start().now();
        let info = self.info().unwrap_or_default();
        let mode = Mode::by_name(&info.by).unwrap_or(Mode::Runs);
        // A run may be closed long after its last event.
        let last = Time::parse(&summary.ts).unwrap_or(now);
        let end = Operation {
            run: Some(self.stream().to_owned()),
            agent: info.agent,
            outcome: Some(summary.state.name().to_owned()),
            status: Some(exit.code().into()),
            duration_ms: u64::try_from(last.since(self.started()).as_millis()).ok(),
            cost_usd: summary.cost_usd,
            ..Operation::new(now, Op::End, mode, "spile")
        };
        if let Err(e) = self.state.record_end_once(&end) {
            warn(format_args!("{}: its end is not in the history: {e:#}", self.stream()));
        }
    }

    /// Changes that close the file, and its length in bytes.
    pub fn closing(&self) -> Result<(Closing, u64)> {
        let mut closer = Closer::new(self.stream(), self.started());
        let mut length = 0;
        if let Some(file) = self.events_if_any()? {
            let mut bytes = vec![0; READ];
            loop {
                let count = retry_on_intr(|| read(&file, &mut bytes[..]));
                let count = count.map_err(|e| self.failed("read", e.into()))?;
                if count == 0 {
                    break;
                }
                length += count as u64;
                closer.feed(&bytes[..count]);
            }
        }
        Ok((closer.finish(), length))
    }

    /// True if the summary reports the end of the run, and covers the whole event file.
    fn is_closed(&self) -> bool {
        let over = self.summary().filter(|summary| summary.state.is_over());
        over.is_some_and(|summary| self.ends_at(summary.bytes).unwrap_or(false))
    }

    /// True if the event file has this length and ends with a line feed. After a power cut it may end with NUL bytes.
    fn ends_at(&self, length: u64) -> Result<bool> {
        let file = self.events()?;
        let mut last = [0];
        Ok(length > 0
            && file.metadata()?.len() == length
            && file.read_at(&mut last, length - 1)? == 1
            && last == *b"\n")
    }

    /// Cuts the torn tail and appends what is missing, in one write.
    fn append(&self, closing: &Closing, length: u64) -> Result<()> {
        let mut file = self.append_events()?;
        let write = |file: &mut File| {
            if closing.keep < length {
                file.set_len(closing.keep)?;
            }
            file.write_all(&closing.append)?;
            file.sync_data()
        };
        write(&mut file).map_err(|e| self.failed("write", e))
    }
}
