//! Augment's Auggie: `auggie --print --output-format json PROMPT`, one result when it exits, in the words of Claude Code's.
//!
//! Source: auggie 0.36 of the npm registry. Its bill is kept as it is: whether it is this turn's is not known.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "auggie",
    aliases: &["augment"],
    versions: "0.36, by its source",
    about: "Augment's Auggie, json",
    usage: "auggie --print --output-format json PROMPT",
    commands: &["auggie"],
    flags: &["--output-format"],
    keys: "is_error num_turns request_id subtype",
    detect,
    new: |_| Box::new(on_message),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let ours = value.text("type") == "result" && value.has("is_error") && value.has("session_id");
    // Claude Code's result counts tokens and costs.
    let claude = value.has("usage")
        || value.has("total_cost_usd")
        || value.has("duration_ms")
        || value.has("uuid");
    if ours && value.has("request_id") && !claude { Match::Sure } else { Match::No }
}

fn on_message(_: &str, value: Value, emit: &mut Emit<'_>) {
    if value.text("type") != "result" || emit.over() {
        return emit.other(value.text("type"), &value);
    }
    emit.open_turn(&value);
    for key in ["billing", "retry_stats"] {
        if let Some(data) = value.non_null(key) {
            emit.status("usage", key, serde_json::json!({key: data}));
        }
    }
    let (subtype, spent) = (value.text("subtype"), UsageAndCost::default());
    if value.is("is_error") || subtype.starts_with("error") {
        emit.fail(failure(value.text("result"), subtype, None), &spent);
    } else {
        let stop = value.filled("subtype").unwrap_or("completed");
        emit.complete(stop, value.opt_text("result"), &spent);
    }
}
