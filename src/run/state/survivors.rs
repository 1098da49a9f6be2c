//! Processes of a run that have outlived its wrap and its guardian, found by the run token in their environment.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

use crate::run::child::{RUN, WITHIN};
use crate::run::{polling, tree};

/// Time for killed processes to end; one in an uninterruptible wait takes longer.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Kills every process with this run token but this one, until none is left; returns those that do not end.
pub(super) fn kill_all(token: &str) -> Vec<Pid> {
    let until = Instant::now() + END_WITHIN;
    loop {
        let found: Vec<(Pid, OwnedFd)> = find(token).collect();
        for (_, process) in &found {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let left = until.saturating_duration_since(Instant::now());
        if found.is_empty() || left.is_zero() {
            return found.into_iter().map(|(pid, _)| pid).collect();
        }
        for (_, process) in &found {
            polling::ready(process, PollFlags::IN, Some(left));
        }
    }
}

/// Living processes with this token, each by a descriptor that no other process gets.
fn find(token: &str) -> impl Iterator<Item = (Pid, OwnedFd)> {
    let (own, me) = (format!("{RUN}={token}"), getpid());
    let processes = tree::all().filter(move |process| !process.zombie && process.pid != me);
    processes.filter_map(move |process| {
        let carries = || carries(process.pid, &own, token);
        carries()
            .then(|| pidfd_open(process.pid, PidfdFlags::empty()).ok())
            .flatten()
            // The number may have gone to another process before it was opened.
            .filter(|_| carries())
            .map(|descriptor| (process.pid, descriptor))
    })
}

/// True if the environment of a process has the variable `own`, or the token among those of outer runs.
fn carries(pid: Pid, own: &str, token: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{}/environ", pid.as_raw_pid())) else {
        return false;
    };
    environment.split(|byte| *byte == 0).any(|variable| {
        let within = || variable.strip_prefix(WITHIN.as_bytes())?.strip_prefix(b"=");
        variable == own.as_bytes()
            || within()
                .is_some_and(|outer| outer.split(|b| *b == b',').any(|it| it == token.as_bytes()))
    })
}
