//! The agent's terminal and the user's: keys, screen, and job control between the two.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGSTOP, SIGTSTP, SIGWINCH};

use super::Host;
use super::backlog::{Command, Source};
use crate::guard::Ended;
use crate::lifecycle::{Cancel, Stop};
use crate::run::child::Stdin;
use crate::run::input::{self, Read};
use crate::run::polling;
use crate::run::pty::{self, Pty};
use crate::run::terminal::{self, Terminal, Who};
use crate::text::escapes::Escapes;
use crate::time::Time;

/// Interval within which a second ^C ends the agent.
const TWICE_WITHIN: Duration = Duration::from_secs(1);

/// Typed bytes that may wait for the agent; past that the user's terminal is not read.
const MAX_TYPED: usize = 64 << 10;

/// Output that may wait for the user's terminal; past that the agent is held back.
pub(super) const MAX_SHOWN: usize = 1 << 20;

/// Time for the user's terminal to show the rest of the screen.
const SHOW_WITHIN: Duration = Duration::from_secs(2);

/// Interval at which a background job checks whether it is in the foreground, and the end of input is typed again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_Z: u8 = 0x1a;

pub(super) struct Console {
    pty: OwnedFd,
    name: CString,
    /// True if stdin is typed at the agent's terminal.
    pub typing: bool,
    /// The user's terminal, if stdin is one.
    user: Option<Terminal>,
    typed: Vec<u8>,
    /// True if the typed input ends within a line.
    in_line: bool,
    /// Set once stdin has ended: next time to type the end of file.
    ended: Option<Time>,
    pub shown: Vec<u8>,
    escapes: Escapes,
    interrupted: Option<Time>,
}

impl Console {
    /// Opens the agent's terminal and the user's, if stdin is one.
    pub(super) fn open(stdin: Stdin) -> io::Result<(Pty, Self)> {
        let user = match stdin {
            Stdin::Inherit => Terminal::at_stdin(),
            Stdin::Null | Stdin::Pipe => None,
        };
        let modes = user.as_ref().map(|user| &user.saved);
        let pty = Pty::open(terminal::size(), modes)?;
        let console = Self {
            pty: pty.master.try_clone()?,
            name: pty.name.clone(),
            typing: stdin == Stdin::Pipe || user.is_some(),
            user,
            typed: Vec::new(),
            in_line: false,
            ended: None,
            shown: Vec::new(),
            escapes: Escapes::default(),
            interrupted: None,
        };
        Ok((pty, console))
    }

    pub(super) fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let reads = self.typing && self.typed.len() < MAX_TYPED;
        let (keys, screen) = match &self.user {
            Some(user) if user.raw => (Some(user.fd()), Some(user.fd())),
            Some(_) => (None, None),
            None => (Some(rustix::stdio::stdin()), None),
        };
        let pty = (!self.typed.is_empty()).then(|| (self.pty.as_fd(), PollFlags::OUT));
        let keys = keys.filter(|_| reads).map(|fd| (fd, PollFlags::IN));
        let screen = screen.filter(|_| !self.shown.is_empty()).map(|fd| (fd, PollFlags::OUT));
        pty.into_iter().chain(keys).chain(screen)
    }

    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        let user = self.user.as_ref().filter(|p| !p.raw);
        user.map(|_| now + LOOK_EVERY).or(self.ended)
    }

    /// Shows output to the user, and returns it as text.
    pub(super) fn text(&mut self, bytes: &[u8]) -> String {
        if self.user.as_ref().is_some_and(|p| p.shows && p.raw) {
            self.shown.extend_from_slice(bytes);
            self.pass_on();
        }
        self.escapes.feed(bytes)
    }

    pub(super) fn pass_on(&mut self) {
        write_some(&self.pty, &mut self.typed);
        match &self.user {
            Some(user) if user.raw => write_some(user.fd(), &mut self.shown),
            _ => self.shown.clear(),
        }
    }

    /// Types an end of file repeatedly: line editors lose one, and every later read must find one.
    fn type_end(&mut self, now: Time) {
        if self.ended.is_some_and(|at| at <= now) {
            self.ended = Some(now + LOOK_EVERY);
            if self.typed.is_empty() && pty::is_input_read(&self.name) {
                self.typed.push(CTRL_D);
            }
        }
    }

    /// Flushes the screen and restores the user's terminal.
    pub(super) fn leave(&mut self) {
        while !self.shown.is_empty()
            && let Some(user) = self.user.as_ref().filter(|p| p.raw)
        {
            if polling::ready(user.fd(), PollFlags::OUT, Some(SHOW_WITHIN)).is_empty() {
                break;
            }
            self.pass_on();
        }
        self.shown.clear();
        if let Some(user) = &mut self.user {
            user.restore();
        }
    }

    /// Takes the user's terminal, if this job is in the foreground, and resizes the agent's.
    pub(super) fn enter(&mut self) {
        if let Some(user) = &mut self.user {
            user.take();
        }
        let _ = rustix::termios::tcsetwinsize(&self.pty, terminal::size());
    }

    fn comes_to_front(&mut self) -> bool {
        let Some(user) = self.user.as_mut().filter(|p| !p.raw) else { return false };
        user.take();
        user.raw
    }
}

/// Writes what `fd` takes now; clears `bytes` on a permanent error.
fn write_some(fd: impl AsFd, bytes: &mut Vec<u8>) {
    while !bytes.is_empty() {
        match rustix::io::write(&fd, bytes) {
            Ok(n) => drop(bytes.drain(..n)),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return,
            Err(_) => bytes.clear(),
        }
    }
}

impl Host<'_> {
    pub(super) fn read_keys(&mut self, buf: &mut [u8]) {
        let now = self.clock.now();
        let Some(console) = &mut self.console else { return };
        let most = buf.len().min(MAX_TYPED);
        let buf = &mut buf[..most];
        let (read, user) = match &console.user {
            Some(user) => (input::read(user.fd(), buf), true),
            None => (input::read(rustix::stdio::stdin(), buf), false),
        };
        match read {
            Ok(Read::Later) => {}
            Ok(Read::Bytes(n)) if user => {
                for key in buf.iter().take(n) {
                    self.press(*key);
                }
            }
            Ok(Read::Bytes(n)) => {
                console.typed.extend(buf.iter().take(n));
                console.in_line = console.typed.last() != Some(&b'\n');
            }
            Ok(Read::End) | Err(_) => {
                console.typing = false;
                if !user {
                    // Within a line the first end of file only submits that line.
                    console.typed.extend(console.in_line.then_some(CTRL_D));
                    console.ended = Some(now);
                }
            }
        }
        if let Some(console) = &mut self.console {
            console.pass_on();
        }
    }

    fn press(&mut self, key: u8) {
        let now = self.clock.now();
        let Some(console) = &mut self.console else { return };
        match key {
            CTRL_Z => self.suspend(Who::Job),
            CTRL_C => {
                let before = console.interrupted.replace(now);
                let twice = before.is_some_and(|at| now < at + TWICE_WITHIN);
                if twice || self.life.killed {
                    self.enqueue(Command::Cancel("^C".into()));
                    // As if this process had received the signal.
                    self.dies_of.request(now, SIGINT);
                    // The key itself is the first step.
                    self.stop(Stop::Cancel(Cancel::default()));
                } else {
                    console.typed.push(CTRL_C);
                }
            }
            _ => console.typed.push(key),
        }
    }

    /// Types a text at the agent's terminal.
    pub(super) fn type_text(&mut self, text: &str) {
        if let Some(console) = &mut self.console {
            console.typed.extend(text.bytes());
            console.pass_on();
        }
    }

    pub(super) fn take_last_text(&mut self) {
        if let Some(console) = &mut self.console {
            let text = console.escapes.end();
            self.take(self.clock.now(), Source::Stdout, text.as_bytes());
        }
    }

    /// Cancels the turn if a typed ^C ended the agent.
    pub(super) fn note_interrupt(&mut self, ended: Ended) {
        let by_it = matches!(ended, Ended::Signalled(SIGINT) | Ended::Exited(130));
        let typed = self.console.as_mut().and_then(|c| c.interrupted.take());
        if by_it && typed.is_some() {
            self.enqueue(Command::Cancel("^C".into()));
        }
    }

    /// Handles a job control signal; `false` for any other.
    pub(super) fn on_job_signal(&mut self, signal: i32) -> bool {
        match signal {
            SIGCHLD => self.agent.continue_guardian(),
            SIGCONT => self.resume(),
            SIGWINCH => self.enter(),
            SIGTSTP => self.suspend(Who::Us),
            _ => return false,
        }
        true
    }

    /// Flushes both terminals and detects a return to the foreground.
    pub(super) fn on_console(&mut self) {
        let Some(console) = &mut self.console else { return };
        console.type_end(self.clock.now());
        console.pass_on();
        if console.comes_to_front() {
            self.resume();
        }
    }

    fn suspend(&mut self, who: Who) {
        if let Some(console) = &mut self.console {
            console.leave();
        }
        self.life.hold();
        self.agent.signal(self.clock.now(), SIGSTOP);
        terminal::stop(who);
        self.resume();
    }

    fn enter(&mut self) {
        if let Some(console) = &mut self.console {
            console.enter();
        }
    }

    /// Continues the agent and makes it redraw its screen.
    fn resume(&mut self) {
        self.enter();
        let now = self.clock.now();
        self.agent.signal(now, SIGCONT);
        if self.console.is_some() {
            self.agent.signal(now, SIGWINCH);
        }
        if !self.held_back {
            self.life.release(now);
        }
    }
}
