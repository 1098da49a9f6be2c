//! One test binary: the real commands (wiring, signals, pipes), and what needs recordings or fixtures from disk.

mod chunk_cases;
mod commands;
mod config;
mod demo;
mod documents;
mod exits;
mod exported;
mod feed;
mod fixtures;
mod fuzz;
mod generate;
mod harness;

mod heartbeat;
mod ledger;
mod ledger_cases;
mod ledger_damage;
mod ledger_kill;
mod ledger_tee;
mod merge;
mod recordings;
mod schema;
mod spool;
mod streaming;
mod supervise;
mod terminal;
mod tidy;
mod usage;
mod wrap;
