//! One process that reads all lines on its stdin. Until it exits, only the write of a line is known.

use std::io::{self, Write};
use std::process::{Child, ChildStdin};

use super::command::{command, ended, not_startable};
use super::{BATCH, Delivery, Finished, Form, Gone, Needs, SendOutcome, Sink, joined};

#[derive(Debug)]
pub struct PipeSink {
    words: Vec<String>,
    child: Option<(Child, ChildStdin)>,
    buffer: Vec<u8>,
}

impl PipeSink {
    pub fn new(words: Vec<String>) -> Self {
        Self { words, child: None, buffer: Vec::new() }
    }

    /// Stdin of the process, started on first use.
    fn stdin(&mut self) -> io::Result<&mut ChildStdin> {
        let child = match self.child.take() {
            Some(child) => child,
            None => {
                let mut child = command(&self.words).spawn()?;
                let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
                (child, stdin)
            }
        };
        Ok(&mut self.child.insert(child).1)
    }

    fn gone(&mut self, error: &io::Error) -> SendOutcome {
        let status = self.child.take().map(|(mut child, stdin)| {
            drop(stdin);
            child.wait()
        });
        let (gone, why) = match status {
            // The process has read enough, as `head` does.
            Some(Ok(status)) if status.success() => (Gone::Reader, error.to_string()),
            Some(Ok(status)) => (Gone::Broken, ended(status)),
            Some(Err(e)) => (Gone::Broken, e.to_string()),
            None => (Gone::Broken, error.to_string()),
        };
        SendOutcome::Gone(gone, why)
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
        let result = match self.stdin() {
            Ok(stdin) => stdin.write_all(joined(batch, &mut buffer)),
            Err(e) => return vec![not_startable(&e)],
        };
        self.buffer = buffer;
        match result {
            Ok(()) => batch.iter().map(|_| SendOutcome::Sent(None)).collect(),
            Err(e) => vec![self.gone(&e)],
        }
    }

    fn finish(&mut self) -> Finished {
        self.stdin().map_err(|e| format!("cannot be started: {e}"))?;
        let Some((mut child, stdin)) = self.child.take() else { return Ok(None) };
        drop(stdin);
        match child.wait() {
            Ok(status) if status.success() => Ok(None),
            Ok(status) => Err(ended(status)),
            Err(e) => Err(e.to_string()),
        }
    }
}
