//! Descendant processes: found by walking /proc, and killed until none is left.

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait, waitpid};

#[derive(Debug, Clone)]
pub(super) struct Below {
    pub pid: Pid,
    pub parent: i32,
    pub group: i32,
    pub session: i32,
    pub zombie: bool,
    pub name: String,
}

/// Makes this process the reaper of orphaned descendants. Without support only the agent's process group is killed.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Descendants, zombies included, without those below `spare`.
pub(super) fn below(spare: &[Pid]) -> Vec<Below> {
    let me = rustix::process::getpid().as_raw_pid();
    let mut rest: Vec<Below> = all().collect();
    let (mut found, mut parents) = (Vec::new(), vec![me]);
    while let Some(parent) = parents.pop() {
        rest.retain(|p| {
            let ours = p.parent == parent && !spare.contains(&p.pid);
            if ours {
                parents.push(p.pid.as_raw_pid());
                found.push(p.clone());
            }
            !ours
        });
    }
    found
}

/// Every process of the system; none without /proc.
pub(super) fn all() -> impl Iterator<Item = Below> {
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold any character.
        let (head, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        Some(Below {
            zombie,
            name: head.split_once('(').map_or("", |(_, name)| name).to_owned(),
            pid: Pid::from_raw(pid)?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
        })
    })
}

pub(super) fn children() -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    let path = format!("/proc/self/task/{me}/children");
    let list = std::fs::read_to_string(path).unwrap_or_default();
    let pids = list.split_whitespace();
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Reaps children that have ended, or reports other changes by `options`; `false` if no child is left.
pub(super) fn reap(options: WaitOptions, changed: &mut dyn FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(options) {
            Ok(Some((pid, status))) => changed(pid, status),
            Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Kills all descendants but those below `spare`, and returns those that may not be killed once no other is left. With
/// orphans adopted this includes processes that left their group, session and parent: survivors become children and are
/// found by the next pass.
pub(super) fn kill_all(spare: &[Pid], reaped: &mut dyn FnMut(Pid, WaitStatus)) -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    // In the usual case no child is left, and /proc need not be read.
    while reap(WaitOptions::NOHANG, reaped) {
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
            let ended = retry_on_intr(|| waitpid(Some(child.pid), WaitOptions::empty()));
            if let Ok(Some((pid, status))) = ended {
                reaped(pid, status);
            }
        }
    }
    Vec::new()
}
