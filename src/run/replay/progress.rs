//! How far a replay has got: a line on stderr, where that is a terminal which nobody else in our pipeline writes to.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::keys;
use crate::time::Time;

/// How often it is drawn at most, in a second.
const HERTZ: u8 = 10;

/// The line; without one it says nothing.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    begin: Option<Time>,
    /// Lengths of the sources that have been played.
    before: u64,
    last: u64,
}

impl Progress {
    /// Whether there is somebody to see it.
    pub(super) fn is_wanted() -> bool {
        rustix::termios::isatty(rustix::stdio::stderr())
            && !rustix::termios::isatty(rustix::stdio::stdout())
    }

    /// `length` bytes in all, if that is known.
    pub(super) fn new(length: Option<u64>) -> Self {
        Self {
            bar: Self::is_wanted().then(|| bar(length)).flatten(),
            begin: None,
            before: 0,
            last: 0,
        }
    }

    /// An event that was recorded at `time` has left; its source has been played up to `offset`.
    pub(super) fn pass(&mut self, time: Option<Time>, offset: u64) {
        if offset < self.last {
            // The next source has begun.
            self.before += self.last;
        }
        self.last = offset;
        let Some(bar) = &self.bar else {
            return;
        };
        bar.set_position(self.before + offset);
        if let Some(time) = time {
            let begin = *self.begin.get_or_insert(time);
            bar.set_message(format!("{time} +{}", clock(time.since(begin))));
        }
    }

    /// Says what a person at the keys can do, and at which speed it goes.
    pub(super) fn keys(&self, speed: f64, state: &str) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("{state} {speed}x  {}  ", keys::HELP));
        }
    }

    /// Takes the line away, as long as `say` writes to the terminal.
    pub(super) fn aside(&self, say: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(length: Option<u64>) -> Option<ProgressBar> {
    let template = match length {
        Some(_) => "{prefix}{bar:24} {percent:>3}% {msg}",
        None => "{prefix}{bytes} {msg}",
    };
    let style = ProgressStyle::with_template(template).ok()?;
    let target = ProgressDrawTarget::stderr_with_hz(HERTZ);
    Some(ProgressBar::with_draw_target(length, target).with_style(style))
}

/// Hours, minutes and seconds.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
