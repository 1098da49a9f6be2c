//! What is exported as chunks and wrapped again is the same text with the same ends, for every recording.

use spile::export::{Format, stage};
use spile::stage::{Io, Reading};
use spile::term::view::TextBytes;
use spile::time::Time;

use crate::feed::{contract, events, parse};
use crate::recordings::{FOLDERS, folder, recordings};

/// The main agent's answer, turn by turn, each with how it ended.
fn turns(lines: &[u8]) -> Vec<(String, String)> {
    let (mut turns, mut text) = (Vec::new(), String::new());
    for event in parse(lines) {
        match event["type"].as_str().unwrap_or_default() {
            "text_delta" if event["kind"] == "answer" && event["parent"].is_null() => {
                text.push_str(event["text"].as_str().unwrap_or_default());
            }
            end @ ("turn_completed" | "turn_failed" | "turn_cancelled") => {
                turns.push((std::mem::take(&mut text), end.to_owned()));
            }
            _ => {}
        }
    }
    turns
}

#[test]
fn chunks_of_every_recording_come_back() {
    let mut count = 0;
    for (name, _) in FOLDERS {
        for (raw, _) in folder(name).iter().flat_map(|f| recordings(f)) {
            let (_, said) = events(&std::fs::read(&raw).unwrap());
            let mut export = stage(Format::StreamChunk, Reading::default(), TextBytes::Exact);
            let mut io = Io::default();
            export.on_bytes(Time::default(), &said, &mut io);
            export.on_end(Time::default(), &mut io);
            assert_eq!(String::from_utf8_lossy(&io.err), "", "{}", raw.display());
            let (adapter, again) = events(&io.out);
            assert_eq!(adapter, "stream-chunk", "{}", raw.display());
            assert_eq!(contract(&again), Ok(()), "{}", raw.display());
            assert_eq!(turns(&again), turns(&said), "{}", raw.display());
            count += 1;
        }
    }
    println!("{count} recordings exported and wrapped again");
}
