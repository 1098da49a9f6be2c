//! Stepping by keys: one event at a time, or played until the next key.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use rustix::process::{Signal, getpid, kill_process};

use super::keys::{Key, Keys};
use crate::replay::Mark;
use crate::replay::pace::{Gap, Pace};
use crate::time::Time;

pub(super) struct Stepping {
    keys: Keys,
    pub halted: bool,
    steps: usize,
    skipping: bool,
}

impl Stepping {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { keys: Keys::open()?, halted: true, steps: 0, skipping: false })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.keys.fd()
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
        let Some(keys) = self.keys.pressed() else { return ControlFlow::Break(()) };
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
        self.keys.restore();
        let _ = kill_process(getpid(), Signal::STOP);
        let _ = self.keys.take();
    }
}
