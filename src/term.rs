//! What people see: events as styled, sanitised lines. Pure: it never looks at a terminal, the environment or a clock; whoever
//! calls says whether there is colour and how wide a line may be.

pub mod marks;
pub mod sanitize;
pub mod style;
pub mod view;

pub use sanitize::{quoted, shell_word};
