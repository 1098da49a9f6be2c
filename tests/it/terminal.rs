//! Under a real terminal: Ctrl-C reaches the whole pipeline, its last stage still says how it ended, and a shell loop
//! around it stops.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::harness::{LIMIT, command, shell_code};

/// A shell that has a terminal of its own.
pub struct Terminal {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Starts `bash -c SCRIPT` in it.
    pub fn run(script: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || -> OwnedFd {
            let path = std::path::Path::new(name.to_str().unwrap());
            File::options().read(true).write(true).open(path).unwrap().into()
        };
        // setsid --ctty makes the terminal the controlling one of a session of its own.
        let mut shell = command("setsid", &["--ctty", "--wait", "bash", "-c", script]);
        shell.stdin(Stdio::from(open())).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
        let child = shell.spawn().unwrap();
        drop(shell);
        let keys = File::from(master);
        let mut from = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buf) {
                if sender.send(buf[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, screen, seen: String::new() }
    }

    /// Waits until the screen has shown `text`.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        while !self.seen.contains(text) {
            match self.screen.recv_timeout(LIMIT) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(e) => panic!("{e}: no {text:?} in {:?}", self.seen),
            }
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    /// The status of the shell, and all that was shown.
    pub fn end(mut self) -> (i32, String) {
        while let Ok(bytes) = self.screen.recv_timeout(LIMIT) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (shell_code(self.child.wait().unwrap()), self.seen)
    }
}

const CTRL_C: &[u8] = b"\x03";

#[test]
fn ctrl_c_cancels_and_stops_the_loop_around_it() {
    for stages in [
        "spile coalesce",
        "spile coalesce | spile check --pass",
        "spile coalesce | spile view --format plain",
        "spile view --format plain",
    ] {
        let script = format!(
            "for n in 1 2 3; do echo \"round $n\"; spile wrap -- sh -c 'echo work$((1)); exec sleep 1000' </dev/null | {stages}; done; echo survived"
        );
        let mut terminal = Terminal::run(&script);
        terminal.until("work1");
        terminal.press(CTRL_C);
        let (status, shown) = terminal.end();
        let said = if stages.contains("view") { "[CANCELLED" } else { "turn_cancelled" };
        assert!(shown.contains(said), "{stages}: {shown}");
        assert!(!shown.contains("round 2") && !shown.contains("survived"), "{stages}: {shown}");
        assert_eq!(status, 130, "{stages}: {shown}");
    }
}

#[test]
fn ctrl_c_with_an_agent_in_the_pipe_cancels_too() {
    let script = "for n in 1 2; do echo round $n; (echo work$((1)); exec sleep 1000) | spile wrap --from text | spile view --format plain; done";
    let mut terminal = Terminal::run(script);
    terminal.until("work1");
    terminal.press(CTRL_C);
    let (status, shown) = terminal.end();
    assert!(shown.contains("[CANCELLED") && !shown.contains("round 2"), "{shown}");
    assert_eq!(status, 130, "{shown}");
}

#[test]
fn ctrl_c_cancels_every_agent_of_a_merge() {
    let script = "for n in 1 2; do echo round $n; spile merge --each 2 -- sh -c 'echo work$((1)) $SPILE_INDEX; exec sleep 1000' </dev/null | spile view --format plain; done";
    let mut terminal = Terminal::run(script);
    terminal.until("work1 1");
    terminal.until("work1 2");
    terminal.press(CTRL_C);
    let (status, shown) = terminal.end();
    assert_eq!(shown.matches("[CANCELLED").count(), 2, "{shown}");
    assert!(!shown.contains("round 2"), "{shown}");
    assert_eq!(status, 130, "{shown}");
}

#[test]
fn a_filter_that_reads_the_terminal_dies_at_once() {
    let mut terminal = Terminal::run("echo ready; spile coalesce; echo $?");
    terminal.until("ready");
    terminal.press(b"garbage\r");
    terminal.until("diagnostic");
    terminal.press(CTRL_C);
    let (status, shown) = terminal.end();
    assert_eq!(status, 130, "{shown}");
}

#[test]
fn wrap_without_a_command_at_a_terminal_is_a_usage_error() {
    let (status, shown) = Terminal::run("spile wrap").end();
    assert!(shown.contains("pipe an agent's output into `spile wrap`"), "{shown}");
    assert_eq!(status, 2);
}

#[test]
fn view_colours_a_terminal_and_respects_no_color() {
    let colours = |env: &str, args: &str| {
        let script = format!("spile wrap -- echo hello </dev/null | {env} spile view {args}");
        let (status, shown) = Terminal::run(&script).end();
        assert_eq!(status, 0, "{shown}");
        assert!(shown.contains("hello"), "{shown}");
        shown.contains("\x1b[")
    };
    assert!(colours("", ""));
    assert!(!colours("NO_COLOR=1", ""));
    assert!(!colours("TERM=dumb", ""));
    assert!(!colours("CLICOLOR=0", ""));
    assert!(!colours("", "--color never"));
    assert!(!colours("", "--format plain"));
}
