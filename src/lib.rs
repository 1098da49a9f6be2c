//! spile: an AI agent's output as one stream of canonical events, and Unix filters over it.
//!
//! The map (docs/ARCHITECTURE.md says why): `event` and `codec` are the line format, `filter` what acts on events, `adapter`
//! what one runtime prints, `guard` the contract that leaves `wrap`, `tap` the way from an agent's bytes to events, `merge`
//! several streams made one, `replay` a recorded one played again, `run` the only code that waits, `term` what people see, `cmd` the commands.

pub mod adapter;
pub mod backoff;
pub mod check;
pub mod cmd;
pub mod codec;
pub mod config;
pub mod event;
pub mod exit;
pub mod export;
pub mod filter;
pub mod guard;
#[cfg(feature = "ledger")]
pub mod ledger;
pub mod lifecycle;
pub mod merge;
pub mod outcome;
pub mod replay;
pub mod run;
pub mod schema;
pub mod secret;
pub mod sink;
pub mod stage;
pub mod tap;
pub mod term;
pub mod text;
pub mod time;
