//! What is exported as chunks and wrapped again is the same text with the same ends, for every recording.

use spile::export::{Format, Options, stage};
use spile::stage::Io;
use spile::time::Time;

use crate::feed::{contract, events, parse};
use crate::harness::bash;
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
            let mut export = stage(Options::of(Format::StreamChunk));
            let mut io = Io::default();
            export.on_bytes(Time::default(), &said, &mut io);
            export.end(Time::default(), &mut io);
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

/// Python's readers of CSV and SQLite take the tables of all recordings, and the classes of each turn sum to its length.
#[test]
fn tables_load_in_python_and_sqlite() {
    let script = r#"
import csv, datetime, sqlite3, sys
reader = csv.DictReader(sys.stdin)
rows, names = list(reader), reader.fieldnames
db = sqlite3.connect(":memory:")
db.execute("create table t (%s)" % ", ".join(names))
db.executemany("insert into t values (%s)" % ", ".join("?" * len(names)), [tuple(r.values()) for r in rows])
assert db.execute("select count(*) from t").fetchone()[0] == len(rows)
classes = [n for n in names if n.endswith("_ms") and n != "duration_ms"]
for row in rows:
    if row["ended"] and classes:
        at = [datetime.datetime.fromisoformat(row[k].replace("Z", "+00:00")) for k in ("started", "ended")]
        length = round((at[1] - at[0]).total_seconds() * 1000)
        assert sum(int(row[c]) for c in classes) == length, row
"#;
    let folder_of_tables = tempfile::tempdir().unwrap();
    let (program, table) =
        (folder_of_tables.path().join("load.py"), folder_of_tables.path().join("events.ndjson"));
    std::fs::write(&program, script).unwrap();
    let (program, table) = (program.display().to_string(), table.display().to_string());
    for (name, _) in FOLDERS {
        for (raw, _) in folder(name).iter().flat_map(|f| recordings(f)) {
            std::fs::write(&table, events(&std::fs::read(&raw).unwrap()).1).unwrap();
            for rows in ["turns", "tools"] {
                let line =
                    format!("spile export --to csv --rows {rows} {table} | python3 {program}");
                let (stdout, stderr, status) = bash(&line);
                assert_eq!((stderr.as_str(), status), ("", 0), "{}: {stdout}", raw.display());
            }
        }
    }
}
