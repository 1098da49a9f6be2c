//! Command of `--on-permission cmd:COMMAND`: one process for each question, one at a time.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use super::Host;
use crate::drive::{Permit, Question};
use crate::run::input::{self, Read};
use crate::time::Time;

/// Longest answer, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Questions for the command, the first of which it is answering.
#[derive(Debug, Default)]
pub(super) struct QuestionQueue {
    pub waiting: VecDeque<Question>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    question: Question,
    child: Child,
    stdin: Option<OwnedFd>,
    unsent: Vec<u8>,
    stdout: Option<OwnedFd>,
    answer: Vec<u8>,
    until: Option<Time>,
}

impl Running {
    fn start(command: &str, question: Question, until: Option<Time>) -> io::Result<Self> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().map(OwnedFd::from);
        let stdout = child.stdout.take().map(OwnedFd::from);
        for fd in stdin.iter().chain(&stdout) {
            rustix::io::ioctl_fionbio(fd, true)?;
        }
        let Question { id, tool, kind, title, request, .. } = &question;
        let id: serde_json::Value = serde_json::from_str(id).unwrap_or_default();
        let text =
            json!({"id": id, "tool": tool, "kind": kind, "title": title, "request": request});
        let unsent = format!("{text}\n").into_bytes();
        Ok(Self { question, child, stdin, unsent, stdout, answer: Vec::new(), until })
    }

    fn pass_on(&mut self) {
        if let Some(stdin) = &self.stdin {
            match rustix::io::write(stdin, &self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                // A command need not read the question.
                Err(_) => self.unsent.clear(),
            }
            self.stdin.take_if(|_| self.unsent.is_empty());
        }
        let mut buf = [0; 4096];
        while let Some(stdout) = &self.stdout {
            match input::read(stdout.as_fd(), &mut buf) {
                Ok(Read::Bytes(n)) if self.answer.len() < MAX_ANSWER => {
                    self.answer.extend(buf.iter().take(n));
                }
                Ok(Read::Later) => return,
                // The rest of a longer answer does not matter.
                _ => self.stdout = None,
            }
        }
    }

    /// Its answer once it has one.
    fn permit(&mut self, now: Time, limit: Option<Duration>) -> Option<Permit> {
        if self.until.is_some_and(|until| until <= now) {
            let limit = limit.unwrap_or_default();
            return Some(Permit::Deny(format!("the command did not answer within {limit:?}")));
        }
        if self.stdout.is_some() {
            return None;
        }
        Some(match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) if !status.success() => {
                Permit::Deny(format!("the command for permission failed: {status}"))
            }
            Err(e) => Permit::Deny(format!("the command for permission failed: {e}")),
            Ok(Some(_)) => parse(&String::from_utf8_lossy(&self.answer)),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The answer of the command: `allow`, or `deny` with a reason. Anything else denies.
fn parse(text: &str) -> Permit {
    let text = text.trim();
    let (word, reason) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (word, reason.trim()) {
        ("allow", "") => Permit::Allow,
        ("deny", "") => Permit::Deny("denied by the command for permission".into()),
        ("deny", reason) => Permit::Deny(reason.to_owned()),
        _ => Permit::Deny("the command for permission printed neither allow nor deny".into()),
    }
}

impl QuestionQueue {
    pub(super) fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.running.iter().flat_map(|running| {
            let stdin = running.stdin.as_ref().map(|fd| (fd.as_fd(), PollFlags::OUT));
            stdin.into_iter().chain(running.stdout.as_ref().map(|fd| (fd.as_fd(), PollFlags::IN)))
        })
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.running.as_ref()?.until
    }
}

impl Host<'_> {
    /// Starts the command for the next question, and takes the answer to the last.
    pub(super) fn answer_questions(&mut self) {
        let now = self.clock.now();
        let Some((command, limit)) = self.driver.as_ref().and_then(|driver| driver.command())
        else {
            return;
        };
        let command = command.to_owned();
        loop {
            let QuestionQueue { waiting, running } = &mut self.questions;
            let driver = self.driver.as_ref();
            let is_open =
                |question: &Question| driver.is_some_and(|driver| driver.is_open(question));
            // The agent may have withdrawn it.
            running.take_if(|running| !is_open(&running.question));
            waiting.retain(|question| is_open(question));
            let answered = match running {
                Some(running) => {
                    running.pass_on();
                    let Some(permit) = running.permit(now, limit) else { return };
                    (running.question.clone(), permit)
                }
                None => {
                    let Some(question) = waiting.pop_front() else { return };
                    let until = limit.map(|limit| now + limit);
                    match Running::start(&command, question.clone(), until) {
                        Ok(started) => {
                            *running = Some(started);
                            continue;
                        }
                        Err(e) => {
                            let why = format!("the command for permission cannot be started: {e}");
                            (question, Permit::Deny(why))
                        }
                    }
                }
            };
            self.questions.running = None;
            let (question, permit) = answered;
            if let Some(driver) = &mut self.driver {
                driver.permit_question(now, &question, permit, "command");
            }
            self.drive();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_allows() {
        assert_eq!(parse("allow\n"), Permit::Allow);
        assert_eq!(parse("deny not on Sundays\n"), Permit::Deny("not on Sundays".into()));
        for text in ["", "yes", "allow it", "allowed", "ALLOW", "deny", "{\"allow\":true}"] {
            assert!(matches!(parse(text), Permit::Deny(_)), "{text}");
        }
    }
}
