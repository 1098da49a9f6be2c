//! Files: whole lines are appended, never half of one. FIFOs, terminals and `/dev/stderr` are files, too.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::{
    BATCH, Delivery, Finished, Form, Gone, Identity, Needs, Proof, SendOutcome, Sink, joined,
};
use crate::backoff::Wait;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Truncate,
    Append,
    /// As `Append`; sent lines are synced, in the file that has the name then.
    Kept,
}

/// Identity of a file that keeps what is written to it.
pub(super) fn identity(path: &str) -> Option<Identity> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return None;
    }
    let path = Path::new(path);
    let key = |path: &Path| format!("file:{}", path.display());
    let real = canonical(path).unwrap_or_else(|_| path.to_owned());
    Some(Identity {
        older: std::path::absolute(path).iter().map(|path| key(path)).collect(),
        key: key(&real),
        proof: Proof::File(real),
    })
}

/// Reopen requests so far: `logrotate` sends SIGHUP once it has renamed files.
static REOPENING: AtomicUsize = AtomicUsize::new(0);

/// Requests that each file is reopened before its next write. Async-signal-safe.
pub fn request_reopen() {
    REOPENING.fetch_add(1, Ordering::Relaxed);
}

pub fn reopen_requests() -> usize {
    REOPENING.load(Ordering::Relaxed)
}

#[derive(Debug, Default)]
pub struct FileSink {
    path: String,
    /// `None` for a FIFO before it is opened, because that waits for its reader.
    file: Option<File>,
    regular: bool,
    /// True if written lines must be found under the name.
    kept: bool,
    /// Lines in files that had the name before.
    elsewhere: u64,
    here: u64,
    /// True if the file may end within a line of another program.
    behind: bool,
    /// Reopen requests honoured; `None` for a file that is never reopened.
    requested: Option<usize>,
    buffer: Vec<u8>,
}

impl FileSink {
    /// Opens or creates a file, for this user alone (0600).
    pub fn open(path: &str, existing: Existing) -> io::Result<Self> {
        let named = Path::new(path);
        let fifo = std::fs::metadata(named).ok().filter(|m| m.file_type().is_fifo());
        let file = match &fifo {
            Some(fifo) => is_ours(fifo).map(|()| None)?,
            None => Some(open_private(named)?),
        };
        let mut sink = Self::new(path, file)?;
        if let (true, Some(file)) = (sink.regular, &sink.file) {
            if existing == Existing::Truncate {
                file.set_len(0)?;
            }
            sink.kept = existing == Existing::Kept;
            sink.behind = true;
            sink.requested = Some(reopen_requests());
        }
        Ok(sink)
    }

    /// A sink that writes to an open file, such as an inherited descriptor; `path` names it in messages.
    pub fn new(path: &str, file: Option<File>) -> io::Result<Self> {
        let found = file.as_ref().map(File::metadata).transpose()?;
        let regular = found.is_some_and(|found| found.is_file());
        Ok(Self { path: path.to_owned(), file, regular, ..Self::default() })
    }

    fn reopen(&mut self) -> Result<(), SendOutcome> {
        let requested = reopen_requests();
        if self.requested.is_none_or(|known| known == requested) {
            return Ok(());
        }
        match open_private(Path::new(&self.path)) {
            Ok(file) => {
                (self.file, self.requested) = (Some(file), Some(requested));
                (self.here, self.behind) = (0, true);
                Ok(())
            }
            Err(e) => Err(SendOutcome::Retry(Wait::Down, format!("cannot be reopened: {e}"))),
        }
    }

    fn end_line(&mut self) -> Result<(), (usize, io::Error)> {
        let (true, Some(file)) = (std::mem::take(&mut self.behind), &mut self.file) else {
            return Ok(());
        };
        let len = file.metadata().map_or(0, |found| found.len());
        let mut last = [b'\n'];
        if len > 0 && file.read_at(&mut last, len - 1).is_ok() && last != *b"\n" {
            file.write_all(b"\n").map_err(|e| (0, e))?;
        }
        Ok(())
    }

    /// Reopens the file if another one has its name now; then nothing written counts as sent.
    fn follow(&mut self) -> Result<(), SendOutcome> {
        let (true, Some(file)) = (self.kept, &self.file) else { return Ok(()) };
        let place = |m: std::fs::Metadata| (m.dev(), m.ino());
        let here = file.metadata().map(place).ok();
        if here.is_some() && here == std::fs::metadata(&self.path).map(place).ok() {
            return Ok(());
        }
        let again = open_private(Path::new(&self.path));
        let why = match again {
            Ok(file) => {
                (self.file, self.behind) = (Some(file), true);
                self.elsewhere += std::mem::take(&mut self.here);
                "the file was removed or replaced while it was in use".to_owned()
            }
            Err(e) => format!("the file was removed or replaced, and cannot be made again: {e}"),
        };
        Err(SendOutcome::Retry(Wait::Down, why))
    }

    fn settle(&mut self, lines: usize) -> Result<(), SendOutcome> {
        if let (true, Some(file)) = (self.kept, &self.file)
            && let Err(e) = file.sync_data()
        {
            let why = format!("cannot be synced to disk: {e}");
            return Err(SendOutcome::Gone(Gone::Broken, why));
        }
        self.follow()?;
        self.here += lines as u64;
        Ok(())
    }

    /// Writes all of `bytes`; the error comes with the number of bytes written.
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let fifo = open_fifo(Path::new(&self.path));
                none.insert(fifo.map_err(|e| (0, e))?)
            }
        };
        let all = bytes.len();
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err((all - bytes.len(), io::ErrorKind::WriteZero.into())),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds =
                        [rustix::event::PollFd::new(&*file, rustix::event::PollFlags::OUT)];
                    let _ = rustix::event::poll(&mut fds, None);
                }
                Err(e) => return Err((all - bytes.len(), e)),
            }
        }
        Ok(())
    }

    /// Truncates the last `len` bytes, a partial line of ours.
    fn truncate_partial(&self, len: usize) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let end = file.metadata()?.len();
        file.set_len(end.saturating_sub(len as u64))
    }

    fn refused(&self, error: &io::Error) -> SendOutcome {
        let why = error.to_string();
        let errno = Errno::from_io_error(error);
        let full = matches!(errno, Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG));
        if self.regular && full {
            return SendOutcome::Retry(Wait::Down, why);
        }
        let gone = match error.kind() {
            io::ErrorKind::BrokenPipe => Gone::Reader,
            _ => Gone::Broken,
        };
        SendOutcome::Gone(gone, why)
    }
}

/// Canonical path of a file that need not exist.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many links as Linux follows (path_resolution(7)).
    for _ in 0..40 {
        match std::fs::canonicalize(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let folder = std::fs::canonicalize(folder)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        match std::fs::read_link(folder.join(name)) {
            Ok(target) => path = folder.join(target),
            Err(_) => return Ok(folder.join(name)),
        }
    }
    Err(Errno::LOOP.into())
}

impl Sink for FileSink {
    fn needs(&self) -> Needs {
        Needs { form: Form::Bulk, batch: BATCH, idempotent: false }
    }

    fn is_prompt(&self) -> bool {
        self.regular
    }

    fn begin(&mut self) {
        let _ = self.write(b"");
    }

    fn finish(&mut self) -> Finished {
        match self.elsewhere {
            0 => Ok(None),
            n => Err(format!(
                "the file was removed or replaced while it was in use: {n} events that were sent are not in it; run this again \
                 with the same input to write them again"
            )),
        }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        let sent = || SendOutcome::Sent(None);
        if let Err(moved) = self.reopen().and_then(|()| self.follow()) {
            return vec![moved];
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.end_line().and_then(|()| self.write(joined(batch, &mut buffer)));
        buffer.shrink_to(1 << 20);
        self.buffer = buffer;
        let Err((written, error)) = result else {
            return match self.settle(batch.len()) {
                Ok(()) => batch.iter().map(|_| sent()).collect(),
                Err(outcome) => vec![outcome],
            };
        };
        // Complete lines have arrived; a partial one is removed.
        let mut whole = 0;
        let mut outcomes = Vec::new();
        for delivery in batch {
            let len = delivery.bytes.len() + usize::from(delivery.form == Form::Event);
            if whole + len > written {
                break;
            }
            whole += len;
            outcomes.push(sent());
        }
        if let Err(outcome) = self.settle(outcomes.len()) {
            return vec![outcome];
        }
        let half = written - whole;
        let last = match self.refused(&error) {
            refused if half == 0 => refused,
            SendOutcome::Gone(gone, why) if !self.regular => SendOutcome::Gone(gone, why),
            refused => match self.truncate_partial(half) {
                Ok(()) => refused,
                Err(e) => SendOutcome::Unknown(
                    Wait::Failed,
                    format!("{error}, and a partial line may be left: {e}"),
                ),
            },
        };
        outcomes.push(last);
        outcomes
    }
}

/// Opens or creates a file for agent output. Another user may have placed a file, link or FIFO at the path. A regular file must be owned by this user and becomes private (0600); the
/// path may be a link to it. A device is opened as it is, a FIFO refused.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.append(true).create(true).mode(0o600).custom_flags(flags.bits().cast_signed());
    // Reads tell whether its last line is complete; some devices are write-only.
    let file = match options.clone().read(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(e),
        Err(_) => options.open(path)?,
        Ok(file) => file,
    };
    let found = file.metadata()?;
    if found.file_type().is_fifo() {
        return Err(io::Error::other("is a FIFO: name a file"));
    }
    if found.is_file() {
        is_ours(&found)?;
        if found.mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Opens a FIFO of this user for writing, and waits for its reader.
fn open_fifo(path: &Path) -> io::Result<File> {
    is_ours(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new().write(true).open(path)?;
    let found = file.metadata()?;
    is_ours(&found)?;
    match found.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other("is not a FIFO any more")),
    }
}

fn is_ours(found: &std::fs::Metadata) -> io::Result<()> {
    if found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "belongs to another user (uid {}), who could read and change what is written: name a file of your own",
            found.uid()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Delivery<'_> {
        Delivery { id: Some("s/1"), bytes, form: Form::Event }
    }

    #[test]
    fn lines_are_put_behind_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let name = path.to_str().unwrap();
        let mut sink = FileSink::open(name, Existing::Truncate).unwrap();
        let outcomes = sink.send(&[line(b"a"), line(b"b")]);
        assert_eq!(outcomes, vec![SendOutcome::Sent(None); 2]);
        let mut sink = FileSink::open(name, Existing::Append).unwrap();
        sink.send(&[line(b"c")]);
        assert_eq!(std::fs::read(&path).unwrap(), b"a\nb\nc\n");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        FileSink::open(name, Existing::Truncate).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 0);
    }

    #[test]
    fn what_counts_as_sent_is_in_the_file_that_has_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut sink = FileSink::open(path.to_str().unwrap(), Existing::Kept).unwrap();
        let sent = vec![SendOutcome::Sent(None)];
        assert_eq!(sink.send(&[line(b"a")]), sent);
        for away in [Some("old"), None] {
            match away {
                Some(name) => std::fs::rename(&path, folder.path().join(name)).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            assert!(matches!(sink.send(&[line(b"b")])[..], [SendOutcome::Retry(..)]));
            assert_eq!(sink.send(&[line(b"b")]), sent);
            assert_eq!(std::fs::read(&path).unwrap(), b"b\n");
        }
        assert!(sink.finish().unwrap_err().contains("2 events that were sent are not in it"));
    }

    #[test]
    fn a_file_has_one_name_by_whatever_path_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir(real.join("sub")).unwrap();
        std::os::unix::fs::symlink("x", real.join("link")).unwrap();
        std::os::unix::fs::symlink(&real, real.join("sub/up")).unwrap();
        let paths = ["x", "./x", "sub/../x", "link", "sub/up/link"];
        for there in [false, true] {
            if there {
                std::fs::write(real.join("x"), "").unwrap();
            }
            for path in paths {
                assert_eq!(canonical(&real.join(path)).unwrap(), real.join("x"), "{path}");
            }
        }
        std::os::unix::fs::symlink("loop", real.join("loop")).unwrap();
        assert!(canonical(&real.join("loop")).is_err());
    }

    #[test]
    fn half_a_line_of_somebody_else_is_ended_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "half").unwrap();
        let mut sink = FileSink::open(path.to_str().unwrap(), Existing::Append).unwrap();
        sink.send(&[line(b"a")]);
        sink.send(&[line(b"b")]);
        assert_eq!(std::fs::read(&path).unwrap(), b"half\na\nb\n");
    }

    #[test]
    fn a_full_device_is_no_disk_that_empties() {
        let mut sink = FileSink::open("/dev/full", Existing::Truncate).unwrap();
        let outcomes = sink.send(&[line(b"a")]);
        assert!(matches!(outcomes.as_slice(), [SendOutcome::Gone(Gone::Broken, _)]));
    }
}
