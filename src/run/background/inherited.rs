//! Descriptors and limits of the caller that a background run does not keep.

use std::os::fd::RawFd;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Largest soft limit of open files that is set: some programs use `select`, which knows 1,024 descriptors.
const OPEN_FILES: u64 = 1024;

/// Descriptors over 2 that this process has inherited, such as a pipe that the caller reads to its end.
#[derive(Debug, Default)]
pub struct Inherited(Vec<RawFd>);

impl Inherited {
    /// Lists them. For the beginning of a command, which has opened nothing itself.
    pub fn list() -> Self {
        let entries = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
        let mut numbers: Vec<RawFd> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|number| *number > 2)
            .collect();
        // The list itself was read through a descriptor, which is closed by now.
        // SAFETY: it asks for the flags of a descriptor, which need not be open.
        numbers.retain(|number| unsafe { libc::fcntl(*number, libc::F_GETFD) } != -1);
        Self(numbers)
    }

    pub(super) fn close(&self) {
        for number in &self.0 {
            // SAFETY: the descriptor was open before this process opened any, so nothing here owns it.
            unsafe { libc::close(*number) };
        }
    }
}

/// Raises soft limits to the hard ones, as at a login: those of the caller are for the caller.
pub(super) fn raise_limits() {
    let all = [
        Resource::Cpu,
        Resource::Fsize,
        Resource::Data,
        Resource::As,
        Resource::Nproc,
        Resource::Rss,
        Resource::Nofile,
    ];
    for resource in all {
        let mut limit = getrlimit(resource);
        let highest = match resource {
            Resource::Nofile => {
                let least = limit.current.unwrap_or(OPEN_FILES).max(OPEN_FILES);
                Some(limit.maximum.map_or(least, |maximum| maximum.min(least)))
            }
            _ => limit.maximum,
        };
        if limit.current != highest {
            limit.current = highest;
            let _ = setrlimit(resource, limit);
        }
    }
}
