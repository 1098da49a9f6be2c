//! spile: an AI agent's output as one stream of canonical events, and Unix filters over it.
//!
//! Other programs can build on [`event`] and [`codec`] (the line format), [`adapter`] (messages of the runtimes), [`guard`]
//! (the contract) and [`filter`]. None of them reads, writes, waits or looks at a clock: time is a parameter. Everything else
//! belongs to the binary and may change at any time; docs/ARCHITECTURE.md has its map.
//!
//! The output of a runtime, as events whose deltas are merged:
//!
//! ```
//! use spile::event::Type;
//! use spile::filter::Chain;
//! use spile::filter::coalesce::{Coalesce, Options};
//! use spile::guard::{self, Ended};
//! use spile::{Tap, TapConfig, Time, adapter, codec};
//!
//! let config = TapConfig {
//!     guard: guard::Config { stream: "run-1".into(), label: None, max_block: guard::MAX_BLOCK },
//!     max_line: codec::MAX_LINE,
//!     strict: false,
//!     argv: Vec::new(),
//! };
//! let mut tap = Tap::new(config, adapter::by_name("ollama"));
//! let now = Time::from_millis(1_800_000_000_000);
//! for text in ["Hel", "lo, ", "world"] {
//!     let message = format!(r#"{{"role":"assistant","content":"{text}"}}"#);
//!     tap.on_stdout(now, format!("{{\"model\":\"m\",\"message\":{message},\"done\":false}}\n").as_bytes());
//! }
//! tap.on_stdout(now, b"{\"model\":\"m\",\"done\":true,\"done_reason\":\"stop\"}\n");
//! tap.on_end(now, Ended::Eof);
//! let events = std::mem::take(&mut tap.guard().out);
//!
//! let merge = Coalesce::new(Options { first: 0, ..Options::default() });
//! let mut chain = Chain::new(vec![Box::new(merge)]);
//! let mut merged = Vec::new();
//! for line in events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
//!     chain.on_event(now, &codec::decode(line).unwrap(), &mut merged);
//! }
//! chain.on_end(now, &mut merged);
//!
//! let merged = String::from_utf8(merged).unwrap();
//! let kinds: Vec<Type> = merged.lines().map(|line| codec::decode_text(line).unwrap().kind).collect();
//! assert_eq!(kinds, [Type::TurnStarted, Type::TextDelta, Type::BlockFinal, Type::TurnCompleted]);
//! assert!(merged.contains(r#""text":"Hello, world""#));
//! ```

#![cfg_attr(
    not(all(feature = "http", feature = "ledger", feature = "serve")),
    expect(dead_code, reason = "some of what a left-out feature uses is compiled without it, too")
)]

pub mod adapter;
pub mod codec;
pub mod event;
pub mod filter;
pub mod guard;
mod named;
mod streams;

pub use tap::{Config as TapConfig, Tap};
pub use time::Time;

// Used by the binary and the tests in tests/it.
#[doc(hidden)]
pub mod backoff;
#[doc(hidden)]
pub mod check;
#[doc(hidden)]
pub mod cmd;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod exit;
#[doc(hidden)]
pub mod export;
#[cfg(feature = "ledger")]
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
pub mod redact;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod runs;
#[cfg(feature = "serve")]
#[doc(hidden)]
pub mod serve;
#[doc(hidden)]
pub mod stage;
#[doc(hidden)]
pub mod tap;
#[doc(hidden)]
pub mod term;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod time;

mod drive;
mod lifecycle;
mod merge;
mod outcome;
mod replay;
mod schema;
mod secret;
mod sink;
mod spill;
mod timing;
