//! Data that waits on disk for a slow reader: a temporary file without a name, which the system removes with the process.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::UNIX_EPOCH;

use rustix::fs::{Mode, OFlags};

/// An unnamed temporary file, written and read at any position.
#[derive(Debug)]
pub(crate) struct SpillFile(File);

impl SpillFile {
    pub(crate) fn create() -> io::Result<Self> {
        let folder = std::env::temp_dir();
        let mode = Mode::RUSR | Mode::WUSR;
        #[cfg(target_os = "linux")]
        {
            let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
            if let Ok(file) = rustix::fs::open(&folder, flags, mode) {
                return Ok(Self(file.into()));
            }
        }
        let nanos = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let name = folder.join(format!("spile-spool-{}-{nanos}", std::process::id()));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::open(&name, flags, mode)?;
        std::fs::remove_file(&name)?;
        Ok(Self(file.into()))
    }

    /// Writes `parts` one behind another at `at`; returns the position behind them. Separate writes are cheaper than a copy
    /// that joins the parts.
    pub(crate) fn write_at(&self, parts: &[&[u8]], mut at: u64) -> io::Result<u64> {
        for part in parts {
            self.0.write_all_at(part, at)?;
            at += part.len() as u64;
        }
        Ok(at)
    }

    pub(crate) fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buf, at)
    }

    pub(crate) fn read_exact_at(&self, buf: &mut [u8], at: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, at)
    }

    /// Returns the blocks of a range to the file system, where it supports holes.
    pub(crate) fn free(&self, range: Range<u64>) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(&self.0, flags, range.start, range.end - range.start);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }
}
