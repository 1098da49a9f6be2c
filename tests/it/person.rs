//! A person at a terminal with `wrap --pty` in front of an interactive program. The person is played by tmux: keys go in,
//! the screen is looked at until it shows what is expected.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{LIMIT, answer, command, events, skip, verdict};

/// A terminal with an interactive shell in it; everybody in it has the folder as working directory.
pub struct Tmux {
    folder: tempfile::TempDir,
}

impl Tmux {
    /// `None`, said aloud, where there is no tmux.
    pub fn start(columns: u16, rows: u16) -> Option<Self> {
        let tmux = Self { folder: tempfile::tempdir().unwrap() };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = ["bash", "--norc", "--noprofile", "-i"];
        let mut args = vec!["new-session", "-d", "-x", &columns, "-y", &rows];
        args.extend(shell);
        if command("tmux", &["-V"]).output().is_err() {
            skip("there is no tmux");
            return None;
        }
        tmux.tell(&args);
        tmux.prompt("0");
        Some(tmux)
    }

    /// Runs a tmux command to its end.
    #[track_caller]
    fn tell(&self, args: &[&str]) -> String {
        let limit = LIMIT.as_secs().to_string();
        let mut all = vec![limit.as_str(), "tmux", "-L", "spile", "-f", "/dev/null", "-u"];
        all.extend(args);
        let output = command("timeout", &all)
            .env("TMUX_TMPDIR", self.folder.path())
            .env("PS1", "[$?] prompt> ")
            .env("HISTFILE", "")
            .env("TERM", "screen")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types a line and presses Enter.
    #[track_caller]
    pub fn line(&self, text: &str) {
        self.tell(&["send-keys", "-l", text]);
        self.press("Enter");
    }

    #[track_caller]
    pub fn press(&self, key: &str) {
        self.tell(&["send-keys", key]);
    }

    /// Waits until the screen shows `text`.
    #[track_caller]
    fn see(&self, text: &str) {
        self.until(text, |screen| screen.contains(text));
    }

    /// Waits until the shell prompts again after a command with this status: only then is a key for the shell.
    #[track_caller]
    pub fn prompt(&self, status: &str) {
        self.last(&format!("[{status}] prompt>"));
    }

    /// Waits until this is the last line of the screen.
    #[track_caller]
    fn last(&self, line: &str) {
        self.until(line, |screen| screen.trim_end().lines().last() == Some(line));
    }

    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let since = Instant::now();
        loop {
            let screen = self.tell(&["capture-pane", "-p", "-J", "-S", "-"]);
            if is_so(&screen) {
                return;
            }
            assert!(since.elapsed() < LIMIT, "no {what:?} on the screen:\n{screen}");
        }
    }

    /// Types a command line and waits until it is done.
    #[track_caller]
    pub fn run(&self, line: &str) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let tag = NEXT.fetch_add(1, Ordering::Relaxed);
        self.line(&format!("{line}; tmux wait-for -S done{tag}"));
        self.tell(&["wait-for", &format!("done{tag}")]);
        self.prompt("0");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn events(&self) -> Vec<Value> {
        events(self.file("events").as_bytes())
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut kill = command("tmux", &["-L", "spile", "kill-server"]);
        let _ = kill.env("TMUX_TMPDIR", self.folder.path()).output();
    }
}

/// The agent's process id.
pub fn agent(events: &[Value]) -> i32 {
    i32::try_from(events[0]["data"]["pid"].as_i64().unwrap()).unwrap()
}

/// The letter of a process's state; `None` once it is gone.
pub fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let mut fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.nth(1).unwrap().parse().unwrap()
}

#[track_caller]
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_person_uses_a_program() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    tmux.run("stty -a >before");
    let shell = "spile wrap --pty -- bash --norc --noprofile -i >events";
    tmux.line(&format!("PS1='\\[\\e[1;32m\\]inner\\[\\e[0m\\]> ' {shell}"));
    tmux.last("inner>");
    tmux.line("stty size");
    tmux.see("\n30 100\n");
    tmux.last("inner>");
    tmux.line("printf '\\e[31m%s\\e[0m\\n' red$((6*7))");
    tmux.see("\nred42\n");
    tmux.last("inner>");
    // Not before the job is up: a ^C throws away what was typed ahead, and the shell's own words with it.
    tmux.line("sh -c 'echo job$((1)); exec sleep 1000'");
    tmux.see("\njob1\n");
    tmux.press("C-c");
    tmux.last("inner>");
    tmux.line("echo after$?");
    tmux.see("\nafter130\n");
    tmux.last("inner>");
    tmux.line("exit 5");
    tmux.prompt("5");
    tmux.run("stty -a >after");
    assert_eq!(tmux.file("before"), tmux.file("after"));
    let events = tmux.events();
    let said = answer(&events);
    assert!(said.contains("\nred42\n") && said.contains("inner> "), "{said}");
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!said.contains(control), "{said:?}");
    assert_eq!(verdict(&events), "turn_failed");
}

#[test]
fn a_new_size_is_passed_on() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let script = "trap \"stty size\" WINCH; echo up; while :; do sleep 0.05; done";
    tmux.line(&format!("spile wrap --stdin inherit -- sh -c '{script}' >events"));
    tmux.see("\nup\n");
    tmux.tell(&["resize-window", "-x", "70", "-y", "20"]);
    tmux.see("\n20 70\n");
    tmux.press("C-c");
    tmux.prompt("130");
}

#[test]
fn ctrl_c_is_the_agents_key() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    let script = "trap \"echo caught\" INT; echo up; read -r x; echo \"got $x\"";
    tmux.line(&format!("spile wrap --pty -- bash -c '{script}' >events"));
    tmux.see("\nup\n");
    tmux.press("C-c");
    tmux.see("^Ccaught");
    tmux.line("word");
    tmux.see("got word");
    tmux.prompt("0");
    let events = tmux.events();
    assert_eq!(verdict(&events), "turn_completed");
    assert!(answer(&events).contains("caught"));
}

#[test]
fn an_agent_that_dies_of_ctrl_c_was_cancelled() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    tmux.run("stty -a >before");
    tmux.line("spile wrap --pty -- sh -c 'echo up; exec sleep 1000' >events");
    tmux.see("\nup\n");
    tmux.press("C-c");
    tmux.prompt("130");
    assert_eq!(verdict(&tmux.events()), "turn_cancelled");
    tmux.run("stty -a >after");
    assert_eq!(tmux.file("before"), tmux.file("after"));
}

#[test]
fn two_ctrl_c_are_the_ladder() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    let script = "trap \"\" INT TERM; echo up; while :; do read -r x; done";
    tmux.line(&format!("spile wrap --pty --grace 50ms -- sh -c '{script}' >events"));
    tmux.see("\nup\n");
    // In one go, so that both come within the second whatever else the machine does.
    tmux.tell(&["send-keys", "C-c", "C-c"]);
    tmux.prompt("130");
    assert_eq!(verdict(&tmux.events()), "turn_cancelled");
}

#[test]
fn ctrl_z_stops_the_job_and_fg_continues_it() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    tmux.run("stty -a >before");
    let script = "echo up; while read -r x; do echo \"got $x\"; done";
    tmux.line(&format!("spile wrap --pty -- bash -c '{script}' | spile coalesce >events"));
    tmux.see("\nup\n");
    wait_for("the first event", || tmux.file("events").contains('\n'));
    let agent = agent(&events(tmux.file("events").lines().next().unwrap().as_bytes()));
    for word in ["one", "two"] {
        tmux.press("C-z");
        wait_for("the agent stops", || state(agent) == Some('T'));
        tmux.prompt("148");
        tmux.run(&format!("stty -a >{word}"));
        assert_eq!(tmux.file("before"), tmux.file(word));
        tmux.line("fg");
        wait_for("the agent goes on", || state(agent).is_some_and(|s| s != 'T'));
        tmux.line(word);
        tmux.see(&format!("got {word}"));
    }
    tmux.press("C-d");
    tmux.prompt("0");
    tmux.run("stty -a >after");
    assert_eq!(tmux.file("before"), tmux.file("after"));
    let events = tmux.events();
    assert_eq!(verdict(&events), "turn_completed");
    assert!(answer(&events).contains("got two\n"));
}

#[test]
fn a_job_in_the_background_leaves_the_terminal_alone() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    tmux.run("stty -a >before");
    let script = "echo up; read -r x; echo \"got $x\"";
    tmux.line(&format!("spile wrap --pty -- bash -c '{script}' >events &"));
    wait_for("the agent is up", || {
        std::fs::read_to_string(tmux.path("events")).is_ok_and(|e| e.contains("up"))
    });
    tmux.run("stty -a >between");
    assert_eq!(tmux.file("before"), tmux.file("between"));
    tmux.line("fg");
    tmux.line("word");
    tmux.see("got word");
    tmux.prompt("0");
    tmux.run("stty -a >after");
    assert_eq!(tmux.file("before"), tmux.file("after"));
}

#[test]
fn the_terminal_is_given_back_at_every_end() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    tmux.run("stty -a >before");
    let script = "echo up; exec sleep 1000";
    let of_wrap = |events: &[Value]| {
        let guardian = parent(agent(events));
        parent(guardian)
    };
    let of_guardian = |events: &[Value]| parent(agent(events));
    type Whom<'a> = &'a dyn Fn(&[Value]) -> i32;
    let ends: [(&str, Whom<'_>, Signal); 6] = [
        ("143", &of_wrap, Signal::TERM),
        ("130", &of_wrap, Signal::INT),
        ("129", &of_wrap, Signal::HUP),
        ("143", &agent, Signal::TERM),
        ("137", &agent, Signal::KILL),
        ("1", &of_guardian, Signal::KILL),
    ];
    for (status, whom, signal) in ends {
        let tag = format!("{status}-{}", signal.as_raw());
        tmux.run("clear; rm -f events");
        tmux.line(&format!("spile wrap --pty -- sh -c '{script}' >events"));
        tmux.see("\nup\n");
        let raw = || std::fs::read_to_string(tmux.path("events"));
        wait_for("the text", || raw().is_ok_and(|e| e.contains("text_delta")));
        let pid = Pid::from_raw(whom(&tmux.events())).unwrap();
        kill_process(pid, signal).unwrap();
        tmux.prompt(status);
        tmux.run("stty -a >after");
        assert_eq!(tmux.file("before"), tmux.file("after"), "{tag}");
    }
}

#[test]
fn a_stop_from_elsewhere_is_a_stop_too() {
    let Some(tmux) = Tmux::start(120, 24) else {
        return;
    };
    tmux.run("stty -a >before");
    let script = "echo up; read -r x; echo \"got $x\"";
    tmux.line(&format!("spile wrap --pty -- bash -c '{script}' >events"));
    tmux.see("\nup\n");
    wait_for("the text", || tmux.file("events").contains("text_delta"));
    let agent = agent(&tmux.events());
    let wrap = Pid::from_raw(parent(parent(agent))).unwrap();
    kill_process(wrap, Signal::TSTP).unwrap();
    tmux.prompt("148");
    wait_for("the agent stops", || state(agent) == Some('T'));
    tmux.run("stty -a >between");
    assert_eq!(tmux.file("before"), tmux.file("between"));
    tmux.line("fg");
    tmux.line("word");
    tmux.see("got word");
}
