//! Way of the events to stdout: as they are, or without secrets.

use crate::exit::Exit;
use crate::redact::Redact;
use crate::run::output::warn_user;
use crate::stage::{Io, LineStage, Reading, Stage};
use crate::time::Time;

/// Events on their way to stdout.
#[derive(Default)]
pub struct Outlet {
    redact: Option<LineStage<Redact>>,
    io: Io,
    ended: bool,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.redact.is_some() { "Outlet(redact)" } else { "Outlet" })
    }
}

impl Outlet {
    /// A way on which secrets are replaced, if there is a stage for it.
    pub fn new(redact: Option<Redact>) -> Self {
        let reading = Reading::default();
        Self { redact: redact.map(|redact| LineStage::of(redact, &reading)), ..Self::default() }
    }

    /// Takes whole lines, and the passing of time.
    pub(in crate::run) fn pass(&mut self, now: Time, lines: &[u8]) {
        let Some(redact) = &mut self.redact else {
            self.io.out.extend_from_slice(lines);
            return;
        };
        if redact.deadline().is_some_and(|due| due <= now) {
            redact.on_tick(now, &mut self.io);
        }
        redact.on_bytes(now, lines, &mut self.io);
    }

    /// Nothing follows.
    pub(in crate::run) fn end(&mut self, now: Time) {
        if let Some(redact) = self.redact.as_mut().filter(|_| !self.ended) {
            redact.on_end(now, &mut self.io);
        }
        self.ended = true;
    }

    /// Lines that may leave.
    pub(in crate::run) fn take(&mut self) -> Vec<u8> {
        warn_user(&std::mem::take(&mut self.io.err));
        std::mem::take(&mut self.io.out)
    }

    /// Rule of the first secret in a name, which is never changed.
    pub fn rule_in(&mut self, name: &str) -> Option<&str> {
        self.redact.as_mut()?.consumer().rule_in(name)
    }

    /// Text that leaves by another way, without secrets.
    pub fn apart(&mut self, line: String) -> String {
        match &mut self.redact {
            Some(redact) => redact.consumer().apart(&line),
            None => line,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.redact.as_ref().and_then(Stage::deadline)
    }

    /// True if the events must not leave: a secret stands in a name.
    pub(in crate::run) fn refuses(&self) -> bool {
        self.redact.as_ref().is_some_and(Stage::is_over)
    }

    pub(in crate::run) fn exit(&self) -> Exit {
        self.redact.as_ref().map_or(Exit::Success, Stage::exit)
    }
}
