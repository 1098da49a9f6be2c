//! Tokens and cost of the open turn: as wrap says them, in the words of several runtimes, or estimated.

use serde_json::Value;

use super::estimate::{Conversations, Flow};
use super::{Condition, Options};
use crate::codec;
use crate::event::{Event, Type, Usage, UsageAndCost};

use super::turn::body;

/// Depth to which the words of a runtime are looked for.
const MAX_DEPTH: usize = 6;

/// Most characters of a token on average. A smaller count of the output is a placeholder: Claude Code prints one token for a
/// message until it has ended, and without partial messages never more.
const MOST_CHARS: u64 = 10;

/// Tokens and cost of a turn.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Model of the turn, as the runtime names it.
    pub model: String,
    /// The last `so_far`: the counts of the whole turn.
    so_far: UsageAndCost,
    /// Tokens in other reports: at least so many.
    tokens: u64,
    /// Characters of a turn without counts.
    flow: Flow,
}

/// An amount, and the mark of one that the runtime did not report.
type Amount<T> = (T, bool);

impl Budget {
    /// Takes an event of the turn; returns the cost of the session so far, if a runtime reports it in its own words.
    pub(super) fn note(
        &mut self,
        event: &Event<'_>,
        conversations: &mut Conversations,
        options: &Options,
    ) -> Option<f64> {
        if options.estimate {
            self.flow.add(conversations.note(event));
        }
        if event.kind != Type::Status
            || codec::value_of(event.line, "kind").and_then(codec::text)? != "usage"
        {
            return None;
        }
        let data: Value = body(event.line, |body| body.read_as("data"))?;
        if let Some(so_far) = data.get("so_far") {
            self.so_far = serde_json::from_value(so_far.clone()).unwrap_or_default();
            return None;
        }
        self.tokens = tokens(&data, self.tokens).unwrap_or(self.tokens);
        cost(&data)
    }

    /// The limit that is exceeded. `cost` is the cost of the turn by the runtime's own words.
    pub(super) fn overdrawn(&self, cost: f64, options: &Options) -> Option<Condition> {
        let exceeded = |limit: String, flag, estimated| {
            let mark = if estimated { ", estimated" } else { "" };
            Condition { words: format!("more than {limit}{mark} ({flag})"), estimated }
        };
        if let Some(max) = options.max_tokens {
            let (tokens, estimated) = self.tokens(options);
            if tokens > max {
                return Some(exceeded(format!("{max} tokens"), "--max-tokens", estimated));
            }
        }
        let max = options.max_cost?;
        let (cost, estimated) = self.cost(cost, options);
        let limit = || format!("{max} US dollars");
        (cost > max).then(|| exceeded(limit(), "--max-cost", estimated))
    }

    fn tokens(&self, options: &Options) -> Amount<u64> {
        let (usage, estimated) = self.counted(options);
        (total(&usage), estimated)
    }

    /// Cost of the turn. Prices count only where the runtime reports tokens without their cost.
    fn cost(&self, by_runtime: f64, options: &Options) -> Amount<f64> {
        let reported = self.so_far.cost_usd.unwrap_or(by_runtime);
        if self.so_far.cost_usd.is_some() && self.so_far.usage.is_some() {
            return (reported, false);
        }
        let (usage, _) = self.counted(options);
        let priced = options.prices.as_ref().and_then(|prices| prices.cost(&self.model, &usage));
        let priced = priced.unwrap_or_default();
        (reported.max(priced), priced > reported)
    }

    /// Tokens of the turn. A count of the whole turn replaces the estimate, but for an output that is a placeholder.
    fn counted(&self, options: &Options) -> Amount<Usage> {
        let estimate = if options.estimate { self.flow.tokens() } else { Usage::default() };
        match self.so_far.usage {
            Some(usage) => {
                let tokens = usage.output_tokens.or(usage.total_tokens).unwrap_or_default();
                let most = tokens.saturating_mul(MOST_CHARS);
                let is_placeholder = options.estimate && self.flow.output > most;
                let output_tokens =
                    if is_placeholder { estimate.output_tokens } else { usage.output_tokens };
                (Usage { output_tokens, ..usage }, is_placeholder)
            }
            None if total(&estimate) > self.tokens => (estimate, true),
            None => (Usage { input_tokens: Some(self.tokens), ..Usage::default() }, false),
        }
    }
}

/// All tokens: those of input and output, or the total where that is all that is known.
fn total(usage: &Usage) -> u64 {
    match (usage.input_tokens, usage.output_tokens) {
        (None, None) => usage.total_tokens.unwrap_or_default(),
        (input, output) => input.unwrap_or_default().saturating_add(output.unwrap_or_default()),
    }
}

/// Tokens of the turn with those in `data`, where `known` were counted before; `None` if there are none.
fn tokens(data: &Value, known: u64) -> Option<u64> {
    let count = find(data, MAX_DEPTH, &|object| {
        let at =
            |keys: [&str; 2]| keys.iter().find_map(|key| object.get(*key).and_then(Value::as_u64));
        let input = at(["input_tokens", "inputTokens"]);
        let output = at(["output_tokens", "outputTokens"]);
        let parts =
            input.or(output).map(|_| input.unwrap_or(0).saturating_add(output.unwrap_or(0)));
        // Of an agent of the Agent Client Protocol `used` is its context: one call has used as much.
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
fn cost(data: &Value) -> Option<f64> {
    find(data, MAX_DEPTH, &|object| {
        let keys = ["cost_usd", "total_cost_usd", "costUSD"];
        keys.iter().find_map(|key| object.get(*key)?.as_f64())
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
        assert_eq!(cost(&acp), None, "it may be the cost of more than what was seen");
        assert_eq!(cost(&json!({"models": {"m": {"costUSD": 0.5}}})), Some(0.5));
        assert_eq!(tokens(&json!([1]), 1), None);
    }

    #[test]
    fn a_count_of_the_whole_turn_replaces_all_others() {
        let (mut budget, mut conversations) = (Budget::default(), Conversations::default());
        let options = Options { estimate: true, ..Options::default() };
        let mut note = |data: Value| {
            let line = json!({"v": 1, "type": "status", "kind": "usage", "data": data}).to_string();
            let event = codec::decode_text(&line).unwrap();
            let cost = budget.note(&event, &mut conversations, &options);
            (budget.tokens(&options), budget.cost(cost.unwrap_or_default(), &options))
        };
        assert_eq!(note(json!({"used": 900, "costUSD": 2})), ((900, false), (2.0, false)));
        let all = json!({"usage": {"input_tokens": 10, "output_tokens": 3, "total_tokens": 99}});
        assert_eq!(note(json!({"so_far": all})), ((13, false), (0.0, false)));
        assert_eq!(note(json!({"used": 9000, "costUSD": 2})), ((13, false), (2.0, false)));
        let all = json!({"usage": {"total_tokens": 99}, "cost_usd": 0.5});
        assert_eq!(note(json!({"so_far": all})), ((99, false), (0.5, false)));
        assert_eq!(note(json!({"costUSD": 2})), ((99, false), (0.5, false)));
    }
}
