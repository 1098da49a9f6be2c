//! Start of the agent, and the events of a run whose agent could not be started.

use std::ffi::{OsStr, OsString};
use std::os::fd::BorrowedFd;

use signal_hook::consts::{SIGCHLD, SIGCONT, SIGTSTP, SIGWINCH};

use super::Plan;
use super::console::Console;
use super::run_file::RunFile;
use crate::exit::{Exit, Refusal};
use crate::guard::Ended;
use crate::run::background::{Background, Report};
use crate::run::child::{self, Agent, Identity};
use crate::run::clock::Clock;
use crate::run::control::new_word;
use crate::run::once::KeyLock;
use crate::run::output::{print, warn};
use crate::run::signal::{ENDS, OnRepeat, Signals};
use crate::tap::Tap;

pub(super) fn start(
    plan: &mut Plan,
    stream: String,
) -> Result<(Agent, Option<Console>, Signals), Refusal> {
    let program = plan.argv.first().map_or(OsStr::new(""), OsString::as_os_str);
    let ours = |what| move |e| child::lacking(program, what, &e);
    let console = plan.pty.then(|| Console::open(plan.stdin)).transpose();
    let (pty, console) = console.map_err(ours("there is no terminal for it"))?.unzip();
    let queued = plan.lock.as_mut().and_then(|lock| lock.signals.take());
    let signals = catch(queued, console.is_some().then_some(SIGWINCH));
    let signals = signals.map_err(ours("spile cannot catch signals"))?;
    let background = plan.background.as_deref();
    let held = plan.lock.as_ref().map(KeyLock::fd).into_iter();
    let held: Vec<BorrowedFd<'_>> = held.chain(background.map(Background::lock)).collect();
    let token = background.map_or_else(new_word, |background| background.token.clone());
    let index = background.and_then(|background| background.options.index);
    let identity = Identity { token, stream, index };
    let agent = child::spawn(&plan.argv, plan.stdin, pty, (&identity, &held))?;
    Ok((agent, console, signals))
}

/// Catches the signals of a run, `more` among them; those that are `queued` stay.
fn catch(queued: Option<Signals>, more: Option<i32>) -> std::io::Result<Signals> {
    let signals = queued.map_or_else(|| Signals::catch(&ENDS, OnRepeat::Report), Ok)?;
    let more: Vec<i32> = [SIGCHLD, SIGCONT, SIGTSTP].into_iter().chain(more).collect();
    signals.add(&more).map(|()| signals)
}

pub(super) fn spawn_failed(tap: &mut Tap, plan: &mut Plan, error: &Refusal) -> Exit {
    let why = plan.outlet.apart(error.why.clone());
    warn(&why);
    let now = Clock::start().now();
    if let Some(record) = &mut plan.record {
        record.exit(now, Ended::Exited(error.exit.code().into()));
    }
    tap.on_spawn_failed(now, &error.why);
    plan.outlet.pass(now, &tap.guard().take_lines());
    plan.outlet.end(now);
    let mut lines = plan.outlet.take();
    if let Some(background) = plan.background.as_deref_mut() {
        background.report(&Report::Refused(error.exit.code(), why));
        let mut file = RunFile::new(background);
        file.pass(&mut lines);
        if print(&lines) == Exit::Success {
            file.written();
        }
        return error.exit;
    }
    match print(&lines) {
        Exit::Success => error.exit,
        other => other,
    }
}
