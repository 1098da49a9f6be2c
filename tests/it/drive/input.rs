//! The prompt on the command line and on stdin, and the context that belongs to it.

use super::{Site, end, ends, said};
use crate::harness::{Live, answer};

const SHOW: &str = r#"for word; do printf '[%s]' "$word"; done; cat"#;

fn show(site: &Site, options: &[&str], words: &[&str]) -> (String, String) {
    let mut args = vec!["wrap", "--stream", "s"];
    args.extend(options);
    args.extend(["--", "sh", "-c", SHOW, "sh"]);
    args.extend(words);
    let live = Live::spawn(&mut site.room.command(&args));
    let (all, _) = end(live, Vec::new());
    assert_eq!(ends(&all), ["turn_completed"], "{all:?}");
    let session = all.iter().find(|e| e["kind"] == "session").unwrap().to_string();
    (answer(&all), session)
}

#[test]
fn the_prompt_stands_where_no_program_takes_it_for_an_option() {
    let site = Site::new();
    let prompt = ["--prompt=-rf secret-words"];
    let (text, session) = show(&site, &prompt, &["-a", "--", "{prompt}", "b"]);
    assert_eq!(text, "[-a][--][-rf secret-words][b]");
    assert!(!session.contains("secret-words") && session.contains("{prompt}"), "{session}");
    let (text, _) = show(&site, &prompt, &["--text={prompt}"]);
    assert_eq!(text, "[--text=-rf secret-words]");
    for words in [&["{prompt}"][..], &["-p", "{prompt}"], &["a{prompt}b"]] {
        let args = [&["wrap", "--prompt", "x", "--", "echo"][..], words].concat();
        let (_, stderr, status) = said(site.room.run(&args));
        assert!(stderr.contains("behind --"), "{stderr}");
        assert_eq!(status, 2);
    }
    let (_, stderr, status) = said(site.room.run(&["wrap", "--", "echo", "--", "{prompt}"]));
    assert!(stderr.contains("add --prompt"), "{stderr}");
    assert_eq!(status, 2);
}

#[test]
fn a_prompt_without_a_place_goes_to_stdin() {
    let site = Site::new();
    assert_eq!(show(&site, &["--prompt", "-x\nü"], &[]).0, "-x\nü");
    let file = site.path("p");
    let long = "y".repeat(1 << 20);
    std::fs::write(&file, &long).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(show(&site, &["--prompt-file", file], &[]).0, long);
    let (_, stderr, status) =
        said(site.room.run(&["wrap", "--prompt-file", file, "--", "echo", "--", "{prompt}"]));
    assert!(stderr.contains("100 KiB"), "{stderr}");
    assert_eq!(status, 2);
    let mut live =
        Live::spawn(&mut site.room.command(&["wrap", "--prompt-file", "-", "--", "cat"]));
    live.write("from stdin");
    live.close();
    let (all, _) = end(live, Vec::new());
    assert_eq!(answer(&all), "from stdin");
}

#[test]
fn a_prompt_that_cannot_be_given_is_refused_before_the_start() {
    let site = Site::new();
    let file = site.path("p");
    for (content, want) in [
        (&b"a\0b"[..], "NUL byte"),
        (b"", "empty"),
        (b"\xff", "UTF-8"),
        (&vec![b'x'; (1 << 20) + 1], "1 MiB"),
    ] {
        std::fs::write(&file, content).unwrap();
        let path = file.to_str().unwrap();
        for options in [&["--drive"][..], &[]] {
            let args = [&["wrap", "--prompt-file", path], options, &["--", "cat"]].concat();
            let (stdout, stderr, status) = said(site.room.run(&args));
            assert!(stderr.contains(want), "{want}: {stderr}");
            assert_eq!((stdout.as_str(), status), ("", 2));
        }
    }
}

#[test]
fn context_follows_the_prompt_or_is_named_in_the_command() {
    let site = Site::new();
    let (a, b) = (site.path("a.txt"), site.path("b.txt"));
    std::fs::write(&a, "one\n").unwrap();
    std::fs::write(&b, "two").unwrap();
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let options = ["--context", a, "--context", b, "--prompt", "sum"];
    let want = format!("sum\n\n--- {a} ---\none\n\n--- {b} ---\ntwo");
    assert_eq!(show(&site, &options, &[]).0, want);
    assert_eq!(show(&site, &options, &["{context}", "-x"]).0, format!("[{a}][{b}][-x]sum"));
    assert_eq!(show(&site, &options[..4], &["{context}"]).0, format!("[{a}][{b}]"));
    for (args, want) in [
        (&["wrap", "--context", a, "--", "cat"][..], "belongs to a prompt"),
        (
            &["wrap", "--context", "/no/such", "--prompt", "x", "--", "cat"],
            "cannot read the context",
        ),
        (&["wrap", "--context", a, "--", "cat", "--f={context}"], "a word of its own"),
        (&["wrap", "--prompt", "x"], "for a command that wrap starts"),
    ] {
        let (_, stderr, status) = said(site.room.run(args));
        assert!(stderr.contains(want), "{stderr}");
        assert_eq!(status, 2);
    }
}

#[test]
fn nothing_of_a_prompt_in_the_command_is_written_down() {
    let site = Site::new();
    let script = "echo token $(env | grep -c ^SPILE_RUN=); exec sleep 1000";
    let args = [
        "wrap",
        "--stream",
        "s",
        "--prompt",
        "the-secret-words",
        "--",
        "sh",
        "-c",
        script,
        "--",
        "--api-key",
        "sk-ant-abcdefghijklmnop",
        "-H",
        "Authorization: Bearer abc123def456",
        "{prompt}",
    ];
    let mut live = Live::spawn(&mut site.room.command(&args));
    let mut lines = live.until("token 1");
    let (table, ..) = site.run(&["ps"]);
    let (runs, ..) = site.run(&["ps", "--json"]);
    let files = std::fs::read_dir(site.room.socket().parent().unwrap()).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    let written: String =
        files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    assert!(written.contains("{prompt}"), "{written}");
    live.signal(rustix::process::Signal::TERM);
    let (rest, _) = live.end();
    lines.extend(rest);
    for text in [&table, &runs, &written, &lines.concat()] {
        for secret in ["the-secret-words", "sk-ant-abcdefghijklmnop", "abc123def456"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
