//! Drives the real binary: wiring, signals, pipes. What is pure is tested beside its code.

mod chunk_cases;
mod commands;
mod harness;
mod streaming;
mod tidy;
mod wrap;
