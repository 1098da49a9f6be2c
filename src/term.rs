//! What people see: events as styled, sanitised lines. Pure: it never looks at a terminal, the environment or a clock; whoever
//! calls says whether there is colour and how wide a line may be.

pub(crate) mod marks;
pub(crate) mod sanitize;
pub(crate) mod style;
pub mod view;

pub(crate) use sanitize::{quoted, shell_word};
