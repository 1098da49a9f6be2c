//! Arguments of a function call that come in pieces, each with its JSON path.

use super::super::prelude::*;
use serde_json::Map;

use crate::codec::MAX_LINE;

/// Longest path, in steps.
const MAX_DEPTH: usize = 64;

/// Highest index of a list.
const MAX_INDEX: usize = 4096;

/// The call that is being put together.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub open: Option<(String, String, Value)>,
    length: usize,
}

impl Partial {
    /// Adds a piece: one with a name begins another call, and one without `willContinue` is the last.
    pub(super) fn add(&mut self, piece: &Value, emit: &mut Emit<'_>) {
        if piece.get("name").is_some() {
            self.start(emit);
        }
        let (.., input) = self.open.get_or_insert_with(|| {
            let text = |key| piece.text(key).to_owned();
            (text("id"), text("name"), Map::new().into())
        });
        if let Some(whole) = piece.get("args").filter(|a| a.is_object()) {
            *input = whole.clone();
        }
        for part in piece.items("partialArgs") {
            let Some(place) = place(input, part.text("jsonPath")) else { continue };
            let value = part.get("numberValue").or(part.get("boolValue"));
            let text = part.opt_text("stringValue");
            self.length += text.map_or(0, str::len);
            match (place, text) {
                (Value::String(known), Some(text)) if self.length <= MAX_LINE => {
                    known.push_str(text);
                }
                (Value::String(_), Some(_)) => {}
                (place, Some(text)) => *place = text.into(),
                (place, None) => *place = value.cloned().unwrap_or_default(),
            }
        }
        if !piece.is("willContinue") {
            self.start(emit);
        }
    }

    /// Starts the call, if one is open.
    pub(super) fn start(&mut self, emit: &mut Emit<'_>) {
        self.length = 0;
        if let Some((id, name, input)) = self.open.take() {
            emit.tool(&id, &name, Some(&input));
        }
    }
}

/// The value at a path such as `$.a.b[0]` or `$['a']`, made if it is not there.
fn place<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut at = root;
    let steps = path.strip_prefix('$').unwrap_or(path).split(['.', '[']);
    let steps = steps.filter(|step| !step.is_empty());
    for step in steps.take(MAX_DEPTH) {
        let step = step.trim_end_matches(']').trim_matches(['\'', '"']);
        if let Ok(index) = step.parse::<usize>()
            && !at.is_object()
        {
            if !at.is_array() {
                *at = Value::Array(Vec::new());
            }
            let list = at.as_array_mut().filter(|_| index <= MAX_INDEX)?;
            list.resize(list.len().max(index + 1), Value::Null);
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
