//! Agents that are spoken to by plain text: at their terminal, or once on stdin. They have no interrupt and no questions.

use super::protocol::{Given, InTurn, Message, Outbox, Protocol};

/// An agent at a terminal: a message is typed, with Enter behind it.
#[derive(Debug, Default)]
pub(super) struct Typed;

impl Protocol for Typed {
    fn is_ready(&self, _: InTurn) -> bool {
        true
    }

    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given {
        // The key for the end of a line is a carriage return.
        to.texts.push(message.text.replace("\r\n", "\r").replace('\n', "\r") + "\r");
        Given::Written
    }
}

/// An agent that reads its prompt on stdin, to the end.
#[derive(Debug, Default)]
pub(super) struct Once {
    sent: bool,
}

impl Protocol for Once {
    fn is_ready(&self, _: InTurn) -> bool {
        !self.sent
    }

    fn send(&mut self, message: &Message, to: &mut Outbox) -> Given {
        self.sent = true;
        to.texts.push(message.text.clone());
        Given::Written
    }
}
