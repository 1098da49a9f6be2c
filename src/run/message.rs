//! Messages between wrap and the guardian: a letter and a number, eight bytes.

use rustix::process::WaitStatus;

pub(super) const SIZE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    pub(super) fn bytes(self) -> [u8; SIZE] {
        let (letter, number) = match self {
            Message::Started(pid) => (b'P', pid),
            Message::NotStarted(errno) => (b'E', errno),
            Message::Exited(status) => (b'X', status),
            Message::Died(signal) => (b'D', signal),
            Message::Stopped(signal) => (b'T', signal),
            Message::Continued => (b'C', 0),
            Message::Obeyed => (b'O', 0),
            Message::Left(pid) => (b'L', pid),
            Message::Signal(signal) => (b'S', signal),
            Message::KillTree => (b'K', 0),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [letter, 0, 0, 0, a, b, c, d]
    }

    fn parse(bytes: [u8; SIZE]) -> Option<Self> {
        let [letter, _, _, _, a, b, c, d] = bytes;
        let number = i32::from_le_bytes([a, b, c, d]);
        Some(match letter {
            b'P' => Message::Started(number),
            b'E' => Message::NotStarted(number),
            b'X' => Message::Exited(number),
            b'D' => Message::Died(number),
            b'T' => Message::Stopped(number),
            b'C' => Message::Continued,
            b'O' => Message::Obeyed,
            b'L' => Message::Left(number),
            b'S' => Message::Signal(number),
            b'K' => Message::KillTree,
            _ => return None,
        })
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
        while let Some(bytes) = self.held.first_chunk::<SIZE>().copied() {
            self.held.drain(..SIZE);
            if let Some(message) = Message::parse(bytes) {
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
        let said = [
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
        for byte in said.iter().flat_map(|m| m.bytes()) {
            reader.feed(&[byte]);
        }
        let heard: Vec<Message> = std::iter::from_fn(|| reader.next()).collect();
        assert_eq!(heard, said);
    }
}
