//! The processes below this one: found by walking /proc, and killed until none is left.

use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait, waitpid};

/// A process below us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Below {
    pub pid: Pid,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    /// It has ended, and its parent has not asked how.
    zombie: bool,
}

/// From here on orphans below us become our children, not init's. Where the system has no such thing they get away, and
/// only the agent's process group is killed.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// All processes below this one, zombies included, without those below `spare`.
pub(super) fn below(spare: &[Pid]) -> Vec<Below> {
    let me = rustix::process::getpid().as_raw_pid();
    let mut rest: Vec<Below> = all().collect();
    let (mut found, mut parents) = (Vec::new(), vec![me]);
    while let Some(parent) = parents.pop() {
        rest.retain(|p| {
            let ours = p.parent == parent && !spare.contains(&p.pid);
            if ours {
                parents.push(p.pid.as_raw_pid());
                found.push(*p);
            }
            !ours
        });
    }
    found
}

/// The other processes of our job, as a pipeline is one: those of our process group, without those above us.
pub(super) fn job() -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    let group = rustix::process::getpgrp().as_raw_pid();
    let all: Vec<Below> = all().collect();
    let mut above = vec![me];
    while let Some(parent) = all.iter().find(|p| Some(&p.pid.as_raw_pid()) == above.last()) {
        if above.contains(&parent.parent) {
            break;
        }
        above.push(parent.parent);
    }
    let ours = all.iter().filter(|p| p.group == group && !above.contains(&p.pid.as_raw_pid()));
    ours.map(|p| p.pid).collect()
}

/// True if a process of our job writes the pipe `fd`: our upstream in a pipeline, or in a process substitution, and then
/// perhaps the spile above us.
pub(super) fn is_fed_by_job(fd: BorrowedFd<'_>) -> bool {
    let Ok(pipe) = rustix::fs::fstat(fd) else {
        return false;
    };
    if FileType::from_raw_mode(pipe.st_mode) != FileType::Fifo {
        return false;
    }
    let job = job().into_iter().chain(spiles_above());
    job.into_iter().any(|pid| writes(pid, (pipe.st_dev, pipe.st_ino)))
}

/// The other spiles of our process group that are above us.
fn spiles_above() -> Vec<Pid> {
    let program = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let me = rustix::process::getpid().as_raw_pid();
    let group = rustix::process::getpgrp().as_raw_pid();
    let all: Vec<Below> = all().collect();
    let (mut found, mut at) = (Vec::new(), me);
    while let Some(process) = all.iter().find(|p| p.pid.as_raw_pid() == at) {
        at = process.parent;
        let parent = all.iter().find(|p| p.pid.as_raw_pid() == at && p.group == group);
        found.extend(parent.filter(|_| program(at) == program(me)).map(|p| p.pid));
    }
    found
}

/// True if a process has the file of this device and number open for writing.
fn writes(pid: Pid, (device, inode): (u64, u64)) -> bool {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid()));
    folder.into_iter().flatten().flatten().any(|fd| {
        let same = std::fs::metadata(fd.path())
            .is_ok_and(|file| file.dev() == device && file.ino() == inode);
        // The mode of the link says how the file was opened.
        same && fd.path().symlink_metadata().is_ok_and(|link| link.mode() & 0o200 != 0)
    })
}

/// Every process of the system; none where there is no /proc.
fn all() -> impl Iterator<Item = Below> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last parenthesis may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let zombie = fields.next()? == "Z";
        Some(Below {
            zombie,
            pid: Pid::from_raw(pid)?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
        })
    })
}

/// The processes below us that have not ended, without those below `spare`: numbers and names.
pub(super) fn alive(spare: &[Pid]) -> Vec<(i32, String)> {
    let pids = below(spare).into_iter().map(|p| p.pid.as_raw_pid());
    let named = pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, rest) = stat.rsplit_once(')')?;
        let ended = matches!(rest.trim_start().chars().next(), Some('Z' | 'X'));
        (!ended).then(|| (pid, head.split_once('(').map_or("", |(_, name)| name).to_owned()))
    });
    named.collect()
}

/// The processes that are our children by now.
pub(super) fn children() -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    let path = format!("/proc/self/task/{me}/children");
    let list = std::fs::read_to_string(path).unwrap_or_default();
    let pids = list.split_whitespace();
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Collects every child that has ended by now. `false`: there is no child left.
pub(super) fn reap(reaped: &mut dyn FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => reaped(pid, status),
            Ok(None) | Err(Errno::INTR) => return true,
            Err(_) => return false,
        }
    }
}

/// As [`reap`], and tells of children that were stopped or go on.
pub(super) fn changes(changed: &mut dyn FnMut(Pid, WaitStatus)) {
    let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
    loop {
        match wait(options) {
            Ok(Some((pid, status))) => changed(pid, status),
            Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// Kills everything below us but what is below `spare`, and returns when nothing of it is left, or only what we may not
/// kill, which it gives. With orphans adopted that is also what left its group, its session and its parent: whatever the dying leave
/// behind becomes our child and is found by the next pass.
pub(super) fn kill_all(spare: &[Pid], reaped: &mut dyn FnMut(Pid, WaitStatus)) -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    // The usual case: nothing was left behind, and /proc need not be read.
    while reap(reaped) {
        let (mut killed, mut left) = (Vec::new(), Vec::new());
        for process in below(spare).into_iter().filter(|p| !p.zombie || p.parent == me) {
            match kill_process(process.pid, Signal::KILL) {
                Ok(()) => killed.push(process),
                Err(Errno::PERM) => left.push(process.pid),
                Err(_) => {}
            }
        }
        if killed.is_empty() {
            return left;
        }
        for child in killed.iter().filter(|p| p.parent == me) {
            wait_for(child.pid, reaped);
        }
    }
    Vec::new()
}

fn wait_for(child: Pid, reaped: &mut dyn FnMut(Pid, WaitStatus)) {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((pid, status))) => return reaped(pid, status),
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}
