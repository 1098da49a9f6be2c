//! A pipeline into tee --ledger, killed at random instants, all of it or its last stage, and started again until it is
//! done: what arrives is what arrives without kills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use spile::ledger::{Mark, State};
use spile::run::ledger::Look;

use crate::harness::{LIMIT, bin, command, shell_code, stress};
use crate::ledger_damage::Dice;
use crate::ledger_recording::recording;

/// What wakes the test: the end of a process, or the moment to kill it.
enum Wake {
    Ended,
    Kill,
}

/// An endpoint that takes every idempotency key once.
struct Endpoint {
    port: u16,
    state: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// Keys and bodies, in the order in which they were taken.
    taken: Vec<(String, String)>,
    /// After so many requests more the sender is killed.
    fuse: Option<u64>,
    wake: Option<Sender<Wake>>,
}

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(Heard::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream.unwrap(), &shared));
            }
        });
        Self { port, state }
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().taken.clone()
    }

    fn forget(&self) {
        *self.state.lock().unwrap() = Heard::default();
    }
}

/// Answers until the other side goes away.
fn serve(stream: &TcpStream, state: &Mutex<Heard>) {
    let mut reader = BufReader::new(stream);
    while let Some((key, body)) = request(&mut reader) {
        let mut heard = state.lock().unwrap();
        let burnt = match &mut heard.fuse {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        // Half of them are killed after it was taken and before they know.
        let take = !burnt || heard.taken.len().is_multiple_of(2);
        if take && !heard.taken.iter().any(|(k, _)| *k == key) {
            heard.taken.push((key, body));
        }
        if burnt {
            heard.fuse = None;
            if let Some(wake) = &heard.wake {
                let _ = wake.send(Wake::Kill);
            }
            drop(heard);
            let _ = reader.read_to_end(&mut Vec::new());
            return;
        }
        drop(heard);
        if (&*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, String)> {
    let (mut key, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((key?, String::from_utf8(body).unwrap()))
}

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Tee,
    /// The three stages and their shell.
    All,
}

/// The pipeline, one process group.
struct Run {
    feeder: Child,
    tee: Child,
    wake: Receiver<Wake>,
    sender: Sender<Wake>,
}

impl Run {
    fn start(folder: &Path, args: &[String]) -> Self {
        let rec = folder.join("rec.ndjson");
        let script =
            format!("spile replay '{}' --instant | spile chunk --for discord", rec.display());
        let mut feeder = command("bash", &["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let said = File::options().create(true).append(true).open(folder.join("stderr")).unwrap();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut tee: Command = command(bin(), &args);
        let mut tee = tee
            .stdin(feeder.stdout.take().unwrap())
            .stdout(Stdio::piped())
            .stderr(said)
            .process_group(feeder.id().cast_signed())
            .spawn()
            .unwrap();
        let (sender, wake) = channel();
        let ended = sender.clone();
        let mut stdout = tee.stdout.take().unwrap();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            let _ = ended.send(Wake::Ended);
        });
        Self { feeder, tee, wake, sender }
    }

    /// Its end, or its death at this instant: the status if it ended by itself.
    fn end(mut self, kill: Option<(Duration, Victim)>) -> Option<i32> {
        let after = kill.map_or(LIMIT, |(after, _)| after);
        let status = match self.wake.recv_timeout(after) {
            Ok(Wake::Ended) => Some(shell_code(self.tee.wait().unwrap())),
            Err(RecvTimeoutError::Timeout) if kill.is_none() => panic!("it does not end"),
            Ok(Wake::Kill) | Err(_) => {
                match kill {
                    Some((_, Victim::All)) => {
                        let group = Pid::from_child(&self.feeder);
                        kill_process_group(group, Signal::KILL).unwrap();
                    }
                    _ => self.tee.kill().unwrap(),
                }
                // It may have ended in the moment before.
                let status = self.tee.wait().unwrap();
                status.code()
            }
        };
        let _ = self.feeder.kill();
        self.feeder.wait().unwrap();
        status
    }
}

struct Kills {
    dice: Dice,
    left: u64,
    /// How long a run takes that nobody kills.
    whole: Duration,
    /// Of the kills, those of the whole pipeline.
    all: u64,
}

impl Kills {
    /// Some instant of a run, now and then one after its end, and who dies then.
    fn next(&mut self) -> (Duration, Victim) {
        let whole = u64::try_from(self.whole.as_micros()).unwrap();
        let instant = Duration::from_micros(self.dice.below(whole + whole / 8));
        let victim = match self.dice.below(2) {
            0 => Victim::Tee,
            _ => Victim::All,
        };
        (instant, victim)
    }

    /// One has been.
    fn count(&mut self, kill: Option<(Duration, Victim)>) {
        self.left = self.left.saturating_sub(1);
        self.all += u64::from(kill.is_some_and(|(_, victim)| victim == Victim::All));
    }
}

fn tee(folder: &Path, sinks: &[String], more: &[&str]) -> Vec<String> {
    let ledger = folder.join("d.db").display().to_string();
    let mut args = vec!["tee".to_owned(), "--ledger".to_owned(), ledger];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args.extend_from_slice(sinks);
    args
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rec.ndjson"), recording()).unwrap();
    folder
}

/// What each stream has said, in order, without what is given at most once.
pub fn by_stream<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["type"] != "text_delta" {
            let stream = event["stream"].as_str().unwrap().to_owned();
            all.entry(stream).or_default().push(line.to_owned());
        }
    }
    all
}

#[test]
fn killed_at_any_instant_nothing_is_lost_or_doubled() {
    let endpoint = Endpoint::start();
    let url = format!("http://127.0.0.1:{}/", endpoint.port);
    let sinks = |folder: &Path| [folder.join("out.ndjson").display().to_string(), url.clone()];
    let first = folder();
    let since = Instant::now();
    let run = Run::start(first.path(), &tee(first.path(), &sinks(first.path()), &[]));
    assert_eq!(run.end(None), Some(0));
    let whole = since.elapsed();
    let want_file = std::fs::read_to_string(first.path().join("out.ndjson")).unwrap();
    let want = by_stream(want_file.lines());
    assert!(want["one"].len() > 50 && want["two"].len() > 50);
    let total = stress(2000);
    let mut kills = Kills { dice: Dice(7), left: total, whole, all: 0 };
    let begun = Instant::now();
    let (mut sessions, mut fuses) = (0, 0);
    while kills.left > 0 {
        endpoint.forget();
        let folder = folder();
        let args = tee(folder.path(), &sinks(folder.path()), &[]);
        let said = || std::fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
        loop {
            let run = Run::start(folder.path(), &args);
            let mut kill = (kills.left > 0).then(|| kills.next());
            {
                let mut heard = endpoint.state.lock().unwrap();
                heard.wake = Some(run.sender.clone());
                heard.fuse = None;
                if let Some((instant, _)) = &mut kill
                    && kills.dice.below(3) == 0
                {
                    heard.fuse = Some(kills.dice.below(60));
                    *instant = LIMIT;
                    fuses += 1;
                }
            }
            match run.end(kill) {
                None => kills.count(kill),
                Some(0) => break,
                Some(status) => panic!("status {status}: {}", said()),
            }
        }
        sessions += 1;
        let file = std::fs::read_to_string(folder.path().join("out.ndjson")).unwrap();
        assert_eq!(by_stream(file.lines()), want, "the file; {}", said());
        let deltas: Vec<&str> = file.lines().filter(|l| l.contains("text_delta")).collect();
        let once: BTreeSet<&&str> = deltas.iter().collect();
        assert_eq!(once.len(), deltas.len(), "a delta came twice");
        let taken = endpoint.taken();
        let bodies = taken.iter().map(|(_, body)| body.as_str());
        assert_eq!(by_stream(bodies), want, "the endpoint; {}", said());
    }
    eprintln!(
        "{total} kills ({} of all three stages, the others of tee; {fuses} runs with a fuse in the endpoint) in {sessions} \
         sessions, each of {} deliveries to a file and an endpoint: 0 lost, 0 doubled, order kept; {:.0?}",
        kills.all,
        want["one"].len() + want["two"].len(),
        begun.elapsed()
    );
}

/// Ids, states and marks as the ledger has them.
fn rows(folder: &Path) -> Vec<(String, State, Mark)> {
    let mut rows = Vec::new();
    let look = Look::open(&folder.join("d.db")).unwrap();
    look.every(|found| {
        match found {
            Ok(row) => rows.push((row.id, row.state, row.mark)),
            Err(what) => panic!("{what}"),
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    rows
}

#[test]
fn a_sink_that_cannot_tell_has_one_in_doubt_for_a_kill() {
    for policy in ["resend", "skip"] {
        let total = stress(400);
        let mut kills = Kills { dice: Dice(11), left: total, whole: Duration::ZERO, all: 0 };
        let (mut marked, mut doubled, mut missing, mut sessions) = (0, 0, 0, 0);
        while kills.left > 0 {
            let folder = folder();
            // Ten bytes and a process: what is in doubt is mostly there or mostly not.
            let out = folder.path().join("ids");
            let sink =
                format!("cmd:sh -c 'echo \"$SPILE_DELIVERY_ID\" >>{}'#only=chunks", out.display());
            let args = tee(folder.path(), &[sink], &["--in-doubt", policy]);
            let mut killed = 0;
            loop {
                let calm = kills.left == 0 || kills.whole.is_zero();
                let kill = (!calm).then(|| kills.next());
                let since = Instant::now();
                let ended = Run::start(folder.path(), &args).end(kill);
                if kills.whole.is_zero() {
                    kills.whole = since.elapsed();
                }
                match ended {
                    None => {
                        kills.count(kill);
                        killed += 1;
                    }
                    Some(0 | 1) => break,
                    Some(status) => panic!("status {status}"),
                }
            }
            sessions += 1;
            let text = std::fs::read_to_string(&out).unwrap();
            let mut arrived: BTreeMap<&str, u64> = BTreeMap::new();
            for id in text.lines() {
                *arrived.entry(id).or_default() += 1;
            }
            let rows = rows(folder.path());
            assert_eq!(rows.len(), 20);
            let in_doubt: Vec<_> = rows.iter().filter(|(.., mark)| *mark != Mark::None).collect();
            for stream in ["one/", "two/"] {
                let ours = in_doubt.iter().filter(|(id, ..)| id.starts_with(stream));
                assert!(ours.count() <= killed, "{killed} kills: {in_doubt:?}");
            }
            marked += in_doubt.len();
            for (id, state, mark) in &rows {
                let count = arrived.get(id.as_str()).copied().unwrap_or_default();
                doubled += count.saturating_sub(1);
                missing += u64::from(count == 0);
                match mark {
                    Mark::None => assert_eq!((*state, count), (State::Sent, 1), "{id}"),
                    Mark::Resent => assert!(*state == State::Sent && count >= 1, "{id}"),
                    Mark::Skipped => assert!(*state == State::Unknown && count <= 1, "{id}"),
                }
            }
        }
        eprintln!(
            "--in-doubt {policy}: {total} kills in {sessions} sessions: {marked} in doubt and marked, {doubled} doubled, {missing} missing, none of \
             them unmarked"
        );
    }
}
