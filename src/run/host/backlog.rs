//! The agent's output on its way to the tap: directly, or through the spool when the reader is slow.

use anyhow::{Context, Result};

use super::console::MAX_SHOWN;
use super::{Host, MAX_PENDING};
use crate::run::spool::{Frame, Source};
use crate::time::Time;

impl Host<'_> {
    /// Passes input to the tap, or queues it behind earlier input.
    pub(super) fn take(&mut self, now: Time, source: Source, bytes: &[u8]) {
        if self.stdout.reader_gone || bytes.is_empty() {
            return;
        }
        if self.spool.is_empty() && self.has_room() {
            self.pass_to_tap(now, source, bytes);
            return;
        }
        self.spool.push(Frame { at: now, source, bytes: bytes.to_vec() });
        if self.spool.is_full() {
            self.held_back = true;
            self.life.hold();
            self.warn_full();
        }
    }

    fn warn_full(&mut self) {
        if std::mem::replace(&mut self.warned, true) {
            return;
        }
        let message = match &self.spool.failed {
            Some(e) => format!(
                "the agent is held back: the reader is slow and what waits for it cannot be stored: {e}"
            ),
            None => {
                "the agent is held back: the reader is slow and the spool is full (see --spool-max)"
                    .to_owned()
            }
        };
        self.emit("warning", Some(&message), None);
    }

    pub(super) fn enqueue(&mut self, how: Source, text: &str) {
        self.take(self.clock.now(), how, text.as_bytes());
    }

    fn has_room(&mut self) -> bool {
        self.output.pending() + self.tap.guard().out.len() <= MAX_PENDING
    }

    /// Passes queued input to the tap as long as the reader takes its output.
    pub(super) fn work(&mut self) -> Result<()> {
        if self.stdout.reader_gone {
            self.spool.clear();
        }
        while !self.spool.is_empty() && self.has_room() {
            let frame = self.spool.pop();
            if let Some(frame) = frame.context("cannot read what waits for a slow reader")? {
                self.pass_to_tap(frame.at, frame.source, &frame.bytes);
            }
        }
        let slow = self.console.as_ref().is_some_and(|console| console.shown.len() >= MAX_SHOWN);
        if slow && !self.held_back {
            self.held_back = true;
            self.life.hold();
        }
        if self.held_back && !slow && !self.spool.is_full() {
            self.held_back = false;
            self.life.release(self.clock.now());
        }
        Ok(())
    }

    fn pass_to_tap(&mut self, at: Time, source: Source, bytes: &[u8]) {
        self.seen_at = at;
        match source {
            Source::Stdout => self.tap.on_stdout(at, bytes),
            Source::Stderr => self.tap.on_stderr(at, bytes),
            Source::Cancel => {
                let reason = String::from_utf8_lossy(bytes);
                self.tap.guard().request_cancel("signal", &reason);
            }
            Source::Ask => self.on_cancel(bytes),
            Source::Fail => {
                let text = String::from_utf8_lossy(bytes);
                let (code, message) = text.split_once('\0').unwrap_or((&text, ""));
                self.tap.guard().request_fail(code, message);
            }
        }
    }
}
