//! Progress line on stderr, where that is a terminal to which no other process of the pipeline writes.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::job;
use super::super::output::warn_user;
use super::keys;
use crate::time::Time;

const HERTZ: u8 = 10;

/// Delay of the first line: by then the other processes of the pipeline have started.
const FIRST: Duration = Duration::from_millis(300);

const LOOK: Duration = Duration::from_secs(1);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    looked: Option<Instant>,
    begin: Option<Time>,
    time: Option<Time>,
    before: u64,
    last: u64,
    /// Help for the keys; printed once where there is no line.
    keys: Option<String>,
    help_shown: bool,
}

impl Progress {
    pub(super) fn is_wanted() -> bool {
        rustix::termios::isatty(rustix::stdio::stderr())
            && !rustix::termios::isatty(rustix::stdio::stdout())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    pub(super) fn new(length: Option<u64>) -> Self {
        Self {
            bar: Self::is_wanted().then(|| bar(length)).flatten(),
            started: Instant::now(),
            looked: None,
            begin: None,
            time: None,
            before: 0,
            last: 0,
            keys: None,
            help_shown: false,
        }
    }

    /// Time until [`Progress::draw`] is due; `None` for never.
    pub(super) fn rest(&self) -> Option<Duration> {
        let wanted = self.bar.is_some() || (self.keys.is_some() && !self.help_shown);
        let begun = self.started.elapsed();
        wanted.then(|| FIRST.checked_sub(begun).unwrap_or(LOOK))
    }

    /// Records that an event has left, and the offset of its source.
    pub(super) fn pass(&mut self, time: Option<Time>, offset: u64) {
        if offset < self.last {
            // The next source has begun.
            self.before += self.last;
        }
        self.last = offset;
        self.begin = self.begin.or(time);
        self.time = time.or(self.time);
        self.draw();
    }

    pub(super) fn keys(&mut self, speed: f64, state: &str) {
        self.keys = Some(format!(" {state} {speed}x  {}", keys::HELP));
        self.draw();
    }

    /// Draws the line, unless another process writes to the terminal.
    pub(super) fn draw(&mut self) {
        if self.started.elapsed() < FIRST {
            return;
        }
        if self.bar.is_some() && self.looked.is_none_or(|at| at.elapsed() > LOOK) {
            self.looked = Some(Instant::now());
            if shared() {
                self.clear();
            }
        }
        let Some(bar) = &self.bar else {
            if self.keys.is_some() && !self.help_shown {
                self.help_shown = true;
                warn_user(format!("{}\n", keys::HELP).as_bytes());
            }
            return;
        };
        bar.set_position(self.before + self.last);
        if let Some(keys) = &self.keys {
            bar.set_prefix(keys.clone());
        }
        if let (Some(time), Some(begin)) = (self.time, self.begin) {
            bar.set_message(format!("{time} +{}", clock(time.since(begin))));
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Hides the line while `print` writes to the terminal.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// True if another process of the pipeline, such as `spile view`, writes to the terminal.
fn shared() -> bool {
    let place = |pid: &str, fd: u8| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok();
    let Some(ours) = place("self", 2) else { return false };
    job::others().iter().any(|pid| place(&pid.to_string(), 1).as_ref() == Some(&ours))
}

fn bar(length: Option<u64>) -> Option<ProgressBar> {
    let template = match length {
        Some(_) => "{bar:16} {percent:>3}% {msg}{prefix}",
        None => "{bytes} {msg}{prefix}",
    };
    let style = ProgressStyle::with_template(template).ok()?;
    let target = ProgressDrawTarget::stderr_with_hz(HERTZ);
    Some(ProgressBar::with_draw_target(length, target).with_style(style))
}

fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
