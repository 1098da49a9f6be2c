//! One test binary: the real commands (wiring, signals, pipes), and what needs recordings or fixtures from disk.

mod commands;
mod config;
mod demo;
mod exits;
mod feed;
mod fixtures;
mod fuzz;
mod generate;
mod harness;
mod readme;
mod recordings;
mod schema;
mod streaming;
mod terminal;
mod tidy;
mod wrap;
