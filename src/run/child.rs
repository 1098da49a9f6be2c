//! Starting the agent: its own process group, both outputs in pipes, a stdin that cannot make it hang.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::exit::Exit;
use crate::guard::Ended;

/// What the agent gets for its stdin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stdin {
    /// Nothing: /dev/null. An inherited stdin makes some agents wait for ever.
    Null,
    /// Ours, as it is.
    Inherit,
    /// A pipe into which what comes on ours is copied.
    Pipe,
}

/// Why the agent could not be started.
#[derive(Debug)]
pub struct SpawnError {
    /// 127 if there is no such command, 126 if it cannot be executed, as `env` has it.
    pub exit: Exit,
    /// For people, with the command's name.
    pub message: String,
}

/// Starts `argv`.
///
/// # Errors
/// [`SpawnError`] if it is not found or cannot be executed.
pub fn spawn(argv: &[String], stdin: Stdin) -> Result<Child, SpawnError> {
    let Some((program, args)) = argv.split_first() else {
        return Err(SpawnError {
            exit: Exit::Usage,
            message: "no command to start".into(),
        });
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command.stdin(match stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Inherit => Stdio::inherit(),
        Stdin::Pipe => Stdio::piped(),
    });
    command.spawn().map_err(|e| {
        let exit = if e.kind() == io::ErrorKind::NotFound {
            Exit::NotFound
        } else {
            Exit::NotExecutable
        };
        let reason = match e.kind() {
            io::ErrorKind::NotFound => "command not found".into(),
            io::ErrorKind::PermissionDenied => "permission denied: is it executable?".into(),
            _ => e.to_string(),
        };
        SpawnError {
            exit,
            message: format!("cannot start {program}: {reason}"),
        }
    })
}

/// Sends a signal to the child's whole process group, as long as anything of it is there.
pub(super) fn signal_group(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
        let _ = kill_process_group(pid, signal);
    }
}

/// How a process ended, in the guard's terms.
pub(super) fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => Ended::Exited(-1),
    }
}
