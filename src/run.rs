//! The only code that waits: loops around pure stages, signals, descriptors, the wall clock.

pub(crate) mod attach;
mod background;
mod cgroup;
mod child;
mod clock;
pub(crate) mod control;
mod guardian;
mod host;
mod input;
mod inputs;
mod job;
#[cfg(feature = "ledger")]
pub mod ledger;
pub(crate) mod many;
mod once;
pub(crate) mod operation;
mod output;
mod polling;
mod program;
mod pty;
mod record;
pub(crate) mod replay;
#[cfg(feature = "serve")]
pub(crate) mod serve;
mod shell;
mod signal;
mod single;
mod spool;
pub mod state;
pub(crate) mod tee;
mod terminal;
mod tree;

pub(crate) use background::{Background, Inherited, Report, RunOptions, Side, detach, notify};
pub(crate) use child::{RUN as RUN_TOKEN, STREAM as RUN_STREAM, Stdin};
pub(crate) use clock::Clock;
pub(crate) use control::new_word;
pub(crate) use guardian::{WORD as GUARDIAN, guardian};
pub(crate) use host::{Drive, Outlet, Plan, host};
pub(crate) use input::{Waiting, waiting};
pub(crate) use inputs::Inputs;
pub(crate) use once::{KeyLock, lock, queue};
pub(crate) use output::{ensure_stdout, mute_stdout, open_descriptor, print, warn, warn_user};
pub(crate) use program::own as own_program;
pub(crate) use record::Record;
pub(crate) use shell::{become_shell, is_stderr_terminal, new_stream_id, pause, shell, terminal};
pub(crate) use signal::{die_of, reset_inherited};
pub(crate) use single::{single, single_cancel, single_piped};
pub(crate) use spool::SpoolLimits;
