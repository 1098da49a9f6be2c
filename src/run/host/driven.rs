//! Driven agent: carries out what the driver decides, and serves `send` and `permit`.

use std::time::Duration;

use serde_json::{Value, json};

use super::Host;
use super::backlog::Command;
use super::feed::{Feed, Wants};
use crate::adapter::{OWN, Order};
use crate::drive::{Action, Answered, Config, Driver, Force, Given, InTurn, Permit, Refused};
use crate::run::control::{Answer, PermitTool, Text, new_word};
use crate::time::Time;

/// Time in which an agent may say that it has read a message, before the sender is told that it was written.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// Longest name of a sender, in characters.
const MAX_BY: usize = 100;

/// Configuration of a driven agent.
#[derive(Debug)]
pub struct Drive {
    pub config: Config,
    /// First message.
    pub prompt: Option<String>,
}

/// Clients that wait until the agent has read their messages.
#[derive(Debug, Default)]
pub(super) struct Sends(Vec<Send>);

#[derive(Debug)]
struct Send {
    message: String,
    client: u64,
    until: Time,
}

/// A new id for a message: a UUID of version 8.
fn message_id() -> String {
    let (a, b) = (new_word(), new_word());
    format!("{OWN}{}-8{}-8{}-{}", &a[..4], &a[4..7], &a[7..10], &b[..12])
}

/// Name of a sender in the stream.
fn sender(by: Option<&str>) -> String {
    by.unwrap_or("control").chars().take(MAX_BY).collect()
}

impl Host<'_> {
    /// Gives the agent its prompt. A prompt that cannot be given fails the turn.
    pub(super) fn give_prompt(&mut self, prompt: &str) {
        self.send(prompt, "prompt", Force::No)
            .map_or_else(|refused| self.enqueue(Command::Fail("protocol", refused.1)), drop);
    }

    /// Gives the agent a prompt that was checked.
    pub(super) fn give(&mut self, prompt: &str) {
        let (now, id) = (self.clock.now(), message_id());
        self.emit("redirected", None, Some(json!({"prompt": prompt, "id": id})));
        if let Some(driver) = &mut self.driver {
            let _ = driver.send(now, &id, prompt, Force::Yes);
            self.drive();
        }
    }

    /// Warns of messages that the agent has not read when it ends.
    pub(super) fn warn_unread(&mut self) {
        let unread = self.driver.as_ref().map_or(0, Driver::queued);
        if unread > 0 {
            let why = format!("messages that the agent has not read: {unread}");
            self.emit("warning", Some(&why), None);
        }
    }

    /// Gives the agent a message, which then stands in the stream.
    fn send(&mut self, text: &str, by: &str, force: Force) -> Result<(String, Given), Refused> {
        let now = self.clock.now();
        let refused =
            || Refused("no_messages", "this run takes no messages: start it with --drive".into());
        let driver = self.driver.as_mut().ok_or_else(refused)?;
        driver.check(text, force)?;
        let id = message_id();
        let data = json!({"text": text, "by": by, "id": id});
        // It stands before what the agent says to it.
        self.enqueue(Command::Note("message", None, Some(data)));
        let driver = self.driver.as_mut().ok_or_else(refused)?;
        let given = driver.send(now, &id, text, force)?;
        self.drive();
        Ok((id, given))
    }

    pub(super) fn on_send(&mut self, client: u64, message: &Text) {
        let by = sender(message.by.as_deref());
        let force = if message.force { Force::Yes } else { Force::No };
        let answer = match self.send(&message.text, &by, force) {
            Ok((message, Given::Sent)) => {
                let until = self.clock.now() + TAKEN_WITHIN;
                return self.sends.0.push(Send { message, client, until });
            }
            Ok((_, Given::Written)) => Answer::Written,
            Ok((_, Given::Queued)) => Answer::Queued,
            Err(Refused(code, why)) => Answer::refused(code, &why),
        };
        self.answer(client, &answer);
    }

    pub(super) fn on_permit(&mut self, client: u64, request: PermitTool) {
        let now = self.clock.now();
        let reason = request.reason.unwrap_or_else(|| "denied by a person".into());
        let permit = if request.allow { Permit::Allow } else { Permit::Deny(reason) };
        let by = sender(request.by.as_deref());
        let answer = match &mut self.driver {
            None => Answer::refused(
                "no_question",
                "this run asks nobody: start it with --drive --on-permission wait",
            ),
            Some(driver) => match driver.permit(now, request.id.as_deref(), permit, &by) {
                Ok(()) => Answer::Permitted,
                Err(Refused(code, why)) => Answer::refused(code, &why),
            },
        };
        self.drive();
        self.answer(client, &answer);
    }

    /// Sends the interrupt of the runtime's protocol.
    pub(super) fn interrupt(&mut self) {
        let now = self.clock.now();
        match &mut self.driver {
            Some(driver) => {
                driver.interrupt(now);
                self.drive();
            }
            None => {
                let open = self.tap.guard().open_streams();
                let meant = self.requests.interrupts.take().unwrap_or(open);
                meant.into_iter().for_each(|stream| self.order(Order::Interrupt(stream)));
            }
        }
    }

    pub(super) fn driver_deadline(&self) -> Option<Time> {
        let sends = self.sends.0.iter().map(|send| send.until);
        let driver = self.driver.as_ref().and_then(Driver::deadline);
        driver.into_iter().chain(sends).chain(self.questions.deadline()).min()
    }

    /// Shows the driver bytes of the agent's stdout; also those that a slow reader has not seen.
    pub(super) fn drive_output(&mut self, now: Time, bytes: &[u8]) {
        if let Some(driver) = &mut self.driver {
            driver.on_output(now, bytes);
        }
    }

    pub(super) fn drive_time(&mut self, now: Time) {
        let open = self.tap.guard().turns_open() > 0;
        if let Some(driver) = &mut self.driver {
            driver.on_turn(if open { InTurn::Yes } else { InTurn::No });
            driver.on_tick(now);
            self.drive();
            self.answer_questions();
        }
        self.answer_senders(&Answer::Written, |send| send.until <= now);
    }

    /// Carries out the driver's actions.
    pub(super) fn drive(&mut self) {
        while let Some(action) = self.driver.as_mut().and_then(Driver::action) {
            match action {
                Action::Write(text) => self.write_input(&text),
                Action::Close => {
                    self.feed.iter_mut().for_each(Feed::close);
                    self.feed.take_if(|feed| feed.wants() == Wants::Nothing);
                }
                Action::Taken(id) => {
                    self.answer_senders(&Answer::Taken, |send| send.message == id);
                }
                Action::Queued(id) => {
                    self.answer_senders(&Answer::Queued, |send| send.message == id);
                }
                Action::Answered(answered) => self.note_answer(&answered),
                Action::Ask(question) => self.questions.waiting.push_back(question),
                Action::Fail(code, why) => {
                    self.enqueue(Command::Fail(code, why));
                    self.stop_agent(None);
                }
                Action::Warn(why) => self.enqueue(Command::Note("warning", Some(why), None)),
            }
        }
    }

    /// Answers the clients whose messages are meant.
    fn answer_senders(&mut self, answer: &Answer, is_meant: impl Fn(&Send) -> bool) {
        let waiting = self.sends.0.extract_if(.., |send| is_meant(send));
        let waiting: Vec<u64> = waiting.map(|send| send.client).collect();
        waiting.into_iter().for_each(|client| self.answer(client, answer));
    }

    fn write_input(&mut self, text: &str) {
        match &mut self.feed {
            Some(feed) => feed.push(text),
            None => self.type_text(text),
        }
    }

    fn note_answer(&mut self, answered: &Answered) {
        let Answered { id, tool, permit, by } = answered;
        let (answer, reason) = match permit {
            Permit::Allow => ("granted", None),
            Permit::Deny(reason) => ("denied", Some(reason)),
            Permit::Cancelled => ("denied", None),
        };
        let mut data = json!({"id": id, "tool": tool, "answer": answer, "by": by});
        if let Some(reason) = reason {
            data["reason"] = Value::from(reason.as_str());
        }
        let message = format!("{answer}: {tool} (by {by})");
        self.enqueue(Command::Note("permission", Some(message), Some(data)));
    }
}
