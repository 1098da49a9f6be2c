//! Copying a recording to the pipe that the loop reads, and why that ends early.

use std::io::{self, Read, Write};

use super::super::input;
use crate::exit::Exit;

#[derive(Debug)]
pub(super) struct Trouble {
    pub why: String,
    pub exit: Exit,
}

pub(super) enum Copied {
    Broken(io::Error),
    Unwanted,
}

/// Copies everything; data read before an error has been written.
pub(super) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<(), Copied> {
    let mut buf = vec![0; input::CHUNK];
    loop {
        let n = match from.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Copied::Broken(e)),
        };
        let read = buf.get(..n).unwrap_or_default();
        to.write_all(read).map_err(|_| Copied::Unwanted)?;
    }
}
