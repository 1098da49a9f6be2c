//! What is in the folder of the runs and is no run, or none that can be read, hides no other run.

use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;

use super::{Server, state_file};
use crate::background::Home;
use crate::harness::{bin, shell_code};

/// Number of lines that name a run.
fn mentions(text: &str, name: &str) -> usize {
    text.lines().filter(|line| line.contains(name)).count()
}

fn stray(home: &Home, name: &str, make: impl FnOnce(&Path)) {
    make(&state_file(home, &format!("runs/{name}")));
}

/// A run of which one file is something else.
fn broken(home: &Home, stream: &str, file: &str, make: impl FnOnce(&Path)) {
    let output = home.run(&["start", "--stream", stream, "--label", "odd", "--", "echo", stream]);
    assert_eq!(shell_code(output.status), 0);
    home.ended(stream);
    let path = state_file(home, &format!("runs/{stream}/{file}"));
    std::fs::remove_file(&path).unwrap();
    make(&path);
}

fn fifo(path: &Path) {
    mkfifoat(CWD, path, Mode::RWXU).unwrap();
}

fn broken_runs(home: &Home) {
    broken(home, "odd-link", "events.ndjson", |path| symlink("/etc/hosts", path).unwrap());
    broken(home, "odd-fifo", "events.ndjson", fifo);
}

#[test]
fn a_server_passes_over_what_is_no_run() {
    let home = Home::new();
    broken_runs(&home);
    broken(&home, "odd-none", "events.ndjson", |_| {});
    broken(&home, "odd-info", "run.json", |path| symlink("/etc/hosts", path).unwrap());
    stray(&home, "stray-file", |path| std::fs::write(path, "x").unwrap());
    stray(&home, "stray-link", |path| symlink("odd-link", path).unwrap());
    stray(&home, "stray-empty", |path| std::fs::create_dir(path).unwrap());
    let stderr = home.path().join("stderr");
    let args = ["serve", "--listen", "127.0.0.1:0", "--agent", "echo=cat"];
    let mut command = home.command("sh", &["-c", "exec \"$@\" 2>stderr", "sh", bin()]);
    let server = Server::spawn(command.args(args).current_dir(home.path()));
    for text in ["one", "two"] {
        let stream = server.run(&json!({"prompt": text}));
        let mut events = server.get("/stream?until=now").text();
        while !events.contains(&format!("\"text\":\"{text}")) {
            events = server.get("/stream?until=now").text();
        }
        let runs = server.get("/runs").expect(200);
        let runs: Vec<_> = runs["runs"].as_array().unwrap().iter().collect();
        assert!(runs.iter().any(|run| run["stream"] == stream), "{runs:?}");
        assert!(!runs.iter().any(|run| run["stream"].as_str().unwrap().starts_with("stray")));
        server.get("/status").expect(200);
        assert_eq!(server.get("/metrics").status, 200);
        let chat = server.post("/chat", &json!({"message": text})).expect(202);
        server.events(chat["stream"].as_str().unwrap());
        let more = json!({"message": text, "conversation": chat["conversation"]});
        server.post("/chat", &more).expect(202);
    }
    for name in ["stray-file", "stray-link", "stray-empty"] {
        let answer = server.get(&format!("/runs/{name}/text"));
        assert!([404, 503].contains(&answer.status), "{name}: {}", answer.text());
    }
    server.get("/runs/stray-file").refused(404);
    server.get("/runs/stray-link").refused(404);
    let told = std::fs::read_to_string(&stderr).unwrap();
    for name in ["stray-file", "stray-link", "stray-empty", "odd-link", "odd-fifo"] {
        assert_eq!(mentions(&told, name), 1, "{name}: {told}");
    }
    assert!(!told.contains("stops for a moment"), "{told}");
}

#[test]
fn readers_at_the_command_line_leave_such_runs_out() {
    let home = Home::new();
    broken_runs(&home);
    stray(&home, "stray-file", |path| std::fs::write(path, "x").unwrap());
    home.ended(&home.start(&["--label", "odd"], "echo good"));
    for args in [&["attach", "--all"][..], &["logs", "--label", "odd"], &["ps", "--all"]] {
        let output = home.run(args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(shell_code(output.status), 0, "{args:?}: {told}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(args[0] == "ps" || text.contains("good"), "{args:?}: {text}");
        for name in ["stray-file", "odd-link", "odd-fifo"] {
            assert_eq!(mentions(&told, name), 1, "{args:?} {name}: {told}");
        }
    }
    // Nor is there anything to read of a run that is named.
    let output = home.run(&["logs", "odd-fifo"]);
    assert_eq!(shell_code(output.status), 69);
    assert!(String::from_utf8(output.stderr).unwrap().contains("no regular file"));
}
