//! Client of control sockets: finds the runs of this user, sends requests, reads replies.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, test_kill_process};

use super::{Answer, INFO, Info, RUN_FILES, Request, SOCKET, path, peer, pid_of};
use crate::run::once::runtime_folder;
use crate::run::output::warn;
use crate::run::polling;
use crate::run::state::{RunFolder, StateFolder};

const MAX_FILES: usize = 4096;

/// Longest info file in bytes, more than any command line.
const MAX_INFO: u64 = 4 << 20;

const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// Answer of a run that is over.
const ENDED: &str = "the run has ended";

/// Longest answer in bytes; it includes a turn's result.
const MAX_ANSWER: usize = 64 << 20;

#[derive(Debug)]
pub struct Found {
    pub info: Info,
    pub client: Client,
}

#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    received: Vec<u8>,
}

/// Runs of this user selected by `wanted`, oldest first; removes the files of dead runs.
pub fn find(wanted: &dyn Fn(&Info) -> bool) -> Vec<Found> {
    find_with(|state| state.streams().unwrap_or_default(), wanted)
}

/// As [`find`]; of the background runs only those of these streams.
pub fn find_among(streams: Vec<String>) -> Vec<Found> {
    find_with(|_| streams, &|_| true)
}

fn find_with(
    streams: impl FnOnce(&StateFolder) -> Vec<String>,
    wanted: &dyn Fn(&Info) -> bool,
) -> Vec<Found> {
    let folder = match runtime_folder() {
        Ok(folder) => folder,
        Err(e) => {
            warn(format_args!("no run can be found: {e:#}"));
            return Vec::new();
        }
    };
    sweep(&folder);
    let mut found = runs(&folder, |_, info| wanted(info));
    match StateFolder::open_if_any() {
        Ok(Some(state)) => found.extend(background(&state, streams(&state), wanted)),
        Ok(None) => {}
        Err(e) => warn(format_args!("no background run can be found: {e:#}")),
    }
    found.sort_by(|a, b| (&a.info.started, a.info.pid).cmp(&(&b.info.started, b.info.pid)));
    found
}

/// Run with this process id (its own number for itself) and run token.
pub fn find_word(pid: u32, word: &str) -> Option<Found> {
    let folder = runtime_folder().ok()?;
    let found = runs(&folder, |own, info| own == pid && info.control == word).pop();
    found.or_else(|| {
        let state = StateFolder::open_if_any().ok()??;
        let streams = state.streams().ok()?;
        background(&state, streams, &|info| info.pid == pid && info.control == word).next()
    })
}

/// Background runs that can be asked.
fn background(
    state: &StateFolder,
    streams: Vec<String>,
    wanted: &dyn Fn(&Info) -> bool,
) -> impl Iterator<Item = Found> {
    let file = format!("{RUN_FILES}.{INFO}");
    streams.into_iter().filter(move |stream| state.has_file(stream, &file)).filter_map(
        move |stream| {
            let run = state.run(&stream).ok()??;
            of_run(&run, wanted)
        },
    )
}

/// Background run of a folder, if it can be asked.
#[cfg(feature = "serve")]
pub fn find_background(run: &RunFolder) -> Option<Found> {
    of_run(run, &|_| true)
}

fn of_run(run: &RunFolder, wanted: &dyn Fn(&Info) -> bool) -> Option<Found> {
    let folder = run.open_path();
    let info = read_info(&path(&folder, RUN_FILES, INFO)).filter(|info| wanted(info))?;
    let client = connect(&folder, info.pid, RUN_FILES)?;
    Some(Found { info, client })
}

fn runs(folder: &Path, wanted: impl Fn(u32, &Info) -> bool) -> Vec<Found> {
    let found = named(folder, INFO).filter_map(|(pid, name)| {
        let info = read_info(&path(folder, &name, INFO)).filter(|info| wanted(pid, info))?;
        Some(Found { info, client: connect(folder, pid, &name)? })
    });
    found.collect()
}

/// Sends all requests at once and reads replies until each client is done; after `limit` the rest counts as lost.
pub fn ask_all(
    mut pending: Vec<(Found, Request)>,
    limit: Duration,
    on_answer: &mut dyn FnMut(&Found, Answer) -> ControlFlow<()>,
) {
    pending.retain_mut(|(found, request)| match found.client.send(request) {
        Ok(()) => true,
        Err(e) => {
            let why = lost(&e, "the request cannot be sent");
            let _ = on_answer(found, Answer::Lost(why));
            false
        }
    });
    let until = Instant::now() + limit;
    while !pending.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            for (found, _) in &pending {
                let _ = on_answer(found, Answer::Lost(format!("no answer within {limit:?}")));
            }
            return;
        }
        let mut fds: Vec<PollFd<'_>> = pending
            .iter()
            .map(|(found, _)| PollFd::from_borrowed_fd(found.client.fd(), PollFlags::IN))
            .collect();
        let _ = polling::wait(&mut fds, Some(left));
        pending.retain_mut(|(found, _)| {
            let answers = found.client.read_replies();
            answers.into_iter().all(|answer| on_answer(found, answer) == ControlFlow::Continue(()))
        });
    }
}

/// Reason why a run does not answer.
fn lost(e: &io::Error, what: &str) -> String {
    match e.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ENDED.to_owned(),
        _ => format!("{what}: {e}"),
    }
}

impl Client {
    /// Process id of the run as this process sees it; `None` in another namespace or where the system does not tell.
    pub fn pid(&self) -> Option<u32> {
        peer(&self.stream)?.1
    }

    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(WRITE_WITHIN))?;
        self.stream.write_all(&line)?;
        self.stream.set_nonblocking(true)
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Replies received so far, without blocking.
    pub fn read_replies(&mut self) -> Vec<Answer> {
        let mut buf = [0; 16 << 10];
        let mut answers = Vec::new();
        let lost = loop {
            match self.stream.read(&mut buf) {
                Ok(0) => break ENDED.into(),
                Ok(n) => self.received.extend(buf.iter().take(n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return answers,
                Err(e) => break lost(&e, "the answer cannot be read"),
            }
            while let Some(end) = memchr::memchr(b'\n', &self.received) {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                answers.push(Answer::parse(&String::from_utf8_lossy(&line)));
            }
            if self.received.len() > MAX_ANSWER {
                break "the answer is too long".into();
            }
        };
        answers.push(Answer::Lost(lost));
        answers
    }
}

pub(super) fn sweep(folder: &Path) {
    for ending in [SOCKET, INFO] {
        for (pid, name) in named(folder, ending).filter(|(pid, _)| is_dead(*pid)) {
            // In another pid namespace it may live nevertheless.
            if ending == SOCKET || !path(folder, &name, SOCKET).exists() {
                connect(folder, pid, &name);
            }
        }
    }
}

fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Process ids and names of the runs that have a file with this ending.
fn named(folder: &Path, ending: &'static str) -> impl Iterator<Item = (u32, String)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.take(MAX_FILES).flatten().filter_map(move |entry| {
        let file = entry.file_name();
        let (name, end) = file.to_str()?.split_once('.')?;
        let pid = pid_of(name).filter(|_| end == ending)?;
        Some((pid, name.to_owned()))
    })
}

fn read_info(path: &Path) -> Option<Info> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let mut text = Vec::new();
    file.take(MAX_INFO).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Connects to a run; removes its files if it does not listen any more.
fn connect(folder: &Path, pid: u32, name: &str) -> Option<Client> {
    match UnixStream::connect(path(folder, name, SOCKET)) {
        Ok(stream) => {
            stream.set_nonblocking(true).ok()?;
            Some(Client { stream, received: Vec::new() })
        }
        Err(e) => {
            let refused = e.kind() == io::ErrorKind::ConnectionRefused;
            if refused || (e.kind() == io::ErrorKind::NotFound && is_dead(pid)) {
                for ending in [SOCKET, INFO] {
                    let _ = std::fs::remove_file(path(folder, name, ending));
                }
            }
            None
        }
    }
}
