//! One test binary: the real commands (wiring, signals, pipes), and what needs recordings or fixtures from disk.

mod commands;
mod demo;
mod exits;
mod feed;
mod fixtures;
mod fuzz;
mod harness;
mod readme;
mod recordings;
mod spool;
mod streaming;
mod supervise;
mod terminal;
mod tidy;
mod wrap;
