//! Opening a ledger: to write, with lock, version, checks and a trial write; and to look at it.

use std::fs::{File, OpenOptions};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fmt, io};

use anyhow::{Context, Result, anyhow, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::rows::{self, Damaged};
use super::{Store, describe};
use crate::ledger::{Row, State};
use crate::named::Named;
use crate::sink;

/// Application id in the file header: "SPIL".
const APPLICATION: i64 = 0x5350_494c;

const VERSION: i64 = 1;

const BUSY: Duration = Duration::from_secs(10);

const WARNINGS: usize = 3;

const LOCK_WITHIN: Duration = Duration::from_secs(1);

/// Marker in the lock file: the ledger was created.
const MADE: &[u8] = b"made\n";

/// Offset of [`MADE`]: behind the process id in ten digits and a line feed.
const MADE_AT: u64 = 11;

const LOST_TABLE: &str = "it has lost its own table: move it away and begin a new one";

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES ('opened', 0), ('last', 0);
CREATE TABLE sink (number INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE stream (stream TEXT PRIMARY KEY, first_seq INTEGER, first BLOB, seen INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE delivery (
  position INTEGER PRIMARY KEY, sink INTEGER NOT NULL, id TEXT NOT NULL, stream TEXT NOT NULL, turn INTEGER, seq INTEGER NOT NULL,
  block TEXT, part INTEGER, last INTEGER NOT NULL, content BLOB NOT NULL, line TEXT NOT NULL, state TEXT NOT NULL,
  mark TEXT NOT NULL, tries INTEGER NOT NULL, born INTEGER NOT NULL, changed INTEGER NOT NULL, not_before INTEGER NOT NULL,
  note TEXT NOT NULL, open INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX delivery_id ON delivery (sink, id);
CREATE INDEX delivery_open ON delivery (sink, open, stream, position);
";

impl Store {
    /// Opens or creates the ledger: locks it, verifies it, and writes to it once, so that failures are known early.
    pub fn open(typed: &Path) -> Result<Self> {
        // One lock for each ledger, by whatever name it is opened.
        let cannot_open = || format!("cannot open the ledger {}", typed.display());
        let real = sink::canonical(typed).with_context(cannot_open)?;
        let path = real.as_path();
        let lock = lock(path, typed)?;
        for name in beside(path).iter().skip(1) {
            regular(name)?;
        }
        let mut made = [0; MADE.len()];
        let was_there = lock.read_exact_at(&mut made, MADE_AT).is_ok() && made == *MADE;
        let file = private(path, OFlags::empty()).with_context(cannot_open)?;
        let empty = file.metadata().is_ok_and(|m| m.len() == 0);
        // Closing any descriptor of the file drops SQLite's locks: so before it opens one.
        drop(file);
        if empty && was_there {
            bail!(
                "the ledger {path} is empty though it was in use: everything it knew is lost, and what was sent would be sent \
                 again; remove {path}.lock to begin a new one",
                path = typed.display()
            );
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).map_err(anyhow::Error::from);
        let store = opened.and_then(|db| prepare(db, path, lock));
        let store = store.map_err(|e| match e.downcast_ref::<rusqlite::Error>() {
            Some(sql) if sql.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                anyhow!(damaged(&sql.to_string()))
            }
            _ => e,
        });
        let mut store =
            store.with_context(|| format!("cannot use {} as a ledger", typed.display()))?;
        store.path = typed.to_owned();
        let _ = store._lock.write_all_at(MADE, MADE_AT);
        Ok(store)
    }
}

/// Another process has locked the ledger.
#[derive(Debug)]
pub struct InUse {
    ledger: PathBuf,
    pid: String,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ledger, pid } = self;
        let ledger = ledger.display();
        write!(
            f,
            "the ledger {ledger} is in use by process {pid}: let that end, or use another ledger"
        )
    }
}

impl std::error::Error for InUse {}

/// Opens or creates a file for this user alone.
fn private(path: &Path, flags: OFlags) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Companion files of a ledger, the lock first.
pub(super) fn beside(path: &Path) -> [PathBuf; 4] {
    [".lock", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

/// Refuses a derived name at which another kind of file, or one of another user, lies.
fn regular(name: &Path) -> Result<()> {
    let Ok(found) = std::fs::symlink_metadata(name) else { return Ok(()) };
    if !found.is_file() {
        bail!("{} is a link or a special file: remove it", name.display());
    }
    let me = rustix::process::geteuid();
    if found.uid() != me.as_raw() && !me.is_root() {
        bail!("{} belongs to another user: use a ledger in a folder of yours", name.display());
    }
    Ok(())
}

fn ours(file: &File, name: &Path) -> Result<()> {
    let found = file.metadata().with_context(|| format!("cannot open {}", name.display()))?;
    let mut text = [0; MADE_AT as usize + MADE.len() + 1];
    let len = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let read = file.read_at(&mut text, 0).unwrap_or_default();
    let (pid, made) = text.get(..read).unwrap_or_default().split_at(read.min(MADE_AT as usize));
    let is_pid = match pid {
        [] => true,
        [digits @ .., b'\n'] => digits.iter().all(|b| b.is_ascii_digit() || *b == b' '),
        _ => false,
    };
    if found.is_file() && len == read && is_pid && (made.is_empty() || made == MADE) {
        return Ok(());
    }
    bail!(
        "{} is not the lock file of a ledger: move it away, or use another ledger",
        name.display()
    )
}

/// Locks a separate file: another descriptor of the ledger itself would drop SQLite's locks.
fn lock(path: &Path, typed: &Path) -> Result<File> {
    let [name, ..] = beside(path);
    regular(&name)?;
    let file = private(&name, OFlags::NOFOLLOW | OFlags::NONBLOCK)
        .with_context(|| format!("cannot open {}", name.display()))?;
    ours(&file, &name)?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut pid = [0; 10];
            let _ = file.read_exact_at(&mut pid, 0);
            let pid = String::from_utf8_lossy(&pid).trim_matches([' ', '\0']).to_owned();
            return Err(InUse { ledger: typed.to_owned(), pid }.into());
        }
        Err(e) => return Err(e).with_context(|| format!("cannot lock {}", name.display())),
    }
    let pid = format!("{:>10}\n", std::process::id());
    // Names this process in the message above.
    let _ = file.write_all_at(pid.as_bytes(), 0);
    Ok(file)
}

/// Locks with a short wait: a child of the last owner may hold a copy of the descriptor until its `exec`.
fn try_lock(file: &File) -> rustix::io::Result<()> {
    let until = Instant::now() + LOCK_WITHIN;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

fn prepare(db: Connection, path: &Path, lock: File) -> Result<Store> {
    db.busy_timeout(BUSY)?;
    distrust(&db)?;
    make(&db)?;
    db.pragma_update(None, "cell_size_check", true)?;
    check(&db)?;
    let sinks = rows::sinks(&db)?;
    let mut store = Store {
        last: 0,
        damage: Vec::new(),
        sinks,
        path: path.to_owned(),
        db,
        broken: None,
        _lock: lock,
    };
    verify(&mut store)?;
    store.write(|tx, _| {
        let changed = tx.execute("UPDATE meta SET value = value + 1 WHERE key = 'opened'", [])?;
        if changed != 1 {
            bail!(LOST_TABLE);
        }
        Ok(())
    })?;
    Ok(store)
}

/// Creates the tables of a new ledger, and checks those of an old one.
fn make(db: &Connection) -> Result<()> {
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    let (application, version) = (number("application_id")?, number("user_version")?);
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    if tables == 0 && application == 0 {
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE;{TABLES}PRAGMA application_id = {APPLICATION};PRAGMA user_version = {VERSION};COMMIT;"
        ))?;
        return Ok(());
    }
    if application != APPLICATION {
        bail!("it is not a delivery ledger");
    }
    if version != VERSION {
        bail!(
            "it has version {version} and this spile knows version {VERSION}: use the spile that made it"
        );
    }
    same_tables(db)
}

/// Disables triggers, views and functions stored in the file.
fn distrust(db: &Connection) -> Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(())
}

fn same_tables(db: &Connection) -> Result<()> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(TABLES)?;
    if tables(db)? != tables(&model)? {
        bail!(
            "it has other tables than a delivery ledger: it was made or changed by another program"
        );
    }
    Ok(())
}

type Table = (String, String, String, Option<String>);

/// The schema, limited to a length that still differs from ours.
fn tables(db: &Connection) -> Result<Vec<Table>> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name LIMIT 100";
    rows::all(db, sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
}

fn check(db: &Connection) -> Result<()> {
    let lines: Vec<String> = rows::all(db, "PRAGMA integrity_check(100)", [], |row| row.get(0))?;
    if lines.iter().any(|line| line != "ok") {
        let some: Vec<String> = lines.into_iter().take(WARNINGS).collect();
        bail!(damaged(&some.join("; ")));
    }
    Ok(())
}

fn damaged(why: &str) -> String {
    format!(
        "it is damaged ({why}): what it knew of deliveries cannot be trusted; `spile ledger list` shows what can be read of it; \
         move it away and begin a new one, which may send again what was sent"
    )
}

/// Verifies the hash of every row, and the number of rows.
fn verify(store: &mut Store) -> Result<()> {
    let (mut damage, mut bad) = (Vec::new(), 0);
    let (mut count, mut last) = (0u64, 0u64);
    rows::every(&store.db, &store.sinks, |row| {
        count += 1;
        last = last.max(row.as_ref().map_or_else(|damaged| damaged.position, |row| row.position));
        if let Err(damaged) = row {
            bad += 1;
            describe(&mut damage, &damaged);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if bad > damage.len() {
        damage.push(format!("{} more rows are damaged: they are not sent", bad - damage.len()));
    }
    let given =
        store.db.query_row("SELECT value FROM meta WHERE key = 'last'", [], |row| row.get(0));
    let given: i64 = given.context(LOST_TABLE)?;
    store.last = u64::try_from(given).context(LOST_TABLE)?.max(last);
    if count != store.last {
        damage.push(format!(
            "{} of {} rows are missing: what they stood for may be sent again",
            store.last.saturating_sub(count),
            store.last
        ));
    }
    store.damage = damage;
    Ok(())
}

/// Read-only view of a ledger, also while it is in use, and of what is readable of a damaged one.
pub struct Look {
    db: Connection,
    sinks: Vec<(i64, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub sink: String,
    /// In the order of [`State::ALL`].
    pub counts: [u64; State::ALL.len()],
}

impl Look {
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)
            .with_context(|| format!("cannot open the ledger {}", path.display()))?;
        let read = || {
            distrust(&db)?;
            same_tables(&db)?;
            rows::sinks(&db)
        };
        let sinks = read()
            .with_context(|| format!("{} cannot be read as a delivery ledger", path.display()))?;
        Ok(Self { db, sinks })
    }

    pub fn every(
        &self,
        each: impl FnMut(Result<Row, Damaged>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        rows::every(&self.db, &self.sinks, each)
    }

    /// Counts for each sink, and the number of damaged rows.
    pub fn tally(&self) -> Result<(Vec<Tally>, u64)> {
        let mut all: Vec<Tally> = self
            .sinks
            .iter()
            .map(|(_, sink)| Tally { sink: sink.clone(), counts: [0; State::ALL.len()] })
            .collect();
        let mut damaged = 0;
        self.every(|found| {
            let Ok(row) = found else {
                damaged += 1;
                return Ok(ControlFlow::Continue(()));
            };
            let at = State::ALL.iter().position(|(.., state)| *state == row.state);
            let tally = all.iter_mut().find(|tally| tally.sink == row.sink);
            if let Some(count) = tally.zip(at).and_then(|(tally, at)| tally.counts.get_mut(at)) {
                *count += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((all, damaged))
    }
}
