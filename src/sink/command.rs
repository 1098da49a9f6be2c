//! A process for each event: the event on stdin, the delivery id in the environment, the status as outcome.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{Delivery, Gone, SendOutcome, Sink, one_by_one};
use crate::backoff::Wait;

pub const ID: &str = "SPILE_DELIVERY_ID";

/// Status that asks for a retry: `EX_TEMPFAIL` of sysexits.h.
const TEMPFAIL: i32 = 75;

static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

const LOOK: Duration = Duration::from_millis(10);

/// Terminates running commands with their groups: SIGTERM, SIGKILL after `grace`. Their deliveries are in doubt.
pub fn end_commands(grace: Duration) {
    for signal in [Signal::TERM, Signal::KILL] {
        let until = Instant::now() + grace;
        for pid in running().iter() {
            // A group leader keeps its number until it is reaped, which needs the lock.
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _ = kill_process_group(pid, signal);
            }
        }
        while !running().is_empty() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
    }
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Running(Child);

impl Running {
    /// Starts a command and gives it a line, which it need not read.
    fn start(command: &mut Command, line: &[u8]) -> io::Result<Self> {
        let mut all = running();
        let mut child = command.spawn()?;
        all.insert(child.id());
        drop(all);
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(line).and_then(|()| stdin.write_all(b"\n"));
        }
        Ok(Self(child))
    }

    fn wait(mut self) -> io::Result<ExitStatus> {
        let pid = self.0.id().cast_signed();
        if let Some(pid) = Pid::from_raw(pid) {
            let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), ended) {}
        }
        running().remove(&self.0.id());
        self.0.wait()
    }
}

#[derive(Debug)]
pub struct CommandSink {
    words: Vec<String>,
}

impl CommandSink {
    pub fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    fn deliver(&self, delivery: &Delivery<'_>) -> SendOutcome {
        let mut command = command(&self.words);
        match delivery.id {
            Some(id) => command.env(ID, id),
            None => command.env_remove(ID),
        };
        let child = match Running::start(&mut command, delivery.bytes) {
            Ok(child) => child,
            Err(e) => return not_startable(&e),
        };
        match child.wait() {
            Ok(status) if status.success() => SendOutcome::Sent(None),
            Ok(status) if status.signal().is_some() => {
                SendOutcome::Unknown(Wait::Failed, ended(status))
            }
            Ok(status) if status.code() == Some(TEMPFAIL) => {
                SendOutcome::Retry(Wait::Failed, ended(status))
            }
            Ok(status) => SendOutcome::Failed(ended(status)),
            Err(e) => SendOutcome::Unknown(Wait::Failed, e.to_string()),
        }
    }
}

impl Sink for CommandSink {
    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        one_by_one(batch, |delivery| self.deliver(delivery))
    }
}

/// Builds the command of a sink, of which `words` has the program at least. Its stdout is our stderr; its own group shields
/// it from a Ctrl-C before the input ends.
pub(super) fn command(words: &[String]) -> Command {
    let stderr = rustix::stdio::stderr().try_clone_to_owned();
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(stderr.map_or_else(|_| Stdio::null(), Stdio::from))
        .process_group(0);
    command
}

pub(super) fn not_startable(error: &io::Error) -> SendOutcome {
    let why = format!("cannot be started: {error}");
    match error.kind() {
        // Only this delivery's id is invalid in an environment.
        io::ErrorKind::ArgumentListTooLong | io::ErrorKind::InvalidInput => {
            SendOutcome::Failed(why)
        }
        // Temporary lack of processes.
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            SendOutcome::Retry(Wait::Down, why)
        }
        _ => SendOutcome::Gone(Gone::Broken, why),
    }
}

const MAX_ANSWER: u64 = 4096;

/// Probes a delivery: its id is the last argument and in the environment, its event on stdin, the answer a word.
pub fn probe(words: &[String], id: &str, line: &[u8]) -> Result<String, String> {
    let mut command = command(words);
    command.arg(id).env(ID, id).stdout(Stdio::piped());
    let started = Running::start(&mut command, line);
    let mut child = started.map_err(|e| format!("cannot be started: {e}"))?;
    let mut answer = Vec::new();
    if let Some(stdout) = child.0.stdout.take() {
        let read = stdout.take(MAX_ANSWER).read_to_end(&mut answer);
        if let Err(e) = read {
            let _ = child.wait();
            return Err(e.to_string());
        }
    }
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(ended(status)),
        Err(e) => return Err(e.to_string()),
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split_whitespace().next().unwrap_or_default().to_owned())
}

pub(super) fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, signal) => format!("was killed by signal {}", signal.unwrap_or_default()),
    }
}

/// Words of a command line as a POSIX shell splits them: blanks, quotes and backslashes, without expansion.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if matches!(c, ' ' | '\t' | '\n') {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        let mut next = || chars.next().ok_or("a quote or backslash is left open");
        match c {
            '\'' => loop {
                match next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                match next()? {
                    '"' => break,
                    '\\' => match next()? {
                        '\n' => {}
                        c @ ('"' | '\\' | '$' | '`') => word.push(c),
                        c => word.extend(['\\', c]),
                    },
                    c => word.push(c),
                }
            },
            '\\' => word.extend(Some(next()?).filter(|c| *c != '\n')),
            c => word.push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Form;

    fn outcome(script: &str, id: Option<&str>) -> SendOutcome {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        let delivery = Delivery { id, bytes: b"{}", form: Form::Event };
        CommandSink::new(words).send(&[delivery]).remove(0)
    }

    #[test]
    fn the_status_is_the_answer() {
        let sent = SendOutcome::Sent(None);
        assert_eq!(outcome("read l; test \"$l\" = '{}'", None), sent);
        assert_eq!(outcome("true", None), sent);
        let with_id = "test \"$SPILE_DELIVERY_ID\" = s/7";
        assert_eq!(outcome(with_id, Some("s/7")), sent);
        assert!(matches!(outcome(with_id, None), SendOutcome::Failed(..)));
        assert!(matches!(outcome("exit 75", None), SendOutcome::Retry(..)));
        let killed = outcome("kill -9 $$", None);
        assert!(matches!(killed, SendOutcome::Unknown(..)));
        let missing = CommandSink::new(vec!["/no/such".to_owned()]).send(&[Delivery {
            id: None,
            bytes: b"",
            form: Form::Event,
        }]);
        assert!(matches!(missing.as_slice(), [SendOutcome::Gone(..)]));
    }
}
