//! End of a run that waits for its turn: it has no agent and no control socket yet, so the process that waits gets a signal.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::run_folder::{LOCK, RunFolder, RunLife};
use crate::codec;
use crate::run::tree;

/// Interval of looks at a run that was told to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Time from the start of a run to its first event.
const FIRST_EVENT_WITHIN: Duration = Duration::from_secs(2);

/// Longest event file of a run that waits, in bytes.
const MAX_EVENTS: u64 = 1 << 20;

impl RunFolder {
    /// Ends the run, if it waits for its turn, with its terminal event. `None` if it does not wait, or has not ended within the
    /// time.
    pub fn end_waiting(&self, within: Duration) -> Result<Option<String>> {
        self.await_first_event()?;
        let Some(process) = self.ends_with("queued").then(|| self.holder()).flatten() else {
            return Ok(None);
        };
        let until = Instant::now() + within;
        pidfd_send_signal(&process, Signal::TERM)?;
        while self.settle()?.is_none() {
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let events = self.lines()?;
        let mut ends = events.lines().rev();
        let is_end = |line: &&str| codec::decode_text(line).is_ok_and(|it| it.kind.is_terminal());
        Ok(ends.find(is_end).map(str::to_owned))
    }

    /// Waits for the first event of a run that was just started: it tells whether the run waits for its turn.
    fn await_first_event(&self) -> Result<()> {
        let until = Instant::now() + FIRST_EVENT_WITHIN;
        while self.events()?.metadata()?.len() == 0 && Instant::now() < until {
            if self.life()? != RunLife::Alive {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn lines(&self) -> Result<String> {
        let mut lines = Vec::new();
        self.events()?.take(MAX_EVENTS).read_to_end(&mut lines)?;
        Ok(String::from_utf8_lossy(&lines).into_owned())
    }

    /// The process that holds the lock of the run, by a descriptor that no other process gets.
    fn holder(&self) -> Option<OwnedFd> {
        let lock = self.path().join(LOCK);
        let lock = fs::canonicalize(lock).ok()?;
        tree::all().find_map(|process| {
            let holds = || holds(process.pid, &lock);
            let opened = holds().then(|| pidfd_open(process.pid, PidfdFlags::empty()).ok());
            // The number may have gone to another process before it was opened.
            opened.flatten().filter(|_| holds())
        })
    }
}

/// True if a process has locked a file. Others have it open for a moment, to look at the lock.
fn holds(pid: Pid, lock: &Path) -> bool {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    let Ok(descriptors) = fs::read_dir(format!("{folder}/fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        let number = descriptor.file_name();
        let info = || fs::read_to_string(format!("{folder}/fdinfo/{}", number.to_string_lossy()));
        fs::read_link(descriptor.path()).is_ok_and(|path| path == lock)
            && info().is_ok_and(|info| info.lines().any(|line| line.starts_with("lock:")))
    })
}
