//! Events as styled, sanitised lines for people. Colour and width are the caller's choice: no terminal, environment or clock
//! is read here.

pub mod ci;
pub(crate) mod marks;
pub(crate) mod sanitize;
pub(crate) mod style;
pub mod view;

pub(crate) use sanitize::quoted;
#[cfg(feature = "ledger")]
pub(crate) use sanitize::shell_word;
