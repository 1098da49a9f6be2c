//! Kills of wrap, of its guardian and of both at any instant: after the next look the run is whole, and nothing of it lives.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use spile::run::state::RunLife;

use super::{Home, ends, has_process, wait_for};
use crate::harness::{bin, stress};

/// A pseudo-random number below `limit` (xorshift).
fn below(state: &mut u64, limit: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % limit
}

/// The agent, which leaves a process behind in a session of its own.
const AGENT: &str =
    "setsid sleep 1000 & for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.002; done";

/// Processes of a run by its token: wrap, guardian, and those of the agent.
fn children(pid: i32) -> Vec<i32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    list.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// A reader of the run, which closes it if it is over.
fn attach(home: &Home, stream: &str) -> Child {
    home.command(bin(), &["attach", stream])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Number of lines in the history with the end of a run.
fn history_ends(home: &Home, stream: &str) -> usize {
    let text = std::fs::read_to_string(home.path().join("state/history.ndjson")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["op"] == "end" && line["run"] == stream).count()
}

/// Kills wrap, its guardian, or both, at a random instant from the start of `spile start` to some time after the end.
#[test]
fn a_run_that_is_killed_at_any_instant_is_closed_whole() {
    let home = Home::new();
    let mut random = 0x2545_f491_4f6c_dd1d;
    for round in 0..stress(2000) {
        let stream = format!("k{round}");
        let args = ["start", "--stream", &stream, "--", "sh", "-c", AGENT];
        let mut start = home.command(bin(), &args).stdout(Stdio::null()).spawn().unwrap();
        let info = home.path().join("state/runs").join(&stream).join("control.json");
        let wait = Duration::from_micros(below(&mut random, 60_000));
        let since = Instant::now();
        // The wait begins with the start of the command in one round, and with the run in the next.
        if round % 2 == 0 {
            while !info.exists() && start.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
        }
        while since.elapsed() < wait {
            std::thread::yield_now();
        }
        let whom = below(&mut random, 3);
        let mut reader = (round % 4 < 2).then(|| attach(&home, &stream));
        let wrap = std::fs::read(&info).ok();
        let wrap = wrap.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if let Some(wrap) = wrap.and_then(|info| i32::try_from(info["pid"].as_i64()?).ok()) {
            let guardian = children(wrap);
            if whom != 1 {
                kill(wrap);
            }
            if whom != 0 {
                guardian.into_iter().for_each(kill);
            }
        }
        start.wait().unwrap();
        if let Some(reader) = &mut reader {
            let _ = reader.kill();
            let _ = reader.wait();
        }
        if !home.state().streams().unwrap().contains(&stream) {
            continue;
        }
        let before = std::fs::read(home.events_path(&stream)).unwrap();
        let run = home.folder_of(&stream);
        wait_for("the end of the run", || run.life().unwrap() == RunLife::Over);
        // The look, by any command: two at once, or one that is killed.
        match below(&mut random, 3) {
            0 => _ = home.run(&["ps", "--all"]),
            1 => {
                let mut looks = [attach(&home, &stream), attach(&home, &stream)];
                looks.iter_mut().for_each(|look| _ = look.wait());
            }
            _ => {
                let mut look = attach(&home, &stream);
                let wait = Duration::from_micros(below(&mut random, 20_000));
                let since = Instant::now();
                while since.elapsed() < wait {
                    std::thread::yield_now();
                }
                let _ = look.kill();
                let _ = look.wait();
            }
        }
        let events = home.ended(&stream);
        // What there was is still there, but for a torn line.
        let after = std::fs::read(home.events_path(&stream)).unwrap();
        let whole = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        assert!(after.starts_with(&before[..whole]), "round {round}");
        assert_eq!(ends(&events), (1, 1), "round {round}: {events:#?}");
        assert_eq!(history_ends(&home, &stream), 1, "round {round}");
        let token = run.info().unwrap().control;
        assert!(!has_process(&format!("SPILE_RUN={token}")), "round {round}");
    }
}
