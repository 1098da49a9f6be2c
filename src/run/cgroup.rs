//! A control group for the agent, where one was delegated to us: everything in it is killed by one write, however fast it
//! forks and wherever its parents are.
//!
//! Sources: cgroups(7); Linux's Documentation/admin-guide/cgroup-v2.rst (`cgroup.kill`); systemd's CGROUP_DELEGATION (a group
//! that is ours to divide has the attribute `user.delegate` or `trusted.delegate`, and no other may be divided).

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

/// How long the group may take to become empty once all in it was killed, in steps of [`STEP`].
const STEPS: u32 = 200;
const STEP: Duration = Duration::from_millis(5);

/// A group that the guardian made; when it is dropped whatever is in it is killed, and it is removed.
pub(super) struct Cgroup {
    folder: PathBuf,
    procs_fd: OwnedFd,
}

impl Cgroup {
    /// Makes one below that of this process, the guardian; `None` where that one is not ours to divide.
    pub(super) fn make() -> Option<Self> {
        let folder = of(rustix::process::getpid().as_raw_pid())?;
        std::fs::create_dir(&folder).ok()?;
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let procs_fd = rustix::fs::open(folder.join("cgroup.procs"), flags, Mode::empty());
        match procs_fd {
            Ok(procs_fd) if folder.join("cgroup.kill").exists() => Some(Self { folder, procs_fd }),
            _ => {
                let _ = std::fs::remove_dir(&folder);
                None
            }
        }
    }

    /// Where a process writes `0` to go in.
    pub(super) fn procs_fd(&self) -> RawFd {
        self.procs_fd.as_raw_fd()
    }

    /// Kills all that is in it.
    pub(super) fn kill(&self) {
        kill(&self.folder);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        clear(&self.folder);
    }
}

/// Goes through the procs_fd, between `fork` and `exec`. One that is shut leaves the agent where it is: it is found all the same.
pub(super) fn join(procs_fd: RawFd) {
    // SAFETY: the descriptor is open and the bytes are there; a write is safe between fork and exec.
    let _ = unsafe { libc::write(procs_fd, b"0".as_ptr().cast(), 1) };
}

/// Does what a guardian that was killed cannot do any more.
pub(super) fn clear_of(guardian: u32) {
    if let Some(folder) = i32::try_from(guardian).ok().and_then(of).filter(|f| f.exists()) {
        clear(&folder);
    }
}

fn kill(folder: &Path) {
    let _ = std::fs::write(folder.join("cgroup.kill"), "1");
}

fn clear(folder: &Path) {
    kill(folder);
    for _ in 0..STEPS {
        // What the agent made inside goes with it.
        for inside in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(inside.path());
        }
        if std::fs::remove_dir(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(STEP);
    }
}

/// The folder for the agent of this guardian.
fn of(guardian: i32) -> Option<PathBuf> {
    let ours = ours()?;
    is_delegated(&ours).then(|| ours.join(format!("spile-{guardian}")))
}

/// The folder of the group in which this process is.
fn ours() -> Option<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|mount| {
        let (place, kind) = mount.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then_some(())?;
        let mut fields = place.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let below = Path::new(group).strip_prefix(root).ok()?;
        Some(Path::new(point).join(below))
    })
}

#[cfg(target_os = "linux")]
fn is_delegated(folder: &Path) -> bool {
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0; 1];
        rustix::fs::getxattr(folder, *name, &mut value) == Ok(1) && value == *b"1"
    })
}

#[cfg(not(target_os = "linux"))]
fn is_delegated(_: &Path) -> bool {
    false
}
