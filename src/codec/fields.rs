//! Any JSON object, its values kept as bytes and parsed on demand: a field that is missing or of another type reads as none,
//! so that one odd field never hides the others.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cursor::Cursor;
use super::{Malformed, malformed};
use crate::event::Raw;

/// Keys of an object that are compared with each other; more of them are hashed.
const MAX_COMPARED: usize = 64;

/// The fields of an object in their order, each value as it stands in the line.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads a line as one object; [`Malformed`] if it is not one JSON object and nothing else.
    pub fn parse(line: &'a str) -> Result<Self, Malformed> {
        let Some(start) = line.bytes().position(|c| !matches!(c, b' ' | b'\t' | b'\r')) else {
            return Err(Malformed::new(0, "empty line"));
        };
        if line.as_bytes()[start] != b'{' {
            return Err(Malformed::new(start, "not a JSON object"));
        }
        Cursor::read(line, Self::scan).ok_or_else(|| {
            // Both parsers accept the same texts; serde_json knows the place and the reason of an error.
            let error = serde_json::from_str::<HashMap<String, &RawValue>>(line).err();
            error.map_or(Malformed::new(start, "not a JSON object"), |e| malformed(&e, line))
        })
    }

    /// The object that comes next.
    pub fn scan(at: &mut Cursor<'a>) -> Option<Self> {
        let mut fields = Vec::with_capacity(24);
        at.members(|at, key| at.raw().map(|value| fields.push((key, value))))?;
        Some(Self(fields))
    }

    /// The value of `key`; of a key that stands twice the last, as most readers have it.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(k, _)| k.len() == key.len() && k == key).map(|(_, v)| *v)
    }

    /// The value of `key` as it stands, `null` taken for missing.
    pub fn raw(&self, key: &str) -> Option<&'a str> {
        self.get(key).filter(|v| *v != "null")
    }

    /// The string at `key`.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).and_then(text)
    }

    /// The value of `key` as `T`.
    pub fn read_as<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// The whole number at `key`.
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    /// The count at `key`.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// The number at `key`, neither infinite nor none.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.raw(key)?.parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// The object at `key`.
    pub fn object(&self, key: &str) -> Option<Fields<'a>> {
        Fields::parse(self.get(key)?).ok()
    }

    /// The items of the list at `key`, as they stand; none if it is no list.
    pub fn list(&self, key: &str) -> Vec<&'a str> {
        self.get(key).map(list).unwrap_or_default()
    }

    /// The strings of the list at `key`.
    pub fn texts(&self, key: &str) -> Vec<Cow<'a, str>> {
        self.list(key).into_iter().filter_map(text).collect()
    }

    /// A key that stands twice.
    pub fn duplicate(&self) -> Option<&str> {
        if self.0.len() > MAX_COMPARED {
            let mut seen = HashSet::with_capacity(self.0.len());
            return self.0.iter().map(|(key, _)| key.as_ref()).find(|key| !seen.insert(*key));
        }
        // Keys that differ in length and first letter cannot be the same: most objects need no comparison at all.
        let mut seen = 0u64;
        for (i, (key, _)) in self.0.iter().enumerate() {
            let first = key.bytes().next().unwrap_or_default();
            let bit = 1 << ((key.len() * 7 + usize::from(first)) % 64);
            if seen & bit != 0 && self.0[..i].iter().any(|(k, _)| k == key) {
                return Some(key);
            }
            seen |= bit;
        }
        None
    }
}

/// The inside of a JSON string, if that is what the value is.
pub(crate) fn string(value: &str) -> Option<Raw<'_>> {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).map(Raw)
}

/// A JSON string as text.
pub fn text(value: &str) -> Option<Cow<'_, str>> {
    string(value).map(Raw::decode)
}

/// The value of the first `key` of a JSON object, as it stands; what comes behind it is not read.
#[must_use]
pub fn value_of<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut value = None;
    let _ = Cursor::read(object, |at| {
        at.members(|at, name| {
            let found = at.raw()?;
            value = (name == key).then_some(found);
            value.is_none().then_some(())
        })
    });
    value
}

/// The items of a JSON list, as they stand; none if it is no list.
pub fn list(value: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let read = Cursor::read(value, |at| at.elements(|at| at.raw().map(|item| items.push(item))));
    read.map(|()| items).unwrap_or_default()
}
