//! Server of the control socket. Never blocks; requests and unread answers are bounded.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::client::sweep;
use super::{Answer, INFO, Info, RUN_FILES, Request, SOCKET, path, peer};
use crate::guard::TurnEnd;
use crate::run::once::runtime_folder;
use anyhow::{Context, Result};
use rustix::event::PollFlags;

/// Connected clients; one more replaces the oldest that waits for nothing.
const MAX_CLIENTS: usize = 16;

/// Longest request in bytes: a message of 1 MiB, with its escapes.
const MAX_REQUEST: usize = 8 << 20;

/// Unread answers before a client is dropped, in bytes; one more answer may be added.
const MAX_UNSENT: usize = 1 << 20;

/// Place of a control socket and of the file that describes its run.
#[derive(Debug, Clone)]
pub(in crate::run) enum SocketPlace {
    /// The runtime folder that all runs share, under the process id of wrap.
    Shared,
    /// The folder of a background run.
    Run(PathBuf),
}

#[derive(Debug)]
pub(in crate::run) struct Server {
    place: SocketPlace,
    listener: UnixListener,
    socket: PathBuf,
    /// File beside the socket, and its content.
    info: PathBuf,
    about: Info,
    clients: Vec<Client>,
    count: u64,
    /// True if a client wants to connect.
    called: bool,
    retired: bool,
}

#[derive(Debug)]
struct Client {
    id: u64,
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    /// True once the client has closed its sending side.
    silent: bool,
    gone: bool,
    /// Events of the last poll.
    events: PollFlags,
    /// Stream and turn whose end the client waits for, and the prompt to send then.
    waits: Option<((String, u64), Option<String>)>,
}

/// Random word that no other run has.
pub fn new_word() -> String {
    // Its keys are random numbers of the operating system.
    let random = RandomState::new();
    let more = RandomState::new();
    format!("{:016x}", random.hash_one(std::process::id()) ^ more.hash_one(0u8).rotate_left(1))
}

impl Server {
    /// Opens the socket of this process, with `info` beside it.
    pub(in crate::run) fn open(place: SocketPlace, info: &Info) -> Result<Self> {
        let (listener, socket, about) = place.listen(info)?;
        Ok(Self {
            place,
            listener,
            socket,
            info: about,
            about: info.clone(),
            clients: Vec::new(),
            count: 0,
            called: false,
            retired: false,
        })
    }

    /// Opens the socket again if its file is gone, with the folder perhaps: a cleaner or the end of a login removed it.
    pub(in crate::run) fn renew(&mut self) {
        if !self.retired
            && !self.socket.exists()
            && let Ok((listener, socket, info)) = self.place.listen(&self.about)
        {
            (self.listener, self.socket, self.info) = (listener, socket, info);
        }
    }

    /// Removes the files, so that nobody finds the run any more; its clients stay.
    pub(in crate::run) fn retire(&mut self) {
        // Once: another run may have the names then.
        if !std::mem::replace(&mut self.retired, true) {
            for path in [&self.info, &self.socket] {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    pub(in crate::run) fn fds(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut fds = vec![(self.listener.as_fd(), PollFlags::IN)];
        fds.extend(self.clients.iter().map(|client| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, !client.silent);
            events.set(PollFlags::OUT, !client.unsent.is_empty());
            (client.stream.as_fd(), events)
        }));
        fds
    }

    /// Takes the events of [`Server::fds`], in their order, for the next [`Server::serve`].
    pub(in crate::run) fn polled(&mut self, events: &[PollFlags]) {
        let mut events = events.iter().copied();
        self.called = events.next().is_some_and(|events| !events.is_empty());
        self.clients.iter_mut().zip(events).for_each(|(client, events)| client.events = events);
    }

    /// Handles ready sockets without blocking; returns the requests with their clients' numbers.
    pub(in crate::run) fn serve(&mut self) -> Vec<(u64, Request)> {
        let mut requests = Vec::new();
        for client in &mut self.clients {
            let events = std::mem::replace(&mut client.events, PollFlags::empty());
            if events.contains(PollFlags::IN) {
                client.read_requests(&mut requests);
            }
            client.gone |= events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
                && !events.contains(PollFlags::IN);
            client.flush();
        }
        if std::mem::take(&mut self.called) {
            self.accept();
        }
        self.forget();
        requests
    }

    pub(in crate::run) fn answer(&mut self, client: u64, answer: &Answer) {
        if let Some(client) = self.clients.iter_mut().find(|c| c.id == client) {
            client.send(answer);
        }
        self.forget();
    }

    pub(in crate::run) fn wait_for(
        &mut self,
        client: u64,
        turn: (String, u64),
        then: Option<String>,
    ) {
        if let Some(client) = self.clients.iter_mut().find(|c| c.id == client) {
            client.waits = Some((turn, then));
        }
    }

    /// Answers the clients that wait for this end, with unkillable processes `left`; returns the prompts to send.
    pub(in crate::run) fn ended(&mut self, end: &TurnEnd, left: &[i32]) -> Vec<(u64, String)> {
        let mut then = Vec::new();
        for client in &mut self.clients {
            let ended = client
                .waits
                .take_if(|((stream, turn), _)| *stream == end.stream && *turn == end.turn);
            if let Some((_, prompt)) = ended {
                client.send(&Answer::Ended { event: end.line.clone(), left: left.to_vec() });
                then.extend(prompt.map(|prompt| (client.id, prompt)));
            }
        }
        self.forget();
        then
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if !is_ours(&stream) || stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.clients.len() >= MAX_CLIENTS {
                let idle = self.clients.iter().position(|c| c.waits.is_none());
                self.clients.remove(idle.unwrap_or(0));
            }
            self.count += 1;
            self.clients.push(Client {
                id: self.count,
                stream,
                received: Vec::new(),
                unsent: Vec::new(),
                silent: false,
                gone: false,
                events: PollFlags::empty(),
                waits: None,
            });
        }
    }

    fn forget(&mut self) {
        self.clients.retain(|c| !(c.gone || c.silent && c.unsent.is_empty() && c.waits.is_none()));
    }
}

impl SocketPlace {
    fn listen(&self, info: &Info) -> Result<(UnixListener, PathBuf, PathBuf)> {
        let (folder, mut name) = match self {
            SocketPlace::Shared => {
                let folder = runtime_folder()?;
                sweep(&folder);
                (folder, info.pid.to_string())
            }
            SocketPlace::Run(folder) => (folder.clone(), RUN_FILES.to_owned()),
        };
        let listener = match listen(&folder, &name, &info.control) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                name = format!("{name}-{}", info.control);
                listen(&folder, &name, &info.control)
            }
            other => other,
        };
        let (socket, about) = (path(&folder, &name, SOCKET), path(&folder, &name, INFO));
        let listener =
            listener.with_context(|| format!("cannot listen on {}", socket.display()))?;
        let fresh = folder.join(fresh(&info.control));
        let written = serde_json::to_vec(info)
            .map_err(io::Error::from)
            .and_then(|text| write_own(&fresh, &text))
            .and_then(|()| std::fs::rename(&fresh, &about));
        if let Err(e) = written {
            let _ = std::fs::remove_file(&socket);
            return Err(e).with_context(|| format!("cannot write {}", about.display()));
        }
        Ok((listener, socket, about))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Client {
    /// Reads once, so that no client keeps the run from its work.
    fn read_requests(&mut self, requests: &mut Vec<(u64, Request)>) {
        let mut buf = [0; 64 << 10];
        match self.stream.read(&mut buf) {
            Ok(0) => self.silent = true,
            Ok(n) => self.received.extend(buf.iter().take(n)),
            Err(e) => self.gone |= !is_later(&e),
        }
        while let Some(end) = memchr::memchr(b'\n', &self.received) {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match Request::parse(&line) {
                Ok(request) => requests.push((self.id, request)),
                Err(reason) => return self.refuse(&reason),
            }
        }
        if self.received.len() > MAX_REQUEST {
            self.refuse("the request is too long");
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.received.clear();
        self.silent = true;
        self.send(&Answer::Error { reason: reason.to_owned() });
    }

    fn send(&mut self, answer: &Answer) {
        if self.unsent.len() > MAX_UNSENT {
            self.gone = true;
            return;
        }
        self.unsent.extend(answer.line().bytes());
        self.unsent.push(b'\n');
        self.flush();
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() && !self.gone {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if is_later(&e) => return,
                Err(_) => self.gone = true,
            }
        }
    }
}

fn is_later(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Temporary file name, unique to the run.
fn fresh(word: &str) -> String {
    format!(".{word}.new")
}

/// Opens the socket of this name; an error if there is one.
fn listen(folder: &Path, name: &str, word: &str) -> io::Result<UnixListener> {
    let fresh = folder.join(fresh(word));
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    let done = std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| std::fs::hard_link(&fresh, path(folder, name, SOCKET)));
    let _ = std::fs::remove_file(&fresh);
    done.map(|()| listener)
}

fn write_own(path: &Path, text: &[u8]) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.write_all(b"\n")
}

fn is_ours(stream: &UnixStream) -> bool {
    peer(stream).is_some_and(|(user, _)| user == rustix::process::getuid().as_raw())
}
