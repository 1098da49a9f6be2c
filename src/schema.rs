//! The JSON Schema (2020-12) of one event line. What holds between lines (numbers, turns, blocks) is for `check`.

/// The schema. A test makes it from the types of `event`.
pub const EVENT: &str = include_str!("../docs/event.schema.json");

#[cfg(test)]
mod tests;
