//! replay as a command: files packed or not, raw recordings, ranges, keys, and what ends it. How exactly it keeps time is for
//! the bench: here only what must not wait, or must not end early, is tested.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::harness::{Live, bash, shell_code, skip, spile};

/// The events of a stream: turns of ten, a millisecond between any two.
pub fn recording(stream: &str, events: u64) -> String {
    (1..=events).map(|seq| event(stream, seq, seq)).collect()
}

/// One of them, `ms` milliseconds into the recording.
pub fn event(stream: &str, seq: u64, ms: u64) -> String {
    let (type_, body) = match seq % 10 {
        1 => ("turn_started", r#""runtime":"x""#.to_owned()),
        0 => ("turn_completed", r#""stop":"end_turn""#.to_owned()),
        9 => {
            ("block_final", format!(r#""block":"b{}","kind":"answer","text":"text""#, seq / 10 + 1))
        }
        _ => ("status", format!(r#""kind":"info","message":"{}""#, "m".repeat(50))),
    };
    format!(
        "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"{stream}\",\"turn\":{},\"seq\":{seq},\"ts\":\"2026-01-01T00:{:02}:{:02}.{:03}Z\",{body}}}\n",
        (seq - 1) / 10 + 1,
        ms / 60_000,
        ms / 1000 % 60,
        ms % 1000
    )
}

/// Lines of a recording, from the number `first` to the number `last`.
fn part(text: &str, first: usize, last: usize) -> String {
    let lines = text.lines().skip(first - 1).take(last + 1 - first);
    lines.map(|line| format!("{line}\n")).collect()
}

/// A folder with recordings in it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_recorded_leaves_as_it_came_every_time() {
    let folder = Folder::new();
    let text =
        recording("s", 300).replace(r#""kind":"info""#, r#""new":{"n":1e400},"kind":"info""#);
    let file = folder.put("run.ndjson", &text);
    for options in [&["--instant"][..], &["--speed", "100"], &["--max-gap", "0ms"]] {
        for _ in 0..2 {
            let args = [&["replay", file.as_str()], options].concat();
            spile(&args).run().stdout(&text);
        }
    }
    spile(&["replay", "--instant"]).stdin(&text).run().stdout(&text);
    spile(&["replay", "--instant", &file, "-", &file]).stdin(&text).run().stdout(&text.repeat(3));
    spile(&["replay", "--instant", &file])
        .pipe(&["check"])
        .run()
        .stdout("300 events, 30 turns in 1 stream: no violations\n");
}

#[test]
fn packed_recordings_are_unpacked() {
    let folder = Folder::new();
    let text = recording("s", 2000);
    let (gz, zst) = (gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 3).unwrap());
    // Two members, and a name that does not say it.
    let twice = folder.put("twice", [gz.as_slice(), &gz].concat());
    let packed = folder.put("run.ndjson.zst", &zst);
    spile(&["replay", "--instant", &twice, &packed]).run().stdout(&text.repeat(3));
    for bytes in [&gz, &zst] {
        spile(&["replay", "--instant"]).stdin(bytes).run().stdout(&text);
    }
    spile(&["replay", "--instant", "--from-seq", "1234", &packed])
        .run()
        .stdout(&part(&text, 1231, 2000));
}

#[test]
fn of_a_truncated_one_nothing_before_the_cut_is_lost() {
    let folder = Folder::new();
    let text = recording("s", 2000);
    let packings = [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()];
    for (n, bytes) in packings.iter().enumerate() {
        let cut = &bytes[..bytes.len() - 5];
        let file = folder.put("cut", cut);
        let (stdout, stderr, status) = bash(&format!("spile replay --instant {file}"));
        assert!(stderr.contains("cut: the compressed recording is truncated\n"), "{stderr}");
        assert_eq!(status, 1);
        if n == 0 {
            let mut decoder = flate2::write::GzDecoder::new(Vec::new());
            decoder.write_all(cut).unwrap();
            let whole = decoder.get_ref();
            let end = whole.iter().rposition(|c| *c == b'\n').unwrap() + 1;
            assert!(end > text.len() / 2);
            assert!(stdout.as_bytes().starts_with(&whole[..end]));
        }
    }
    let file = folder.put("broken", b"\x1f\x8bnothing of the kind");
    let (stdout, stderr, status) = bash(&format!("spile replay --instant {file}"));
    assert!(stderr.contains("the compressed recording is broken"), "{stderr}");
    assert_eq!((stdout.as_str(), status), ("", 1));
}

#[test]
fn a_range_begins_with_a_turn_or_a_moment() {
    let folder = Folder::new();
    let text = recording("s", 20_000);
    let file = folder.put("run.ndjson", &text);
    fn from<'a>(options: &[&'a str]) -> Vec<&'a str> {
        [&["replay", "--instant"], options].concat()
    }
    for (options, first, last) in [
        (&["--from-seq", "17"][..], 11, 20_000),
        (&["--from-seq", "19999"], 19_991, 20_000),
        (&["--since", "2026-01-01T00:00:15.005Z"], 15_005, 20_000),
        (&["--since", "19s", "--until", "19.5s"], 19_001, 19_501),
        (&["--until", "2026-01-01T00:00:00.020Z"], 1, 20),
        (&["--from-seq", "5001", "--until", "5.01s"], 5001, 5011),
    ] {
        let want = part(&text, first, last);
        // Found in the file, and met on the way.
        spile(&[&from(options)[..], &[&file]].concat()).run().stdout(&want);
        spile(&from(options)).stdin(&text).run().stdout(&want);
    }
    for file in [file.as_str(), "-"] {
        spile(&from(&["--from-seq", "20001", file]))
            .stdin(&text)
            .run()
            .stderr("spile: nothing is recorded at or after that place\n")
            .stdout("");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_line_wherever_reading_began() {
    let folder = Folder::new();
    let mut lines: Vec<String> = recording("s", 20_000).lines().map(str::to_owned).collect();
    lines[15_004] = "garbage".to_owned();
    let file = folder.put("run.ndjson", lines.join("\n"));
    for source in [file.as_str(), "-"] {
        let name = if source == "-" { "<stdin>" } else { source };
        spile(&["replay", "--instant", "--strict", "--from-seq", "15003", source])
            .stdin(lines.join("\n"))
            .run()
            .status(65)
            .stderr(&format!("{name}:15005:1: not a JSON object\n"))
            .then(|stdout| {
                let diagnostic = stdout.lines().nth(4).unwrap();
                assert!(diagnostic.contains(r#""line":15005,"#), "{diagnostic}");
                assert!(diagnostic.contains(r#""text":"garbage""#), "{diagnostic}");
                assert_eq!(stdout.lines().count(), 5000);
            });
        spile(&["replay", "--instant", "--strict", "--from-seq", "15013", source])
            .stdin(lines.join("\n"))
            .run()
            .then(|stdout| assert_eq!(stdout.lines().count(), 4990));
    }
}

#[test]
fn streams_turns_and_types_are_chosen() {
    let folder = Folder::new();
    let (a, b) = (recording("a", 30), recording("b", 30));
    let mixed: String = a.lines().zip(b.lines()).map(|(a, b)| format!("{a}\n{b}\n")).collect();
    let file = folder.put("run.ndjson", &mixed);
    let play = |options: &[&str]| spile(&[&["replay", "--instant", &file], options].concat()).run();
    play(&["--stream", "b"]).stdout(&b);
    play(&["--stream", "a", "--turn", "2"]).stdout(&part(&a, 11, 20));
    play(&["--stream", "b", "--from-seq", "25"]).stdout(&part(&b, 21, 30));
    play(&["--from-seq", "25"]).stdout(&part(&mixed, 41, 60));
    play(&["--only", "turn_*,block_final"]).then(|stdout| assert_eq!(stdout.lines().count(), 18));
    play(&["--only", "turn_started", "--turn", "3"])
        .stdout(&(part(&a, 21, 21) + &part(&b, 21, 21)));
}

#[test]
fn restamped_events_have_the_time_at_which_they_leave() {
    let text = recording("s", 20);
    let script = "date -u +%FT%T >before; spile replay --restamp --speed 100 run.ndjson >new.ndjson; date -u -d 'now + 1 second' +%FT%T >after
        jq -r .ts new.ndjson >times; sort -c times && head -1 times | cat before - | sort -c && tail -1 times | cat - after | sort -c
        spile check <new.ndjson; diff <(jq -c 'del(.ts)' run.ndjson) <(jq -c 'del(.ts)' new.ndjson)";
    if bash("command -v jq").2 != 0 {
        skip("jq is not installed");
        return;
    }
    let folder = Folder::new();
    folder.put("run.ndjson", &text);
    let (stdout, stderr, status) = bash(&format!("cd {}; {script}", folder.path().display()));
    let report = "20 events, 2 turns in 1 stream: no violations\n";
    assert_eq!((stdout.as_str(), stderr.as_str(), status), (report, "", 0));
}

/// An hour is not waited for, and a second is.
#[test]
fn pauses_are_kept_scaled_and_capped() {
    let folder = Folder::new();
    let hour = event("s", 1, 0) + &event("s", 2, 3_599_000);
    let second = event("s", 1, 0) + &event("s", 2, 1000);
    let (hour_file, second_file) = (folder.put("hour", &hour), folder.put("second", &second));
    let started = Instant::now();
    spile(&["replay", &second_file]).run().stdout(&second);
    assert!(started.elapsed() >= Duration::from_secs(1));
    spile(&["replay", &hour_file, "--max-gap", "20ms"]).run().stdout(&hour);
    spile(&["replay", &hour_file, "--speed", "100000"]).run().stdout(&hour);
    // Between two recordings lies no time.
    let started = Instant::now();
    let slow = ["replay", &second_file, &hour_file, "--max-gap", "500ms"];
    spile(&slow).run().stdout(&(second + &hour));
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_pause_is_left_at_once_by_a_signal_and_when_the_reader_goes() {
    let folder = Folder::new();
    let file = folder.put("run", event("s", 1, 0) + &event("s", 2, 3_599_000));
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut live = Live::start(&["replay", &file]);
        assert!(live.line().is_some());
        live.signal(signal);
        assert_eq!(shell_code(live.child.wait().unwrap()), status);
    }
    let (stdout, stderr, _) =
        bash(&format!("spile replay {file} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"));
    assert_eq!((stdout.as_str(), stderr.as_str()), ("141\n", ""));
    // As a filter it says what it has, and waits for nothing.
    let mut live = Live::start(&["replay", "-"]);
    live.write(std::fs::read(&file).unwrap());
    live.line();
    live.signal(Signal::INT);
    live.close();
    let (rest, status) = live.end();
    assert_eq!((rest, status), (vec![event("s", 2, 3_599_000)], 130));
}

#[test]
fn what_cannot_be_played_is_said_before_anything_is() {
    let folder = Folder::new();
    let file = folder.put("run", recording("s", 1));
    for (args, word) in [
        (format!("{file} no/such/file"), "cannot open no/such/file: No such file"),
        ("/".to_owned(), "cannot open /: Is a directory"),
        ("- -".to_owned(), "only once"),
        (format!("{file} --speed 0"), "--instant"),
        (format!("{file} --instant --speed 2"), "--speed"),
        (format!("{file} --since yesterday"), "write a time"),
        (format!("{file} --from-seq 2 --since 1s"), "--since"),
        (format!("{file} --only 'turn *'"), "turn_*"),
    ] {
        let (stdout, stderr, status) = bash(&format!("spile replay {args}"));
        assert_eq!((stdout.as_str(), status), ("", 2), "{args}: {stderr}");
        assert!(stderr.contains(word), "{args}: {stderr}");
    }
}

const AGENT: &str = "printf one; echo to the log >&2; sleep 0.05; printf '\\377 two\\n'; exit 7";

#[test]
fn a_raw_recording_is_the_agent_again() {
    let folder = Folder::new();
    folder.put("agent", AGENT);
    let (stdout, stderr, status) = bash(&format!(
        "cd {}; spile wrap --from text --stream x --record r.raw -- sh agent >run.ndjson; echo $?
         spile replay r.raw >out 2>err; echo $?; printf 'one\\377 two\\n' | cmp - out; cat err
         spile wrap --from text --stream x -- spile replay r.raw >again.ndjson; echo $?
         gzip r.raw; spile wrap --from text --stream x -- spile replay --instant r.raw.gz >packed.ndjson; echo $?
         for file in run again packed; do spile view --format text <$file.ndjson >$file.text 2>/dev/null; done
         cmp run.text again.text; cmp run.text packed.text
         for file in run again packed; do grep -c '\"code\":\"exit_nonzero\"' $file.ndjson; done",
        folder.path().display()
    ));
    assert_eq!(
        (stdout.as_str(), stderr.as_str(), status),
        ("7\n7\nto the log\n7\n7\n1\n1\n1\n", "", 0)
    );
}

#[test]
fn an_agent_that_died_of_a_signal_dies_of_it_again() {
    let folder = Folder::new();
    let cd = format!("cd {}", folder.path().display());
    for (kill, status) in [("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let (stdout, _, _) = bash(&format!(
            "{cd}; spile wrap --record r.raw -- sh -c 'echo hi; {kill}' >/dev/null; spile replay r.raw; echo $?
             spile wrap -- spile replay r.raw | grep -c '\"code\":\"signal\"'"
        ));
        assert_eq!(stdout, format!("hi\n{status}\n1\n"));
    }
    let (stdout, _, _) = bash(&format!(
        "{cd}; spile wrap --record r.raw -- sh -c 'exit 143' >/dev/null; spile wrap -- spile replay r.raw | grep -c exit_nonzero"
    ));
    assert_eq!(stdout, "1\n");
    let raw =
        folder.put("cut.raw", "{\"spile\":\"raw\",\"v\":1}\n[0,\"o\",\"all\\n\"]\n[0,\"o\",\"no");
    let (stdout, stderr, status) = bash(&format!("spile replay {raw}"));
    assert_eq!((stdout.as_str(), status), ("all\n", 1));
    assert!(stderr.contains("cut.raw:3:") && stderr.contains("cut short"), "{stderr}");
    let (stdout, stderr, status) = bash(&format!("spile replay --turn 1 {raw}"));
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("raw recording"), "{stderr}");
}

#[test]
fn what_is_played_reads_the_same() {
    let (stdout, stderr, status) = bash(
        "cd \"$(mktemp -d)\"; spile wrap -- spile demo --agent --speed 0 | spile tee run.ndjson | spile view --format text >seen
         spile replay run.ndjson --speed 10 | spile view --format text | cmp - seen && test -s seen && echo same",
    );
    assert_eq!((stdout.as_str(), stderr.as_str(), status), ("same\n", "", 0));
}
