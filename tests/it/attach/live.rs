//! Runs that `spile start` has started: filters behind `attach`, and the last run by `--last`.

use serde_json::Value;

use super::*;
use crate::harness::{events, spile};

const HI: &str = "echo hi; exec sleep 1000";

/// A run that `spile start` has started.
struct Started<'a> {
    room: &'a Room,
    stream: &'static str,
}

impl Room {
    /// A run that has said `hi`.
    fn start(&self, stream: &'static str, label: &str) -> Started<'_> {
        let args = ["start", "--stream", stream, "--from", "text", "--label", label];
        let args = [&args[..], &["--", "sh", "-c", HI]].concat();
        assert_eq!(self.output(&args), (format!("{stream}\n").into(), String::new(), 0));
        let mut live = self.live(&["attach", stream]);
        live.until("text_delta");
        live.signal(Signal::INT);
        live.end();
        Started { room: self, stream }
    }
}

impl Started<'_> {
    /// Waits for the end of the run.
    fn end(&self) -> i32 {
        self.room.output(&["attach", self.stream]).2
    }

    fn path(&self) -> PathBuf {
        self.room.path("state/runs").join(self.stream).join("events.ndjson")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn is_untouched(&self) -> bool {
        !self.text().contains("turn_cancelled")
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        self.room.output(&["cancel", self.stream]);
    }
}

#[test]
fn a_filter_behind_it_ends_the_turn_of_the_run() {
    for from in ["start", "now"] {
        for stages in ["", "| cat | spile coalesce"] {
            let room = Room::new();
            let run = room.start("s", "x");
            let attach = format!("spile attach s --from {from}");
            let line =
                format!("set -o pipefail; {attach} {stages} | spile cancel --when-idle 50ms");
            let script = format!("{line} >out; echo $?");
            let bash = std::thread::spawn({
                let mut bash = command("bash", &["-c", &script]);
                room.in_room(&mut bash);
                move || bash.output().unwrap()
            });
            assert_eq!(run.end(), 130);
            let output = bash.join().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let ends = (text(&output.stdout), text(&output.stderr));
            assert_eq!(ends, ("130\n".into(), String::new()), "{from} {stages}");
            let out = std::fs::read(room.path("out")).unwrap();
            let end = events(&out).into_iter().find(|e| e["type"] == "turn_cancelled").unwrap();
            assert_eq!((&end["by"], &end["synthetic"]), (&"filter".into(), &Value::Null));
            assert!(run.text().contains(&end["reason"].to_string()));
            spile(&["check", "--partial"])
                .stdin(&out)
                .run()
                .then(|report| assert!(report.contains("no violations"), "{report}"));
        }
    }
}

#[test]
fn a_copy_and_what_plays_the_file_are_recordings() {
    let room = Room::new();
    let run = room.start("s", "x");
    let file = run.path();
    let file = file.display();
    for source in [
        format!("cat {file} |"),
        format!("spile replay --instant {file} |"),
        format!("spile coalesce {file} |"),
        "spile logs s |".to_owned(),
    ] {
        let (out, err, status) = room.bash(&format!("{source} spile cancel --match hi"));
        assert_eq!((err.as_str(), status), ("", 130), "{source} {out}");
        let end = events(out.as_bytes()).into_iter().find(|e| e["type"] == "turn_cancelled");
        assert_eq!(end.unwrap()["synthetic"], true, "{source}");
        assert!(run.is_untouched(), "{source}");
    }
}

#[test]
fn nothing_false_is_said_of_a_run_that_cannot_be_asked() {
    let room = Room::new();
    let run = room.start("s", "x");
    let says = "spile: s: the turn is not cancelled and goes on: the run cannot be reached\n";
    for (attach, cancel) in [
        ("spile attach s", "SPILE_STATE=$HOME spile cancel --match hi"),
        // The session event is not among these.
        ("spile attach s --from 3", "spile cancel --match hi"),
    ] {
        let (out, err, status) = room.bash(&format!("{attach} | {cancel}"));
        assert_eq!((err.as_str(), status), (says, 69), "{attach} {out}");
        assert!(out.contains("cancel_requested"), "{out}");
        assert!(!out.contains("turn_cancelled") && !out.contains("cancel_refused"), "{out}");
        assert!(run.is_untouched());
    }
}

#[test]
fn the_last_started_run_needs_no_name() {
    let room = Room::new();
    let first = room.start("first", "docs");
    let middle = room.start("middle", "docs");
    let last = room.start("last", "x");
    for (args, stream) in [(&["send", "--last", "hi"][..], "last"), (&["permit", "--last"], "last")]
    {
        let (_, err, status) = room.output(args);
        assert!(status == 1 && err.starts_with(&format!("spile: {stream}: ")), "{args:?} {err}");
    }
    for args in [&["send", "--last", "a", "b"][..], &["permit", "--last", "a", "b"], &["send", "a"]]
    {
        assert_eq!(room.output(args).2, 2, "{args:?}");
    }
    let (out, err, status) = room.output(&["cancel", "--last", "--label", "docs"]);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(out.contains(r#""stream":"middle""#), "{out}");
    assert_eq!(middle.end(), 130);
    assert!(first.is_untouched() && last.is_untouched());
    assert_eq!(room.output(&["cancel", "--last"]).2, 0);
    assert_eq!(last.end(), 130);
    assert!(first.is_untouched());
    assert_eq!(room.output(&["attach", "--last"]).0, last.text().into_bytes());
    assert_eq!(room.output(&["cancel", "first"]).2, 0);
    assert_eq!(first.end(), 130);
}
