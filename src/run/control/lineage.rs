//! Traces the input from pipe to pipe up to the stdout of a process, where the system shows the holders of pipes
//! (Linux). A recording of a run that still runs differs from the run in nothing else.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::FileType;

const MAX_PIPES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lineage {
    Ours,
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
    ancestors_of(stdin.0, pid, &processes)
}

fn ancestors_of(from: Id, pid: u32, processes: &[Process]) -> Lineage {
    let (mut seen, mut next) = (HashSet::from([from]), vec![from]);
    let mut answer = Lineage::Another;
    while let Some(pipe) = next.pop() {
        for process in processes.iter().filter(|p| p.writes.contains(&pipe)) {
            if process.pid == pid {
                return Lineage::Ours;
            }
            for (id, kind) in &process.reads {
                match kind {
                    FileType::Fifo if seen.insert(*id) => next.push(*id),
                    FileType::Socket => answer = Lineage::Unknown,
                    _ => {}
                }
            }
        }
        if seen.len() > MAX_PIPES {
            return Lineage::Unknown;
        }
    }
    answer
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
        }
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
        assert_eq!(ancestors_of((1, 2), 10, &all), Lineage::Ours);
        assert_eq!(ancestors_of((1, 2), 20, &all), Lineage::Ours);
        assert_eq!(ancestors_of((1, 2), 30, &all), Lineage::Another);
        assert_eq!(ancestors_of((1, 3), 10, &all), Lineage::Another);
        all[1].reads.push(((1, 9), FileType::Socket));
        assert_eq!(ancestors_of((1, 2), 30, &all), Lineage::Unknown);
    }
}
