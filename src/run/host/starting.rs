//! Start of the agent, and the events of a run whose agent could not be started.

use std::ffi::{OsStr, OsString};

use signal_hook::consts::{SIGCHLD, SIGCONT, SIGTSTP, SIGWINCH};

use super::Plan;
use super::console::Console;
use crate::exit::{Exit, Refusal};
use crate::guard::Ended;
use crate::run::child::{self, Agent};
use crate::run::clock::Clock;
use crate::run::once::KeyLock;
use crate::run::output::{print, warn};
use crate::run::signal::{ENDS, OnRepeat, Signals};
use crate::tap::Tap;

pub(super) fn start(plan: &mut Plan) -> Result<(Agent, Option<Console>, Signals), Refusal> {
    let program = plan.argv.first().map_or(OsStr::new(""), OsString::as_os_str);
    let ours = |what| move |e| child::lacking(program, what, &e);
    let console = plan.pty.then(|| Console::open(plan.stdin)).transpose();
    let (pty, console) = console.map_err(ours("there is no terminal for it"))?.unzip();
    let queued = plan.lock.as_mut().and_then(|lock| lock.signals.take());
    let signals = catch(queued, console.is_some().then_some(SIGWINCH));
    let signals = signals.map_err(ours("spile cannot catch signals"))?;
    let lock = plan.lock.as_ref().map(KeyLock::fd);
    let agent = child::spawn(&plan.argv, plan.stdin, pty, lock)?;
    Ok((agent, console, signals))
}

/// Catches the signals of a run, `more` among them; those that are `queued` stay.
fn catch(queued: Option<Signals>, more: Option<i32>) -> std::io::Result<Signals> {
    let signals = queued.map_or_else(|| Signals::catch(&ENDS, OnRepeat::Report), Ok)?;
    let more: Vec<i32> = [SIGCHLD, SIGCONT, SIGTSTP].into_iter().chain(more).collect();
    signals.add(&more).map(|()| signals)
}

pub(super) fn spawn_failed(tap: &mut Tap, plan: &mut Plan, error: &Refusal) -> Exit {
    warn(plan.outlet.apart(error.why.clone()));
    let now = Clock::start().now();
    if let Some(record) = &mut plan.record {
        record.exit(now, Ended::Exited(error.exit.code().into()));
    }
    tap.on_spawn_failed(now, &error.why);
    plan.outlet.pass(now, &tap.guard().take_lines());
    plan.outlet.end(now);
    match print(&plan.outlet.take()) {
        Exit::Success => error.exit,
        other => other,
    }
}
