//! The keys of messages that no adapter reads: a runtime adds them, and what stands under them is kept as a status, once.
//! Each adapter names the keys that it reads or leaves out on purpose; those that many runtimes have are named here.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use crate::codec;

/// Fields that are remembered, so that one that every message repeats is kept once; past that all are forgotten.
const MAX_KEPT: usize = 4096;

/// Values below these keys are free in form, and emitted or left out as a whole.
const OPAQUE: &str = "args arguments headers input modelUsage output parameters partial_json rawInput rawOutput \
    stats tool_input tool_output tool_response tool_use_result";

/// Keys that many runtimes have.
const COMMON: &str = "call_id code content cost cwd data delta description duration_ms error id index input_tokens \
    isError is_error kind message messageId model name num_turns output_tokens path prompt \
    provider reason request_id result role service_tier sessionId session_id signature status \
    subtype summary text thinking timestamp title toolCall toolCallId toolName tool_use_id tools \
    total_tokens type usage value version";

/// The keys that an adapter reads or leaves out on purpose.
#[derive(Debug)]
pub struct Keys {
    known: HashSet<&'static str>,
    opaque: HashSet<&'static str>,
}

impl Keys {
    /// The keys in a list that is parted by spaces, and those of every runtime. A `*` stands for all: messages of any form.
    #[must_use]
    pub fn new(own: &'static str) -> Self {
        let known = COMMON.split(' ').chain(own.split(' ')).collect();
        Self { known, opaque: OPAQUE.split(' ').collect() }
    }

    /// The fields of a message that its adapter does not know, by their path.
    #[must_use]
    pub fn unknown(&self, message: &Value) -> Map<String, Value> {
        let mut found = Map::new();
        if !self.known.contains("*") {
            self.walk(message, &mut String::new(), &mut found);
        }
        found
    }

    fn walk(&self, value: &Value, path: &mut String, found: &mut Map<String, Value>) {
        let length = path.len();
        if let Value::Array(values) = value {
            for (at, value) in
                values.iter().enumerate().filter(|(_, v)| v.is_object() || v.is_array())
            {
                path.push_str(&format!("{at}."));
                self.walk(value, path, found);
                path.truncate(length);
            }
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            if self.opaque.contains(key.as_str()) {
                continue;
            }
            path.push_str(key);
            if !self.known.contains(key.as_str()) {
                if !is_empty(value) {
                    found.insert(path.clone(), value.clone());
                }
            } else if value.is_object() || value.is_array() {
                path.push('.');
                self.walk(value, path, found);
            }
            path.truncate(length);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The fields that were kept before.
#[derive(Debug, Default)]
pub struct Kept(HashSet<u64>);

impl Kept {
    /// The fields of `found` that are new and do not stand in `emitted`, the events that the message became.
    pub fn new_of(&mut self, found: Map<String, Value>, emitted: &[u8]) -> Map<String, Value> {
        let mut fields = found;
        fields.retain(|path, value| {
            let key = path.rsplit('.').next().unwrap_or_default();
            let field = format!("{}:{}", codec::to_json(key), codec::to_json(value));
            let mut hasher = DefaultHasher::new();
            field.hash(&mut hasher);
            if self.0.len() >= MAX_KEPT {
                self.0.clear();
            }
            memchr::memmem::find(emitted, field.as_bytes()).is_none()
                && self.0.insert(hasher.finish())
        });
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_nobody_reads_are_found_by_their_path_and_kept_once() {
        let message = serde_json::json!({"type": "a", "new": 1, "message": {"content": [{"text": "x", "odd": "y"}]},
            "input": {"any": 1}, "gone": null});
        let found = Keys::new("odd_one").unknown(&message);
        assert_eq!(
            Value::from(found.clone()).to_string(),
            r#"{"new":1,"message.content.0.odd":"y"}"#
        );
        let mut kept = Kept::default();
        assert_eq!(kept.new_of(found.clone(), b"{\"new\":1}").len(), 1);
        assert_eq!(kept.new_of(found, b"").len(), 1);
    }
}
