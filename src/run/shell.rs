//! Small impure helpers: a shell line, a pause, a stream id.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rustix::event::PollFlags;

use super::polling;
use crate::exit::Exit;

/// Runs a shell line with the folder of `me` first on the PATH.
pub fn shell(line: &str, me: &Path) -> Result<Exit> {
    let status = shell_command(line, me)?.status().context("cannot start sh")?;
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => Exit::Success,
        (Some(code), _) => Exit::Child(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    })
}

/// Becomes a shell that runs these lines, so that it gets every signal itself. It comes back with an error only.
pub fn become_shell(lines: &str, me: &Path) -> Result<Exit> {
    Err(shell_command(lines, me)?.exec()).context("cannot start sh")
}

fn shell_command(lines: &str, me: &Path) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        me.parent().map(Path::to_path_buf).into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).context("cannot put spile on the PATH")?;
    let mut command = Command::new("sh");
    command.arg("-c").arg(lines).env("PATH", path);
    Ok(command)
}

/// True if stdout is a terminal, and its width in columns.
pub fn terminal() -> (bool, Option<u16>) {
    let stdout = rustix::stdio::stdout();
    if !rustix::termios::isatty(stdout) {
        return (false, None);
    }
    let size = rustix::termios::tcgetwinsize(stdout).ok();
    (true, size.map(|size| size.ws_col).filter(|columns| *columns > 0))
}

/// True if stderr is a terminal.
pub fn is_stderr_terminal() -> bool {
    rustix::termios::isatty(rustix::stdio::stderr())
}

/// Sleeps; `false` if the reader of stdout has gone meanwhile.
pub fn pause(time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if !polling::ready(rustix::stdio::stdout(), PollFlags::empty(), Some(left)).is_empty() {
            return false;
        }
        if left.is_zero() {
            return true;
        }
    }
}

/// Generated stream id: the time in microseconds and the process id, in base 36.
pub fn new_stream_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = u64::try_from(since.as_nanos()).unwrap_or_default();
    format!("r{}-{}", base36(nanos / 1000), base36(u64::from(std::process::id())))
}

fn base36(mut n: u64) -> String {
    let mut digits = Vec::new();
    while n > 0 || digits.is_empty() {
        digits.push(char::from_digit(u32::try_from(n % 36).unwrap_or_default(), 36).unwrap_or('0'));
        n /= 36;
    }
    digits.iter().rev().collect()
}
