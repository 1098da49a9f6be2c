//! Choice of events by their type.

use crate::codec;
use crate::event::Type;

/// Types that a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only(Vec<Type>);

impl Only {
    /// Types from a list of names, separated by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kind = |name: &str| match Type::parse(name) {
            Type::Other => Err(format!("{name:?} is no type of event")),
            kind => Ok(kind),
        };
        text.split(',').map(kind).collect::<Result<_, _>>().map(Self)
    }

    /// True for a line of one of these types.
    pub fn admits(&self, line: &[u8]) -> bool {
        codec::decode(line).is_ok_and(|event| self.0.contains(&event.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_chosen_by_type() {
        let only = Only::parse("status,turn_failed").unwrap();
        assert!(only.admits(br#"{"v":1,"seq":1,"type":"status","kind":"x"}"#));
        assert!(!only.admits(br#"{"v":1,"seq":1,"type":"text_delta","text":"status"}"#));
        assert!(!only.admits(b"status"));
        assert!(Only::parse("").is_err());
        assert!(Only::parse("status,other").is_err());
    }
}
