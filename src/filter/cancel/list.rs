//! Conditions as one text, such as `after=10m,repeat=5,match=REGEX`, and the values that they take.

use std::time::Duration;

use regex::Regex;

use super::Options;
use crate::time;

/// The conditions, each with an example of its value.
const EXAMPLES: [(&str, &str); 8] = [
    ("after", "10m"),
    ("idle", "2m"),
    ("repeat", "5"),
    ("cost", "2.00"),
    ("tokens", "200k"),
    ("text", "20k"),
    ("tool", "Bash"),
    ("match", "REGEX"),
];

impl Options {
    /// Adds a list of conditions, separated by commas; `match=` takes the rest of the list.
    ///
    /// # Errors
    /// The condition and what to write, for the user.
    pub fn add(&mut self, list: &str) -> Result<(), String> {
        let (mut rest, mut last) = (list, "");
        loop {
            let item = rest.trim_start();
            let pattern = item.strip_prefix("match=");
            let (item, behind) = match item.split_once(',') {
                Some((item, behind)) if pattern.is_none() => (item, Some(behind)),
                _ => (item, None),
            };
            let Some((name, value)) = item.split_once('=') else {
                return Err(without_value(item.trim(), last));
            };
            let value = if pattern.is_some() { value } else { value.trim_end() };
            self.set(name.trim_end(), value)?;
            let Some(behind) = behind else { return Ok(()) };
            (rest, last) = (behind, name);
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if value.is_empty() && example(name).is_some() {
            return Err(without_value(name, ""));
        }
        let wrong = |why: String| format!("{name}: {why}");
        let limit = || {
            let given = time::duration(value).map_err(wrong)?;
            Ok::<Option<Duration>, String>(Some(given).filter(|time| !time.is_zero()))
        };
        match name {
            "after" => once(name, &mut self.after, limit()?),
            "idle" => once(name, &mut self.when_idle, limit()?),
            "repeat" => once(name, &mut self.on_repeat, Some(repeats(value).map_err(wrong)?)),
            "cost" => once(name, &mut self.max_cost, Some(dollars(value).map_err(wrong)?)),
            "tokens" => once(name, &mut self.max_tokens, Some(count(value).map_err(wrong)?)),
            "text" => once(name, &mut self.max_text, Some(count(value).map_err(wrong)?)),
            "tool" => {
                self.tools.push(value.to_owned());
                Ok(())
            }
            "match" => {
                let pattern = Regex::new(value).map_err(|error| wrong(error.to_string()))?;
                once(name, &mut self.pattern, Some(pattern))
                    .map_err(|why| format!("{why}: write match=A|B"))
            }
            _ => Err(unknown(name)),
        }
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: Option<T>) -> Result<(), String> {
    if place.is_some() {
        return Err(format!("{name} is given twice"));
    }
    *place = value;
    Ok(())
}

fn example(name: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn unknown(name: &str) -> String {
    let names = EXAMPLES.map(|(name, _)| name).join(", ");
    format!("there is no condition {name:?}: the conditions are {names}")
}

/// Error for an item without a value, behind a condition of the name `last`.
fn without_value(item: &str, last: &str) -> String {
    match example(item) {
        Some(value) => format!("{item} wants a value, like {item}={value}"),
        None if item.is_empty() => "a condition is missing, like after=10m".to_owned(),
        None if last == "tool" => {
            format!("{}; several tools are written tool=A,tool={item}", unknown(item))
        }
        None => unknown(item),
    }
}

/// A count such as `5000`, `200k` or `2M`, in powers of 1000.
///
/// # Errors
/// The form to write instead.
pub fn count(text: &str) -> Result<u64, String> {
    let count = scaled(text, &[("k", 1000), ("K", 1000), ("M", 1_000_000)]);
    count.ok_or_else(|| "write a number like 5000, 200k or 2M".to_owned())
}

/// A whole number, perhaps with one of these suffixes, each with its factor.
pub fn scaled(text: &str, suffixes: &[(&str, u64)]) -> Option<u64> {
    let scaled = suffixes.iter().find_map(|(end, factor)| Some((text.strip_suffix(end)?, *factor)));
    let (digits, factor) = scaled.unwrap_or((text, 1));
    // `parse` would take a sign.
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok());
    number.flatten()?.checked_mul(factor)
}

/// An amount of US dollars.
///
/// # Errors
/// The form to write instead.
pub fn dollars(text: &str) -> Result<f64, String> {
    let amount: Option<f64> = text.parse().ok();
    let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "write US dollars like 0.50".to_owned())
}

/// A number of repeats.
///
/// # Errors
/// The form to write instead.
pub fn repeats(text: &str) -> Result<u64, String> {
    let number = count(text).ok().filter(|number| *number >= 2);
    number.ok_or_else(|| "write a number from 2 on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(lists: &[&str]) -> Result<Options, String> {
        let mut options = Options::default();
        lists.iter().try_for_each(|list| options.add(list)).map(|()| options)
    }

    #[test]
    fn every_condition() {
        let list = "after=10m,idle=2m, repeat=5,cost=2.00,tokens=200k,text=1M,tool=Bash,\
                    tool=mcp__a,match=a{2,3}=, b ";
        let options = options(&[list]).unwrap();
        assert_eq!(options.after, Some(Duration::from_secs(600)));
        assert_eq!(options.when_idle, Some(Duration::from_secs(120)));
        assert_eq!((options.on_repeat, options.max_cost), (Some(5), Some(2.0)));
        assert_eq!((options.max_tokens, options.max_text), (Some(200_000), Some(1_000_000)));
        assert_eq!(options.tools, ["Bash", "mcp__a"]);
        assert_eq!(options.pattern.unwrap().as_str(), "a{2,3}=, b ");
    }

    #[test]
    fn several_lists_are_one() {
        let options = options(&["match=a,b", "tool=x", "tool=y,after=1s"]).unwrap();
        assert_eq!(options.tools, ["x", "y"]);
        assert!(options.after.is_some() && options.pattern.is_some());
        assert!(!self::options(&["after=0"]).unwrap().is_any(), "0 is no limit");
    }

    #[test]
    fn errors_name_the_condition_and_what_to_write() {
        for (lists, why) in [
            (&["after=soon"][..], "after: write a duration like 250ms, 10s, 5m or 1h30m"),
            (&["idle=-1"], "idle: write a duration"),
            (&["repeat=1"], "repeat: write a number from 2 on"),
            (&["cost=free"], "cost: write US dollars like 0.50"),
            (&["cost=-1"], "cost: write US dollars"),
            (&["tokens=200q"], "tokens: write a number like 5000, 200k or 2M"),
            (&["text=99999999999999M"], "text: write a number"),
            (&["match=("], "match: regex parse error"),
            (&["after"], "after wants a value, like after=10m"),
            (&["tool="], "tool wants a value, like tool=Bash"),
            (&["match="], "match wants a value, like match=REGEX"),
            (&["tool=Bash,Edit"], "several tools are written tool=A,tool=Edit"),
            (&["when=1"], "there is no condition \"when\": the conditions are after, idle, "),
            (&[""], "a condition is missing"),
            (&["after=1s,"], "a condition is missing"),
            (&["after=1s,after=2s"], "after is given twice"),
            (&["match=a", "match=b"], "match is given twice: write match=A|B"),
        ] {
            let error = options(lists).unwrap_err();
            assert!(error.contains(why), "{lists:?}: {error}");
        }
    }
}
