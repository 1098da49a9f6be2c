//! The only code that waits: loops around pure stages, signals, descriptors, the wall clock.

mod cgroup;
mod child;
mod clock;
pub mod control;
mod guardian;
mod host;
mod input;
mod inputs;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod many;
mod message;
mod once;
mod output;
mod program;
mod pty;
mod record;
pub mod replay;
mod shell;
mod signal;
mod single;
mod spool;
pub mod tee;
mod terminal;
mod tree;

pub use child::Stdin;
pub use clock::Clock;
pub use guardian::{WORD as GUARDIAN, guardian};
pub use host::{Plan, host};
pub use input::{Waiting, waiting};
pub use inputs::Inputs;
pub use many::many;
pub use once::{Taken, lock};
pub use output::{ensure_stdout, print, warn_user};
pub use program::own as own_program;
pub use record::Record;
pub use shell::{new_stream_id, pause, shell, terminal};
pub use signal::{die_of, reset_inherited};
pub use single::{Interrupt, single};
pub use spool::{SpoolLimits, anonymous_temp_file, punch_hole};
pub use tee::tee;
