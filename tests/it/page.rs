//! The server's page in a real browser: see `page/steps.py` for what is done there.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use spile::time::Time;

use crate::background::Home;
use crate::harness::{bin, command, has_browser, node_module};
use crate::recordings::folder;
use crate::serve::Server;

/// Agents of the page's tests: a driven one, the bundled session, and one that counts as far as a file lets it.
fn agents(home: &Home) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/drive_agents.py");
    let claude = program(home, "claude", &format!("exec python3 {script} claude"));
    let count = "for n in 0 1 2 3; do echo line $n; done; until [ -e more ]; do :; done; for n in 4 5 6 7 8 9; do echo line $n; done";
    let count = program(home, "count", count);
    [
        "demo=spile demo --agent --speed 0.7".to_owned(),
        format!("claude={claude}"),
        format!("count={count}"),
    ]
    .into()
}

fn program(home: &Home, name: &str, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = home.path().join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts a server that listens at an address.
fn serve(home: &Home, listen: &str) -> Server {
    let agents = agents(home);
    let agents = agents.iter().flat_map(|agent| ["--agent", agent]);
    let root = home.path().to_str().unwrap();
    let args: Vec<&str> =
        ["serve", "--listen", listen, "--root", root].into_iter().chain(agents).collect();
    Server::spawn(&mut home.command(bin(), &args))
}

fn url(server: &Server) -> String {
    format!("http://{}/#token={}", server.address, server.token)
}

/// Carries out steps in a browser; what they print. `answer` answers each line on which they ask for something.
#[track_caller]
fn browse(home: &Home, arguments: &[&str], mut answer: impl FnMut(&str, &mut ChildStdin)) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/page/browse.py");
    let before = ["300", "python3", "-B", script, home.path().to_str().unwrap()];
    let mut browser: Command = command("timeout", &[&before[..], arguments].concat());
    browser.env("HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = browser.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        answer(&line.unwrap(), &mut stdin);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn nothing(line: &str, _: &mut ChildStdin) {
    println!("{line}");
}

/// Carries out steps that need nothing but a server.
#[track_caller]
fn carry_out(steps: &str) {
    if has_browser() {
        let home = Home::new();
        let server = serve(&home, "127.0.0.1:0");
        browse(&home, &[steps, &url(&server)], nothing);
    }
}

#[test]
fn a_run_is_watched_and_steered() {
    carry_out("live");
}

#[test]
fn runs_stand_side_by_side() {
    carry_out("beside");
}

#[test]
fn one_finds_the_way_back() {
    carry_out("wander");
}

#[test]
fn a_server_that_was_away_loses_and_doubles_nothing() {
    if !has_browser() {
        return;
    }
    let home = Home::new();
    let mut server = Some(serve(&home, "127.0.0.1:0"));
    let first = server.as_ref().unwrap();
    let (url, address) = (url(first), first.address.clone());
    browse(&home, &["outage", &url], |asked, stdin| {
        let done = match asked {
            "kill" => {
                server.take();
                "killed"
            }
            "lines" => {
                std::fs::write(home.path().join("more"), "").unwrap();
                "written"
            }
            "start" => {
                server = Some(serve(&home, &address));
                "started"
            }
            other => panic!("{other}"),
        };
        writeln!(stdin, "{done}").unwrap();
    });
}

#[test]
fn the_page_asks_for_the_token() {
    if has_browser() {
        let home = Home::new();
        let server = serve(&home, "127.0.0.1:0");
        let bare = format!("http://{}/", server.address);
        browse(&home, &["sign_in", &bare, &server.token], nothing);
    }
}

/// An event of the stream `s` at a time that grows with its number.
fn event(stream: &str, seq: u64, kind: &str, fields: Value) -> String {
    let ts = Time::from_millis(1_780_000_000_000 + seq * 10).to_string();
    let mut event =
        json!({"v": 1, "type": kind, "stream": stream, "turn": 1, "seq": seq, "ts": ts});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    format!("{event}\n")
}

/// A run that is over, with these events.
fn ended(home: &Home, label: &str, events: impl Fn(&str) -> String) -> String {
    let stream = home.start(&["--label", label], "true");
    home.ended(&stream);
    std::fs::write(home.events_path(&stream), events(&stream)).unwrap();
    stream
}

/// Text that would do harm where it is more than text.
const HOSTILE: &str = "<script>window.ran = true</script><img src=x onerror='window.ran = true'>\"'><svg onload=\"window.ran = true\">\
    [a](javascript:window.ran=true) ![b](http://127.0.0.1:1/x.png) <javascript:alert(1)> [c](data:text/html,x) [d](//x.example) \
    \u{202e}txet\u{2066} \u{200b}\u{1b}[31mred\u{7}${1}{{1}} https://x.example/\"onclick=\"window.ran=true <iframe src=//x.example></iframe> \
    </pre></details></dialog><style>*{display:none}</style> <a href='javascript:window.ran=true'>x</a> <form action=//x.example>";

fn hostile(stream: &str) -> String {
    let long = "x".repeat(1 << 20);
    let text = format!(
        "{HOSTILE}\n\n# {HOSTILE}\n\n* {HOSTILE}\n\n> {HOSTILE}\n\n| {HOSTILE} | b |\n|---|---|\n| {HOSTILE} | x |\n\n```{HOSTILE}\n{HOSTILE}\n```\n"
    );
    let mut events = vec![
        event(
            stream,
            1,
            "turn_started",
            json!({"runtime": HOSTILE, "model": HOSTILE, "session": HOSTILE, "prompt": HOSTILE}),
        ),
        event(
            stream,
            2,
            "text_delta",
            json!({"block": HOSTILE, "kind": "reasoning", "text": text}),
        ),
        event(
            stream,
            3,
            "block_final",
            json!({"block": HOSTILE, "kind": "reasoning", "text": text}),
        ),
        event(stream, 4, "block_final", json!({"block": "b2", "kind": "answer", "text": text})),
        event(stream, 5, "block_final", json!({"block": "b3", "kind": "answer", "text": long})),
        event(
            stream,
            6,
            "status",
            json!({"kind": HOSTILE, "message": HOSTILE, "data": {HOSTILE: HOSTILE}}),
        ),
        event(
            stream,
            7,
            "status",
            json!({"kind": "plan", "data": {"entries": [{"content": HOSTILE, "status": HOSTILE}]}}),
        ),
        event(
            stream,
            8,
            "status",
            json!({"kind": "message", "data": {"text": HOSTILE, "by": HOSTILE, "id": HOSTILE}}),
        ),
        event(
            stream,
            9,
            "status",
            json!({"kind": "permission", "message": HOSTILE, "data": {"id": HOSTILE}}),
        ),
    ];
    let tool = json!({"id": HOSTILE, "name": HOSTILE, "kind": HOSTILE, "title": HOSTILE, "paths": [HOSTILE],
        "input": {"old_string": HOSTILE, "new_string": format!("{HOSTILE}{long}"), HOSTILE: [HOSTILE]}});
    events.push(event(stream, 10, "tool_started", json!({"tool": tool})));
    events.push(event(
        stream,
        11,
        "tool_finished",
        json!({"tool": tool, "outcome": "error", "output": format!("{HOSTILE}\n{long}")}),
    ));
    events.push(event(stream, 12, "tool_started", json!({"parent": HOSTILE, "tool": {"id": "b", "name": "n", "kind": "execute", "input": HOSTILE}})));
    events.push(event(stream, 13, "tool_finished", json!({"parent": HOSTILE, "tool": {"id": "b", "name": "n", "kind": "execute"}, "outcome": HOSTILE, "output": {HOSTILE: HOSTILE}})));
    for n in 0..10_000 {
        let tool = json!({"id": format!("t{n}"), "name": HOSTILE, "kind": "read", "title": format!("{n}")});
        events.push(event(stream, 14 + 2 * n, "tool_started", json!({"tool": tool})));
        events.push(event(
            stream,
            15 + 2 * n,
            "tool_finished",
            json!({"tool": tool, "outcome": "ok"}),
        ));
    }
    events.push(event(
        stream,
        30_000,
        "turn_failed",
        json!({"error": {"code": HOSTILE, "message": HOSTILE, "retry_at": HOSTILE},
        "stderr_tail": HOSTILE, "files": [HOSTILE], "usage": {"input_tokens": 1}}),
    ));
    let end = json!({"kind": "warning", "message": "THE END"});
    events.push(event(stream, 30_001, "status", end).replace("\"turn\":1,", ""));
    events.concat()
}

#[test]
fn text_of_an_agent_is_text() {
    if has_browser() {
        let home = Home::new();
        let stream = ended(&home, HOSTILE.split('\u{1b}').next().unwrap(), hostile);
        let server = serve(&home, "127.0.0.1:0");
        browse(&home, &["hostile", &url(&server), &stream], nothing);
    }
}

/// A run of 100,000 events: texts, calls and reasoning in many turns.
pub fn long_run(stream: &str) -> String {
    let mut events = vec![event(stream, 1, "turn_started", json!({"runtime": "x"}))];
    events.push(event(
        stream,
        2,
        "block_final",
        json!({"block": "b0", "kind": "answer", "text": "THE BEGINNING\n"}),
    ));
    for n in 0..20_000 {
        let (seq, block) = (3 + 5 * n, format!("b{}", n + 1));
        let text = format!("Step {n} *looks* at `file{n}.rs`.\n");
        let tool = json!({"id": format!("t{n}"), "name": "Read", "kind": "read", "title": format!("src/file{n}.rs")});
        events.push(event(
            stream,
            seq,
            "text_delta",
            json!({"block": block, "kind": "answer", "text": &text[..6]}),
        ));
        events.push(event(
            stream,
            seq + 1,
            "text_delta",
            json!({"block": block, "kind": "answer", "text": &text[6..]}),
        ));
        events.push(event(
            stream,
            seq + 2,
            "block_final",
            json!({"block": block, "kind": "answer", "text": text}),
        ));
        events.push(event(stream, seq + 3, "tool_started", json!({"tool": tool})));
        events.push(event(
            stream,
            seq + 4,
            "tool_finished",
            json!({"tool": tool, "outcome": "ok", "output": "fn main() {}\n".repeat(8)}),
        ));
    }
    events.push(event(
        stream,
        100_003,
        "block_final",
        json!({"block": "b99999", "kind": "answer", "text": "THE END"}),
    ));
    events.push(event(stream, 100_004, "turn_completed", json!({"stop": "end_turn"})));
    events.concat()
}

#[test]
fn a_long_run_has_few_elements() {
    if !has_browser() {
        return;
    }
    let home = Home::new();
    for n in 0..50 {
        home.start(&["--label", &format!("other {n}")], "true");
    }
    let stream = ended(&home, "the long one", long_run);
    let server = serve(&home, "127.0.0.1:0");
    let mut seen = Value::Null;
    browse(&home, &["long", &url(&server), &stream, "100004"], |line, _| {
        seen = serde_json::from_str(line).unwrap();
    });
    println!("{seen}");
    let heap = seen["heap"].as_u64().unwrap();
    assert!(heap < 200 << 20, "{heap} bytes");
}

/// Recordings whose reading is compared: folder and file.
const RECORDED: [(&str, &str); 10] = [
    ("claude-code", "thinking-text-tool"),
    ("claude-code", "subagent-general-purpose"),
    ("claude-code", "permission-denied-rate-limit"),
    ("codex", "multi-command"),
    ("codex", "v0142-edit"),
    ("codex", "todo-reasoning-run-1"),
    ("gemini-cli", "untether-success.handwritten"),
    ("muse", "meta_tool_use"),
    ("grok", "stream.handwritten"),
    ("acp", "claude-read-tool"),
];

/// Gives the events of a run times that are apart, as they were when the agent worked.
fn spread(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut now = 1_780_000_000_000;
    let lines = text.lines().enumerate().map(|(n, line)| {
        now += [0, 37, 1210, 4, 530, 88, 3][n % 7];
        let begin = line.find("\"ts\":\"").unwrap() + 6;
        let end = begin + line[begin..].find('"').unwrap();
        format!("{}{}{}\n", &line[..begin], Time::from_millis(now), &line[end..])
    });
    let spread: String = lines.collect();
    assert_eq!(spread.len(), text.len());
    std::fs::write(path, spread).unwrap();
}

/// Run of a recording; its events, and what `export` makes of them, stand beside it.
fn replayed(home: &Home, (kind, name): (&str, &str)) -> Option<String> {
    let raw: PathBuf = folder(kind)?.join(format!("{name}.jsonl"));
    let adapter = crate::recordings::FOLDERS.iter().find(|(known, _)| *known == kind)?.1;
    let script = format!("cat '{}'", raw.display());
    let stream = home.start(&["--from", adapter, "--label", name], &script);
    home.ended(&stream);
    let events = home.events_path(&stream);
    spread(&events);
    home.clean(&stream);
    let path = events.to_str().unwrap();
    for (format, more) in [("html", &[][..]), ("csv", &[])] {
        let args = [&["export", "--to", format], more, &[path]].concat();
        let made = home.run(&args).stdout;
        std::fs::write(home.path().join(format!("{stream}.{format}")), made).unwrap();
    }
    std::fs::copy(&events, home.path().join(format!("{stream}.ndjson"))).unwrap();
    Some(stream)
}

#[test]
fn the_page_shows_what_the_other_readers_show() {
    if !has_browser() {
        return;
    }
    let home = Home::new();
    let streams: Vec<String> =
        RECORDED.iter().filter_map(|recording| replayed(&home, *recording)).collect();
    if streams.is_empty() {
        return;
    }
    assert_eq!(streams.len(), RECORDED.len());
    let server = serve(&home, "127.0.0.1:0");
    let (url, path) = (url(&server), home.path().to_str().unwrap());
    let mut arguments = vec!["recorded", &url, path];
    arguments.extend(streams.iter().map(String::as_str));
    browse(&home, &arguments, nothing);
}

#[test]
fn a_checker_of_accessibility_finds_nothing_serious() {
    let Some(axe) = node_module("axe-core") else { return };
    let axe = axe.join("axe.min.js");
    if has_browser() {
        let home = Home::new();
        let stream = home.start(&["--label", "demo run"], "spile demo --agent --speed 0");
        home.ended(&stream);
        let server = serve(&home, "127.0.0.1:0");
        browse(&home, &["accessible", &url(&server), axe.to_str().unwrap(), &stream], nothing);
    }
}
