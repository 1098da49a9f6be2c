//! The control socket: each wrap of a command listens on one, so that `spile ps`, `spile cancel` and others can ask what
//! runs and stop it. Who asks can neither hold up the run nor make it fail. The protocol is written down in docs/control.md.

mod asking;
mod client;
mod lineage;
mod protocol;
mod server;

pub use asking::Asking;
pub use client::{Answer, Client, Found, Heard, ask_all, find};
pub use protocol::{Ask, Info, Request};
pub(super) use server::{Server, new_word};

/// The ending of a socket's name, behind the process id of its wrap.
const SOCKET: &str = "sock";

/// The ending of the file beside it that says whose it is.
const INFO: &str = "json";
