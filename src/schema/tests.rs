//! The schema made from the types of `event`, and compared with the committed one.

mod shrink;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::EVENT;
use crate::check::shape::{CANCELLED_BY, CODES, OUTCOMES, TEXT_KINDS, TOOL_KINDS};
use crate::event::{
    BlockFinal, ChangedFiles, Envelope, Status, TextDelta, ToolFinished, ToolStarted,
    TurnCancelled, TurnCompleted, TurnFailed, TurnStarted, Type, UsageAndCost, VERSION,
};

use shrink::shrinks;

/// The schema of one event: the envelope, and for each of the nine types its body in the same object. Fields and types that
/// this version does not know are allowed.
fn schema() -> Value {
    let mut envelope = object::<Envelope<'_>>();
    narrow(&mut envelope, "");
    let bodies: Map<String, Value> =
        Type::NAMES.iter().map(|(kind, name)| ((*name).to_owned(), body(*kind, name))).collect();
    let branches: Vec<Value> = bodies
        .keys()
        .map(|name| {
            json!({
                "if": { "properties": { "type": { "const": name } }, "required": ["type"] },
                "then": { "$ref": format!("#/$defs/{name}") },
            })
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "spile event",
        "description": format!(
            "One line of a stream of canonical events, contract version {VERSION}. Fields and types that this version does \
             not know are allowed; what holds between lines is said in EVENTS.md."
        ),
        "type": "object",
        "properties": envelope["properties"],
        "required": ["v", "type"],
        "dependentRequired": { "stream": ["ts"] },
        "anyOf": [
            { "required": ["stream"] },
            {
                "description": "a diagnostic that belongs to no stream",
                "properties": { "type": { "const": "status" }, "kind": { "const": "diagnostic" } },
                "required": ["kind"],
            },
        ],
        "allOf": branches,
        "$defs": bodies,
    })
}

/// The body of a type, with those fields of the envelope that it must have.
fn body(kind: Type, name: &str) -> Value {
    let more = both(object::<ChangedFiles<'_>>(), &object::<UsageAndCost>());
    let mut body = match kind {
        Type::TurnStarted => object::<TurnStarted<'_>>(),
        Type::TextDelta => object::<TextDelta<'_>>(),
        Type::BlockFinal => object::<BlockFinal<'_>>(),
        Type::ToolStarted => object::<ToolStarted<'_>>(),
        Type::ToolFinished => object::<ToolFinished<'_>>(),
        Type::Status => object::<Status<'_>>(),
        Type::TurnCompleted => both(object::<TurnCompleted<'_>>(), &more),
        Type::TurnFailed => both(object::<TurnFailed<'_>>(), &more),
        Type::TurnCancelled => both(object::<TurnCancelled<'_>>(), &more),
        Type::Other => json!({}),
    };
    narrow(&mut body, name);
    if kind == Type::BlockFinal {
        body["dependentRequired"] = json!({ "part": ["last", "delivery_id"] });
    }
    // A status may be injected by a later filter and stand outside any turn.
    if kind != Type::Status
        && let Some(required) = body["required"].as_array_mut()
    {
        required.splice(0..0, ["stream", "turn", "seq"].map(Value::from));
    }
    body
}

/// The schema that is derived from a type, without what is not standard or never written.
fn object<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
    schema
}

/// An optional field is left out, never null; `uint64` and the like are no formats of the standard, nor is a default that a
/// reader assumes part of the line.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("type").is_some_and(|t| !t.is_object()) {
                object.remove("format");
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|t| t != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".into(), one);
                }
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(all) => all.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The fields of two objects in one.
fn both(mut first: Value, second: &Value) -> Value {
    if let (Some(first), Some(second)) =
        (first["properties"].as_object_mut(), second["properties"].as_object())
    {
        first.extend(second.clone());
    }
    first
}

/// Strings and numbers that a field may hold, where its type does not restrict them. The path of a field is its type (none for the
/// envelope) and its keys.
fn narrowed() -> Vec<(&'static str, Value)> {
    let one_of = |names: &[&str]| json!({ "enum": names });
    let said = || json!({ "minLength": 1 });
    let number = || json!({ "minimum": 1 });
    let time = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$";
    vec![
        (".v", json!({ "const": VERSION })),
        (".stream", json!({ "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$" })),
        (".turn", number()),
        (".seq", number()),
        (".first_seq", number()),
        (".ts", json!({ "pattern": time })),
        (".synthetic", json!({ "const": true })),
        ("text_delta.block", said()),
        ("text_delta.kind", one_of(TEXT_KINDS)),
        ("text_delta.text", said()),
        ("block_final.block", said()),
        ("block_final.kind", one_of(TEXT_KINDS)),
        ("tool_started.tool.id", said()),
        ("tool_started.tool.kind", one_of(TOOL_KINDS)),
        ("tool_finished.tool.id", said()),
        ("tool_finished.tool.kind", one_of(TOOL_KINDS)),
        ("tool_finished.outcome", one_of(OUTCOMES)),
        ("status.kind", said()),
        ("turn_failed.error.code", one_of(CODES)),
        ("turn_cancelled.by", one_of(CANCELLED_BY)),
    ]
}

/// Puts what [`narrowed`] says of the type `name` into its schema.
fn narrow(schema: &mut Value, name: &str) {
    for (path, more) in narrowed() {
        let Some((_, keys)) = path.split_once('.').filter(|(of, _)| *of == name) else {
            continue;
        };
        let mut field = Some(&mut *schema);
        for key in keys.split('.') {
            field = field.and_then(|f| f.get_mut("properties")?.get_mut(key));
        }
        if let (Some(field), Value::Object(more)) = (field.and_then(Value::as_object_mut), more) {
            field.extend(more);
        }
    }
}

/// Readers of events rely on the committed schema: it may only grow, unless the contract's version changes.
#[test]
fn generated_schema_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/event.schema.json");
    let (committed, made) = (serde_json::from_str(EVENT).unwrap(), schema());
    assert_eq!(
        shrinks(&committed, &made),
        [""; 0],
        "this needs a new major version of the contract: raise VERSION in src/event.rs, or keep the fields as they were"
    );
    let text = format!("{made:#}\n");
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, text).unwrap();
    } else {
        assert_eq!(text, EVENT, "run: UPDATE_GENERATED=1 cargo test generated");
    }
}

#[test]
fn every_narrowed_field_is_there() {
    let schema = schema();
    for (path, more) in narrowed() {
        let (name, keys) = path.split_once('.').unwrap();
        let mut field = if name.is_empty() { &schema } else { &schema["$defs"][name] };
        for key in keys.split('.') {
            field = &field["properties"][key];
        }
        for (key, value) in more.as_object().unwrap() {
            assert_eq!(&field[key], value, "{path}");
        }
    }
}

#[test]
fn nothing_is_null_and_no_format_is_left() {
    let text = schema().to_string();
    assert!(!text.contains("null\"") && !text.contains("\"format\""), "{text}");
}
