//! Traces the input from pipe to pipe up to the stdout of a process, where the system shows the holders of pipes
//! (Linux). A recording of a run that still runs differs from the run in nothing else. `attach` leads from the event file of
//! a background run to a pipe.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::run::state::{RunLife, StateFolder};
use crate::runs::select::is_of;

/// Name of a process that follows runs (`/proc/PID/comm`). Other commands that read an event file play a recording.
pub(in crate::run) const FOLLOWER: &str = "spile-attach";

const MAX_PIPES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lineage {
    Ours,
    /// Ours, by way of an `attach` that follows the event file.
    Followed,
    /// Another: every path was followed to its end.
    Another,
    /// Not visible: a socket, another user's process, an unsupported system.
    Unknown,
}

type Id = (u64, u64);

#[derive(Debug, Default)]
struct Process {
    pid: u32,
    reads: Vec<(Id, FileType)>,
    writes: Vec<Id>,
    /// Files that a follower reads, with their paths.
    follows: Vec<(Id, PathBuf)>,
}

/// Processes that write into a pipe, directly or by way of others.
struct Upstream<'a> {
    writers: Vec<&'a Process>,
    /// True if every path was followed to its end.
    complete: bool,
}

/// Compares `input`, a file or else stdin, with the stdout of `pid`.
pub(super) fn of(input: Option<&Path>, pid: u32) -> Lineage {
    let Some(stdin) = identity(input.unwrap_or(Path::new("/proc/self/fd/0"))) else {
        return if input.is_some() { Lineage::Another } else { Lineage::Unknown };
    };
    let Some(source) = identity(Path::new(&format!("/proc/{pid}/fd/1"))) else {
        return Lineage::Unknown;
    };
    // A file that wrap writes and we read is a recording, too.
    match (stdin.1, source.1) {
        (FileType::Fifo, _) if stdin.0 == source.0 => return Lineage::Ours,
        (FileType::Socket, _) | (_, FileType::Socket) => return Lineage::Unknown,
        (FileType::Fifo, _) => {}
        _ => return Lineage::Another,
    }
    let Some(processes) = processes() else { return Lineage::Unknown };
    lineage_of(&upstream(stdin.0, &processes), pid, source.0)
}

/// True if stdin comes from an `attach` that follows a run.
pub(super) fn has_follower() -> bool {
    let pipe = identity(Path::new("/proc/self/fd/0")).filter(|id| id.1 == FileType::Fifo);
    let is_follower = |process: &&Process| !process.follows.is_empty();
    pipe.zip(processes()).is_some_and(|(pipe, processes)| {
        upstream(pipe.0, &processes).writers.iter().any(is_follower)
    })
}

/// Life of the run of this stream, if `input`, a file or else stdin, comes from an `attach` that follows it.
pub(super) fn followed(input: Option<&Path>, stream: &str) -> Option<RunLife> {
    let pipe = match input {
        None => identity(Path::new("/proc/self/fd/0")).filter(|id| id.1 == FileType::Fifo)?,
        Some(_) => return None,
    };
    let processes = processes()?;
    let writers = upstream(pipe.0, &processes).writers.into_iter();
    let mut files = writers.flat_map(|process| &process.follows);
    files.find_map(|(_, path)| life_by(path, stream))
}

/// Life of a run by the path of its event file, if it has this stream.
fn life_by(path: &Path, stream: &str) -> Option<RunLife> {
    let folder = path.parent()?;
    let name = folder.file_name()?.to_str().filter(|name| is_of(stream, name))?;
    let state = StateFolder::open_at(folder.parent()?.parent()?).ok()?;
    state.run(name).ok()??.life().ok()
}

fn lineage_of(upstream: &Upstream<'_>, pid: u32, source: Id) -> Lineage {
    let follows = |process: &Process| process.follows.iter().any(|(id, _)| *id == source);
    match () {
        () if upstream.writers.iter().any(|process| process.pid == pid) => Lineage::Ours,
        () if upstream.writers.iter().any(|process| follows(process)) => Lineage::Followed,
        () if upstream.complete => Lineage::Another,
        () => Lineage::Unknown,
    }
}

fn upstream(from: Id, processes: &[Process]) -> Upstream<'_> {
    let (mut seen, mut next) = (HashSet::from([from]), vec![from]);
    let mut upstream = Upstream { writers: Vec::new(), complete: true };
    while let Some(pipe) = next.pop() {
        for process in processes.iter().filter(|p| p.writes.contains(&pipe)) {
            upstream.writers.push(process);
            for (id, kind) in &process.reads {
                match kind {
                    FileType::Fifo if seen.insert(*id) => next.push(*id),
                    FileType::Socket => upstream.complete = false,
                    _ => {}
                }
            }
        }
        if seen.len() > MAX_PIPES {
            upstream.complete = false;
            return upstream;
        }
    }
    upstream
}

/// Processes of this user; `None` if the system does not show them.
fn processes() -> Option<Vec<Process>> {
    let me = rustix::process::getuid().as_raw();
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        if entry.metadata().is_ok_and(|m| m.uid() != me) || pid == std::process::id() {
            continue;
        }
        let Ok(fds) = fs::read_dir(entry.path().join("fd")) else { continue };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let is_follower = name.trim_end() == FOLLOWER;
        let mut process = Process { pid, ..Process::default() };
        for fd in fds.flatten() {
            let path = fd.path();
            // The mode of the link is that of the open file.
            let (Ok(link), Some((id, kind))) = (fs::symlink_metadata(&path), identity(&path))
            else {
                continue;
            };
            let mode = link.permissions().mode();
            // Of sockets only a stdin counts: every loop has some for signals.
            let source = kind == FileType::Fifo
                || (kind == FileType::Socket && fd.file_name().to_str() == Some("0"));
            if mode & 0o400 != 0 && source {
                process.reads.push((id, kind));
            }
            if mode & 0o200 != 0 {
                process.writes.push(id);
            } else if is_follower
                && kind == FileType::RegularFile
                && let Ok(file) = fs::read_link(&path)
            {
                process.follows.push((id, file));
            }
        }
        all.push(process);
    }
    Some(all)
}

fn identity(path: &Path) -> Option<(Id, FileType)> {
    let meta = fs::metadata(path).ok()?;
    Some(((meta.dev(), meta.ino()), FileType::from_raw_mode(meta.mode())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, reads: &[u64], writes: &[u64]) -> Process {
        Process {
            pid,
            reads: reads.iter().map(|n| ((1, *n), FileType::Fifo)).collect(),
            writes: writes.iter().map(|n| (1, *n)).collect(),
            follows: Vec::new(),
        }
    }

    /// Lineage from a pipe to the process `pid`, whose stdout is the file 100.
    fn of(from: u64, pid: u32, all: &[Process]) -> Lineage {
        lineage_of(&upstream((1, from), all), pid, (1, 100))
    }

    #[test]
    fn from_pipe_to_pipe() {
        // 10 | 20 | us, and 30 with 40, which write to and read from each other.
        let mut all = vec![
            process(10, &[], &[1]),
            process(20, &[1], &[2]),
            process(30, &[3, 4], &[3]),
            process(40, &[3], &[4]),
        ];
        assert_eq!(of(2, 10, &all), Lineage::Ours);
        assert_eq!(of(2, 20, &all), Lineage::Ours);
        assert_eq!(of(2, 30, &all), Lineage::Another);
        assert_eq!(of(3, 10, &all), Lineage::Another);
        all[1].reads.push(((1, 9), FileType::Socket));
        assert_eq!(of(2, 30, &all), Lineage::Unknown);
        assert_eq!(of(2, 10, &all), Lineage::Ours);
    }

    #[test]
    fn from_a_follower_to_the_file() {
        let mut all = vec![process(10, &[], &[1]), process(20, &[1], &[2])];
        all[0].follows.push(((1, 99), PathBuf::from("/other")));
        assert_eq!(of(2, 30, &all), Lineage::Another);
        all[0].follows.push(((1, 100), PathBuf::from("/run")));
        assert_eq!(of(2, 30, &all), Lineage::Followed);
        assert_eq!(of(2, 10, &all), Lineage::Ours);
    }
}
