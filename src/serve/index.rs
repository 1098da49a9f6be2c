//! Order of all events of a state directory, as a file of records of one size. The number of an event is the place of its record.

#[cfg(test)]
mod tests;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::text::number;

/// Length of the head of the file, in bytes.
pub const HEAD_LENGTH: usize = 64;

/// Length of a record, in bytes.
pub const RECORD_LENGTH: usize = 32;

const MAGIC: [u8; 8] = *b"spileix1";

/// Identity of a run: two runs of one name differ.
pub type RunKey = [u8; 16];

/// Head of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexHead {
    /// Random number of this order.
    pub epoch: u64,
    /// Boot of the system in which it was written last.
    pub boot: [u8; 16],
    /// Close of the file.
    pub close: Close,
}

/// End of the last writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// All records and the events behind them are on the disk.
    Clean,
    /// Some may be in memory only, and a power cut would lose them.
    Open,
}

/// Place of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub run: RunKey,
    /// Offset of its line in the event file.
    pub offset: u64,
    /// Length of the line without its line feed.
    pub length: u32,
}

/// Place behind an event in an order: the id of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub epoch: u64,
    /// Number of the event, from 1; 0 is the place before all.
    pub number: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.number)
    }
}

impl Position {
    /// Position by its text.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, digits) = text.split_once('.')?;
        let is_epoch = epoch.len() == 16 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let epoch = u64::from_str_radix(epoch, 16).ok().filter(|_| is_epoch)?;
        Some(Self { epoch, number: number(digits)? })
    }
}

/// Key of a run with this stream and run token.
pub fn run_key(stream: &str, control: &str) -> RunKey {
    let digest = Sha256::digest(format!("{stream}\0{control}"));
    std::array::from_fn(|n| digest[n])
}

impl IndexHead {
    /// True if the order may go on in this boot: no event that it has given a number is lost.
    pub fn goes_on(&self, boot: [u8; 16]) -> bool {
        self.boot == boot || self.close == Close::Clean
    }

    pub fn bytes(&self) -> [u8; HEAD_LENGTH] {
        let mut bytes = [0; HEAD_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.boot);
        bytes[32] = u8::from(self.close == Close::Clean);
        let sum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEAD_LENGTH] = bytes.get(..HEAD_LENGTH)?.try_into().ok()?;
        let head = Self {
            epoch: u64::from_le_bytes(bytes[8..16].try_into().ok()?),
            boot: bytes[16..32].try_into().ok()?,
            close: if bytes[32] == 1 { Close::Clean } else { Close::Open },
        };
        (head.bytes() == *bytes).then_some(head)
    }
}

impl Record {
    pub fn bytes(&self) -> [u8; RECORD_LENGTH] {
        let mut bytes = [0; RECORD_LENGTH];
        bytes[..16].copy_from_slice(&self.run);
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Record of these bytes; `None` if they are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD_LENGTH] = bytes.try_into().ok()?;
        let record = Self {
            run: bytes[..16].try_into().ok()?,
            offset: u64::from_le_bytes(bytes[16..24].try_into().ok()?),
            length: u32::from_le_bytes(bytes[24..28].try_into().ok()?),
        };
        (record.bytes() == *bytes).then_some(record)
    }

    /// Offset behind its line feed.
    pub fn end(&self) -> u64 {
        self.offset + u64::from(self.length) + 1
    }
}
