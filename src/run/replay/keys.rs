//! Stepping by keys: one event at a time, or played until the next key. Keys come from the terminal itself, because stdin
//! may be a recording. The terminal is restored at every end.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use super::super::input::{self, Read};
use crate::replay::{Gap, Mark, Pace};
use crate::time::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Next,
    /// Up to the next event that is no delta.
    Skip,
    Play,
    Faster,
    Slower,
    Quit,
}

pub(super) const HELP: &str = "space: next  down: skip text  p: play  +/-: speed  q: quit";

pub(super) struct Stepping {
    terminal: OwnedFd,
    saved: Termios,
    begun: Vec<u8>,
    pub halted: bool,
    steps: usize,
    skipping: bool,
}

impl Stepping {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let terminal = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
        let saved = tcgetattr(&terminal)?;
        let stepping =
            Self { terminal, saved, begun: Vec::new(), halted: true, steps: 0, skipping: false };
        stepping.take()?;
        Ok(stepping)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }

    pub(super) fn lets_go(&self) -> bool {
        self.steps > 0 || self.skipping
    }

    pub(super) fn after(&mut self, mark: &Mark) {
        if mark.gap != Gap::Joined {
            self.skipping &= mark.delta;
            self.steps = self.steps.saturating_sub(1);
        }
    }

    /// Handles the keys pressed; breaks to quit.
    pub(super) fn on_keys(&mut self, now: Time, pace: &mut Pace) -> ControlFlow<()> {
        let Some(keys) = self.pressed() else { return ControlFlow::Break(()) };
        for key in keys {
            match key {
                Key::Next if self.halted => self.steps += 1,
                Key::Skip if self.halted => self.skipping = true,
                Key::Next | Key::Skip => self.halted = true,
                Key::Play => {
                    self.halted = !self.halted;
                    pace.restart(now);
                }
                Key::Faster => pace.scale(now, 2.0),
                Key::Slower => pace.scale(now, 0.5),
                Key::Quit => return ControlFlow::Break(()),
            }
        }
        ControlFlow::Continue(())
    }

    /// Stops the process with the terminal restored until it continues.
    pub(super) fn stop(&self) {
        self.restore();
        let _ = kill_process(getpid(), Signal::STOP);
        let _ = self.take();
    }

    /// Disables buffering and echo; Ctrl-C and Ctrl-Z stay signals.
    fn take(&self) -> io::Result<()> {
        let mut raw = self.saved.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &raw)?)
    }

    fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.saved);
    }

    fn pressed(&mut self) -> Option<Vec<Key>> {
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

impl Drop for Stepping {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Bytes of keys, cursor keys in both modes of a terminal (ECMA-48, DECCKM).
const TABLE: &[(&[&str], Key)] = &[
    (&[" ", "n", "\x1b[C", "\x1bOC"], Key::Next),
    (&["\x1b[B", "\x1bOB"], Key::Skip),
    (&["p", "\r", "\n"], Key::Play),
    (&["+", "="], Key::Faster),
    (&["-"], Key::Slower),
    (&["q", "Q", "\x04"], Key::Quit),
];

fn keys(sent: &mut Vec<u8>) -> Vec<Key> {
    let all = TABLE.iter().flat_map(|(all, key)| all.iter().map(|keys| (keys.as_bytes(), *key)));
    let mut found = Vec::new();
    while !sent.is_empty() {
        if let Some((bytes, key)) = all.clone().find(|(bytes, _)| sent.starts_with(bytes)) {
            found.push(key);
            sent.drain(..bytes.len());
        } else if all.clone().any(|(bytes, _)| bytes.starts_with(sent)) {
            break;
        } else {
            sent.remove(0);
        }
    }
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
