//! Sources of recordings, each a descriptor to poll: a thread unpacks or fetches into a pipe.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::event::PollFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use super::super::input::{self, Read};
use super::super::many::{self, Input};
use super::super::polling;
use super::unpack;
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
                Packing::Zstd => unpack::zstd(from, out),
                _ => unpack::gzip(from, out),
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
