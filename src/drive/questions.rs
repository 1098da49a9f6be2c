//! Questions of the agent for permission, and their answers.

use std::time::Duration;

use super::permission::OnPermission;
use super::protocol::{Outbox, Permit, Question};
use super::{Action, Driver, Refused};
use crate::time::Time;

/// Answer to a question, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub id: String,
    pub tool: String,
    pub permit: Permit,
    pub by: String,
}

#[derive(Debug)]
pub(super) struct OpenQuestion {
    pub question: Question,
    pub since: Time,
}

impl Driver {
    /// Answers an open question: the one with this id, or the only one.
    pub(crate) fn permit(
        &mut self,
        now: Time,
        id: Option<&str>,
        permit: Permit,
        by: &str,
    ) -> Result<(), Refused> {
        let is = |open: &OpenQuestion| id.is_none_or(|id| shown_id(&open.question.id) == id);
        let mut found = self.questions.iter().enumerate().filter(|(_, open)| is(open));
        let Some((at, _)) = found.next() else {
            return Err(Refused("no_question", "no such question is open".into()));
        };
        if id.is_none() && found.next().is_some() {
            return Err(Refused(
                "which_question",
                "several questions are open: give the id of one (spile ps --json shows them)"
                    .into(),
            ));
        }
        let open = self.questions.remove(at);
        self.answer(now, &open.question, permit, by);
        Ok(())
    }

    /// Answers this question, if it is still open.
    pub(crate) fn permit_question(
        &mut self,
        now: Time,
        question: &Question,
        permit: Permit,
        by: &str,
    ) {
        if let Some(at) = self.questions.iter().position(|open| open.question == *question) {
            let open = self.questions.remove(at);
            self.answer(now, &open.question, permit, by);
        }
    }

    pub(crate) fn is_open(&self, question: &Question) -> bool {
        self.questions.iter().any(|open| open.question == *question)
    }

    /// Command that answers questions, and its time for one.
    pub(crate) fn command(&self) -> Option<(&str, Option<Duration>)> {
        match &self.config.on_permission {
            OnPermission::Command(command) => Some((command, self.config.permission_timeout)),
            _ => None,
        }
    }

    /// The open questions, each with its id for people.
    pub(crate) fn questions(&self) -> impl Iterator<Item = (String, &Question)> {
        let all = self.questions.iter().map(|open| &open.question);
        all.map(|question| (shown_id(&question.id), question))
    }

    pub(super) fn waits_for_people(&self) -> bool {
        self.config.on_permission == OnPermission::Wait
    }

    pub(super) fn answer(&mut self, now: Time, question: &Question, permit: Permit, by: &str) {
        let mut to = Outbox::default();
        self.protocol.answer(question, &permit, &mut to);
        self.take(now, to);
        self.actions.push_back(Action::Answered(Answered {
            id: shown_id(&question.id),
            tool: question.tool.clone(),
            permit,
            by: by.to_owned(),
        }));
    }

    pub(super) fn on_question(&mut self, now: Time, question: Question) {
        if self.cancels {
            return self.answer(now, &question, Permit::Cancelled, "cancel");
        }
        match &self.config.on_permission {
            OnPermission::Wait => self.questions.push(OpenQuestion { question, since: now }),
            OnPermission::Command(_) => {
                self.actions.push_back(Action::Ask(question.clone()));
                self.questions.push(OpenQuestion { question, since: now });
            }
            OnPermission::Allow(list) => {
                let permit = match list.has(&question) {
                    true => Permit::Allow,
                    false => Permit::Deny(format!(
                        "{} is not in the list of allowed tools",
                        question.tool
                    )),
                };
                self.answer(now, &question, permit, "list");
            }
            OnPermission::Fail => {
                let asked = [question.tool.as_str(), question.title.as_str()];
                let mut asked = asked.to_vec();
                asked.retain(|word| !word.is_empty());
                asked.dedup();
                let asked = asked.join(": ");
                self.actions.push_back(Action::Fail(
                    "permission",
                    format!("the agent asked for permission, and nobody is there to answer (--on-permission): {asked}"),
                ));
                self.answer(
                    now,
                    &question,
                    Permit::Deny("nobody is there to allow it".into()),
                    "policy",
                );
            }
        }
    }
}

/// Id of a question as people write it: without the quotes of JSON.
fn shown_id(id: &str) -> String {
    serde_json::from_str(id).unwrap_or_else(|_| id.to_owned())
}
