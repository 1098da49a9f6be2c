//! Inputs of a command that reads one after another: stdin, or the files of its command line.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;

use rustix::fs::FileType;

use super::input;
use super::many::{self, Input};

pub struct Inputs {
    now: Input,
    name: Option<String>,
    rest: VecDeque<(String, Input)>,
}

impl Inputs {
    pub fn stdin() -> Self {
        Self { now: many::stdin(), name: None, rest: VecDeque::new() }
    }

    /// Opens the files of a command line, `-` for stdin; stdin if there are none. All are opened before any is read.
    pub fn open(paths: &[OsString]) -> Result<Self, String> {
        if paths.iter().filter(|path| *path == "-").count() > 1 {
            return Err("stdin (-) can be read only once".to_owned());
        }
        let mut all = VecDeque::new();
        for path in paths {
            let name = many::name(path);
            let input = many::open(path).map_err(|e| format!("cannot open {name}: {e}"))?;
            if !input.is_stdin() && is_our_output(input.fd()) {
                return Err(format!("{name} is the output, too: write to another file"));
            }
            all.push_back((name, input));
        }
        Ok(match all.pop_front() {
            Some((name, now)) => Self { now, name: Some(name), rest: all },
            None => Self::stdin(),
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.now.fd()
    }

    /// Name of the current input, once; `None` for stdin where no file was named.
    pub(super) fn take_name(&mut self) -> Option<String> {
        self.name.take()
    }

    pub(super) fn next(&mut self) -> bool {
        let Some((name, input)) = self.rest.pop_front() else { return false };
        (self.name, self.now) = (Some(name), input);
        true
    }

    /// True if all inputs are regular files named on the command line.
    pub(super) fn are_at_rest(&self) -> bool {
        let all = std::iter::once(&self.now).chain(self.rest.iter().map(|(_, input)| input));
        all.into_iter().all(|input| !input.is_stdin() && input::file_length(input.fd()).is_some())
    }
}

fn is_our_output(fd: BorrowedFd<'_>) -> bool {
    let (Ok(input), Ok(output)) =
        (rustix::fs::fstat(fd), rustix::fs::fstat(rustix::stdio::stdout()))
    else {
        return false;
    };
    FileType::from_raw_mode(output.st_mode) == FileType::RegularFile
        && (input.st_dev, input.st_ino) == (output.st_dev, output.st_ino)
}
