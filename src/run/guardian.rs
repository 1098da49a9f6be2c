//! The guardian: a process between wrap and the agent that outlives wrap. It is the agent's parent, adopts orphans, and
//! when wrap is gone or orders it, kills until `waitpid` knows of no child. With a delegated control group the agent
//! has one of its own, which is killed as a whole.
//!
//! The guardian holds none of wrap's stdio. Without adoption of orphans (not on Linux) it kills the agent's group. Simultaneous
//! SIGKILLs of wrap and guardian are not covered.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGSTOP};

use super::cgroup::{self, Cgroup};
use super::program;
use super::signal::{self, ENDS, OnRepeat, Signals};
use super::terminal;
use super::tree;
use crate::exit::Exit;
use crate::guard::Ended;

const MAX_LEFT: usize = 64;

/// Internal subcommand that starts the guardian.
pub const WORD: &str = "guardian";

/// Guards the agent `argv`. `descriptors` are numbers: the socket to wrap, then those to hold until the guardian exits.
/// Stdin, stdout and stderr are the agent's; a terminal there is that of this session, and the agent gets its
/// foreground.
pub fn guardian(descriptors: &str, argv: &[OsString]) -> Exit {
    let held: Option<Vec<OwnedFd>> = descriptors.split(',').map(inherited).collect();
    let control = held.map(|mut held| {
        let control = UnixStream::from(held.remove(0));
        (control, held)
    });
    let (Some((control, held)), Some((program, args))) = (control, argv.split_first()) else {
        super::warn_user(b"spile: the guardian is started by `spile wrap -- CMD`\n");
        return Exit::Usage;
    };
    // Inherited as ignored in the background of a shell without job control; the agent has its own group and gets no
    // interrupt of the terminal.
    signal::heed(&[SIGINT, SIGQUIT]);
    // Caught, because ignored signals stay ignored in the agent.
    let Ok(signals) = Signals::catch(&[&ENDS[..], &[SIGCHLD]].concat(), OnRepeat::Report) else {
        return Exit::Internal;
    };
    tree::adopt_orphans();
    // Only wrap --pty gives the guardian a terminal.
    let terminal = rustix::termios::isatty(rustix::stdio::stdout());
    let cgroup = Cgroup::make();
    let place = StartPlace { terminal, procs_fd: cgroup.as_ref().map(Cgroup::procs_fd) };
    let agent = start(program, args, place).or_else(|e| {
        let bare = e.raw_os_error() == Some(libc::ENOEXEC);
        let script = program::bare_script(program).filter(|_| bare).ok_or(e)?;
        let args: Vec<OsString> = [script.into()].into_iter().chain(args.iter().cloned()).collect();
        start(OsStr::new("/bin/sh"), &args, place)
    });
    forget_stdio();
    match agent {
        Ok(child) => {
            let agent = Pid::from_child(&child);
            let (exited, stop) = (false, Stop::None);
            let mut guardian = Guardian { control, signals, terminal, agent, exited, stop, cgroup };
            guardian.send(Message::Started(agent.as_raw_pid()));
            guardian.run();
        }
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(libc::EINVAL);
            send(&control, Message::NotStarted(errno));
            drop(cgroup);
        }
    }
    // Releases the lock of --once.
    drop(held);
    Exit::Success
}

#[derive(Clone, Copy)]
struct StartPlace {
    terminal: bool,
    /// Descriptor by which it joins its control group.
    procs_fd: Option<RawFd>,
}

fn start(program: &OsStr, args: &[OsString], place: StartPlace) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(args);
    if place.terminal {
        command.process_group(0);
        // SAFETY: it makes system calls only, allocates nothing and takes no lock.
        unsafe { command.pre_exec(terminal::come_to_the_front) };
    } else {
        // SAFETY: as above.
        unsafe { command.pre_exec(terminal::leave_terminal) };
    }
    if let Some(procs_fd) = place.procs_fd {
        // SAFETY: it makes one system call, allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(move || {
                cgroup::join(procs_fd);
                Ok(())
            })
        };
    }
    command.spawn()
}

/// Takes over an inherited descriptor and hides it from the agent.
fn inherited(number: &str) -> Option<OwnedFd> {
    let number: RawFd = number.parse().ok().filter(|n| *n > 2)?;
    // SAFETY: wrap names a descriptor that it opened for us alone; nothing else in this process owns it. One that is not
    // open is found out by the first call.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC).ok()?;
    Some(fd)
}

/// Closes stdio: these copies would hold the agent's pipes open.
fn forget_stdio() {
    if let Ok(null) = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

fn send(mut control: &UnixStream, message: Message) {
    // A closed socket is handled by the next read.
    let _ = control.write_all(&message.line());
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    None,
    Ours,
    Its,
}

struct Guardian {
    control: UnixStream,
    signals: Signals,
    /// True if the agent has a terminal and its own session.
    terminal: bool,
    agent: Pid,
    exited: bool,
    stop: Stop,
    cgroup: Option<Cgroup>,
}

impl Guardian {
    fn run(&mut self) {
        let mut received = Vec::new();
        loop {
            self.reap();
            let mut fds = [
                PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN),
                PollFd::new(&self.control, PollFlags::IN),
            ];
            let _ = poll(&mut fds, None);
            let (signal, order) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
            if signal {
                self.signals.take();
            }
            if order {
                let mut buf = [0; 256];
                match self.control.read(&mut buf) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => break,
                    Ok(n) => received.extend_from_slice(&buf[..n]),
                }
            }
            while let Some(message) = Message::next(&mut received) {
                match message {
                    Message::Signal(signal) => {
                        self.signal(signal);
                        self.send(Message::Obeyed);
                    }
                    Message::KillTree => {
                        // Acknowledged first: killing may take longer than wrap waits.
                        self.send(Message::Obeyed);
                        self.kill_all();
                    }
                    _ => {}
                }
            }
        }
        self.kill_all();
    }

    fn send(&self, message: Message) {
        send(&self.control, message);
    }

    fn on_changed(&mut self, pid: Pid, status: WaitStatus) {
        if pid != self.agent {
            return;
        }
        match (status.stopping_signal(), status.continued()) {
            (Some(signal), _) if self.stop == Stop::None => {
                self.stop = Stop::Its;
                self.send(Message::Stopped(signal));
            }
            (None, true) if self.stop == Stop::Its => {
                self.stop = Stop::None;
                self.send(Message::Continued);
            }
            (Some(_), _) | (None, true) => {}
            (None, false) => {
                self.exited = true;
                self.send(status.into());
            }
        }
    }

    fn reap(&mut self) {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        tree::reap(options, &mut |pid, status| self.on_changed(pid, status));
    }

    fn kill_all(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        if !self.exited {
            let _ = kill_process_group(self.agent, Signal::KILL);
        }
        let left = tree::kill_all(&[], &mut |pid, status| self.on_changed(pid, status));
        for pid in left.iter().take(MAX_LEFT) {
            self.send(Message::Left(pid.as_raw_pid()));
        }
    }

    /// Sends a signal to the agent's group; to its session if it has a terminal, because its jobs are groups of their
    /// own. After the exit the number may be reused, so only descendants are signalled.
    fn signal(&mut self, signal: i32) {
        match signal {
            SIGSTOP => self.stop = Stop::Ours,
            SIGCONT if self.stop == Stop::Ours => self.stop = Stop::None,
            _ => {}
        }
        let Some(signal) = Signal::from_named_raw(signal) else { return };
        self.reap();
        if !self.exited {
            let _ = kill_process_group(self.agent, signal);
            if !self.terminal {
                return;
            }
        }
        let (group, session) = (self.agent.as_raw_pid(), getpid().as_raw_pid());
        for process in tree::below(&[]) {
            let in_group = process.group == group;
            let in_session = self.terminal && process.session == session;
            // The group of a living agent was signalled above.
            if (in_group && self.exited) || (in_session && !in_group) {
                let _ = kill_process(process.pid, signal);
            }
        }
    }
}

/// A message between wrap and the guardian: a JSON value on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// From the guardian: the agent runs with this process id.
    Started(i32),
    /// From the guardian: the agent could not be started, with this errno.
    NotStarted(i32),
    /// From the guardian: the agent exited with this status.
    Exited(i32),
    /// From the guardian: the agent died of this signal.
    Died(i32),
    /// From the guardian: the agent was stopped by this signal, not by an order.
    Stopped(i32),
    /// From the guardian: the stopped agent continues.
    Continued,
    /// From the guardian: an order was carried out.
    Obeyed,
    /// From the guardian: this process cannot be killed and still runs.
    Left(i32),
    /// From wrap: send this signal to the agent's process group.
    Signal(i32),
    /// From wrap: kill every process below the guardian.
    KillTree,
}

impl From<WaitStatus> for Message {
    fn from(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Message::Exited(code),
            (None, Some(signal)) => Message::Died(signal),
            (None, None) => Message::Exited(-1),
        }
    }
}

impl Message {
    pub(super) fn line(self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(super) fn ended(self) -> Option<Ended> {
        match self {
            Message::Exited(code) => Some(Ended::Exited(code)),
            Message::Died(signal) => Some(Ended::Signalled(signal)),
            _ => None,
        }
    }

    /// Takes the next message out of what was received.
    pub(super) fn next(received: &mut Vec<u8>) -> Option<Self> {
        while let Some(end) = memchr::memchr(b'\n', received) {
            let line: Vec<u8> = received.drain(..=end).collect();
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let sent = [
            Message::Started(7),
            Message::NotStarted(2),
            Message::Exited(256),
            Message::Died(9),
            Message::Stopped(21),
            Message::Continued,
            Message::Obeyed,
            Message::Left(7),
            Message::Signal(15),
            Message::KillTree,
        ];
        let mut received: Vec<u8> = sent.iter().flat_map(|m| m.line()).collect();
        let last = received.split_off(received.len() - 2);
        let mut got: Vec<Message> = std::iter::from_fn(|| Message::next(&mut received)).collect();
        received.extend(last);
        got.extend(Message::next(&mut received));
        assert_eq!(got, sent);
    }
}
