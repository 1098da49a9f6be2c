//! Tokens and cost in a status of kind `usage`, with the keys of several runtimes.

use serde_json::Value;

/// Depth to which they are looked for.
const MAX_DEPTH: usize = 6;

/// Tokens of the turn with those in `data`, where `known` were counted before; `None` if there are none.
pub(super) fn tokens(data: &Value, known: u64) -> Option<u64> {
    let count = find(data, MAX_DEPTH, &|object| {
        let at =
            |keys: [&str; 2]| keys.iter().find_map(|key| object.get(*key).and_then(Value::as_u64));
        let input = at(["input_tokens", "inputTokens"]);
        let output = at(["output_tokens", "outputTokens"]);
        let parts =
            input.or(output).map(|_| input.unwrap_or(0).saturating_add(output.unwrap_or(0)));
        parts.or_else(|| at(["total_tokens", "totalTokens"])).or_else(|| at(["used", "used"]))
    })?;
    let type_ = |path: &str| data.pointer(path).and_then(Value::as_str);
    // Tokens of one message of several are added.
    let one = type_("/event/type") == Some("message_delta")
        || type_("/type") == Some("message_delta")
        || type_("/type") == Some("assistant.usage");
    // Else they are those of the turn so far, or of more than the turn.
    Some(if one { known.saturating_add(count) } else { known.max(count) })
}

/// Cost in US dollars, usually of the session.
pub(super) fn cost(data: &Value) -> Option<f64> {
    find(data, MAX_DEPTH, &|object| {
        let keys = ["cost_usd", "total_cost_usd", "costUSD"];
        let plain = keys.iter().find_map(|key| object.get(*key)?.as_f64());
        plain.or_else(|| {
            let cost = object.get("cost")?;
            let dollars = cost.get("currency")?.as_str()? == "USD";
            cost.get("amount").filter(|_| dollars)?.as_f64()
        })
    })
}

type Map = serde_json::Map<String, Value>;

fn find<T>(value: &Value, depth: usize, look: &dyn Fn(&Map) -> Option<T>) -> Option<T> {
    let object = value.as_object().filter(|_| depth > 0)?;
    look(object).or_else(|| object.values().find_map(|v| find(v, depth - 1, look)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn several_runtimes() {
        let claude = json!({"type": "stream_event", "event": {"type": "message_delta",
            "usage": {"input_tokens": 3, "output_tokens": 40}}});
        assert_eq!(tokens(&claude, 60), Some(103));
        let acp = json!({"used": 53, "size": 200_000, "cost": {"amount": 0.5, "currency": "USD"}});
        assert_eq!(tokens(&acp, 40), Some(53));
        assert_eq!(cost(&acp), Some(0.5));
        let euro = json!({"cost": {"amount": 0.5, "currency": "EUR"}});
        assert_eq!((tokens(&euro, 1), cost(&euro)), (None, None));
        assert_eq!(tokens(&json!([1]), 1), None);
    }
}
