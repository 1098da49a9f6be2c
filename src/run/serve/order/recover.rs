//! Index at the start of its writer: the order goes on, or a new one begins where events with an id may be lost.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

use super::place;
use crate::run::state::StateFolder;
use crate::serve::index::{Close, HEAD_LENGTH, IndexHead, RECORD_LENGTH, Record, RunKey};

/// Index with what it holds.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) file: File,
    pub(super) head: IndexHead,
    pub(super) count: u64,
    /// End of the last event of each run that has a number.
    pub(super) ends: HashMap<RunKey, u64>,
}

/// Opens the index, or makes a new one. Only under its lock.
pub(super) fn recover(state: &StateFolder) -> Result<Recovered> {
    let boot = boot()?;
    if let Some(file) = state.index()?
        && let Some(found) = read(file, boot)?
    {
        return Ok(found);
    }
    let mut epoch = [0; 8];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut epoch))?;
    let head = IndexHead { epoch: u64::from_le_bytes(epoch), boot, close: Close::Open };
    let file = state.new_index(&head.bytes())?;
    Ok(Recovered { file, head, count: 0, ends: HashMap::new() })
}

fn read(file: File, boot: [u8; 16]) -> Result<Option<Recovered>> {
    let cannot = || "cannot read the index";
    let mut reader = BufReader::with_capacity(1 << 20, &file);
    let mut head = [0; HEAD_LENGTH];
    let is_whole = reader.read_exact(&mut head).is_ok();
    let Some(head) = IndexHead::parse(&head).filter(|head| is_whole && head.goes_on(boot)) else {
        return Ok(None);
    };
    let length = file.metadata().with_context(cannot)?.len();
    let count = length.saturating_sub(HEAD_LENGTH as u64) / RECORD_LENGTH as u64;
    let mut ends = HashMap::new();
    let mut bytes = [0; RECORD_LENGTH];
    for _ in 0..count {
        reader.read_exact(&mut bytes).with_context(cannot)?;
        let Some(record) = Record::parse(&bytes) else { return Ok(None) };
        ends.insert(record.run, record.end());
    }
    drop(reader);
    let head = IndexHead { boot, close: Close::Open, ..head };
    // A writer that was killed may have left a part of a record, which nobody has read.
    file.set_len(place(count)).and_then(|()| file.write_all_at(&head.bytes(), 0))?;
    file.sync_data()?;
    Ok(Some(Recovered { file, head, count, ends }))
}

/// Id of this boot of the system.
fn boot() -> Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("cannot find out when the system was started")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16).context("the id of the boot is no number")?;
    Ok(number.to_be_bytes())
}
