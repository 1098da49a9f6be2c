//! Keys of `--step`, from the terminal itself, because stdin may be a recording. The terminal is restored at every end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use super::super::input::{self, Read};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Next,
    /// Up to the next event that is no delta.
    Skip,
    Play,
    Faster,
    Slower,
    Quit,
}

pub(super) const HELP: &str = "space: next  down: skip text  p: play  +/-: speed  q: quit";

/// The keyboard, unbuffered and without echo.
pub(super) struct Keys {
    terminal: OwnedFd,
    saved: Termios,
    begun: Vec<u8>,
}

impl Keys {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let terminal = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let saved = tcgetattr(&terminal)?;
        let keys = Self { terminal, saved, begun: Vec::new() };
        keys.take()?;
        Ok(keys)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    /// Disables buffering and echo; Ctrl-C and Ctrl-Z stay signals.
    pub(super) fn take(&self) -> io::Result<()> {
        let mut raw = self.saved.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&self.terminal, OptionalActions::Now, &raw)?;
        Ok(())
    }

    pub(super) fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.saved);
    }

    pub(super) fn pressed(&mut self) -> Option<Vec<Key>> {
        let mut buf = [0; 256];
        match input::read(self.terminal.as_fd(), &mut buf) {
            Ok(Read::Bytes(n)) => {
                self.begun.extend_from_slice(buf.get(..n)?);
                Some(keys(&mut self.begun))
            }
            Ok(Read::Later) => Some(Vec::new()),
            Ok(Read::End) | Err(_) => None,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Bytes of keys, cursor keys in both modes of a terminal (ECMA-48, DECCKM).
const TABLE: &[(&[u8], Key)] = &[
    (b" ", Key::Next),
    (b"n", Key::Next),
    (b"\x1b[C", Key::Next),
    (b"\x1bOC", Key::Next),
    (b"\x1b[B", Key::Skip),
    (b"\x1bOB", Key::Skip),
    (b"p", Key::Play),
    (b"\r", Key::Play),
    (b"\n", Key::Play),
    (b"+", Key::Faster),
    (b"=", Key::Faster),
    (b"-", Key::Slower),
    (b"q", Key::Quit),
    (b"Q", Key::Quit),
    (b"\x04", Key::Quit),
];

fn keys(sent: &mut Vec<u8>) -> Vec<Key> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = sent.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((bytes, key)) = TABLE.iter().find(|(bytes, _)| rest.starts_with(bytes)) {
            found.push(*key);
            at += bytes.len();
        } else if TABLE.iter().any(|(bytes, _)| bytes.starts_with(rest)) {
            break;
        } else {
            at += 1;
        }
    }
    sent.drain(..at);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_any_slices() {
        let mut sent = b"x \x1b[C\x1bOB+-\x1b[Aq\x1b".to_vec();
        let want = [Key::Next, Key::Next, Key::Skip, Key::Faster, Key::Slower, Key::Quit];
        assert_eq!(keys(&mut sent), want);
        assert_eq!(sent, b"\x1b");
        sent.extend_from_slice(b"[");
        assert_eq!(keys(&mut sent), []);
        sent.extend_from_slice(b"Cp");
        assert_eq!(keys(&mut sent), [Key::Next, Key::Play]);
    }
}
