//! Sources of recordings, each a descriptor to poll: a thread unpacks or fetches into a pipe.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{SeekFrom, fstat, seek, stat};
use rustix::pipe::{PipeFlags, pipe_with};

use super::super::input::{self, Read};
use super::super::many::{self, Input};
use super::super::polling;
use crate::codec::foreign;
use crate::exit::{Exit, Refusal};
use crate::sink::access::Access;
use crate::sink::masked;

const HEAD: usize = 4096;

#[derive(Debug)]
pub enum Source {
    /// A file, a FIFO or stdin, open.
    Input {
        name: String,
        input: Input,
        /// Path by which a file can be reopened.
        path: Option<PathBuf>,
    },
    Url(Fetch),
}

/// Recording behind an address.
#[derive(Debug)]
pub struct Fetch {
    pub url: String,
    pub access: Access,
    /// True if a server whose stream has ended is reconnected.
    pub follow: bool,
}

impl Source {
    /// Opens stdin, a file, a FIFO or a process substitution.
    pub fn open(path: &OsStr) -> io::Result<Self> {
        let input = many::open(path)?;
        let named = (!input.is_stdin()).then(|| path.into());
        Ok(Source::Input { name: many::name(path), input, path: named })
    }

    pub(super) fn name(&self) -> String {
        match self {
            Source::Input { name, .. } => name.clone(),
            Source::Url(fetch) => masked(&fetch.url),
        }
    }

    fn input(&self) -> Option<&Input> {
        match self {
            Source::Input { input, .. } => Some(input),
            Source::Url(..) => None,
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Source::Input { path, .. } => self.length().and(path.as_deref()),
            Source::Url(..) => None,
        }
    }

    /// True for a pipe at stdin, whose writer has output left after an interrupt.
    pub(super) fn is_upstream(&self) -> bool {
        let stdin = self.input().filter(|input| input.is_stdin());
        stdin.is_some_and(|input| !rustix::termios::isatty(input.fd())) && self.length().is_none()
    }

    pub(super) fn length(&self) -> Option<u64> {
        input::file_length(self.input()?.fd())
    }
}

type Worker = JoinHandle<Result<(), Refusal>>;

pub(super) struct Reader {
    input: Input,
    workers: Vec<Worker>,
    /// First bytes, until the packing is known.
    head: Option<Vec<u8>>,
    trouble: Option<Refusal>,
}

impl Reader {
    pub(super) fn start(source: Source) -> io::Result<Self> {
        let (input, workers) = match source {
            Source::Input { input, .. } => (input, Vec::new()),
            Source::Url(fetch) => {
                let (input, worker) = spawn(move |out| fetch.run(out))?;
                (input, vec![worker])
            }
        };
        Ok(Self { input, workers, head: Some(Vec::new()), trouble: None })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.input.fd()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.workers.is_empty() && self.trouble.is_none()
    }

    /// Continues with the file that now has this name.
    pub(super) fn reopen(&mut self, path: &Path) -> io::Result<()> {
        self.input = many::open(path.as_os_str())?;
        Ok(())
    }

    pub(super) fn is_packed(head: &[u8]) -> bool {
        !matches!(packing(head), None | Some(Packing::None))
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<Read> {
        let Some(head) = &mut self.head else { return input::read(self.input.fd(), buf) };
        let most = HEAD.min(buf.len());
        let ended = match input::read(self.input.fd(), &mut buf[..most])? {
            Read::Later => return Ok(Read::Later),
            Read::End => true,
            Read::Bytes(n) => {
                head.extend_from_slice(&buf[..n]);
                false
            }
        };
        let packing = match packing(head) {
            None if !ended => return Ok(Read::Later),
            // A file may grow.
            None if head.is_empty() => return Ok(Read::End),
            packing => packing.unwrap_or(Packing::None),
        };
        let head = self.head.take().unwrap_or_default();
        match packing {
            Packing::None => {
                let n = head.len().min(buf.len());
                buf[..n].copy_from_slice(&head[..n]);
                Ok(Read::Bytes(n))
            }
            Packing::Foreign(what) => {
                self.trouble = Some(Refusal { why: what.to_owned(), exit: Exit::Malformed });
                Ok(Read::End)
            }
            packing => {
                self.unpack(packing, head)?;
                Ok(Read::Later)
            }
        }
    }

    fn unpack(&mut self, packing: Packing, head: Vec<u8>) -> io::Result<()> {
        let packed = std::mem::replace(&mut self.input, many::stdin()).into_fd()?;
        let (input, worker) = spawn(move |out| {
            let from = io::Cursor::new(head).chain(Waiting(File::from(packed)));
            match packing {
                #[cfg(feature = "zstd")]
                Packing::Zstd => unzstd(from, out),
                _ => gunzip(from, out),
            }
        })?;
        self.input = input;
        self.workers.push(worker);
        Ok(())
    }

    pub(super) fn end(self) -> Option<Refusal> {
        let ends = self.workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| {
                Err(Refusal { why: "reading it failed".to_owned(), exit: Exit::Internal })
            })
        });
        // The first error is the cause of the others.
        self.trouble.or_else(|| ends.filter_map(Result::err).next())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    Foreign(&'static str),
}

/// Detects the magic number (RFC 1952, RFC 8878 with skippable frames); `None` if more bytes are needed.
fn packing(head: &[u8]) -> Option<Packing> {
    let [a, b, c, d, ..] = head else {
        let magic: [&[u8]; 4] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"PK\x03\x04"];
        let may_be = magic.iter().any(|magic| magic.starts_with(head) || head.starts_with(magic));
        let may_be =
            may_be || matches!(head, [0x50..=0x5f | 0xfd | 0x04 | 0xff | 0xfe | b'{' | 0, ..]);
        return if may_be || head.is_empty() { None } else { Some(Packing::None) };
    };
    let found = match [a, b, c, d] {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] if cfg!(feature = "zstd") => {
            Packing::Zstd
        }
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Foreign(
            "is packed with zstd, and this build has no zstd: build with --features zstd",
        ),
        _ => foreign::packed(head).map_or(Packing::None, Packing::Foreign),
    };
    Some(found)
}

/// Starts a thread that writes into a pipe; returns the other end.
fn spawn(
    work: impl FnOnce(&mut dyn Write) -> Result<(), Refusal> + Send + 'static,
) -> io::Result<(Input, Worker)> {
    let (read, write): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC)?;
    let worker = std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || work(&mut File::from(write)))?;
    Ok((Input(Some(read)), worker))
}

/// Copies everything; data read before an error has been written. Breaks off if the loop does not read any more.
pub(super) fn copy(from: &mut dyn io::Read, to: &mut dyn Write) -> io::Result<ControlFlow<()>> {
    let mut buf = vec![0; input::CHUNK];
    loop {
        let n = match from.read(&mut buf) {
            Ok(0) => return Ok(ControlFlow::Continue(())),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if to.write_all(&buf[..n]).is_err() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

/// Blocking reads from a non-blocking descriptor.
struct Waiting(File);

impl io::Read for Waiting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match input::read(self.0.as_fd(), buf)? {
                Read::Bytes(n) => return Ok(n),
                Read::End => return Ok(0),
                Read::Later => {
                    polling::ready(&self.0, PollFlags::IN, None);
                }
            }
        }
    }
}

/// Unpacks any number of concatenated members, as `gzip -dc` does.
fn gunzip(from: impl io::Read, out: &mut dyn Write) -> Result<(), Refusal> {
    let mut from = BufReader::new(from);
    loop {
        let mut member = flate2::bufread::GzDecoder::new(from);
        if copy(&mut member, out).map_err(broken)?.is_break() {
            return Ok(());
        }
        from = member.into_inner();
        if !is_next(&mut from, &|start| start.starts_with(b"\x1f\x8b") || start == b"\x1f")? {
            return Ok(());
        }
    }
}

/// Unpacks any number of concatenated frames, as `zstd -dc` does.
#[cfg(feature = "zstd")]
fn unzstd(from: impl io::Read, out: &mut dyn Write) -> Result<(), Refusal> {
    let mut from = BufReader::new(from);
    loop {
        let frame = zstd::stream::read::Decoder::with_buffer(from).map_err(broken)?;
        let mut frame = frame.single_frame();
        if copy(&mut frame, out).map_err(broken)?.is_break() {
            return Ok(());
        }
        from = frame.finish();
        let is_frame =
            |start: &[u8]| matches!(start, [0x28, ..] | [0x50..=0x5f, 0x2a, ..] | [0x50..=0x5f]);
        if !is_next(&mut from, &is_frame)? {
            return Ok(());
        }
    }
}

fn broken(e: io::Error) -> Refusal {
    let why = match e.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed recording is truncated".to_owned(),
        _ => format!("the compressed recording is broken: {e}"),
    };
    Refusal { why, exit: Exit::Failed }
}

/// True if another member follows. Zeros are the padding of tape blocks.
fn is_next(from: &mut impl BufRead, is_start: &dyn Fn(&[u8]) -> bool) -> Result<bool, Refusal> {
    loop {
        let start = from.fill_buf().map_err(broken)?;
        let zeros = start.iter().take_while(|byte| **byte == 0).count();
        match start.get(zeros..).unwrap_or_default() {
            [] if zeros == 0 => return Ok(false),
            [] => from.consume(zeros),
            rest if zeros == 0 && is_start(rest) => return Ok(true),
            _ => {
                // No loss.
                let why = "data after the end of the compressed recording was ignored".to_owned();
                return Err(Refusal { why, exit: Exit::Success });
            }
        }
    }
}

/// Interval at which the file's name is checked, because a new file of that name sends no notice.
pub(super) const LOOK_AT_NAME: Duration = Duration::from_millis(500);

/// Following of a file as `tail -F` does, across truncation and replacement.
pub(super) struct Tail {
    path: PathBuf,
    notices: Option<OwnedFd>,
    pub waiting: bool,
}

impl Tail {
    /// `None` for a source that cannot grow.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let path = source.path()?;
        let mut tail = Self { path: path.to_owned(), notices: None, waiting: false };
        tail.watch();
        Some(tail)
    }

    fn watch(&mut self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
            let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
            let wanted = WatchFlags::MODIFY | WatchFlags::MOVE_SELF | WatchFlags::ATTRIB;
            let notices = init(flags).and_then(|notices| {
                add_watch(&notices, &self.path, wanted)?;
                Ok(notices)
            });
            self.notices = notices.ok();
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.notices.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn look(&mut self) {
        self.waiting = false;
        if let Some(notices) = &self.notices {
            let mut buf = [0; 4096];
            while rustix::io::read(notices, &mut buf[..]).is_ok_and(|n| n > 0) {}
        }
    }

    /// Handles the end of the file; `true` if more may follow.
    pub(super) fn waits(&mut self, reader: &mut Reader) -> bool {
        if !reader.is_plain() {
            return false;
        }
        self.waiting = true;
        // On failure no file has the name at the moment.
        let _ = self.renew(reader);
        true
    }

    fn renew(&mut self, reader: &mut Reader) -> io::Result<()> {
        let ours = fstat(reader.fd())?;
        let at = rustix::fs::tell(reader.fd())?;
        if u64::try_from(ours.st_size).is_ok_and(|size| size < at) {
            seek(reader.fd(), SeekFrom::Start(0))?;
            self.waiting = false;
        }
        let named = stat(&self.path)?;
        if (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino) {
            reader.reopen(&self.path)?;
            self.watch();
            self.waiting = false;
        }
        Ok(())
    }
}
