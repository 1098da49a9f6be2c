//! A control group for the agent, where one was delegated to us: everything in it is killed by one write, however fast it
//! forks and wherever its parents are.
//!
//! Sources: cgroups(7); Linux's Documentation/admin-guide/cgroup-v2.rst (`cgroup.kill`); systemd's CGROUP_DELEGATION (a group
//! that is ours to divide has the attribute `user.delegate` or `trusted.delegate`, and no other may be divided).

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

/// Time for a killed group to become empty, in steps of [`STEP`].
const STEPS: u32 = 200;
const STEP: Duration = Duration::from_millis(5);

pub(super) struct Cgroup {
    folder: PathBuf,
    procs_fd: OwnedFd,
}

impl Cgroup {
    /// Creates a group below that of this process; `None` if that one is not delegated to this user.
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

    /// Descriptor to which a process writes `0` to join.
    pub(super) fn procs_fd(&self) -> RawFd {
        self.procs_fd.as_raw_fd()
    }

    pub(super) fn kill(&self) {
        kill(&self.folder);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        clear(&self.folder);
    }
}

/// Joins the group between `fork` and `exec`. On failure the agent stays in the group of the guardian.
pub(super) fn join(procs_fd: RawFd) {
    // SAFETY: the descriptor is open and the bytes are there; a write is safe between fork and exec.
    let _ = unsafe { libc::write(procs_fd, b"0".as_ptr().cast(), 1) };
}

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
        // Groups that the agent made inside.
        for inside in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(inside.path());
        }
        if std::fs::remove_dir(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(STEP);
    }
}

fn of(guardian: i32) -> Option<PathBuf> {
    let ours = ours()?;
    is_delegated(&ours).then(|| ours.join(format!("spile-{guardian}")))
}

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
