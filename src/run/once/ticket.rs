//! Tickets of the runs that wait for a key: files in a folder of the key, in the order of their names. The owner of a ticket
//! holds a lock on it, which the kernel releases when the owner dies. Nothing here relies on process ids or waits.
//!
//! The name is the time of arrival in microseconds, at least one more than every ticket there, and the process id: the order
//! is total, and a clock that is set back changes nothing.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{leads_to, make_folder, try_lock};

/// Digits of the number in a name: those of the largest.
const DIGITS: usize = 20;

/// Tries to take a ticket; each fails only if another process does the same at the same time.
const MAX_TRIES: u32 = 1000;

/// Ticket of this process. It is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    path: PathBuf,
    name: String,
    /// Locked as long as the ticket is valid.
    file: File,
}

/// Position of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Number of tickets before it.
    pub before: usize,
    /// True if the ticket was missing and was made anew: those of others may be missing, too.
    pub renewed: bool,
}

/// Folder of the tickets for the lock at `path`. No key has this name: a dot of a key is `%2E`.
pub(super) fn folder(path: &Path) -> PathBuf {
    path.with_extension("queue")
}

/// Process id of the first valid ticket, if there is one; removes those of dead owners before it.
pub(super) fn first(folder: &Path) -> Result<Option<String>> {
    for name in names(folder)? {
        if is_valid(&folder.join(&name))? {
            return Ok(name.split_once('-').map(|(_, pid)| pid.to_owned()));
        }
    }
    Ok(None)
}

impl Ticket {
    /// Takes a ticket behind all others. `now` is the time in microseconds.
    pub(super) fn take(now: u64, folder: &Path) -> Result<Self> {
        for _ in 0..MAX_TRIES {
            make_folder(folder)?;
            let number = next(now, &names(folder)?);
            let name = format!("{number:0DIGITS$}-{}", std::process::id());
            let path = folder.join(&name);
            if let Some(file) = create(&path)? {
                return Ok(Self { path, name, file });
            }
        }
        bail!("cannot take a ticket in {}: something removes it at once", folder.display())
    }

    /// Looks at the tickets before this one and removes those of dead owners, up to the nearest valid one; the owners of the
    /// others do the same. A ticket that is missing is made anew in `folder`, under its name.
    pub(super) fn position(&mut self, now: u64, folder: &Path) -> Result<Position> {
        let path = folder.join(&self.name);
        let renewed = !leads_to(&path, &self.file);
        if renewed {
            make_folder(folder)?;
            match create(&path)? {
                Some(file) => (self.path, self.file) = (path, file),
                None => *self = Self::take(now, folder)?,
            }
        }
        let mut before = names(folder)?;
        before.retain(|name| *name < self.name);
        while let Some(last) = before.last()
            && !is_valid(&folder.join(last))?
        {
            before.pop();
        }
        Ok(Position { before: before.len(), renewed })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // A lost ticket may have been renewed elsewhere by nobody but this process.
        if leads_to(&self.path, &self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
        // Fails if others wait; who takes a ticket makes the folder anew.
        let _ = self.path.parent().map(std::fs::remove_dir);
    }
}

/// Number of a ticket that is taken `now` behind tickets of these names.
fn next(now: u64, names: &[String]) -> u64 {
    let last = names.iter().filter_map(|name| number(name)).max();
    last.map_or(now, |last| now.max(last.saturating_add(1)))
}

/// Number in the name of a ticket; `None` for the name of another file.
fn number(name: &str) -> Option<u64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (number, pid) = name.split_once('-')?;
    (number.len() == DIGITS && is_digits(number) && is_digits(pid)).then(|| number.parse().ok())?
}

/// Names of the tickets in their order; none if there is no folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let cannot = || format!("cannot look into {}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(cannot)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(cannot)?.file_name().into_string();
        names.extend(name.ok().filter(|name| number(name).is_some()));
    }
    names.sort();
    Ok(names)
}

/// Creates and locks a ticket; `None` if the name is taken, or if another process has removed the ticket or its folder before
/// it was locked.
fn create(path: &Path) -> Result<Option<File>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::EXIST | Errno::NOENT) => return Ok(None),
        file => file.map(File::from).with_context(|| format!("cannot make {}", path.display()))?,
    };
    Ok((try_lock(&file, path)? && leads_to(path, &file)).then_some(file))
}

/// True if the owner of a ticket lives; the ticket of a dead one is removed.
fn is_valid(path: &Path) -> Result<bool> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(false),
        file => file.map(File::from).with_context(|| format!("cannot open {}", path.display()))?,
    };
    if !try_lock(&file, path)? {
        return Ok(true);
    }
    if leads_to(path, &file) {
        let _ = std::fs::remove_file(path);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Tickets that are taken one after another are in that order, whatever the clock says.
        #[test]
        fn the_order_is_that_of_arrival(clock in proptest::collection::vec(0..u64::MAX - 100, 1..40)) {
            let mut names = Vec::new();
            for (pid, now) in clock.into_iter().enumerate() {
                names.push(format!("{:0DIGITS$}-{}", next(now, &names), 100 - pid));
            }
            prop_assert!(names.is_sorted());
            prop_assert!(names.iter().all(|name| number(name).is_some()));
        }
    }

    #[test]
    fn other_files_are_no_tickets() {
        for name in [
            "",
            "x",
            "00000000000000000007",
            "00000000000000000007-",
            "7-7",
            "99999999999999999999-1",
        ] {
            assert_eq!(number(name), None, "{name}");
        }
        assert_eq!(number("00000000000000000007-1"), Some(7));
        assert_eq!(folder(Path::new("/r/once-a%2Eb")), Path::new("/r/once-a%2Eb.queue"));
    }

    #[test]
    fn a_dropped_ticket_leaves_no_gap() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("k.queue");
        let mut tickets: Vec<Ticket> =
            [50, 50, 3].map(|now| Ticket::take(now, &folder).unwrap()).into();
        let before = |ticket: &mut Ticket| ticket.position(0, &folder).unwrap().before;
        assert_eq!(tickets.iter_mut().map(before).collect::<Vec<_>>(), [0, 1, 2]);
        tickets.remove(1);
        assert_eq!(tickets.iter_mut().map(before).collect::<Vec<_>>(), [0, 1]);
        // A file without a lock is that of a dead owner.
        std::fs::write(folder.join("00000000000000000001-1"), "").unwrap();
        std::fs::write(folder.join("note"), "").unwrap();
        assert_eq!(before(&mut tickets[0]), 0);
        assert_eq!(first(&folder).unwrap(), Some(std::process::id().to_string()));
        drop(tickets);
        assert_eq!(first(&folder).unwrap(), None);
        std::fs::remove_file(folder.join("note")).unwrap();
        Ticket::take(1, &folder).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_removed_ticket_comes_back_under_its_name() {
        let room = tempfile::tempdir().unwrap();
        let folder = room.path().join("k.queue");
        let mut tickets = [7, 8].map(|now| Ticket::take(now, &folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
        let [first, second] = &mut tickets;
        let renewed = |before| Position { before, renewed: true };
        assert_eq!(second.position(0, &folder).unwrap(), renewed(0));
        assert_eq!(first.position(0, &folder).unwrap(), renewed(0));
        assert_eq!(second.position(0, &folder).unwrap(), Position { before: 1, renewed: false });
        // The name is not free: another one, behind all.
        drop(std::mem::replace(&mut first.file, File::open("/dev/null").unwrap()));
        std::fs::write(&first.path, "").unwrap();
        assert_eq!(first.position(0, &folder).unwrap(), renewed(2));
        // Its owner removes the one before it.
        assert_eq!(second.position(0, &folder).unwrap().before, 0);
        assert_eq!(first.position(0, &folder).unwrap().before, 1);
    }
}
