//! Filters read the files of their command line as they read stdin.

use std::path::Path;

use crate::commands::{FILTERS, STATUS};
use crate::harness::{Live, bash, bin, command, spile};

/// The filters that take files.
fn filters() -> impl Iterator<Item = &'static [&'static str]> {
    let others = ["wrap", "merge", "tee"];
    let all = FILTERS.iter().map(|(args, _)| *args);
    all.filter(move |args| !others.contains(&args[0]) && args.last() != Some(&"-"))
}

/// A folder with a recording, `run.ndjson`, and its path.
fn recording() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    spile(&["demo", "--agent", "--speed", "0"])
        .pipe(&["wrap", "--stream", "demo"])
        .run()
        .then(|events| std::fs::write(&path, events).unwrap());
    let path = path.display().to_string();
    (folder, path)
}

fn status(message: &str) -> String {
    STATUS.replace("hello", message)
}

#[test]
fn every_filter_prints_of_a_file_what_it_prints_of_its_bytes() {
    let (_folder, path) = recording();
    let mut count = 0;
    for args in filters() {
        let line = format!("spile {}", args.join(" "));
        let speed = if args == ["replay"] { " --instant" } else { "" };
        let piped = bash(&format!("cat {path} | {line}{speed}"));
        assert_eq!(bash(&format!("{line}{speed} {path}")), piped, "{line}");
        assert_eq!(bash(&format!("cat {path} | {line}{speed} -")), piped, "{line}");
        assert!(!piped.0.is_empty(), "{line}");
        count += 1;
    }
    assert!(count >= 12, "{count}");
}

#[test]
fn several_files_and_stdin_are_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let name = |n: &str| folder.path().join(n).display().to_string();
    std::fs::write(name("a"), status("first")).unwrap();
    // Without a last line feed: the next file begins a line of its own.
    std::fs::write(name("c"), status("third").trim_end()).unwrap();
    std::fs::write(name("d"), status("fourth")).unwrap();
    std::fs::write(name("b"), status("second")).unwrap();
    std::fs::write(name("all"), ["first", "second", "third", "fourth"].map(status).concat())
        .unwrap();
    for args in [&["coalesce"][..], &["check", "--pass", "--partial"], &["export", "--to", "sse"]] {
        let (a, c, d) = (name("a"), name("c"), name("d"));
        let line = format!("spile {}", args.join(" "));
        let folder = folder.path().display();
        let (want, _, _) = bash(&format!("{line} <{folder}/all 2>/dev/null"));
        let (got, _, _) = bash(&format!("{line} {a} - {c} {d} <{folder}/b 2>/dev/null"));
        assert_eq!(got, want, "{args:?}");
    }
}

#[test]
fn a_line_too_long_to_look_at_ends_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long").display().to_string();
    std::fs::write(&path, "x".repeat(3000)).unwrap();
    let after = folder.path().join("after").display().to_string();
    let text = status("after");
    std::fs::write(&after, &text).unwrap();
    let want = format!("{}\n{text}", "x".repeat(3000));
    let complaint =
        format!("{path}:1:1: line too long to look at, passed as it is (see --max-line)\n");
    spile(&["coalesce", "--max-line", "1k", &path, &after]).run().stderr(&complaint).stdout(&want);
}

#[test]
fn a_file_that_cannot_be_opened_is_reported_before_anything_is_read() {
    let (folder, path) = recording();
    for args in filters() {
        for (wrong, why) in [
            ("no-such-file", "No such file or directory (os error 2)"),
            (".", "Is a directory (os error 21)"),
        ] {
            let mut line = args.to_vec();
            line.extend([path.as_str(), wrong]);
            let output = command(bin(), &line).current_dir(&folder).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            let want = format!("spile: cannot open {wrong}: {why}");
            assert!(stderr.starts_with(&want), "{args:?}: {stderr}");
            assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = write("good", &status("hello"));
    let bad = write("bad", &format!("{}nonsense\n", status("hello")));
    spile(&["coalesce", &good, &bad])
        .run()
        .stderr(&format!("{bad}:2:1: not a JSON object\n"))
        .then(|stdout| assert_eq!(stdout.lines().count(), 3, "{stdout}"));
    spile(&["check", "--partial", &bad]).run().status(1).then(|report| {
        assert!(report.starts_with(&format!("{bad}:2:1: C1: not a JSON object\n")), "{report}");
    });
}

#[test]
fn stdin_is_read_only_once() {
    spile(&["view", "-", "-"])
        .run()
        .status(2)
        .stderr("spile: stdin (-) can be read only once\n")
        .stdout("");
}

#[test]
fn a_filter_does_not_read_what_it_writes() {
    let (_folder, path) = recording();
    let before = std::fs::read(&path).unwrap();
    let (_, stderr, status) = bash(&format!("spile coalesce {path} >>{path}"));
    let message = format!("spile: {path} is the output, too: write to another file\n");
    assert_eq!((stderr, status), (message, 2));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn fifos_and_process_substitutions_are_files() {
    let (_folder, path) = recording();
    let want = bash(&format!("spile view --format text {path}"));
    assert_eq!(bash(&format!("spile view --format text <(cat {path})")), want);
    let fifo = format!("{path}.fifo");
    let script =
        format!("mkfifo {fifo}; cat {path} >{fifo} & spile view --format text {fifo}; wait");
    assert_eq!(bash(&script), want);
}

#[test]
fn a_line_of_a_fifo_is_handled_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let (_, _, made) = bash(&format!("mkfifo {}", fifo.display()));
    assert_eq!(made, 0);
    let mut live = Live::start(&["coalesce", fifo.to_str().unwrap()]);
    let mut writer = std::fs::OpenOptions::new().write(true).open(Path::new(&fifo)).unwrap();
    for message in ["one", "two"] {
        std::io::Write::write_all(&mut writer, status(message).as_bytes()).unwrap();
        assert_eq!(live.line().as_deref(), Some(status(message).as_str()));
    }
    drop(writer);
    assert_eq!(live.end(), (Vec::new(), 0));
}

#[test]
fn cancel_by_a_condition_reads_files_and_by_name_cancels_several() {
    let (_folder, path) = recording();
    spile(&["cancel", "--max-text", "1", "--clock", "event", &path]).run().status(130).then(
        |out| {
            assert!(out.contains("\"type\":\"turn_cancelled\""), "{out}");
        },
    );
    let message = "spile: cannot open run-42: No such file or directory (os error 2) (with a condition the arguments are files to read; a stream is cancelled by name without one)\n";
    spile(&["cancel", "run-42", "--after", "5m"]).run().status(2).stderr(message).stdout("");
    let nobody = "spile: nothing runs by that name; `spile ps` lists what runs\n";
    spile(&["cancel", "run-42", "run-43"]).run().status(69).stderr(nobody).stdout("");
}

#[test]
fn wrap_starts_a_command_without_dashes_and_says_how_to_read_a_file() {
    spile(&["wrap", "--stream", "s", "echo", "--stream", "-p", "hi"]).run().then(|events| {
        assert!(events.contains("\"text\":\"--stream -p hi\\n\""), "{events}");
        assert!(events.contains("\"stream\":\"s\""), "{events}");
    });
    let (folder, _) = recording();
    let output = command(bin(), &["wrap", "run.ndjson"]).current_dir(&folder).output().unwrap();
    let message = "spile: run.ndjson is a file and no command: to read what an agent printed, spile wrap <run.ndjson\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn merge_says_where_the_dashes_are_missing() {
    for agent in [&["echo", "hi"][..], &["claude", "-p", "hi"]] {
        let mut line = vec!["merge", "--each", "2", "--from=text"];
        line.extend(agent);
        let message = format!(
            "spile: write -- in front of the agent: spile merge --each 2 --from=text -- {}\n",
            agent.join(" ")
        );
        spile(&line).run().status(2).stderr(&message).stdout("");
    }
}
