//! Secrets in text: the table of rules, the values of this machine, and files of rules. Nothing here reads a file or a
//! variable.

pub mod file;
pub mod rules;
pub mod values;
