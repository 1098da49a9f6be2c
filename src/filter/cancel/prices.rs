//! Prices of models in US dollars for a million tokens, as the user gives them.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::event::Usage;

/// Shape of the file, for messages.
const SHAPE: &str =
    r#"write {"MODEL":{"input":3,"output":15,"cached":0.3}}, in US dollars for a million tokens"#;

/// Prices by the name of a model, or by its beginning.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(Vec<(String, Price)>);

/// Prices of a model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    #[serde(deserialize_with = "dollars")]
    input: f64,
    #[serde(deserialize_with = "dollars")]
    output: f64,
    /// Input read from the prompt cache; the price of other input by default.
    #[serde(default, deserialize_with = "some_dollars")]
    cached: Option<f64>,
    /// Input written to the prompt cache; the price of other input by default.
    #[serde(default, deserialize_with = "some_dollars")]
    cache_write: Option<f64>,
}

impl Prices {
    /// Reads the prices.
    ///
    /// # Errors
    /// The place and the reason, for the user.
    pub fn parse(json: &str) -> Result<Self, String> {
        let prices: Self =
            serde_json::from_str(json).map_err(|error| format!("{error}; {SHAPE}"))?;
        match prices.0.is_empty() {
            true => Err(format!("there is no model in it; {SHAPE}")),
            false => Ok(prices),
        }
    }

    /// Cost of these tokens, if the model has a price: that of its name or of the longest beginning of it.
    pub(super) fn cost(&self, model: &str, usage: &Usage) -> Option<f64> {
        let price = self.of(model)?;
        let count = |tokens: Option<u64>| tokens.unwrap_or_default();
        let (read, written) = (count(usage.cache_read_tokens), count(usage.cache_write_tokens));
        // Tokens without a direction are the cheaper ones.
        let all =
            usage.input_tokens.or(usage.total_tokens.filter(|_| usage.output_tokens.is_none()));
        let other = count(all).saturating_sub(read).saturating_sub(written);
        #[expect(clippy::cast_precision_loss, reason = "no turn has 2^53 tokens")]
        let part = |tokens: u64, dollars: f64| tokens as f64 * dollars / 1e6;
        Some(
            part(other, price.input)
                + part(read, price.cached.unwrap_or(price.input))
                + part(written, price.cache_write.unwrap_or(price.input))
                + part(count(usage.output_tokens), price.output),
        )
    }

    /// True if the model has a price.
    pub(super) fn has(&self, model: &str) -> bool {
        self.of(model).is_some()
    }

    fn of(&self, model: &str) -> Option<&Price> {
        let known = self.0.iter().filter(|(name, _)| model.starts_with(name.as_str()));
        known.max_by_key(|(name, _)| name.len()).map(|(_, price)| price)
    }
}

impl<'de> Deserialize<'de> for Prices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Models;
        impl<'de> Visitor<'de> for Models {
            type Value = Prices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of models")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Prices, A::Error> {
                let mut prices: Vec<(String, Price)> = Vec::new();
                while let Some(model) = map.next_key::<String>()? {
                    if prices.iter().any(|(known, _)| *known == model) {
                        return Err(A::Error::custom(format!("the model {model:?} comes twice")));
                    }
                    prices.push((model, map.next_value()?));
                }
                Ok(Prices(prices))
            }
        }
        deserializer.deserialize_map(Models)
    }
}

fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let dollars = f64::deserialize(deserializer)?;
    match dollars >= 0.0 {
        true => Ok(dollars),
        false => Err(D::Error::custom(format!("a price below 0: {dollars}"))),
    }
}

fn some_dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    dollars(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(json: &str) -> Prices {
        Prices::parse(json).unwrap()
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let all = Usage {
            input_tokens: Some(1_000_000),
            output_tokens: Some(100_000),
            cache_read_tokens: Some(600_000),
            cache_write_tokens: Some(200_000),
            ..Usage::default()
        };
        let full = prices(r#"{"m":{"input":10,"output":50,"cached":1,"cache_write":12.5}}"#);
        let cost = full.cost("m", &all).unwrap();
        assert!((cost - (2.0 + 0.6 + 2.5 + 5.0)).abs() < 1e-9, "{cost}");
        let short = prices(r#"{"m":{"input":10,"output":50}}"#);
        assert!((short.cost("m", &all).unwrap() - 15.0).abs() < 1e-9);
        let total = Usage { total_tokens: Some(1_000_000), ..Usage::default() };
        assert!((short.cost("m", &total).unwrap() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn the_longest_beginning_of_a_name_counts() {
        let of = |price: u8| format!(r#"{{"input":{price},"output":0}}"#);
        let json = format!(r#"{{"m":{},"m-mini":{}}}"#, of(3), of(1));
        let million = Usage { input_tokens: Some(1_000_000), ..Usage::default() };
        let cost = |prices: &Prices, model| prices.cost(model, &million);
        assert_eq!(cost(&prices(&json), "m-mini-2026"), Some(1.0));
        assert_eq!(cost(&prices(&json), "m-2"), Some(3.0));
        assert_eq!(cost(&prices(&json), "x"), None);
        assert_eq!(cost(&prices(&format!(r#"{{"":{}}}"#, of(2))), "x"), Some(2.0));
    }

    #[test]
    fn errors_name_the_place() {
        for (json, why) in [
            ("{\n \"m\": {\"input\": 3}}", "missing field `output` at line 2 column 18"),
            (r#"{"m":{"input":-3,"output":1}}"#, "a price below 0: -3 at line 1 column 16"),
            (r#"{"m":{"input":"3","output":1}}"#, "invalid type: string \"3\""),
            (r#"{"m":{"input":3,"output":1,"in":1}}"#, "unknown field `in`"),
            (r#"{"m":{"input":3,"output":1,"cached":null}}"#, "invalid type: null"),
            (r#"{"m":{"input":3,"output":1},"m":{"input":3,"output":1}}"#, "\"m\" comes twice"),
            ("{}", "no model"),
            ("[]", "expected an object of models"),
            ("", "EOF"),
        ] {
            let error = Prices::parse(json).unwrap_err();
            assert!(error.contains(why) && error.contains(SHAPE), "{json}: {error}");
            assert!(json == "{}" || error.contains(" at line "), "{json}: {error}");
        }
    }
}
