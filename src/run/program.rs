//! Programs as files: this one, the one behind a command's name, and why the system refused to start it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::exit::{Exit, Refusal};

/// Bytes read from the start of a program; the kernel reads 256.
const HEAD: u64 = 256;

/// Path of this program; also without /proc, and after the file was replaced.
pub fn own() -> PathBuf {
    let linked = Path::new("/proc/self/exe");
    match std::env::current_exe() {
        Ok(path) if path.exists() => path,
        _ if linked.exists() => linked.to_owned(),
        _ => {
            let name = std::env::args_os().next().unwrap_or_else(|| "spile".into());
            find(&name).unwrap_or_else(|| name.into())
        }
    }
}

pub(super) fn shown(name: &OsStr) -> String {
    if name.is_empty() { "the command ''".into() } else { name.display().to_string() }
}

/// Executable of a command's name, by PATH as `execvp` reads it.
pub(super) fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Path::new(name).exists().then(|| name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    })
}

/// The script that a command's name stands for, if it has no line with `#!`: a shell runs it, as `execvp` has it. A file
/// with a NUL in its first line is none.
pub(super) fn bare_script(name: &OsStr) -> Option<PathBuf> {
    let path = find(name)?;
    let head = head(&path)?;
    let first = head.split(|b| *b == b'\n').next()?;
    (!first.contains(&0)).then_some(path)
}

/// Refusal of the system to start a command: 127 if there is none of the name, 126 if it is not executable.
pub(super) fn refused(name: &OsStr, error: &io::Error) -> Refusal {
    let (exit, reason) = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NOTDIR) if name.is_empty() => {
            (Exit::NotFound, "its name is empty (an empty variable in quotes?)".into())
        }
        Some(Errno::NOENT | Errno::NOTDIR) => {
            let why = find(name).and_then(|file| interpreter(&file));
            (Exit::NotFound, why.unwrap_or_else(|| "command not found".into()))
        }
        Some(Errno::ACCESS) if Path::new(name).is_dir() => {
            (Exit::NotExecutable, "it is a folder".into())
        }
        Some(Errno::ACCESS) => (Exit::NotExecutable, "permission denied: is it executable?".into()),
        Some(Errno::NOEXEC) => {
            (Exit::NotExecutable, "it is no program for this system, and no script".into())
        }
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            (Exit::Internal, format!("{error}: raise the limit (ulimit -a) or try again later"))
        }
        _ => (Exit::NotExecutable, error.to_string()),
    };
    Refusal { exit, why: format!("cannot start {}: {reason}", shown(name)) }
}

/// Reason for "not found" of a file that exists: its interpreter or loader is missing.
fn interpreter(file: &Path) -> Option<String> {
    let head = head(file)?;
    let Some(line) = head.strip_prefix(b"#!") else {
        let program = head.starts_with(b"\x7fELF");
        let needs = "its loader is missing: it was built for another system or C library";
        return program.then(|| needs.to_owned());
    };
    let line = line.split(|b| *b == b'\n').next()?;
    if let Some(line) = line.strip_suffix(b"\r") {
        let line = String::from_utf8_lossy(line);
        return Some(format!("its first line ends in CRLF: write #!{line} with a line feed alone"));
    }
    let word = line.split(|b| matches!(b, b' ' | b'\t')).find(|word| !word.is_empty())?;
    let name = PathBuf::from(std::ffi::OsString::from_vec(word.to_vec()));
    Some(format!("its interpreter {} is not there", name.display()))
}

fn head(file: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(file).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(head)
}
