//! What the tests share: bytes through a tap to events, and the contract that any of them must keep.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use spile::adapter::Match;
use spile::check::{Check, Options};
use spile::exit::Exit;
use spile::guard::{self, Ended};
use spile::stage::{Io, Stage};
use spile::tap::{Config, Tap};
use spile::time::Time;

/// A tap whose stream is `test` and that finds out by itself what it reads.
pub fn tap() -> Tap {
    let config = Config {
        guard: guard::Config { stream: "test".into(), label: None, max_block: guard::MAX_BLOCK },
        max_line: spile::codec::MAX_LINE,
        strict: false,
        argv: Vec::new(),
    };
    Tap::new(config, None)
}

/// The events that an agent's whole output becomes, all of them at the same time.
pub fn events(raw: &[u8]) -> (&'static str, Vec<u8>) {
    let now = Time::default();
    let mut tap = tap();
    tap.on_stdout(now, raw);
    tap.on_end(now + Duration::from_secs(1), Ended::Eof);
    (tap.adapter(), std::mem::take(&mut tap.guard().out))
}

/// The lines as values; a lone surrogate in them becomes U+FFFD.
pub fn parse(lines: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(lines).expect("events are UTF-8");
    text.lines()
        .map(|line| {
            let line = spile::codec::without_lone(line);
            serde_json::from_str(&line).unwrap_or_else(|wrong| panic!("{wrong}: {line}"))
        })
        .collect()
}

/// Holds whole streams of events against the contract, and says what is wrong.
pub fn contract(lines: &[u8]) -> Result<(), String> {
    let mut check = Check::new(Options::default());
    let mut io = Io::default();
    check.on_bytes(Time::default(), lines, &mut io);
    check.on_end(Time::default(), &mut io);
    if check.exit() == Exit::Success {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&io.out).into_owned())
    }
}

/// The first line of which an adapter is sure that is not this one, and that adapter's name.
pub fn foreign(raw: &[u8], adapter: &str) -> Option<(usize, &'static str)> {
    let sure = |line: &[u8]| {
        let value = serde_json::from_slice(line).ok()?;
        let (spec, sure) = spile::adapter::by_content(&value)?;
        (sure == Match::Sure && spec.name != adapter).then_some(spec.name)
    };
    let mut lines = raw.split(|byte| *byte == b'\n').enumerate();
    lines.find_map(|(at, line)| Some((at + 1, sure(line)?)))
}

/// The files of a folder with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// Every file below a folder, in order.
pub fn tree(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for path in files(folder, "") {
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push(path);
        }
    }
    found
}
