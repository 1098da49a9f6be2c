//! Whether a long block costs more per byte than a short one.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::{SPILE, median, piped};

/// Text in all, in bytes.
const TEXT: usize = 50 << 20;

const DELTA: &str = "The quick brown fox jumps over the lazy dog. It does so *once more*, and `then` it rests.\\n\\n- a list item\\n";

/// chunk over one block of 50 MB, against 50 blocks of 1 MB each: what a byte takes longer.
pub fn linear() {
    let (long, short) = (blocks(1), blocks(50));
    let args = [SPILE, "chunk", "--for", "discord", "--max-line", "64M"];
    let ratios = (0..5).map(|_| piped(&long, &args).cpu / piped(&short, &args).cpu);
    println!(
        "{:<28} {:>8.2}  (wanted: at most 1.3)",
        "chunk, 50 MB / 1 MB block",
        median(ratios.collect())
    );
}

/// A stream of so many blocks.
fn blocks(count: usize) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("blocks-{count}.ndjson"));
    let mut out = BufWriter::new(std::fs::File::create(&path).unwrap());
    let mut seq = 0;
    // Written in pieces: the memory of a child is counted from that of this process on.
    let mut say = |type_: &str, body: &str, text: usize| {
        seq += 1;
        let head = format!(
            "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"s\",\"turn\":1,\"seq\":{seq},\"ts\":\"2026-01-01T00:00:00.000Z\""
        );
        write!(out, "{head},{body}").unwrap();
        for _ in 0..text {
            out.write_all(DELTA.as_bytes()).unwrap();
        }
        out.write_all(if text > 0 { b"\"}\n" } else { b"}\n" }).unwrap();
    };
    say("turn_started", "\"runtime\":\"bench\"", 0);
    let deltas = TEXT / count / DELTA.len();
    for block in 1..=count {
        let body = format!("\"block\":\"b{block}\",\"kind\":\"answer\",\"text\":\"");
        for _ in 0..deltas {
            say("text_delta", &body, 1);
        }
        say("block_final", &body, deltas);
    }
    say("turn_completed", "\"stop\":\"end_turn\"", 0);
    drop(out);
    path
}
