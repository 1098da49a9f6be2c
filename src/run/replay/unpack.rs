//! Unpacks recordings of any number of concatenated members or frames, as `gzip -dc` and `zstd -dc` do.

use std::io::{self, BufRead, BufReader, Read, Write};

use super::source::copy;
use crate::exit::{Exit, Refusal};

pub(super) fn gzip(from: impl Read, out: &mut dyn Write) -> Result<(), Refusal> {
    let mut from = BufReader::new(from);
    loop {
        let mut member = flate2::bufread::GzDecoder::new(from);
        if copy(&mut member, out).map_err(broken)?.is_break() {
            return Ok(());
        }
        from = member.into_inner();
        if !is_next(&mut from, &|start| start.starts_with(b"\x1f\x8b") || start == b"\x1f")? {
            return Ok(());
        }
    }
}

#[cfg(feature = "zstd")]
pub(super) fn zstd(from: impl Read, out: &mut dyn Write) -> Result<(), Refusal> {
    let mut from = BufReader::new(from);
    loop {
        let frame = zstd::stream::read::Decoder::with_buffer(from).map_err(broken)?;
        let mut frame = frame.single_frame();
        if copy(&mut frame, out).map_err(broken)?.is_break() {
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

fn broken(e: io::Error) -> Refusal {
    let why = match e.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed recording is truncated".to_owned(),
        _ => format!("the compressed recording is broken: {e}"),
    };
    Refusal { why, exit: Exit::Failed }
}

/// True if another member follows. Zeros are the padding of tape blocks.
fn is_next(from: &mut impl BufRead, is_start: &dyn Fn(&[u8]) -> bool) -> Result<bool, Refusal> {
    loop {
        let start = from.fill_buf().map_err(broken)?;
        let zeros = start.iter().take_while(|byte| **byte == 0).count();
        match start.get(zeros..).unwrap_or_default() {
            [] if zeros == 0 => return Ok(false),
            [] => from.consume(zeros),
            rest if zeros == 0 && is_start(rest) => return Ok(true),
            _ => {
                // No loss.
                let why = "data after the end of the compressed recording was ignored".to_owned();
                return Err(Refusal { why, exit: Exit::Success });
            }
        }
    }
}
