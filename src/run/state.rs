//! State directory: the files of background runs, readable by this user alone. It never trusts a directory that another user
//! may have written, and never waits for a run.

mod close;
#[cfg(feature = "serve")]
mod context;
mod history;
#[cfg(feature = "serve")]
mod index;
mod listing;
mod lock;
mod run_folder;
mod strays;
mod survivors;
#[cfg(test)]
mod tests;
mod waiting;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::{Errno, pread, retry_on_intr};

use super::control::new_word;
use crate::codec::is_stream_id;
use crate::runs::info::RunInfo;

pub use close::Closed;
pub use history::HistoryReader;
pub use listing::{Removed, StoredRun};
pub use lock::RunLock;
pub use run_folder::{RunFolder, RunLife};
use strays::Strays;

/// Mode of the directories of the state.
const PRIVATE_FOLDER: Mode = Mode::RWXU;

/// Mode of its files.
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Permission of the group and of others to write.
const OTHERS_WRITE: u32 = 0o022;

/// Folder of the runs in the state directory.
const RUNS: &str = "runs";

/// The state directory of this user.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: Arc<Path>,
    folder: Arc<File>,
    /// `runs` in it.
    runs: Arc<File>,
    strays: Arc<Strays>,
}

impl StateFolder {
    /// Opens the state directory of the environment, and makes it if it is missing. An error if another user owns it or may
    /// write in it.
    pub fn open() -> Result<Self> {
        let path = path_by(|name| std::env::var_os(name))?;
        Self::open_at(
            &path.context("there is no place for the state directory: set HOME or SPILE_STATE")?,
        )
    }

    /// As [`StateFolder::open`], but `None` if there is none.
    pub fn open_if_any() -> Result<Option<Self>> {
        let path = path_by(|name| std::env::var_os(name))?.filter(|path| path.exists());
        path.map(|path| Self::open_at(&path)).transpose()
    }

    /// As [`StateFolder::open`], at this path.
    pub fn open_at(path: &Path) -> Result<Self> {
        let making = || format!("cannot make the state directory {}", path.display());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE_FOLDER.bits())
            .create(path)
            .with_context(making)?;
        let folder = open_folder(rustix::fs::CWD, path, OFlags::empty())
            .with_context(|| format!("cannot open the state directory {}", path.display()))?;
        let found = folder.metadata()?;
        let user = rustix::process::geteuid().as_raw();
        if let Some(why) = refusal(user, found.uid(), found.mode()) {
            bail!("the state directory {} {why}", path.display());
        }
        match rustix::fs::mkdirat(&folder, RUNS, PRIVATE_FOLDER) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e).with_context(making),
        }
        let runs = open_folder(folder.as_fd(), Path::new(RUNS), OFlags::NOFOLLOW)
            .with_context(|| format!("cannot open {}", path.join(RUNS).display()))?;
        let (folder, runs, strays) = (Arc::new(folder), Arc::new(runs), Arc::default());
        Ok(Self { path: path.into(), folder, runs, strays })
    }

    /// Its path, which may be a symbolic link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself.
    #[cfg(feature = "serve")]
    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Folder of the runs. A run appears in it by a rename.
    pub(super) fn runs(&self) -> BorrowedFd<'_> {
        self.runs.as_fd()
    }

    /// Makes the folder of a run and locks it; `None` if there is a run with this stream. The lock is to be handed on to the
    /// processes of the run. The folder appears with the lock held, `run.json` written and an empty event file.
    pub fn create(&self, stream: &str, info: &RunInfo) -> Result<Option<(RunFolder, RunLock)>> {
        check_stream(stream)?;
        // No stream begins with a dot.
        let fresh = format!(".{}-{}.new", std::process::id(), new_word());
        rustix::fs::mkdirat(&self.runs, &fresh, PRIVATE_FOLDER)
            .with_context(|| format!("cannot make a folder in {}", self.runs_path().display()))?;
        let made = self.fill(&fresh, stream, info).and_then(|made| {
            match rustix::fs::renameat(&self.runs, &fresh, &self.runs, stream) {
                Ok(()) => Ok(Some(made)),
                // A folder that is not empty is not replaced, and a run has a lock.
                Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(None),
                Err(e) => Err(anyhow!(e).context(format!("cannot make the run {stream}"))),
            }
        });
        if !matches!(made, Ok(Some(_))) {
            let _ = std::fs::remove_dir_all(self.runs_path().join(&fresh));
        }
        made
    }

    /// Makes and locks the files of a run in a folder of this name.
    fn fill(&self, name: &str, stream: &str, info: &RunInfo) -> Result<(RunFolder, RunLock)> {
        let run = RunFolder::open(self, name, stream)?;
        let lock = run.create_lock()?;
        run.create(info)?;
        Ok((run, lock))
    }

    /// Opens the folder of a run; `None` if there is none.
    pub fn run(&self, stream: &str) -> Result<Option<RunFolder>> {
        check_stream(stream)?;
        match RunFolder::open(self, stream, stream) {
            // A file or a link is no run.
            Err(e)
                if matches!(
                    e.downcast_ref(),
                    Some(&(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
                ) =>
            {
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// True if the folder of a run has this file. Its folder is not opened, which takes time for many runs.
    pub(super) fn has_file(&self, stream: &str, file: &str) -> bool {
        let path = format!("{stream}/{file}");
        rustix::fs::accessat(&*self.runs, path, Access::EXISTS, AtFlags::empty()).is_ok()
    }

    /// Streams of all runs, sorted.
    pub fn streams(&self) -> Result<Vec<String>> {
        let unreadable = || format!("cannot read {}", self.runs_path().display());
        let mut streams = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.runs).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let name = entry.file_name().to_str().ok().filter(|name| is_stream_id(name));
            streams.extend(name.map(str::to_owned));
        }
        streams.sort_unstable();
        Ok(streams)
    }

    fn runs_path(&self) -> PathBuf {
        self.path.join(RUNS)
    }
}

/// Path of the state directory: `SPILE_STATE`, or `spile` in `XDG_STATE_HOME` or in `.local/state` of `HOME`. By the XDG Base
/// Directory Specification, an empty variable counts as unset and a relative `XDG_STATE_HOME` is ignored. `None` without a home.
fn path_by(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>> {
    let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = path("SPILE_STATE") {
        if path.is_relative() {
            bail!("SPILE_STATE is {}: set it to an absolute path", path.display());
        }
        return Ok(Some(path));
    }
    let absolute = |name| path(name).filter(|path: &PathBuf| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let base = absolute("XDG_STATE_HOME").or_else(home);
    Ok(base.map(|base| base.join("spile")))
}

/// Reason not to use a state directory with this owner and mode; `None` if it belongs to `user` alone.
fn refusal(user: u32, owner: u32, mode: u32) -> Option<String> {
    if owner != user {
        let what = "set SPILE_STATE to a directory of your own";
        return Some(format!("belongs to user {owner}, and you are user {user}: {what}"));
    }
    let what = "take that permission away (chmod go-w), or set SPILE_STATE";
    (mode & OTHERS_WRITE != 0)
        .then(|| format!("can be written by others (mode {:04o}): {what}", mode & 0o7777))
}

fn check_stream(stream: &str) -> Result<()> {
    if !is_stream_id(stream) {
        bail!("{stream:?} is no stream: it has 1 to 64 of A-Z a-z 0-9 . _ : -");
    }
    Ok(())
}

fn open_folder(parent: BorrowedFd<'_>, name: &Path, more: OFlags) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
    rustix::fs::openat(parent, name, flags, Mode::empty()).map(File::from)
}

/// Result of an opening; `None` if the file is missing.
fn if_any<T>(opened: Result<T>) -> Result<Option<T>> {
    match opened {
        Err(e) if e.downcast_ref() == Some(&Errno::NOENT) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Reads once, across interruptions.
pub(super) fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| pread(file, &mut bytes[..], place))?)
}

/// Opens a file of the state directory, which no link and no pipe can stand for; one that is made is private.
fn open_file(folder: &File, path: &str, flags: OFlags) -> rustix::io::Result<File> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    rustix::fs::openat(folder, path, flags, PRIVATE_FILE).map(File::from)
}
