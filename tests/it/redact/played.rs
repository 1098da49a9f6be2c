//! Recordings of real agents of which random texts are declared secret.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use spile::filter::Chain;
use spile::filter::coalesce::{Coalesce, Options as Coalescing};
use spile::redact::{Options, Pattern, Redact, Until, WITHIN, rules};
use spile::stage::{Clock, FilterStage, Io, LineStage, Reading, Stage};
use spile::time::Time;

use super::{Random, blocks, strings};
use crate::feed::{contract, events, parse};
use crate::harness::{bin, command, shell_code};
use crate::recordings::{FOLDERS, folder, recordings};

/// Rounds for each recording, each with other secrets.
const ROUNDS: usize = 6;

/// Fields that name what belongs together, and words of the format: no secret is taken that stands in one.
const FIXED: [&str; 30] = [
    "v",
    "type",
    "stream",
    "turn",
    "seq",
    "first_seq",
    "ts",
    "label",
    "parent",
    "synthetic",
    "block",
    "supersedes",
    "continues",
    "id",
    "control",
    "kind",
    "runtime",
    "model",
    "outcome",
    "stop",
    "code",
    "by",
    "reason",
    "session",
    "state",
    "source",
    "status",
    "from",
    "adapter",
    "version",
];

/// All recordings as events, by the name of the file.
fn all() -> Vec<(PathBuf, Vec<u8>)> {
    let files = FOLDERS.iter().filter_map(|(name, _)| folder(name));
    let files = files.flat_map(|folder| recordings(&folder));
    files.map(|(file, _)| (file.clone(), events(&std::fs::read(&file).unwrap()).1)).collect()
}

/// The strings of an event that may be secret, and those that must not be.
fn sort(value: &Value, secret: &mut Vec<String>, fixed: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                fixed.push(key.clone());
                match FIXED.contains(&key.as_str()) {
                    true => strings(value, fixed),
                    false => sort(value, secret, fixed),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| sort(item, secret, fixed)),
        Value::String(text) => secret.push(text.clone()),
        other => strings(other, fixed),
    }
}

/// Parts of these texts of 8 to 60 bytes, none of which stands in an id or another word of the format.
fn secrets(events: &[Value], random: &mut Random) -> Vec<String> {
    let (mut texts, mut fixed) = (Vec::new(), Vec::new());
    events.iter().for_each(|event| sort(event, &mut texts, &mut fixed));
    texts.extend(blocks(events).into_values().map(|block| block.deltas));
    texts.retain(|text| text.len() >= 8);
    let mut found = BTreeSet::new();
    for _ in 0..40 {
        if found.len() == 3 || texts.is_empty() {
            break;
        }
        let text = &texts[random.below(texts.len())];
        let characters: Vec<char> = text.chars().collect();
        let begin = random.below(characters.len());
        let part: String = characters[begin..].iter().take(8 + random.below(52)).collect();
        let end = (0..=part.len().min(60)).rev().find(|end| part.is_char_boundary(*end)).unwrap();
        let part = part[..end].trim().to_owned();
        let stands = |text: &String| {
            text.contains(&part) || part.starts_with(text.as_str()) && text.len() > 5
        };
        if part.len() >= 8 && !part.contains('\u{fffd}') && !fixed.iter().any(stands) {
            found.insert(part);
        }
    }
    found.into_iter().collect()
}

fn redact(values: &[String], patterns: Vec<Pattern>) -> Redact {
    let values = values.iter().map(|value| ("value".to_owned(), value.clone())).collect();
    Options { values, patterns, key: None, within: WITHIN }.stage().unwrap()
}

fn pattern(name: &str, regex: &str) -> Pattern {
    Pattern { name: name.to_owned(), regex: regex.to_owned(), until: None }
}

fn literals(secrets: &[String]) -> Vec<Pattern> {
    secrets.iter().map(|secret| pattern("pattern", &regex::escape(secret))).collect()
}

fn run(mut stage: impl Stage, lines: &[u8], size: usize) -> Vec<u8> {
    let (now, mut io) = (Time::default(), Io::default());
    for piece in lines.chunks(size) {
        stage.on_bytes(now, piece, &mut io);
    }
    stage.on_end(now, &mut io);
    assert!(!stage.is_over() && io.err.is_empty(), "{}", String::from_utf8_lossy(&io.err));
    io.out
}

fn redacted(stage: Redact, lines: &[u8], size: usize) -> Vec<u8> {
    run(LineStage::of(stage, &Reading::default()), lines, size)
}

fn coalesced(lines: &[u8]) -> Vec<u8> {
    let chain = Chain::new(vec![Box::new(Coalesce::new(Coalescing::default()))]);
    run(FilterStage::new(chain, Clock::Event, &Reading::default()), lines, lines.len().max(1))
}

/// Nothing of the secrets is left, and the events keep the contract.
fn sound(lines: &[u8], secrets: &[String]) -> Result<(), String> {
    contract(lines)?;
    let events = parse(lines);
    let mut texts = Vec::new();
    events.iter().for_each(|event| strings(event, &mut texts));
    for (name, block) in blocks(&events) {
        if block
            .whole
            .as_ref()
            .is_some_and(|whole| *whole != block.deltas && !block.deltas.is_empty())
        {
            return Err(format!(
                "block {name} ends in another text than its deltas have: {block:?}"
            ));
        }
        texts.push(block.deltas);
    }
    for secret in secrets {
        if let Some(text) = texts.iter().find(|text| text.contains(secret.as_str())) {
            return Err(format!("{secret:?} left in {text:?}"));
        }
    }
    Ok(())
}

/// One way through a recording, and what is wrong with its output.
fn play(lines: &[u8], secrets: &[String], stage: impl Fn() -> Redact) -> Result<usize, String> {
    let out = redacted(stage(), lines, lines.len());
    sound(&out, secrets)?;
    if out != redacted(stage(), lines, 1) {
        return Err("reads of one byte make a difference".to_owned());
    }
    let marks = String::from_utf8_lossy(&out).matches("[redacted:").count();
    if marks == 0 {
        return Err("nothing is replaced".to_owned());
    }
    let (first, last) = (coalesced(&out), redacted(stage(), &coalesced(lines), lines.len()));
    sound(&first, secrets).map_err(|why| format!("redact | coalesce: {why}"))?;
    sound(&last, secrets).map_err(|why| format!("coalesce | redact: {why}"))?;
    let (first, last) = (blocks(&parse(&first)), blocks(&parse(&last)));
    if first != last {
        return Err(format!("redact | coalesce: {first:?}\ncoalesce | redact: {last:?}"));
    }
    Ok(marks)
}

#[test]
fn random_texts_of_recordings_are_replaced_and_the_contract_is_kept() {
    let (mut random, mut count, mut marks, mut wrong) = (Random(7), 0, 0, String::new());
    for (file, lines) in all() {
        let parsed = parse(&lines);
        for round in 0..ROUNDS {
            let secrets = secrets(&parsed, &mut random);
            if secrets.is_empty() {
                continue;
            }
            let played = play(&lines, &secrets, || match round % 2 {
                0 => redact(&secrets, Vec::new()),
                _ => redact(&[], literals(&secrets)),
            });
            count += 1;
            match played {
                Ok(here) => marks += here,
                Err(why) => {
                    let _ = writeln!(wrong, "{}, {round}, {secrets:?}: {why}", file.display());
                }
            }
        }
    }
    eprintln!("{count} runs, {marks} replacements");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_secret_that_begins_with_a_word_of_the_format_leaves_the_word() {
    let words =
        ["unknown", "cancelled", "reasoning", "execute", "search", "answer", "rate_limited"];
    let secrets = words.map(|word| format!("{word} kestrel 7719"));
    for (file, lines) in all() {
        let out = redacted(redact(&secrets, Vec::new()), &lines, lines.len());
        contract(&out).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        for field in ["/outcome", "/kind", "/by", "/tool/kind", "/error/code"] {
            let words = |lines: &[u8]| -> Vec<Option<Value>> {
                parse(lines).iter().map(|event| event.pointer(field).cloned()).collect()
            };
            assert_eq!(words(&out), words(&lines), "{}: {field}", file.display());
        }
    }
}

/// The built-in rules.
fn built_in() -> Vec<Pattern> {
    let until = |rule: &rules::Rule| {
        rule.until.map(|until| Until { end: until.end.to_owned(), lines: until.lines })
    };
    let pattern =
        |rule: &rules::Rule| Pattern { until: until(rule), ..pattern(rule.name, rule.regex) };
    rules::all().map(pattern).collect()
}

#[test]
fn recordings_without_a_secret_pass_byte_for_byte() {
    let value = ["correct horse battery staple".to_owned()];
    for (file, lines) in all() {
        for size in [1, 7, 4093, lines.len().max(1)] {
            let same = redacted(redact(&value, built_in()), &lines, size) == lines;
            assert!(same, "{} in reads of {size} bytes", file.display());
        }
    }
}

#[test]
fn the_commands_do_with_recordings_what_the_stages_do() {
    let mut random = Random(8);
    let folder_of_values = tempfile::tempdir().unwrap();
    let values = folder_of_values.path().join("values.txt");
    for (name, _) in FOLDERS {
        let Some((raw, _)) = folder(name).and_then(|folder| recordings(&folder).into_iter().next())
        else {
            continue;
        };
        let lines = events(&std::fs::read(&raw).unwrap()).1;
        let secrets = secrets(&parse(&lines), &mut random);
        let secrets: Vec<String> =
            secrets.into_iter().filter(|text| !text.contains('\n')).collect();
        if secrets.is_empty() {
            continue;
        }
        std::fs::write(&values, secrets.join("\n")).unwrap();
        let options = format!("--value-file '{}'", values.display());
        let raw = raw.display();
        for script in [
            format!("spile wrap <'{raw}' | spile redact {options}"),
            format!("spile wrap --redact {options} <'{raw}'"),
            format!("spile wrap --redact {options} -- cat '{raw}'"),
            format!("spile wrap <'{raw}' | spile redact {options} | spile coalesce"),
            format!("spile wrap <'{raw}' | spile coalesce --clock event | spile redact {options}"),
        ] {
            let mut bash: Command = command("bash", &["-o", "pipefail", "-c", &script]);
            let output = bash.env("SPILE", bin()).output().unwrap();
            let stdout = output.stdout;
            assert!([0, 1, 75].contains(&shell_code(output.status)), "{script}: {}", output.status);
            sound(&stdout, &secrets).unwrap_or_else(|why| panic!("{script}: {why}"));
            assert!(
                String::from_utf8_lossy(&stdout).contains("[redacted:file:values]"),
                "{script}"
            );
        }
    }
}
