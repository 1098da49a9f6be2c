//! Tokens and cost in a status of kind `usage`, with the keys of several runtimes.

use serde_json::Value;

/// Depth to which they are looked for.
const MAX_DEPTH: usize = 6;

/// Tokens used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    /// By one message of several.
    More(u64),
    /// By the turn so far, or by more than the turn.
    Total(u64),
}

pub(super) fn tokens(data: &Value) -> Option<Tokens> {
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
    let one = type_("/event/type") == Some("message_delta")
        || type_("/type") == Some("message_delta")
        || type_("/type") == Some("assistant.usage");
    Some(if one { Tokens::More(count) } else { Tokens::Total(count) })
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
        assert_eq!(tokens(&claude), Some(Tokens::More(43)));
        let acp = json!({"used": 53, "size": 200_000, "cost": {"amount": 0.5, "currency": "USD"}});
        assert_eq!(tokens(&acp), Some(Tokens::Total(53)));
        assert_eq!(cost(&acp), Some(0.5));
        let euro = json!({"cost": {"amount": 0.5, "currency": "EUR"}});
        assert_eq!((tokens(&euro), cost(&euro)), (None, None));
        assert_eq!(tokens(&json!([1])), None);
    }
}
