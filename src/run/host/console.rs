//! The agent's terminal, and the person's in front of it: keys on their way in, the screen on its way out, the job control
//! between the two.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGSTOP, SIGTSTP, SIGWINCH};

use super::wait::Whose;
use super::{Host, Plan};
use crate::guard::Ended;
use crate::lifecycle::{Cancel, Stop};
use crate::run::child::{Stdin, Wires};
use crate::run::input::{self, Read};
use crate::run::pty::{Pty, Queue};
use crate::run::spool::Source;
use crate::run::terminal::{self, Terminal, Who};
use crate::text::escapes::Escapes;
use crate::time::Time;

/// Two ^C that are typed within this time ask for the agent's end.
const TWICE_WITHIN: Duration = Duration::from_secs(1);

/// Keys that may wait for an agent that does not read them, in bytes; while there are more nothing is read from ours.
const MAX_TYPED: usize = 64 << 10;

/// What may wait for the person's terminal, in bytes; while there is more the agent is held back, as any program is that
/// writes to a slow terminal.
const MAX_SHOWN: usize = 1 << 20;

/// How long the person's terminal may take for the last of the screen.
const SHOW_WITHIN: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// How often a job in the background looks whether it has come to the front without being told, and whether an agent
/// whose input has ended has read that.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_Z: u8 = 0x1a;

/// What an agent with a terminal of its own needs besides what every agent needs.
pub(super) struct Console {
    pty: OwnedFd,
    queue: Queue,
    /// True if what comes on our stdin is typed at the agent's terminal.
    typing: bool,
    /// Where our stdin is a terminal, and its keys are the agent's.
    person: Option<Terminal>,
    typed: Vec<u8>,
    /// True if what was typed last has begun a line.
    in_line: bool,
    /// Our stdin has ended; when to see whether the agent has understood.
    ended: Option<Time>,
    shown: Vec<u8>,
    escapes: Escapes,
    /// When ^C was typed last.
    interrupted: Option<Time>,
}

impl Console {
    /// A terminal for an agent that gets `stdin` typed there, and its console.
    ///
    /// # Errors
    /// That there can be no terminal.
    fn open(stdin: Stdin) -> io::Result<(Wires, Self)> {
        let person = match stdin {
            Stdin::Inherit => Terminal::at_stdin(),
            Stdin::Null | Stdin::Pipe => None,
        };
        let modes = person.as_ref().map(Terminal::modes);
        let pty = Pty::open(terminal::size(), modes)?;
        let console = Self {
            pty: pty.master.try_clone()?,
            queue: pty.queue(),
            typing: stdin == Stdin::Pipe || person.is_some(),
            person,
            typed: Vec::new(),
            in_line: false,
            ended: None,
            shown: Vec::new(),
            escapes: Escapes::default(),
            interrupted: None,
        };
        Ok((Wires::Terminal(pty), console))
    }

    /// True if more may be asked of the agent.
    pub(super) fn is_typing(&self) -> bool {
        self.typing
    }

    /// What to wait for.
    pub(super) fn fds(&self) -> Vec<(BorrowedFd<'_>, PollFlags, Whose)> {
        let mut fds = Vec::new();
        if !self.typed.is_empty() {
            fds.push((self.pty.as_fd(), PollFlags::OUT, Whose::Console));
        }
        let reads = self.typing && self.typed.len() < MAX_TYPED;
        match &self.person {
            Some(person) if person.is_raw() => {
                if reads {
                    fds.push((person.fd(), PollFlags::IN, Whose::Keys));
                }
                if !self.shown.is_empty() {
                    fds.push((person.fd(), PollFlags::OUT, Whose::Console));
                }
            }
            Some(_) => {}
            None if reads => fds.push((rustix::stdio::stdin(), PollFlags::IN, Whose::Keys)),
            None => {}
        }
        fds
    }

    /// When to look again although nothing happens.
    pub(super) fn deadline(&self, now: Time) -> Option<Time> {
        let person = self.person.as_ref().filter(|p| !p.is_raw());
        person.map(|_| now + LOOK_EVERY).or(self.ended)
    }

    /// True if the person's terminal cannot take more now.
    pub(super) fn is_full(&self) -> bool {
        self.shown.len() >= MAX_SHOWN
    }

    /// What the agent wrote: seen by the person, and as text.
    pub(super) fn text(&mut self, bytes: &[u8]) -> String {
        if self.person.as_ref().is_some_and(|p| p.shows() && p.is_raw()) {
            self.shown.extend_from_slice(bytes);
            self.pass_on();
        }
        self.escapes.feed(bytes)
    }

    /// Writes what the two terminals take now.
    pub(super) fn pass_on(&mut self) {
        write_some(&self.pty, &mut self.typed);
        match &self.person {
            Some(person) if person.is_raw() => write_some(person.fd(), &mut self.shown),
            _ => self.shown.clear(),
        }
    }

    /// Types the end of a file, again and again: one that comes between two lines of a program that edits them itself is
    /// lost, and at the end of a file every read is to find it.
    fn type_end(&mut self, now: Time) {
        if self.ended.is_some_and(|at| at <= now) {
            self.ended = Some(now + LOOK_EVERY);
            if self.typed.is_empty() && self.queue.is_empty() {
                self.typed.push(CTRL_D);
            }
        }
    }

    /// Our terminal is made what it was, once it has shown what there is.
    pub(super) fn leave(&mut self) {
        while !self.shown.is_empty()
            && let Some(person) = self.person.as_ref().filter(|p| p.is_raw())
        {
            let mut fds = [PollFd::from_borrowed_fd(person.fd(), PollFlags::OUT)];
            if poll(&mut fds, Some(&SHOW_WITHIN)).unwrap_or_default() == 0 {
                break;
            }
            self.pass_on();
        }
        self.shown.clear();
        if let Some(person) = &mut self.person {
            person.restore();
        }
    }

    /// Our terminal is made the agent's, if it is ours to give, and the agent's gets its size.
    pub(super) fn enter(&mut self) {
        if let Some(person) = &mut self.person {
            person.take();
        }
        let _ = rustix::termios::tcsetwinsize(&self.pty, terminal::size());
    }

    /// True if our job has come to the front of its terminal.
    fn comes_to_front(&mut self) -> bool {
        let Some(person) = self.person.as_mut().filter(|p| !p.is_raw()) else {
            return false;
        };
        person.take();
        person.is_raw()
    }
}

/// Wires an agent as the plan says.
///
/// # Errors
/// That there can be no terminal for it.
pub(super) fn wire(plan: &Plan) -> io::Result<(Wires, Option<Console>)> {
    if plan.pty {
        let (wires, console) = Console::open(plan.stdin)?;
        return Ok((wires, Some(console)));
    }
    Ok((Wires::Pipes(plan.stdin), None))
}

/// Writes what `fd` takes now; all is dropped once it takes nothing for good.
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
    /// Reads what is typed, or piped.
    pub(super) fn read_keys(&mut self, buf: &mut [u8]) {
        let now = self.clock.now();
        let Some(console) = &mut self.console else {
            return;
        };
        let most = buf.len().min(MAX_TYPED);
        let buf = &mut buf[..most];
        let (read, person) = match &console.person {
            Some(person) => (input::read(person.fd(), buf), true),
            None => (input::read(rustix::stdio::stdin(), buf), false),
        };
        match read {
            Ok(Read::Later) => {}
            Ok(Read::Bytes(n)) if person => {
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
                if !person {
                    // In a line that was begun it only hands over what was typed of it.
                    console.typed.extend(console.in_line.then_some(CTRL_D));
                    console.ended = Some(now);
                }
            }
        }
        if let Some(console) = &mut self.console {
            console.pass_on();
        }
    }

    /// A key was pressed at the person's terminal.
    fn press(&mut self, key: u8) {
        let now = self.clock.now();
        let Some(console) = &mut self.console else {
            return;
        };
        match key {
            CTRL_Z => self.suspend(Who::Job),
            CTRL_C => {
                let before = console.interrupted.replace(now);
                let twice = before.is_some_and(|at| now < at + TWICE_WITHIN);
                if twice || self.life.killed() {
                    self.enqueue(Source::Cancel, "^C");
                    // As if it had been sent to us, which it would have been without a terminal between.
                    self.dies_of.request(now, SIGINT);
                    // The first step is this very key.
                    self.life.stop(now, Stop::Cancel(Cancel::default()));
                    self.act();
                } else {
                    console.typed.push(CTRL_C);
                }
            }
            _ => console.typed.push(key),
        }
    }

    /// The line that the agent's output ends in.
    pub(super) fn take_last_text(&mut self) {
        if let Some(console) = &mut self.console {
            let text = console.escapes.end();
            self.take(self.clock.now(), Source::Stdout, text.as_bytes());
        }
    }

    /// Types ^C at the agent's terminal.
    pub(super) fn type_interrupt(&mut self) {
        if let Some(console) = &mut self.console {
            console.typed.push(CTRL_C);
            console.pass_on();
        }
    }

    /// The agent has ended: if a ^C did it that was typed, the turn was cancelled.
    pub(super) fn note_interrupt(&mut self, ended: Ended) {
        let by_it = matches!(ended, Ended::Signalled(SIGINT) | Ended::Exited(130));
        let typed = self.console.as_mut().and_then(|c| c.interrupted.take());
        if by_it && typed.is_some() {
            self.enqueue(Source::Cancel, "^C");
        }
    }

    /// Follows a signal that is no reason to end. `false`: it is one.
    pub(super) fn on_job_signal(&mut self, signal: i32) -> bool {
        match signal {
            SIGCHLD => self.agent.look_after_guardian(),
            SIGCONT => self.resume(),
            SIGWINCH => self.enter(),
            SIGTSTP => self.suspend(Who::Us),
            _ => return false,
        }
        true
    }

    /// Passes on what both terminals take, and looks whether our job has come to the front without being told.
    pub(super) fn on_console(&mut self) {
        let Some(console) = &mut self.console else {
            return;
        };
        console.type_end(self.clock.now());
        console.pass_on();
        if console.comes_to_front() {
            self.resume();
        }
    }

    /// True if the person's terminal holds the agent up; if so, it is held back.
    pub(super) fn is_slow(&mut self) -> bool {
        let slow = self.console.as_ref().is_some_and(Console::is_full);
        if slow && !self.held_back {
            self.held_back = true;
            self.life.hold();
        }
        slow
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

    /// We run again, and so does the agent, which may have a screen to draw anew.
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
