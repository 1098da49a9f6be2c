//! One test binary: the real commands (wiring, signals, pipes), and what needs recordings or fixtures from disk.

mod commands;
mod demo;
mod exits;
mod feed;
mod fixtures;
mod fuzz;
mod harness;
mod heartbeat;
mod merge;
mod readme;
mod recordings;
mod streaming;
mod terminal;
mod tidy;
mod wrap;
