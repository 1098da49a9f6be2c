//! A process for each event: the event on its stdin, the delivery id in its environment, its status the answer. It cannot
//! tell whether it has seen an event before.

use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use super::{Delivery, Form, Gone, Needs, Outcome, Sink};

/// The variable that holds the delivery id; an event without one has none.
pub const ID: &str = "SPILE_DELIVERY_ID";

/// The sink.
#[derive(Debug)]
pub struct CommandSink {
    words: Vec<String>,
}

impl CommandSink {
    /// A sink that starts `words`, the program first.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    fn deliver(&self, delivery: &Delivery<'_>) -> Outcome {
        let Some(mut command) = command(&self.words) else {
            return not_startable(&io::ErrorKind::NotFound.into());
        };
        match delivery.id {
            Some(id) => command.env(ID, id),
            None => command.env_remove(ID),
        };
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return not_startable(&e),
        };
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read its input may be content all the same: its status says so.
            let _ = stdin
                .write_all(delivery.bytes)
                .and_then(|()| stdin.write_all(b"\n"));
        }
        match child.wait() {
            Ok(status) if status.success() => Outcome::Sent { receipt: None },
            Ok(status) if status.signal().is_some() => Outcome::Unknown {
                after: None,
                why: ended(status),
            },
            Ok(status) => Outcome::Failed { why: ended(status) },
            Err(e) => Outcome::Unknown {
                after: None,
                why: e.to_string(),
            },
        }
    }
}

impl Sink for CommandSink {
    fn needs(&self) -> Needs {
        Needs {
            form: Form::Event,
            batch: 1,
            idempotent: false,
        }
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for delivery in batch {
            let outcome = self.deliver(delivery);
            let go_on = matches!(outcome, Outcome::Sent { .. } | Outcome::Failed { .. });
            outcomes.push(outcome);
            if !go_on {
                break;
            }
        }
        outcomes
    }
}

/// The command of a sink. What it prints is for people, since our stdout is for events; and a Ctrl-C is not for it, since it
/// is to get what comes until the end of the input.
pub(super) fn command(words: &[String]) -> Option<Command> {
    let (program, args) = words.split_first()?;
    let stderr = rustix::stdio::stderr().try_clone_to_owned();
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(stderr.map_or_else(|_| Stdio::null(), Stdio::from))
        .process_group(0);
    Some(command)
}

/// What an error of starting it comes to.
pub(super) fn not_startable(error: &io::Error) -> Outcome {
    let why = format!("cannot be started: {error}");
    match error.kind() {
        // No room for another process now.
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => {
            Outcome::Retry { after: None, why }
        }
        _ => Outcome::Gone {
            gone: Gone::Broken,
            why,
        },
    }
}

/// How a process ended that should not have ended so.
pub(super) fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, signal) => format!("was killed by signal {}", signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(script: &str, id: Option<&str>) -> Outcome {
        let words = ["sh", "-c", script].map(str::to_owned).to_vec();
        let delivery = Delivery {
            id,
            stream: "s",
            bytes: b"{}",
            form: Form::Event,
        };
        CommandSink::new(words).send(&[delivery]).remove(0)
    }

    #[test]
    fn the_status_is_the_answer() {
        let sent = Outcome::Sent { receipt: None };
        assert_eq!(outcome("read l; test \"$l\" = '{}'", None), sent);
        assert_eq!(outcome("true", None), sent);
        let with_id = "test \"$SPILE_DELIVERY_ID\" = s/7";
        assert_eq!(outcome(with_id, Some("s/7")), sent);
        assert!(matches!(outcome(with_id, None), Outcome::Failed { .. }));
        let killed = outcome("kill -9 $$", None);
        assert!(matches!(killed, Outcome::Unknown { .. }));
        let missing = CommandSink::new(vec!["/no/such".to_owned()]).send(&[Delivery {
            id: None,
            stream: "",
            bytes: b"",
            form: Form::Event,
        }]);
        assert!(matches!(missing.as_slice(), [Outcome::Gone { .. }]));
    }
}
