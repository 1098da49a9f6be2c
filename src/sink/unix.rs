//! A listening socket: every client reads everything from the beginning and then live data. Readers are positions in
//! one log, so history and live data join without a gap. A slow reader is told where the log was cut.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use super::{Delivery, Finished, Form, Needs, SendOutcome, Sink, one_by_one};
use crate::backoff::Wait;
use crate::codec::Writer;
use crate::event::{Envelope, Status, VERSION};
use crate::spill::SpillFile;

const MAX_READERS: usize = 64;

const STEP: usize = 64 << 10;

/// Time without progress after which the remaining readers are disconnected at the end.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct UnixSink {
    path: PathBuf,
    log: Arc<Log>,
}

#[derive(Debug)]
struct Log {
    file: SpillFile,
    limit: u64,
    place: Mutex<State>,
    more: Condvar,
}

#[derive(Debug)]
struct State {
    /// First byte that is kept, the first of a line.
    start: u64,
    end: u64,
    closed: bool,
    readers: usize,
    /// Time at which a reader last made progress or left.
    progress: Instant,
}

impl UnixSink {
    /// Listens at `path` for this user alone, and keeps `limit` bytes for late readers. Replaces a stale socket.
    pub fn new(path: &str, limit: u64) -> io::Result<Self> {
        let path = PathBuf::from(path);
        clear(&path)?;
        let kind = SocketType::STREAM;
        let socket: OwnedFd = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddrUnix::new(&path)?)?;
        // No client can connect before `listen`.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        listen(&socket, 16)?;
        let listener = UnixListener::from(socket);
        let state = State { start: 0, end: 0, closed: false, readers: 0, progress: Instant::now() };
        let log = Arc::new(Log {
            file: SpillFile::create()?,
            limit: limit.max(1),
            place: Mutex::new(state),
            more: Condvar::new(),
        });
        let shared = Arc::clone(&log);
        std::thread::Builder::new().spawn(move || accept(&listener, &shared))?;
        Ok(Self { path, log })
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let Ok(there) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(io::Error::other("the file there is not a socket: remove it"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another process listens there already")),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(e) => Err(e),
    }
}

impl Sink for UnixSink {
    fn needs(&self) -> Needs {
        Needs { form: Form::Bulk, batch: 1, idempotent: false }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| {
            let feed: &[u8] = if delivery.form == Form::Event { b"\n" } else { b"" };
            match self.log.append(delivery.bytes, feed) {
                Ok(()) => SendOutcome::Sent(None),
                Err(e) => {
                    SendOutcome::Retry(Wait::Down, format!("cannot keep it for readers: {e}"))
                }
            }
        })
    }

    fn finish(&mut self) -> Finished {
        // No new readers from here on.
        let _ = std::fs::remove_file(&self.path);
        let mut state = self.log.lock();
        state.closed = true;
        state.progress = Instant::now();
        self.log.more.notify_all();
        while state.readers > 0 {
            let left = PATIENCE.saturating_sub(state.progress.elapsed());
            if left.is_zero() {
                return Ok(Some(match state.readers {
                    1 => "a reader was too slow and did not get everything".to_owned(),
                    n => format!("{n} readers were too slow and did not get everything"),
                }));
            }
            let woken = self.log.more.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        Ok(None)
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, bytes: &[u8], feed: &[u8]) -> io::Result<()> {
        // This thread alone writes behind the end.
        let (start, end) = {
            let state = self.lock();
            (state.start, state.end)
        };
        let new_end = self.file.write_at(&[bytes, feed], end)?;
        let mut new_start = start;
        if new_end - start > self.limit {
            // Cuts a quarter at a time.
            new_start = self.line_after(new_end - self.limit + self.limit / 4, new_end)?;
        }
        let mut state = self.lock();
        (state.start, state.end) = (new_start, new_end);
        drop(state);
        if new_start > start {
            self.file.free(start..new_start);
        }
        self.more.notify_all();
        Ok(())
    }

    /// Start of the first line from `at` on, or the end.
    fn line_after(&self, mut at: u64, end: u64) -> io::Result<u64> {
        let mut buffer = [0; 4096];
        while at < end {
            let most = usize::try_from(end - at).map_or(buffer.len(), |n| n.min(buffer.len()));
            let n = self.file.read_at(&mut buffer[..most], at)?;
            if n == 0 {
                break;
            }
            match memchr::memchr(b'\n', &buffer[..n]) {
                Some(feed) => return Ok(at + feed as u64 + 1),
                None => at += n as u64,
            }
        }
        Ok(end)
    }
}

fn accept(listener: &UnixListener, log: &Arc<Log>) {
    while let Ok((socket, _)) = listener.accept() {
        let mut state = log.lock();
        if state.closed {
            return;
        }
        if state.readers >= MAX_READERS {
            continue;
        }
        state.readers += 1;
        let reader = Reader { socket, log: Arc::clone(log), at: state.start, half: false };
        drop(state);
        // Without a thread the reader is disconnected by drop.
        let _ = std::thread::Builder::new().spawn(move || reader.run());
    }
}

struct Reader {
    socket: UnixStream,
    log: Arc<Log>,
    at: u64,
    half: bool,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers -= 1;
        state.progress = Instant::now();
        drop(state);
        self.log.more.notify_all();
    }
}

impl Reader {
    fn run(mut self) {
        // A failed write is found by the next one.
        if self.at > 0 {
            let _ = self.gap("what came before is no longer kept (see --spool-max)");
        }
        let mut buffer = vec![0; STEP];
        while let Some(most) = self.ready() {
            let most = usize::try_from(most).map_or(STEP, |n| n.min(STEP));
            let Ok(n) = self.log.file.read_at(&mut buffer[..most], self.at) else { return };
            if self.log.lock().start > self.at {
                // Cut while it was read.
                continue;
            }
            let n = memchr::memrchr(b'\n', &buffer[..n]).map_or(n, |feed| feed + 1);
            if self.socket.write_all(&buffer[..n]).is_err() {
                return;
            }
            self.at += n as u64;
            self.half = !buffer[..n].ends_with(b"\n");
            self.log.lock().progress = Instant::now();
        }
    }

    /// Waits for data; `None` at the end.
    fn ready(&mut self) -> Option<u64> {
        let mut state = self.log.lock();
        loop {
            if state.start > self.at {
                drop(state);
                let _ = self.gap("this reader was too slow, and what it missed is no longer kept");
                return None;
            }
            if state.end > self.at {
                return Some(state.end - self.at);
            }
            if state.closed {
                return None;
            }
            let woken = self.log.more.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn gap(&mut self, message: &str) -> io::Result<()> {
        let mut line = Vec::new();
        if self.half {
            line.push(b'\n');
        }
        let envelope = Envelope { v: VERSION, type_: "status".into(), ..Envelope::default() };
        let body = Status { kind: "gap".into(), message: Some(message.into()), data: None };
        Writer::default().event(&mut line, &envelope, &body);
        self.socket.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn bulk(bytes: &[u8]) -> Delivery<'_> {
        Delivery { id: None, bytes, form: Form::Bulk }
    }

    #[test]
    fn who_comes_late_is_told_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let mut sink = UnixSink::new(path.to_str().unwrap(), 1000).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let lines: Vec<String> = (0..500).map(|n| format!("line {n}\n")).collect();
        for line in &lines {
            sink.send(&[bulk(line.as_bytes())]);
        }
        let mut reader = UnixStream::connect(&path).unwrap();
        let mut first = [0; 1];
        reader.read_exact(&mut first).unwrap();
        sink.finish().unwrap();
        let mut got = String::from_utf8(first.to_vec()).unwrap();
        reader.read_to_string(&mut got).unwrap();
        let (gap, rest) = got.split_once('\n').unwrap();
        assert!(gap.contains(r#""kind":"gap""#), "{gap}");
        assert!(rest.len() <= 1000 && rest.len() > 500);
        assert!(lines.concat().ends_with(rest) && rest.starts_with("line "));
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let name = path.to_str().unwrap();
        let sink = UnixSink::new(name, 1000).unwrap();
        assert!(UnixSink::new(name, 1000).is_err());
        drop(sink);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "x").unwrap();
        assert!(UnixSink::new(name, 1000).is_err());
    }
}
