//! The only code that waits: loops around pure stages, signals, descriptors, the wall clock.

pub mod child;
mod clock;
mod host;
mod input;
pub mod many;
mod output;
mod shell;
mod signal;
mod single;

pub use clock::Clock;
pub use host::host;
pub use input::{Waiting, waiting};
pub use many::many;
pub use output::{complain, print};
pub use shell::{new_stream_id, pause, shell, terminal};
pub use signal::die_of;
pub use single::{Interrupt, single};
