//! One process that reads every line on its stdin. That a line was written is all that is known of it until the process ends.

use std::io::{self, Write};
use std::process::{Child, ChildStdin};

use super::command::{command, ended, not_startable};
use super::{Delivery, Form, Gone, Needs, SendOutcome, Sink};

/// Lines that are written with one call where each is to be accounted for.
const BATCH: usize = 64;

/// The sink.
#[derive(Debug)]
pub struct PipeSink {
    words: Vec<String>,
    child: Option<(Child, ChildStdin)>,
    buffer: Vec<u8>,
}

impl PipeSink {
    /// A sink that starts `words`, the program first.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self { words, child: None, buffer: Vec::new() }
    }

    /// The stdin of the process, which is started if it has not been.
    fn stdin(&mut self) -> io::Result<&mut ChildStdin> {
        let child = match self.child.take() {
            Some(child) => child,
            None => {
                let command = command(&self.words);
                let mut command = command.ok_or(io::ErrorKind::NotFound)?;
                let mut child = command.spawn()?;
                let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
                (child, stdin)
            }
        };
        Ok(&mut self.child.insert(child).1)
    }

    /// Why it takes no more.
    fn gone(&mut self, error: &io::Error) -> SendOutcome {
        let status = self.child.take().map(|(mut child, stdin)| {
            drop(stdin);
            child.wait()
        });
        let (gone, why) = match status {
            // It has read what it wanted, as `head` does.
            Some(Ok(status)) if status.success() => (Gone::Reader, error.to_string()),
            Some(Ok(status)) => (Gone::Broken, ended(status)),
            Some(Err(e)) => (Gone::Broken, e.to_string()),
            None => (Gone::Broken, error.to_string()),
        };
        SendOutcome::Gone { gone, why }
    }
}

impl Sink for PipeSink {
    fn needs(&self) -> Needs {
        Needs { form: Form::Bulk, batch: BATCH, idempotent: false }
    }

    fn begin(&mut self) {
        let _ = self.stdin();
    }

    fn send(&mut self, batch: &[Delivery<'_>]) -> Vec<SendOutcome> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let bytes = match batch {
            [one] if one.form == Form::Bulk => one.bytes,
            _ => {
                for delivery in batch {
                    buffer.extend_from_slice(delivery.bytes);
                    if delivery.form == Form::Event {
                        buffer.push(b'\n');
                    }
                }
                &buffer[..]
            }
        };
        let result = match self.stdin() {
            Ok(stdin) => stdin.write_all(bytes),
            Err(e) => return vec![not_startable(&e)],
        };
        self.buffer = buffer;
        match result {
            Ok(()) => batch.iter().map(|_| SendOutcome::Sent { receipt: None }).collect(),
            Err(e) => vec![self.gone(&e)],
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        self.stdin().map_err(|e| format!("cannot be started: {e}"))?;
        let Some((mut child, stdin)) = self.child.take() else {
            return Ok(());
        };
        drop(stdin);
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(ended(status)),
            Err(e) => Err(e.to_string()),
        }
    }
}
