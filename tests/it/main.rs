//! The integration tests: one binary, a module for each thing that is tested as a whole.

mod feed;
mod fixtures;

mod recordings;
