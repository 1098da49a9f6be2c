//! spile: an AI agent's output as one stream of canonical events, and Unix filters over it.
//!
//! The map (docs/ARCHITECTURE.md says why): `event` and `codec` are the line format, `filter` what acts on events, `adapter`
//! what one runtime prints, `guard` the contract that leaves `wrap`, `tap` the way from an agent's bytes to events, `merge`
//! several streams made one, `replay` a recorded one played again, `run` the only code that waits, `term` what people see, `cmd` the commands.

pub mod adapter;
pub mod backoff;
#[doc(hidden)]
pub mod check;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod event;
#[doc(hidden)]
pub mod exit;
#[doc(hidden)]
pub mod export;
pub mod filter;
pub mod guard;
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
pub mod lifecycle;
#[doc(hidden)]
pub mod merge;
mod named;
pub mod outcome;
#[doc(hidden)]
pub mod replay;
#[doc(hidden)]
pub mod run;
pub mod schema;
pub mod secret;
#[doc(hidden)]
pub mod sink;
mod spill;
#[doc(hidden)]
pub mod stage;
mod streams;
pub mod tap;
#[doc(hidden)]
pub mod term;
#[doc(hidden)]
pub mod text;
pub mod time;
