//! Cutting held against the cases that were collected from other projects, where they lie beside this one.

use serde_json::Value;
use spile::text::cut::{self, Fences, Options, Pace, Part};
use spile::text::units::{Limit, Limits, Unit};

use crate::harness::skip;

/// Cases of kind `exact` in which another answer is better, and why: docs/chunk.md.
const ARGUED: &[&str] =
    &["P2 fence opener longer than the limit", "P5 fence inside a list item (4 spaces)"];

fn cases(file: &str) -> Option<Vec<Value>> {
    let path = format!("{}/../shared/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).ok()?;
    let mut value: Value = serde_json::from_str(&spile::codec::without_lone(&text)).unwrap();
    let list = if value.is_array() { value } else { value["cases"].take() };
    Some(list.as_array().unwrap().clone())
}

fn text(case: &Value) -> Option<String> {
    if let Some(text) = case["text"].as_str() {
        return Some(text.to_owned());
    }
    let deltas = case["deltas"].as_array()?;
    Some(deltas.iter().filter_map(Value::as_str).collect())
}

/// The limits of a case: what our model was asked, else what that project was.
fn options(case: &Value) -> Options {
    let number = |keys: &[(&str, &str)]| {
        let mut found = keys.iter().filter_map(|(of, key)| case[of][key].as_u64());
        found.next().and_then(|n| usize::try_from(n).ok())
    };
    let max = number(&[
        ("ref_config", "max"),
        ("config", "limit"),
        ("config", "maxChars"),
        ("config", "max"),
        ("config", "max_utf16_len"),
    ]);
    let unit = match case["unit"].as_str().unwrap_or_default() {
        "utf16" => Unit::Utf16,
        unit if unit.starts_with("code points") => Unit::Codepoints,
        unit if unit.starts_with("bytes") => Unit::Bytes,
        _ => Unit::Utf16,
    };
    // Nothing is cut smaller than 16.
    let mut limits = vec![Limit { unit, max: max.unwrap_or(2000).max(16) }];
    if let Some(lines) = number(&[("ref_config", "max_lines"), ("config", "maxLines")]) {
        limits.push(Limit { unit: Unit::LineFeeds, max: lines.saturating_sub(1) });
    }
    Options {
        limits: Limits::new(&limits),
        min: number(&[("ref_config", "min")]),
        pace: Pace::Full,
        fences: Fences::Lines,
    }
}

fn sent(part: &Part) -> String {
    format!("{}{}{}", part.open, part.body, part.close)
}

/// Whether every fence that a text opens is closed in it, told by its lines alone.
fn balanced(text: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '>', '\t', '-']);
        let mark = line.chars().next().unwrap_or(' ');
        let run = line.chars().take_while(|c| *c == mark).count();
        if !matches!(mark, '`' | '~') || run < 3 {
            continue;
        }
        let rest = &line[run..];
        match open {
            Some((m, n)) if m == mark && run >= n && rest.trim().is_empty() => open = None,
            None if mark == '~' || !rest.contains('`') => open = Some((mark, run)),
            _ => {}
        }
    }
    open.is_none()
}

fn property(case: &Value) -> Option<String> {
    use unicode_segmentation::UnicodeSegmentation;
    let (text, options) = (text(case)?, options(case));
    let parts = cut::cut(&text, &options);
    let mut bounds: Vec<usize> = text.grapheme_indices(true).map(|(i, _)| i).collect();
    bounds.push(text.len());
    let joined: String = parts.iter().flat_map(|p| [&*p.lead, &*p.body, &*p.glue]).collect();
    if joined != text {
        return Some("text is lost".to_owned());
    }
    let mut at = 0;
    for part in &parts {
        let sent = sent(part);
        at += part.lead.len() + part.body.len();
        if !options.limits.size(&sent).within(options.limits.max()) {
            return Some(format!("over the limit: {sent:?}"));
        }
        if !balanced(&sent) {
            return Some(format!("a fence is not balanced: {sent:?}"));
        }
        if !part.broken && bounds.binary_search(&at).is_err() {
            return Some(format!("a grapheme is cut behind {sent:?}"));
        }
        at += part.glue.len();
    }
    None
}

#[test]
fn cases_of_other_projects() {
    let (Some(mut all), Some(peers)) = (cases("chunk-openclaw.json"), cases("chunk-peers.json"))
    else {
        skip("the cases of other projects are not there (../shared/cases)");
        return;
    };
    all.extend(peers);
    let mut wrong = Vec::new();
    let (mut exact, mut same, mut held, mut properties) = (0, 0, 0, 0);
    for case in &all {
        let name = case["name"].as_str().unwrap_or_default();
        match case["must"].as_str() {
            Some("exact") => {
                exact += 1;
                let parts = cut::cut(&text(case).unwrap(), &options(case));
                let got: Vec<String> = parts.iter().map(sent).collect();
                let want: Vec<&str> =
                    case["expected"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                if got == want {
                    same += 1;
                } else if !ARGUED.contains(&name) {
                    wrong.push(format!("{name}\n  want {want:?}\n  got  {got:?}"));
                }
                wrong.extend(property(case).map(|why| format!("{name}: {why}")));
            }
            Some("property") if text(case).is_some() => {
                properties += 1;
                match property(case) {
                    None => held += 1,
                    Some(why) => wrong.push(format!("{name}: {why}")),
                }
            }
            Some("property") => eprintln!("no text: {name}"),
            _ => {}
        }
    }
    eprintln!("chunk cases: exact {same} of {exact}, properties {held} of {properties}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(exact - same <= 5, "too many differ");
}
