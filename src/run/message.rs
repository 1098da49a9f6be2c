//! Messages between wrap and the guardian: one JSON value a line.

use rustix::process::WaitStatus;
use serde::{Deserialize, Serialize};

use crate::guard::Ended;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// From the guardian: the agent runs with this process id.
    Started(i32),
    /// From the guardian: the agent could not be started, with this errno.
    NotStarted(i32),
    /// From the guardian: the agent exited with this status.
    Exited(i32),
    /// From the guardian: the agent died of this signal.
    Died(i32),
    /// From the guardian: the agent was stopped by this signal, not by an order.
    Stopped(i32),
    /// From the guardian: the stopped agent continues.
    Continued,
    /// From the guardian: an order was carried out.
    Obeyed,
    /// From the guardian: this process cannot be killed and still runs.
    Left(i32),
    /// From wrap: send this signal to the agent's process group.
    Signal(i32),
    /// From wrap: kill every process below the guardian.
    KillTree,
}

impl From<WaitStatus> for Message {
    fn from(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Message::Exited(code),
            (None, Some(signal)) => Message::Died(signal),
            (None, None) => Message::Exited(-1),
        }
    }
}

impl Message {
    pub(super) fn line(self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    pub(super) fn ended(self) -> Option<Ended> {
        match self {
            Message::Exited(code) => Some(Ended::Exited(code)),
            Message::Died(signal) => Some(Ended::Signalled(signal)),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Reader {
    held: Vec<u8>,
}

impl Reader {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    pub(super) fn next(&mut self) -> Option<Message> {
        while let Some(end) = memchr::memchr(b'\n', &self.held) {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            if let Ok(message) = serde_json::from_slice(&line) {
                return Some(message);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let sent = [
            Message::Started(7),
            Message::NotStarted(2),
            Message::Exited(256),
            Message::Died(9),
            Message::Stopped(21),
            Message::Continued,
            Message::Obeyed,
            Message::Left(7),
            Message::Signal(15),
            Message::KillTree,
        ];
        let mut reader = Reader::default();
        for byte in sent.iter().flat_map(|m| m.line()) {
            reader.feed(&[byte]);
        }
        let received: Vec<Message> = std::iter::from_fn(|| reader.next()).collect();
        assert_eq!(received, sent);
    }
}
