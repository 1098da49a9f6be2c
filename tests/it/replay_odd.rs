//! replay of what is no plain recording of one stream: merged days, other packings and encodings, a file that grows, what was
//! asked for and is not there.

use std::io::Write;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Live, bash, spile};
use crate::replay::{Folder, event, recording};

fn on_day(day: u64, stream: &str) -> String {
    let day = format!("2026-01-{:02}T", day + 1);
    recording(stream, 20).replace("2026-01-01T", &day)
}

#[test]
fn a_merged_recording_of_two_days_is_played_side_by_side() {
    let folder = Folder::new();
    let (mon, tue) = (folder.put("mon", on_day(4, "x")), folder.put("tue", on_day(5, "y")));
    let started = Instant::now();
    let script = format!(
        "spile merge a={mon} b={tue} >{0}/both; spile replay {0}/both | cmp - {0}/both",
        folder.path().display()
    );
    assert_eq!(bash(&script), (String::new(), String::new(), 0));
    spile(&["replay", "--instant", &mon, &tue]).run().stdout(&(on_day(4, "x") + &on_day(5, "y")));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn members_and_frames_of_any_kind_are_unpacked() {
    let folder = Folder::new();
    let text = recording("s", 20);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd";
    for (name, bytes) in [
        ("two.gz", [gzip(&text), gzip(&text)].concat()),
        ("two.zst", [zstd(&text), zstd(&text)].concat()),
        ("padded.gz", [gzip(&text), gzip(&text), vec![0; 9000]].concat()),
        ("padded.zst", [zstd(&text), zstd(&text), vec![0; 10]].concat()),
        ("skip.zst", [skipped.to_vec(), zstd(&text), skipped.to_vec(), zstd(&text)].concat()),
    ] {
        spile(&["replay", "--instant", &folder.put(name, bytes)]).run().stdout(&text.repeat(2));
    }
    for (name, bytes) in [("more.gz", gzip(&text)), ("more.zst", zstd(&text))] {
        let file = folder.put(name, [bytes, b"garbage".to_vec()].concat());
        let left =
            format!("spile: {file}: data after the end of the compressed recording was ignored\n");
        spile(&["replay", "--instant", &file]).run().stderr(&left).stdout(&text);
    }
}

#[test]
fn what_is_no_recording_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let utf16: Vec<u8> = recording("s", 2).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, &[u8], &str); 6] = [
        ("xz", b"\xfd7zXZ\0\0\x04", "xz -dc"),
        ("bz2", b"BZh91AY&SY", "bzip2 -dc"),
        ("utf16", &utf16, "iconv"),
        ("bom16", &[b"\xff\xfe".as_slice(), &utf16].concat(), "iconv"),
        (
            "cast",
            b"{\"version\": 2, \"width\": 80, \"height\": 24}\n[0.1, \"o\", \"x\"]\n",
            "asciinema",
        ),
        (
            "agent",
            b"{\"type\":\"system\",\"subtype\":\"init\"}\n{\"type\":\"result\"}\n",
            "spile wrap",
        ),
    ];
    for (name, bytes, advice) in cases {
        let file = folder.put(name, bytes);
        for script in [format!("spile replay --instant {file}"), format!("spile check <{file}")] {
            let (stdout, stderr, status) = bash(&script);
            assert_eq!((stdout.as_str(), status), ("", 65), "{script}: {stderr}");
            assert!(stderr.contains(advice), "{script}: {stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
    // What else there is to play is played.
    let good = folder.put("good", recording("s", 3));
    let agent = folder.put("agent", b"{\"type\":\"result\"}\n");
    let (stdout, _, status) = bash(&format!("spile replay --instant {agent} {good}"));
    assert_eq!((stdout, status), (recording("s", 3), 65));
    for (packed, advice) in [("gzip", "gzip -dc"), ("zstd", "zstd -dc")] {
        let bytes = if packed == "zstd" {
            zstd::encode_all(&b"x"[..], 3).unwrap()
        } else {
            b"\x1f\x8b\x08\0".to_vec()
        };
        let (_, stderr, status) = bash(&format!("spile check <{}", folder.put(packed, bytes)));
        assert!(stderr.contains(advice) && status == 65, "{stderr}");
    }
}

#[test]
fn what_was_asked_for_and_is_not_there_is_said() {
    let folder = Folder::new();
    let file = folder.put("run", recording("s", 20));
    for (options, want) in [
        (&["--stream", "t"][..], "spile: --stream \"t\" is not in what was played: there are s\n"),
        (&["--turn", "9"], "spile: --turn 9 is not in what was played\n"),
        (&["--from-seq", "99"], "spile: nothing is recorded at or after that place\n"),
    ] {
        let args = [&["replay", "--instant", &file], options].concat();
        spile(&args).run().stderr(want).stdout("");
    }
    let (stdout, stderr, status) =
        bash(&format!("spile replay --instant --only turn_strated,status {file} | wc -l"));
    assert_eq!((stdout.trim(), status), ("14", 0));
    assert!(
        stderr.starts_with(
            "spile: --only turn_strated matches no event of what was played: types are turn_started, "
        ),
        "{stderr}"
    );
    // A type that is known and did not come, and one that this version does not know.
    let news = folder.put("news", event("s", 2, 2).replace("\"status\"", "\"news\""));
    spile(&["replay", "--instant", "--only", "news,tool_*", &news])
        .run()
        .then(|out| assert!(out.contains("news")));
}

#[test]
fn a_file_that_grows_is_followed_and_one_that_is_replaced_too() {
    let folder = Folder::new();
    let lines: Vec<String> = recording("s", 40).lines().map(|line| format!("{line}\n")).collect();
    let file = folder.put("run", "");
    let append = |bytes: &[u8]| {
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(bytes).unwrap();
    };
    let mut live = Live::start(&["replay", "--follow", "--instant", &file]);
    append(lines[0].as_bytes());
    assert_eq!(live.line().as_ref(), Some(&lines[0]));
    append(&lines[1].as_bytes()[..20]);
    append(&lines[1].as_bytes()[20..]);
    assert_eq!(live.line().as_ref(), Some(&lines[1]));
    let new = folder.put("new", &lines[2]);
    std::fs::rename(new, &file).unwrap();
    assert_eq!(live.line().as_ref(), Some(&lines[2]));
    append(lines[3].as_bytes());
    assert_eq!(live.line().as_ref(), Some(&lines[3]));
    // Cut short and written again.
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(0).unwrap();
    append(lines[4].as_bytes());
    assert_eq!(live.line().as_ref(), Some(&lines[4]));
    live.signal(Signal::TERM);
    assert_eq!(live.end().1, 143);
}

#[test]
fn a_silent_source_ends_after_the_idle_time() {
    let folder = Folder::new();
    let text = recording("s", 2);
    let file = folder.put("run", &text);
    spile(&["replay", "--follow", "--idle", "200ms", "--instant", &file]).run().stdout(&text);
    let mut live = Live::start(&["replay", "--idle", "200ms", "--instant"]);
    live.write(&text);
    assert_eq!(live.line().as_deref(), text.lines().next().map(|l| format!("{l}\n")).as_deref());
    live.line();
    assert_eq!(live.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_recorded_stop_is_no_death_and_a_long_line_is_no_memory() {
    let folder = Folder::new();
    let head = "{\"spile\":\"raw\",\"v\":1,\"argv\":[\"x\"]}\n";
    let file =
        folder.put("stop", format!("{head}[1,\"o\",\"a\\n\"]\n[2,\"x\",147,{{\"signal\":19}}]\n"));
    let (stdout, stderr, status) = bash(&format!("spile replay --instant {file}"));
    assert_eq!((stdout.as_str(), status), ("a\n", 1));
    assert!(stderr.contains("no entry of a raw recording"), "{stderr}");
    let long = format!("{head}[1,\"o\",\"a\\n\"{}]\n[2,\"x\",0]\n", ",0".repeat(7 << 20));
    let file = folder.put("long", long);
    let (stdout, stderr, status) =
        bash(&format!("ulimit -v 400000; spile replay --instant {file}"));
    assert_eq!((stdout.as_str(), stderr.as_str(), status), ("a\n", "", 0));
}
