//! The shell job of this process: its process group without the ancestors.

use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::FileType;
use rustix::process::Pid;

use super::tree::{Below, all};

/// Other processes of the job.
pub(super) fn others() -> Vec<Pid> {
    let all: Vec<Below> = all().collect();
    let group = rustix::process::getpgrp().as_raw_pid();
    let above = lineage(&all);
    let ours = all.iter().filter(|p| p.group == group && !above.contains(&p.pid.as_raw_pid()));
    ours.map(|p| p.pid).collect()
}

fn lineage(all: &[Below]) -> Vec<i32> {
    let mut above = vec![rustix::process::getpid().as_raw_pid()];
    while let Some(process) = all.iter().find(|p| Some(&p.pid.as_raw_pid()) == above.last()) {
        if above.contains(&process.parent) {
            break;
        }
        above.push(process.parent);
    }
    above
}

/// True if a process of this job writes the pipe `fd`: one of [`others`], or an ancestor in the group that runs this program.
pub(super) fn feeds(fd: BorrowedFd<'_>) -> bool {
    let Ok(pipe) = rustix::fs::fstat(fd) else { return false };
    if FileType::from_raw_mode(pipe.st_mode) != FileType::Fifo {
        return false;
    }
    let all: Vec<Below> = all().collect();
    let (group, above) = (rustix::process::getpgrp().as_raw_pid(), lineage(&all));
    let program = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let ours = program(std::process::id().cast_signed());
    let is_job = |pid: i32| match above.iter().position(|ancestor| *ancestor == pid) {
        Some(0) => false,
        Some(_) => program(pid) == ours,
        None => true,
    };
    all.iter()
        .filter(|p| p.group == group && is_job(p.pid.as_raw_pid()))
        .any(|p| writes(p.pid, (pipe.st_dev, pipe.st_ino)))
}

fn writes(pid: Pid, (device, inode): (u64, u64)) -> bool {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid()));
    folder.into_iter().flatten().flatten().any(|fd| {
        let same = std::fs::metadata(fd.path())
            .is_ok_and(|file| file.dev() == device && file.ino() == inode);
        // The mode of the link is that of the open file.
        same && fd.path().symlink_metadata().is_ok_and(|link| link.mode() & 0o200 != 0)
    })
}
