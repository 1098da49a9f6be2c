//! Inputs of the measurements: generated events, and recordings one after the other.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::SPILE;

/// The generator's file of so many events, made once.
pub fn generated(events: u64) -> Option<PathBuf> {
    streams(events, 4)
}

/// The same, of so many interleaved streams.
pub fn streams(events: u64, streams: u64) -> Option<PathBuf> {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bench/gen_events.py");
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("events-{events}-{streams}.ndjson"));
    if !generator.exists() {
        return None;
    }
    if !file.exists() {
        let part = file.with_extension("part");
        let out = File::create(&part).unwrap();
        let done = Command::new("python3")
            .arg(generator)
            .args(["--events", &events.to_string(), "--streams", &streams.to_string()])
            .stdout(out)
            .status();
        assert!(done.is_ok_and(|s| s.success()), "the generator failed");
        std::fs::rename(part, &file).unwrap();
    }
    Some(file)
}

/// Recordings of Claude Code one after the other until they are so many kilobytes (200 MB for a million events).
pub fn recorded(kilobytes: u64) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings/claude-code");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let round: Vec<u8> = files.iter().flat_map(|f| std::fs::read(f).unwrap()).collect();
    Some(repeated("claude.jsonl", &round, kilobytes))
}

/// Events of the recordings of all runtimes, one after the other until they are so many kilobytes.
pub fn recorded_events(kilobytes: u64) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings");
    let paths =
        |folder: PathBuf| std::fs::read_dir(folder).map(|all| all.map(|e| e.unwrap().path()));
    let runtimes = paths(folder).ok()?.filter(|runtime| runtime.is_dir());
    let mut files: Vec<PathBuf> = runtimes.flat_map(|runtime| paths(runtime).unwrap()).collect();
    files
        .retain(|f| f.extension().is_some_and(|e| ["jsonl", "sse", "txt"].iter().any(|x| e == *x)));
    files.sort();
    let events = |file: &PathBuf| {
        let input = File::open(file).unwrap();
        Command::new(SPILE).arg("wrap").stdin(input).stderr(Stdio::null()).output().unwrap().stdout
    };
    let round: Vec<u8> = files.iter().flat_map(events).collect();
    Some(repeated("events.ndjson", &round, kilobytes))
}

/// A file of as many copies of some bytes as are more than so many kilobytes.
fn repeated(name: &str, round: &[u8], kilobytes: u64) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut out = File::create(&path).unwrap();
    for _ in 0..=kilobytes * 1000 / round.len() as u64 {
        out.write_all(round).unwrap();
    }
    // What is still on its way to the disk would take part in the measurement.
    out.sync_all().unwrap();
    path
}
