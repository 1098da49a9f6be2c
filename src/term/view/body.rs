//! An event's fields read one at a time, as they are asked for: a field that is missing or of another type is none, so that
//! one bad field never hides the rest of an event.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::codec::{Fields, Malformed};
use crate::event::Raw;

/// The fields of one JSON object.
pub(super) struct Body<'a>(Fields<'a>);

impl<'a> Body<'a> {
    /// Reads the keys of an object; its values are looked at when they are asked for.
    ///
    /// # Errors
    /// [`Malformed`] if `json` is not one JSON object.
    pub(super) fn parse(json: &'a str) -> Result<Self, Malformed> {
        Fields::parse(json).map(Body)
    }

    /// A field as it stands, `null` taken for missing.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).filter(|v| *v != "null")
    }

    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.raw(key).and_then(text)
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.raw(key)?.parse().ok()
    }

    pub(super) fn count(&self, key: &str) -> Option<u64> {
        self.raw(key)?.parse().ok()
    }

    /// A number that is neither infinite nor none.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.raw(key)?.parse().ok().filter(|n: &f64| n.is_finite())
    }

    pub(super) fn object(&self, key: &str) -> Option<Body<'a>> {
        Body::parse(self.raw(key)?).ok()
    }

    /// The items of a list, as they stand.
    pub(super) fn list(&self, key: &str) -> Vec<&'a str> {
        self.raw(key).map(list).unwrap_or_default()
    }

    /// The strings of a list.
    pub(super) fn texts(&self, key: &str) -> Vec<Cow<'a, str>> {
        self.list(key).into_iter().filter_map(text).collect()
    }
}

/// A JSON string as text.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    raw.strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .map(|v| Raw(v).decode())
}

/// The items of a JSON list, as they stand; none if it is no list.
pub(super) fn list(raw: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(raw)
        .map(|items| items.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}
