//! Unpacks recordings of any number of concatenated members or frames, as `gzip -dc` and `zstd -dc` do.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;

use super::copy::{Copied, copy};
use crate::exit::Exit;

#[derive(Debug)]
pub(super) enum Broken {
    Truncated,
    Wrong(io::Error),
    Trailing,
}

impl Broken {
    /// Trailing data is no loss.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Broken::Trailing => Exit::Success,
            Broken::Truncated | Broken::Wrong(_) => Exit::Failed,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Truncated => f.write_str("the compressed recording is truncated"),
            Broken::Wrong(e) => write!(f, "the compressed recording is broken: {e}"),
            Broken::Trailing => {
                f.write_str("data after the end of the compressed recording was ignored")
            }
        }
    }
}

pub(super) fn gzip(from: impl Read, out: &mut dyn Write) -> Result<(), Broken> {
    let mut from = BufReader::new(from);
    loop {
        let mut member = flate2::bufread::GzDecoder::new(from);
        if copied(copy(&mut member, out))?.is_break() {
            return Ok(());
        }
        from = member.into_inner();
        if !is_next(&mut from, &|start| start.starts_with(b"\x1f\x8b") || start == b"\x1f")? {
            return Ok(());
        }
    }
}

#[cfg(feature = "zstd")]
pub(super) fn zstd(from: impl Read, out: &mut dyn Write) -> Result<(), Broken> {
    let mut from = BufReader::new(from);
    loop {
        let frame = zstd::stream::read::Decoder::with_buffer(from).map_err(Broken::Wrong)?;
        let mut frame = frame.single_frame();
        if copied(copy(&mut frame, out))?.is_break() {
            return Ok(());
        }
        from = frame.finish();
        let is_frame =
            |start: &[u8]| matches!(start, [0x28, ..] | [0x50..=0x5f, 0x2a, ..] | [0x50..=0x5f]);
        if !is_next(&mut from, &is_frame)? {
            return Ok(());
        }
    }
}

fn copied(copied: Result<(), Copied>) -> Result<ControlFlow<()>, Broken> {
    match copied {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(Copied::Unwanted) => Ok(ControlFlow::Break(())),
        Err(Copied::Broken(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Broken::Truncated)
        }
        Err(Copied::Broken(e)) => Err(Broken::Wrong(e)),
    }
}

/// True if another member follows. Zeros are the padding of tape blocks.
fn is_next(from: &mut impl BufRead, is_start: &dyn Fn(&[u8]) -> bool) -> Result<bool, Broken> {
    loop {
        let start = from.fill_buf().map_err(Broken::Wrong)?;
        let zeros = start.iter().take_while(|byte| **byte == 0).count();
        match start.get(zeros..).unwrap_or_default() {
            [] if zeros == 0 => return Ok(false),
            [] => from.consume(zeros),
            rest if zeros == 0 && is_start(rest) => return Ok(true),
            _ => return Err(Broken::Trailing),
        }
    }
}
