//! replay at a terminal: its keys, the terminal as it was found, and the progress line.

use crate::harness::bash;
use crate::replay::{Folder, event, recording};
use crate::terminal::Terminal;

/// The terminal is given back in every way in which it ends.
#[test]
fn keys_step_play_and_quit() {
    let folder = Folder::new();
    let text = recording("s", 40);
    let file = folder.put("run", &text);
    let stepped = format!(
        "export TERM=xterm; cd {}; stty cols 160 rows 24; stty -a >before; spile replay --step {file} | {{ while read -r line; do echo \"seen $((++n))\"; done; }}; echo \"status ${{PIPESTATUS[0]}}\"; stty -a >after; cmp before after && echo same",
        folder.path().display()
    );
    let end = |terminal: Terminal| {
        let (_, shown) = terminal.end();
        assert!(shown.contains("same"), "{shown}");
        shown
    };
    let mut terminal = Terminal::run(&stepped);
    terminal.until("q: quit");
    terminal.press(b" ");
    terminal.until("seen 1");
    terminal.press(b"\x1b[C");
    terminal.until("seen 2");
    terminal.press(b"+++q");
    let shown = end(terminal);
    assert!(shown.contains("status 0") && !shown.contains("seen 3"), "{shown}");
    let mut terminal = Terminal::run(&stepped);
    terminal.until("q: quit");
    terminal.press(b"p");
    let shown = end(terminal);
    assert!(shown.contains("seen 40") && shown.contains("status 0"), "{shown}");
    let mut terminal = Terminal::run(&format!("trap : INT; {stepped}"));
    terminal.until("q: quit");
    terminal.press(b" \x03");
    let shown = end(terminal);
    assert!(shown.contains("status 130"), "{shown}");
}

#[test]
fn progress_is_shown_where_it_is_in_nobodys_way() {
    let folder = Folder::new();
    let file = folder.put("run", recording("s", 10) + &event("s", 11, 1500));
    let run = |line: &str| {
        let script = format!(
            "export TERM=xterm; stty cols 120 rows 24; cd {}; {line}",
            folder.path().display()
        );
        let (status, shown) = Terminal::run(&script).end();
        assert_eq!(status, 0, "{shown}");
        shown
    };
    let shown = run(&format!("spile replay {file} >out"));
    assert!(shown.contains("2026-01-01T00:00:00.010Z +0:00:00"), "{shown}");
    assert!(shown.contains('%'), "{shown}");
    let shown = run(&format!("spile replay {file} | spile view --format text"));
    assert!(shown.contains("text"), "{shown}");
    let shown = run(&format!("spile replay --instant {file}"));
    assert!(!shown.contains('%') && shown.contains("turn_completed"), "{shown}");
}

#[test]
fn keys_need_a_terminal() {
    let (stdout, stderr, status) = bash("echo '{}' | setsid spile replay --step");
    assert_eq!((stdout.as_str(), status), ("", 125));
    assert!(stderr.contains("--step needs a terminal"), "{stderr}");
}
