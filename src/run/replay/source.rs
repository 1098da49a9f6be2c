//! Where recordings come from. Each source is a descriptor that the loop can wait for: what must be unpacked or fetched is
//! read by a thread of its own, and the pipe between the two is all that it may be ahead.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::pipe::{PipeFlags, pipe_with};

use super::super::input::{self, Read};
use super::super::many::{self, Input};
use super::http::Fetch;
use super::{Follow, unpack};
use crate::codec::foreign;
use crate::exit::Exit;
use crate::sink::access::Access;
use crate::sink::masked;

/// Bytes that are enough to tell how a source is packed, once they have come.
const HEAD: usize = 4096;

/// A recording that has not been begun.
#[derive(Debug)]
pub enum Source {
    /// A file, a FIFO or our stdin, open.
    Input {
        /// What it is called in messages.
        name: String,
        /// The descriptor.
        input: Input,
        /// The path of a file, by which it can be opened again.
        path: Option<PathBuf>,
    },
    /// An address, and how the server there is to be known.
    Url(String, Access),
}

impl Source {
    /// Our stdin.
    #[must_use]
    pub fn stdin() -> Self {
        Source::Input { name: "<stdin>".to_owned(), input: many::stdin(), path: None }
    }

    /// Opens a file, a FIFO or a process substitution.
    ///
    /// # Errors
    /// Those of `open(2)`, and that it is a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (name, input) = (path.display().to_string(), many::open(path)?);
        let path = Some(path.to_owned());
        Ok(Source::Input { name, input, path })
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Input { name, .. } => name.clone(),
            Source::Url(url, _) => masked(url),
        }
    }

    /// The path of a regular file.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Source::Input { input, path, .. } => regular_length(input.fd()).and(path.as_deref()),
            Source::Url(..) => None,
        }
    }

    /// True if somebody upstream of us still has something to say when we are interrupted.
    pub(super) fn is_upstream(&self) -> bool {
        match self {
            Source::Input { input, .. } => {
                input.is_stdin()
                    && !rustix::termios::isatty(input.fd())
                    && regular_length(input.fd()).is_none()
            }
            Source::Url(..) => false,
        }
    }

    /// Its length in bytes, where it has one.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Source::Input { input, .. } => regular_length(input.fd()),
            Source::Url(..) => None,
        }
    }
}

/// The length of a regular file.
pub(super) fn regular_length(fd: BorrowedFd<'_>) -> Option<u64> {
    let stat = rustix::fs::fstat(fd).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    regular.then(|| u64::try_from(stat.st_size).unwrap_or_default())
}

/// Why a source could not be read to its end.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    pub(super) exit: Exit,
}

type Worker = JoinHandle<Result<(), Trouble>>;

/// A source that is being read.
pub(super) struct Reader {
    input: Input,
    workers: Vec<Worker>,
    /// The first bytes, as long as it is not known how they are packed.
    head: Option<Vec<u8>>,
    /// Why it cannot be played.
    trouble: Option<Trouble>,
}

impl Reader {
    pub(super) fn start(source: Source, follow: Follow) -> io::Result<Self> {
        let (input, workers) = match source {
            Source::Input { input, .. } => (input, Vec::new()),
            Source::Url(url, access) => {
                let fetch = Fetch { url, access, follow };
                let (input, worker) = spawn(move |out| fetch.run(out))?;
                (input, vec![worker])
            }
        };
        Ok(Self { input, workers, head: Some(Vec::new()), trouble: None })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.input.fd()
    }

    /// True if what is read is what the file holds.
    pub(super) fn is_plain(&self) -> bool {
        self.workers.is_empty() && self.trouble.is_none()
    }

    /// Goes on with what has this name now.
    pub(super) fn reopen(&mut self, path: &Path) -> io::Result<()> {
        self.input = many::open(path)?;
        Ok(())
    }

    pub(super) fn is_packed(head: &[u8]) -> bool {
        !matches!(packing(head), None | Some(Packing::None))
    }

    /// One read of what is in the packing.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<Read> {
        let Some(mut head) = self.head.take() else {
            return input::read(self.input.fd(), buf);
        };
        let most = HEAD.min(buf.len());
        let some = buf.get_mut(..most).unwrap_or_default();
        let ended = match input::read(self.input.fd(), some)? {
            Read::Later => {
                self.head = Some(head);
                return Ok(Read::Later);
            }
            Read::End => true,
            Read::Bytes(n) => {
                head.extend_from_slice(some.get(..n).unwrap_or_default());
                false
            }
        };
        match packing(&head) {
            None if !ended => {
                self.head = Some(head);
                Ok(Read::Later)
            }
            None | Some(Packing::None) => {
                let n = head.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..n), head.get(..n)) {
                    to.copy_from_slice(from);
                }
                if n == 0 {
                    // There may be more to come.
                    self.head = Some(head);
                    return Ok(Read::End);
                }
                Ok(Read::Bytes(n))
            }
            Some(Packing::Foreign(what)) => {
                self.trouble = Some(Trouble { why: what.to_owned(), exit: Exit::Malformed });
                Ok(Read::End)
            }
            Some(packing) => {
                self.unpack(packing, head)?;
                Ok(Read::Later)
            }
        }
    }

    /// Has a thread unpack what comes.
    fn unpack(&mut self, packing: Packing, head: Vec<u8>) -> io::Result<()> {
        let packed = std::mem::replace(&mut self.input, many::stdin()).into_fd()?;
        let (input, worker) = spawn(move |out| {
            let from = io::Cursor::new(head).chain(Waiting(File::from(packed)));
            let unpacked = match packing {
                #[cfg(feature = "zstd")]
                Packing::Zstd => unpack::zstd(from, out),
                _ => unpack::gzip(from, out),
            };
            unpacked.map_err(|why| Trouble { exit: why.exit(), why: why.to_string() })
        })?;
        self.input = input;
        self.workers.push(worker);
        Ok(())
    }

    /// It has ended: what was wrong with it, if anything.
    pub(super) fn end(self) -> Option<Trouble> {
        let ends = self.workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| {
                Err(Trouble { why: "reading it failed".to_owned(), exit: Exit::Internal })
            })
        });
        // The first in the row is the cause of what the others say.
        self.trouble.or_else(|| ends.filter_map(Result::err).next())
    }
}

/// How a source is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    /// In a way that is not unpacked here, or in another encoding.
    Foreign(&'static str),
}

/// By the magic number (RFC 1952, RFC 8878: also of a frame that is to be skipped); `None`: too little has come.
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

/// Why a copy ended early.
pub(super) enum Copied {
    /// It cannot be read.
    Broken(io::Error),
    /// Nobody wants the rest.
    Unwanted,
}

/// Copies all there is; what was read before an error has been passed on.
pub(super) fn copy(from: &mut dyn io::Read, to: &mut dyn Write) -> Result<(), Copied> {
    let mut buf = vec![0; input::CHUNK];
    loop {
        let n = match from.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Copied::Broken(e)),
        };
        let read = buf.get(..n).unwrap_or_default();
        to.write_all(read).map_err(|_| Copied::Unwanted)?;
    }
}

/// Starts a thread that writes into a pipe, and gives the other end.
fn spawn(
    work: impl FnOnce(&mut dyn Write) -> Result<(), Trouble> + Send + 'static,
) -> io::Result<(Input, Worker)> {
    let (read, write): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC)?;
    let worker = std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || work(&mut File::from(write)))?;
    Ok((Input::from(read), worker))
}

/// A file that waits where its descriptor does not.
struct Waiting(File);

impl io::Read for Waiting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match input::read(self.0.as_fd(), buf)? {
                Read::Bytes(n) => return Ok(n),
                Read::End => return Ok(0),
                Read::Later => {
                    let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None);
                }
            }
        }
    }
}
