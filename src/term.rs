//! Events as styled, sanitised lines for people. Colour and width are the caller's choice: no terminal, environment or clock
//! is read here.

pub mod marks;
pub mod sanitize;
pub mod style;
pub mod view;

pub use sanitize::{quoted, shell_word};
