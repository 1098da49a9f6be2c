//! Whether a schema takes something away that readers of events rely on, or refuses lines that were events before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schema;

/// What a field of a schema promises.
#[derive(Debug, PartialEq)]
struct Field {
    required: bool,
    kind: Value,
    /// The strings that it may be; empty if any.
    names: BTreeSet<String>,
    /// Every other keyword that narrows it.
    rest: Map<String, Value>,
}

/// Keywords that promise nothing by themselves or whose insides are fields of their own.
const NO_PROMISE: &[&str] = &[
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "examples",
    "type",
    "enum",
    "properties",
    "required",
    "items",
    "if",
    "then",
    "allOf",
];

/// What `new` takes away from `old`, a sentence each: a field that is gone, has another type, narrower values, or is required
/// now or no longer. Empty if it only grows, or if its contract version (`v`) is another.
///
/// Both are schemas as [`super::schema`] makes them.
pub(super) fn shrinks(old: &Value, new: &Value) -> Vec<String> {
    let (was, is) = (fields(old), fields(new));
    let version = |all: &BTreeMap<String, Field>| {
        let v = all.get("v")?;
        v.rest.get("const").cloned()
    };
    if version(&was) != version(&is) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (path, was) in &was {
        match is.get(path) {
            None => wrong.push(format!("{path} is gone")),
            Some(is) => was.shrinks(is, path, &mut wrong),
        }
    }
    for (path, field) in &is {
        if field.required && !was.contains_key(path) && was.contains_key(parent(path)) {
            wrong.push(format!("{path} is new and required"));
        }
    }
    wrong
}

/// The path of the object that holds this field.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

impl Field {
    fn shrinks(&self, new: &Self, path: &str, wrong: &mut Vec<String>) {
        if self.kind != new.kind {
            wrong.push(format!("{path} was {}, and is {}", self.kind, new.kind));
        }
        match (self.required, new.required) {
            (false, true) => wrong.push(format!("{path} was optional, and is required")),
            (true, false) => wrong.push(format!("{path} was required, and is optional")),
            _ => {}
        }
        if self.names.is_empty() && !new.names.is_empty() {
            wrong.push(format!("{path} was any value, and is one of a list"));
        }
        if !new.names.is_empty() {
            for name in self.names.difference(&new.names) {
                wrong.push(format!("{path} can no longer be {name}"));
            }
        }
        if self.rest != new.rest {
            let text = |rest: &Map<String, Value>| Value::Object(rest.clone());
            wrong.push(format!(
                "{path} was held to {}, and is to {}",
                text(&self.rest),
                text(&new.rest)
            ));
        }
    }
}

/// The fields of a schema by their paths: `seq`, `tool_started.tool.id`, `turn_started.tools[]`. The empty path is the event.
fn fields(schema: &Value) -> BTreeMap<String, Field> {
    let mut found = BTreeMap::new();
    collect(schema, "", true, &mut found);
    for (name, body) in schema["$defs"].as_object().into_iter().flatten() {
        collect(body, name, false, &mut found);
    }
    found
}

fn collect(schema: &Value, path: &str, required: bool, found: &mut BTreeMap<String, Field>) {
    let rest = schema.as_object().into_iter().flatten();
    let field = Field {
        required,
        kind: schema["type"].clone(),
        names: texts(&schema["enum"]).map(str::to_owned).collect(),
        rest: rest
            .filter(|(key, _)| !NO_PROMISE.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    };
    found.insert(path.to_owned(), field);
    let dot = if path.is_empty() { "" } else { "." };
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let required = texts(&schema["required"]).any(|name| name == key);
        collect(inner, &format!("{path}{dot}{key}"), required, found);
    }
    // The body of a type requires fields of the envelope, too.
    for key in texts(&schema["required"]).filter(|key| schema["properties"][*key].is_null()) {
        collect(&Value::Null, &format!("{path}{dot}{key}"), true, found);
    }
    if let Some(items) = schema.get("items") {
        collect(items, &format!("{path}[]"), false, found);
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Messages about the schema after this change.
fn said(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let old = schema();
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new);
    shrinks(&old, &new)
}

fn forget(list: &mut Value, name: &str) {
    list.as_array_mut().unwrap().retain(|v| v != name);
}

#[test]
fn the_same_does_not_shrink() {
    assert_eq!(shrinks(&schema(), &schema()), [""; 0]);
}

#[test]
fn growing_is_no_shrinking() {
    let none = [""; 0];
    assert_eq!(said(|s| s["properties"]["mood"] = json!({"type": "string"})), none);
    assert_eq!(
        said(|s| s["$defs"]["retried"] =
            json!({"type": "object", "required": ["why"], "properties": {"why": {}}})),
        none
    );
    assert_eq!(
        said(|s| s["$defs"]["tool_finished"]["properties"]["outcome"]["enum"]
            .as_array_mut()
            .unwrap()
            .push("skipped".into())),
        none
    );
    assert_eq!(said(|s| s["description"] = "other words".into()), none);
}

#[test]
fn a_field_that_is_gone() {
    let wrong = said(|s| {
        let usage = &mut s["$defs"]["turn_completed"]["properties"]["usage"];
        usage["properties"].as_object_mut().unwrap().remove("total_tokens");
    });
    assert_eq!(wrong, ["turn_completed.usage.total_tokens is gone"]);
}

#[test]
fn a_type_that_is_gone() {
    let wrong = said(|s| {
        s["$defs"].as_object_mut().unwrap().remove("status");
    });
    assert!(wrong.contains(&"status is gone".to_owned()), "{wrong:?}");
}

#[test]
fn another_type() {
    assert_eq!(
        said(|s| s["properties"]["label"]["type"] = "integer".into()),
        [r#"label was "string", and is "integer""#]
    );
    assert_eq!(
        said(|s| s["$defs"]["turn_started"]["properties"]["tools"]["items"]["type"] =
            "object".into()),
        [r#"turn_started.tools[] was "string", and is "object""#]
    );
}

#[test]
fn required_and_optional() {
    assert_eq!(
        said(|s| s["required"].as_array_mut().unwrap().push("label".into())),
        ["label was optional, and is required"]
    );
    assert_eq!(
        said(|s| forget(&mut s["$defs"]["turn_completed"]["required"], "stop")),
        ["turn_completed.stop was required, and is optional"]
    );
    assert_eq!(
        said(|s| forget(&mut s["$defs"]["turn_completed"]["required"], "seq")),
        ["turn_completed.seq is gone"]
    );
    assert_eq!(
        said(|s| {
            s["$defs"]["status"]["properties"]["mood"] = json!({"type": "string"});
            let required = s["$defs"]["status"]["required"].as_array_mut().unwrap();
            required.push("mood".into());
        }),
        ["status.mood is new and required"]
    );
}

#[test]
fn narrower_values() {
    assert_eq!(
        said(|s| forget(&mut s["$defs"]["text_delta"]["properties"]["kind"]["enum"], "reasoning")),
        ["text_delta.kind can no longer be reasoning"]
    );
    assert_eq!(
        said(|s| s["$defs"]["status"]["properties"]["kind"]["enum"] = json!(["log"])),
        ["status.kind was any value, and is one of a list"]
    );
    let wrong = said(|s| s["properties"]["turn"]["minimum"] = 2.into());
    assert_eq!(wrong, [r#"turn was held to {"minimum":1}, and is to {"minimum":2}"#]);
}

#[test]
fn a_new_major_version_may_do_as_it_likes() {
    let wrong = said(|s| {
        s["properties"]["v"]["const"] = 2.into();
        s["properties"].as_object_mut().unwrap().remove("label");
    });
    assert_eq!(wrong, [""; 0]);
}
