//! Drives the real binary: wiring, signals, pipes. What is pure is tested beside its code.

mod commands;
mod demo;
mod exits;
mod fuzz;
mod harness;
mod readme;
mod streaming;
mod terminal;
mod tidy;
mod wrap;
