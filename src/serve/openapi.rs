//! OpenAPI document of the server, made from the list of routes.

use serde_json::{Map, Value, json};

use super::doors::Takes;
use super::routes::{ALWAYS, Access, Field, REFUSALS, ROUTES, Route};

/// The document. Its version is that of the interface: it does not change with each release.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "spile serve",
            "version": "1",
            "description": "Agents in the background: started, watched and steered by HTTP. An event is a line as docs/EVENTS.md describes it.",
        },
        "servers": [{"url": "http://127.0.0.1:8181"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": {
                "type": "object",
                "description": "Reason of a refusal (RFC 9457)",
                "required": ["status", "title", "detail"],
                "properties": {
                    "status": {"type": "integer"},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                },
            }},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut all = json!({
        "operationId": format!("{:?}", route.operation),
        "summary": route.about,
        "responses": responses(route),
    });
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let in_query = route.query.iter().map(|field| {
        let (about, required) = field.described();
        json!({
            "name": field.name,
            "in": "query",
            "required": required,
            "description": about,
            "schema": {"type": field.kind},
        })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    if !parameters.is_empty() {
        all["parameters"] = parameters.into();
    }
    if route.access == Access::Open {
        all["security"] = json!([]);
    }
    if route.takes != Takes::Nothing {
        all["requestBody"] = body(route);
    }
    all
}

fn body(route: &Route) -> Value {
    let mut properties = Map::new();
    for field in route.fields {
        properties.insert(field.name.into(), schema(field));
    }
    let required: Vec<&str> =
        route.fields.iter().filter(|field| field.described().1).map(|field| field.name).collect();
    let mut schema =
        json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let mut content = json!({"application/json": {"schema": schema}});
    if route.takes == Takes::JsonOrBytes {
        content["text/plain"] = json!({});
        content["application/octet-stream"] = json!({});
    }
    json!({"required": route.takes != Takes::JsonOrNothing, "content": content})
}

fn schema(field: &Field) -> Value {
    let (about, _) = field.described();
    match field.kind {
        "strings" => json!({"type": "array", "items": {"type": "string"}, "description": about}),
        "object" => {
            json!({"type": "object", "additionalProperties": {"type": "string"}, "description": about})
        }
        kind => json!({"type": kind, "description": about}),
    }
}

fn responses(route: &Route) -> Value {
    let (status, types) = route.answer;
    let content: Map<String, Value> =
        types.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    let mut all = json!({status.to_string(): {"description": "Success", "content": content}});
    let with_token = (route.access == Access::Token).then_some(401);
    let mut refusals: Vec<u16> =
        ALWAYS.iter().chain(route.refusals).copied().chain(with_token).collect();
    refusals.sort_unstable();
    for (status, about) in REFUSALS.iter().filter(|(status, _)| refusals.contains(status)) {
        all[status.to_string()] = json!({
            "description": about,
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }},
        });
    }
    all
}
