//! Background run on its way from its starter: a process of its own in a new session, and what it tells the starter.

mod inherited;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, setsid, waitpid};
use serde::{Deserialize, Serialize};

use super::child::STREAM;
use super::state::{RunFolder, RunLock};
use crate::codec::to_json;
use crate::runs::info::RunInfo;

pub use inherited::Inherited;

/// Background run, seen by the process that hosts it.
#[derive(Debug)]
pub struct Background {
    pub(super) folder: RunFolder,
    /// Held until no process of the run is left.
    lock: RunLock,
    /// Run token.
    pub(super) token: String,
    pub(super) options: RunOptions,
    starter: Option<OwnedFd>,
}

/// Options of a background run beside those of wrap.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// Time for a full disk to take the last events, after the agent's end.
    pub linger: Duration,
    /// Largest event file, in bytes.
    pub max_run: u64,
    /// Number of the run among several that were started at once.
    pub index: Option<u16>,
}

/// Message of a run to its starter: a JSON value on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The agent runs with this process id.
    Runs(i32),
    /// The run waits for its turn with `--once`.
    Waits,
    /// The agent was not started: exit status, and the reason.
    Refused(u8, String),
    /// The run ended without a report.
    Lost,
}

/// Two processes after the start of a background run.
#[derive(Debug)]
pub enum Side {
    /// The process that was called, with the report of the run.
    Starter(Report),
    /// The process of the run.
    Run(Box<Background>),
}

/// Starts a process for the run and returns in both. The new one leads no terminal; its stdout is the event file, and of the
/// descriptors that this process has inherited it keeps none.
pub fn detach(
    (folder, lock): (RunFolder, RunLock),
    info: &RunInfo,
    options: RunOptions,
    inherited: &Inherited,
) -> Result<Side> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let null = null.context("cannot open /dev/null")?;
    let (events, messages) = (folder.append_events()?, folder.append_messages()?);
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
    let cannot = || "cannot start a process for the run";
    match fork().with_context(cannot)? {
        Fork::Parent(child) => {
            drop(write);
            let _ = waitpid(Some(child), WaitOptions::empty());
            Ok(Side::Starter(Report::read(read)))
        }
        Fork::Child => {
            let _ = setsid();
            // A process that leads no session cannot get a terminal by opening one.
            match fork() {
                Ok(Fork::Child) => {}
                // SAFETY: it ends the process.
                _ => unsafe { libc::_exit(0) },
            }
            inherited.close();
            inherited::raise_limits();
            rustix::stdio::dup2_stdin(&null)?;
            rustix::stdio::dup2_stdout(&events)?;
            rustix::stdio::dup2_stderr(&messages)?;
            let token = info.control.clone();
            let starter = Some(write);
            Ok(Side::Run(Box::new(Background { folder, lock, token, options, starter })))
        }
    }
}

impl Background {
    /// Tells the starter, which is then not waited for any more.
    pub fn report(&mut self, report: &Report) {
        if let Some(starter) = self.starter.take() {
            let line = serde_json::to_string(report).unwrap_or_default();
            // A starter that was killed needs no report.
            let _ = File::from(starter).write_all(format!("{line}\n").as_bytes());
        }
    }

    pub(super) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }
}

/// Starts a shell command that is told of the end of a run, and waits for it.
pub fn notify(command: &str, stream: &str, run: &RunFolder) -> Result<()> {
    // What is missing in its file, after a full disk or a wait that has ended.
    run.close()?;
    let cannot = || "cannot start the command of --notify";
    let mut shell = Command::new("sh")
        .args(["-c", command])
        .env(STREAM, stream)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(cannot)?;
    if let Some(mut stdin) = shell.stdin.take() {
        // A command that does not read it is none the worse.
        let _ = stdin.write_all(to_json(&run.summary().unwrap_or_default()).as_bytes());
    }
    shell.wait().with_context(cannot)?;
    Ok(())
}

impl Report {
    fn read(pipe: OwnedFd) -> Self {
        let mut line = String::new();
        let _ = BufReader::new(File::from(pipe)).read_line(&mut line);
        serde_json::from_str(&line).unwrap_or(Report::Lost)
    }
}

enum Fork {
    Parent(Pid),
    Child,
}

fn fork() -> io::Result<Fork> {
    // SAFETY: this process has one thread, so the child is as free as its parent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(Pid::from_raw(child).map_or(Fork::Child, Fork::Parent)),
    }
}
