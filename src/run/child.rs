//! The agent behind its guardian: both outputs in pipes, a stdin that cannot block it, orders through a socket.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::cgroup;
use super::guardian::{self, Message};
use super::polling;
use super::program;
use super::pty::{self, Pty};
use super::tree;
use crate::exit::{Exit, Refusal};
use crate::guard::Ended;
use crate::named::Named;
use crate::time::Time;

const START_WITHIN: Duration = Duration::from_secs(10);

/// Interval at which a guardian that may be stopped is continued meanwhile.
const NUDGE_EVERY: Duration = Duration::from_millis(20);

const OBEY_WITHIN: Duration = Duration::from_secs(2);

const MAX_NUDGES: u32 = 1000;

/// Stdin of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    Null,
    Inherit,
    Pipe,
}

impl Named for Stdin {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        (
            "null",
            "Nothing: /dev/null. An inherited stdin makes some agents wait for ever",
            Self::Null,
        ),
        ("inherit", "Ours, as it is", Self::Inherit),
        ("pipe", "A pipe into which what comes on ours is copied", Self::Pipe),
    ];
}

/// Refusal because a resource of spile is missing.
pub(super) fn lacking(program: &OsStr, what: &str, e: &io::Error) -> Refusal {
    // A command line too long for the guardian is too long for the agent.
    let too_long = e.raw_os_error() == Some(libc::E2BIG);
    let exit = if too_long { Exit::NotExecutable } else { Exit::Internal };
    Refusal { exit, why: format!("cannot start {}: {what}: {e}", program::shown(program)) }
}

/// Variable with the run token in the environment of the agent and its descendants: they can be found by it.
pub const RUN: &str = "SPILE_RUN";

/// Variable with the run tokens of the runs within which this one was started, separated by commas.
pub(super) const WITHIN: &str = "SPILE_WITHIN";

/// Variable with the stream of the run.
pub const STREAM: &str = "SPILE_STREAM";

/// Variable with the number of a run among several that were started at once.
pub(super) const INDEX: &str = "SPILE_INDEX";

/// Names of a run for its agent and the processes below it.
#[derive(Debug)]
pub(super) struct Identity {
    pub token: String,
    pub stream: String,
    /// Number among several runs that were started at once.
    pub index: Option<u16>,
}

impl Identity {
    /// Sets the variables for a new process.
    fn set(&self, command: &mut Command) {
        let outer = [WITHIN, RUN].into_iter().filter_map(|name| std::env::var(name).ok());
        let outer: Vec<String> = outer.filter(|tokens| !tokens.is_empty()).collect();
        command.env(RUN, &self.token).env(STREAM, &self.stream);
        if let Some(index) = self.index {
            command.env(INDEX, index.to_string());
        }
        match outer.is_empty() {
            true => command.env_remove(WITHIN),
            false => command.env(WITHIN, outer.join(",")),
        };
    }
}

#[derive(Debug)]
pub(super) struct Agent {
    /// Run token.
    pub token: String,
    pub pid: i32,
    pub stdin: Option<OwnedFd>,
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
    guardian: Child,
    control: UnixStream,
    received: Vec<u8>,
    /// Inherited children, of a shell that became wrap by `exec`.
    spare: Vec<Pid>,
    pub ended: Option<Ended>,
    pub guarded: Guarded,
    /// Deadline for outstanding orders, and their number.
    orders_due: Option<(Time, u32)>,
    /// True if the deadline passed and the guardian was killed.
    pub disobeyed: bool,
    /// Stops and continuations that have not been reported yet.
    pub changes: Vec<Message>,
    unkillable: Vec<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarded {
    Yes,
    Finishing,
    /// Finished: it has killed the rest and exited.
    Finished,
    /// Killed, and everything below it with it.
    Lost,
}

/// Starts `argv` with pipes, or in a terminal. The guardian alone inherits `held` and keeps it open until no process of the agent is left.
pub(super) fn spawn(
    argv: &[OsString],
    stdin: Stdin,
    pty: Option<Pty>,
    (identity, held): (&Identity, &[BorrowedFd<'_>]),
) -> Result<Agent, Refusal> {
    let program = argv.first().map_or(OsStr::new(""), OsString::as_os_str);
    let failed = |e: io::Error| lacking(program, "spile cannot start its guardian", &e);
    let spare = tree::children();
    // Adopts the orphans of a guardian that is killed alone.
    tree::adopt_orphans();
    let (control, theirs) = UnixStream::pair().map_err(failed)?;
    let guardian = start_guardian(argv, stdin, pty.as_ref(), &theirs, (identity, held));
    let mut guardian = guardian.map_err(failed)?;
    drop(theirs);
    // The slave is closed here.
    let master = pty.map(|pty| pty.master);
    let mut agent = Agent {
        token: identity.token.clone(),
        pid: 0,
        stdin: guardian.stdin.take().map(OwnedFd::from),
        stdout: master.or(guardian.stdout.take().map(OwnedFd::from)),
        stderr: guardian.stderr.take().map(OwnedFd::from),
        guardian,
        control,
        received: Vec::new(),
        spare,
        ended: None,
        guarded: Guarded::Yes,
        orders_due: None,
        disobeyed: false,
        changes: Vec::new(),
        unkillable: Vec::new(),
    };
    let until = Instant::now() + START_WITHIN;
    loop {
        match Message::next(&mut agent.received) {
            Some(Message::Started(pid)) => {
                agent.pid = pid;
                // A short-lived agent may have exited by now.
                agent.read_guardian();
                return Ok(agent);
            }
            Some(Message::NotStarted(errno)) => {
                let _ = agent.guardian.wait();
                return Err(program::refused(program, &io::Error::from_raw_os_error(errno)));
            }
            _ if agent.guarded == Guarded::Lost => {
                return Err(failed(io::Error::other("it ended at once")));
            }
            // The agent may have stopped its guardian.
            _ if polling::ready(&agent.control, PollFlags::IN, Some(NUDGE_EVERY)).is_empty() => {
                match Instant::now() < until {
                    true => agent.nudge(),
                    false => agent.kill_guardian(),
                }
            }
            _ => agent.listen(),
        }
    }
}

fn start_guardian(
    argv: &[OsString],
    stdin: Stdin,
    pty: Option<&Pty>,
    control: &UnixStream,
    (identity, held): (&Identity, &[BorrowedFd<'_>]),
) -> io::Result<Child> {
    let fds: Vec<BorrowedFd<'_>> =
        [control.as_fd()].into_iter().chain(held.iter().copied()).collect();
    let numbers: Vec<String> = fds.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let mut command = Command::new(program::own());
    command.args([guardian::WORD, &numbers.join(",")]).args(argv);
    identity.set(&mut command);
    match pty {
        None => command
            .stdin(match stdin {
                Stdin::Null => Stdio::null(),
                Stdin::Inherit => Stdio::inherit(),
                Stdin::Pipe => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0),
        Some(Pty { slave, .. }) => {
            command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave.try_clone()?);
            // A terminal has a type, also if wrap was started without one, as by cron.
            if std::env::var_os("TERM").is_none_or(|term| term.is_empty()) {
                command.env("TERM", "xterm-256color");
            }
            // The guardian leads the session: when a leader ends, the terminal hangs up and discards unread output.
            // SAFETY: `pty::lead` makes system calls only, allocates nothing and takes no lock.
            unsafe { command.pre_exec(pty::lead) }
        }
    };
    // This process has one thread, so no other child inherits them meanwhile.
    for fd in &fds {
        rustix::io::fcntl_setfd(fd, FdFlags::empty())?;
    }
    let started = command.spawn();
    for fd in &fds {
        rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    }
    started
}

impl Agent {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    pub(super) fn listen(&mut self) {
        let mut buf = [0; 256];
        match self.control.read(&mut buf) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => self.lose_guardian(),
            Ok(n) => self.received.extend_from_slice(&buf[..n]),
        }
        if self.pid != 0 {
            self.read_guardian();
        }
    }

    fn read_guardian(&mut self) {
        while let Some(message) = Message::next(&mut self.received) {
            match message {
                Message::Exited(_) | Message::Died(_) => self.ended = message.ended(),
                Message::Stopped(_) | Message::Continued => self.changes.push(message),
                Message::Obeyed => {
                    let orders_due = self.orders_due.filter(|(_, orders)| *orders > 1);
                    self.orders_due = orders_due.map(|(until, orders)| (until, orders - 1));
                }
                Message::Left(pid) if !self.unkillable.contains(&pid) => self.unkillable.push(pid),
                _ => {}
            }
        }
    }

    pub(super) fn is_unkillable(&self) -> bool {
        self.ended.is_none() && self.unkillable.contains(&self.pid)
    }

    pub(super) fn signal(&mut self, now: Time, signal: i32) {
        self.order(now, Message::Signal(signal));
    }

    pub(super) fn order(&mut self, now: Time, message: Message) {
        if self.guarded == Guarded::Yes && self.control.write_all(&message.line()).is_ok() {
            let (until, orders) = self.orders_due.unwrap_or((now + OBEY_WITHIN, 0));
            self.orders_due = Some((until, orders + 1));
            self.nudge();
        }
    }

    /// Continues the guardian, which any process of the user can stop.
    fn nudge(&self) {
        if self.is_guarded() {
            let _ = kill_process(Pid::from_child(&self.guardian), Signal::CONT);
        }
    }

    pub(super) fn continue_guardian(&self) {
        if self.is_guardian_stopped() {
            self.nudge();
        }
    }

    pub(super) fn kill_if_stopped(&mut self) -> bool {
        let stopped = self.is_guardian_stopped();
        if stopped {
            self.kill_guardian();
        }
        stopped
    }

    fn is_guardian_stopped(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let guardian = WaitId::Pid(Pid::from_child(&self.guardian));
        self.is_guarded() && waitid(guardian, options).is_ok_and(|change| change.is_some())
    }

    fn is_guarded(&self) -> bool {
        matches!(self.guarded, Guarded::Yes | Guarded::Finishing)
    }

    fn kill_guardian(&mut self) {
        if self.is_guarded() {
            self.disobeyed = true;
            let _ = kill_process(Pid::from_child(&self.guardian), Signal::KILL);
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.orders_due.map(|(until, _)| until)
    }

    /// Kills a guardian whose deadline has passed; see [`Agent::lose_guardian`].
    pub(super) fn on_time(&mut self, now: Time) {
        if self.orders_due.is_some_and(|(until, _)| until <= now) {
            self.orders_due = None;
            self.kill_guardian();
        }
    }

    /// Processes of the agent that outlive it: process ids and names.
    pub(super) fn left(&self) -> Vec<(i32, String)> {
        let guardian = Pid::from_child(&self.guardian);
        // Survivors become children of wrap once the guardian has exited.
        let ours = |pid: &Pid| *pid != guardian && !self.spare.contains(pid);
        if self.guarded != Guarded::Finishing && !tree::children().iter().any(ours) {
            return Vec::new();
        }
        let left = tree::below(&self.spare).into_iter().filter(|p| !p.zombie && p.pid != guardian);
        left.map(|p| (p.pid.as_raw_pid(), p.name)).collect()
    }

    pub(super) fn finish(&mut self) {
        if self.guarded == Guarded::Yes {
            self.guarded = Guarded::Finishing;
            let _ = self.control.shutdown(Shutdown::Write);
            self.orders_due = None;
            self.nudge();
        }
    }

    /// Waits for the guardian's exit, and continues it if a process below stops it.
    fn see_guardian_out(&self) {
        let guardian = Pid::from_child(&self.guardian);
        let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
        for _ in 0..MAX_NUDGES {
            match waitid(WaitId::Pid(guardian), options) {
                Ok(Some(change)) if change.stopped() => self.nudge(),
                Err(rustix::io::Errno::INTR) => {}
                _ => return,
            }
        }
        let _ = kill_process(guardian, Signal::KILL);
    }

    /// Handles a closed socket: the guardian has finished, or was killed and wrap takes over.
    fn lose_guardian(&mut self) {
        self.orders_due = None;
        self.see_guardian_out();
        let in_order = self.guardian.wait().is_ok_and(|status| status.success());
        if in_order && self.guarded == Guarded::Finishing {
            self.guarded = Guarded::Finished;
            return;
        }
        self.guarded = Guarded::Lost;
        cgroup::clear_of(self.guardian.id());
        let (agent, ended) = (self.pid, &mut self.ended);
        let left = tree::kill_all(&self.spare, &mut |pid, status| {
            if pid.as_raw_pid() == agent {
                *ended = Message::from(status).ended();
            }
        });
        self.unkillable.extend(left.into_iter().map(Pid::as_raw_pid));
        if !self.unkillable.contains(&self.pid) {
            self.ended.get_or_insert(Ended::Signalled(libc::SIGKILL));
        }
    }
}
