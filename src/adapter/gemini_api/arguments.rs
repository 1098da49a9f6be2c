//! Arguments of a function call that come in pieces: each says by a JSON path where it belongs.

use super::super::prelude::*;
use serde_json::{Map, Value};

use crate::codec::MAX_LINE;

/// How deep a path goes, and how long a list grows, at most.
const MAX_DEPTH: usize = 64;
const MAX_INDEX: usize = 4096;

/// The call that is being put together.
#[derive(Debug, Default)]
pub(super) struct Partial {
    open: Option<Call>,
    /// How many bytes of text are in it.
    length: usize,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    input: Value,
}

impl Partial {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Adds a piece, opening the call if need be.
    pub(super) fn add(&mut self, piece: &Value) {
        let call = self.open.get_or_insert_with(|| Call {
            id: piece.text("id").to_owned(),
            name: piece.text("name").to_owned(),
            input: Value::Object(Map::new()),
        });
        if let Some(whole) = piece.get("args").filter(|a| a.is_object()) {
            call.input = whole.clone();
        }
        let parts = piece.at("partialArgs").as_array();
        for part in parts.into_iter().flatten() {
            let path = part.text("jsonPath");
            let Some(place) = place(&mut call.input, path) else {
                continue;
            };
            if let Some(text) = part.opt_text("stringValue") {
                self.length += text.len();
                match place {
                    Value::String(said) if self.length <= MAX_LINE => said.push_str(text),
                    Value::String(_) => {}
                    other => *other = text.into(),
                }
            } else if let Some(value) =
                ["numberValue", "boolValue"].iter().find_map(|k| part.get(k))
            {
                *place = value.clone();
            } else {
                *place = Value::Null;
            }
        }
    }

    /// The call: its id, its name, its arguments.
    pub(super) fn take(&mut self) -> Option<(String, String, Value)> {
        self.length = 0;
        self.open.take().map(|c| (c.id, c.name, c.input))
    }
}

/// The value at a path such as `$.a.b[0]` or `$['a']`, made if it is not there.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let path = path.strip_prefix('$').unwrap_or(path);
    let mut at = root;
    let steps = path.split(['.', '[']).filter(|step| !step.is_empty());
    for step in steps.take(MAX_DEPTH) {
        let step = step.trim_end_matches(']').trim_matches(['\'', '"']);
        if let Ok(index) = step.parse::<usize>()
            && !at.is_object()
        {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let list = at.as_array_mut()?;
            if index > MAX_INDEX {
                return None;
            }
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            at = list.get_mut(index)?;
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = at.as_object_mut()?.entry(step).or_insert(Value::Null);
        }
    }
    Some(at)
}
