//! One test binary: the real commands (wiring, signals, pipes), and what needs recordings or fixtures from disk.

mod chunk_cases;
mod commands;
mod config;
mod demo;
mod documents;
mod endpoint;
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
mod replay;
mod replay_http;
mod replay_keys;
mod schema;
mod spool;
mod streaming;
mod supervise;
mod tee;
mod tee_http;
mod tee_slow;
mod terminal;
mod tidy;
mod usage;
mod wrap;
