//! Thread of one ledger sink: carries out its driver's tasks and reports the outcomes.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::clock::Clock;
use super::super::output::warn;
use super::OnError;
use super::mailbox::Mailbox;
use super::waker::Waker;
use super::worker::warning_of;
use crate::backoff::Wait;
use crate::codec;
use crate::ledger::{DeliveryOutcome, Entry, ProbeAnswer};
use crate::run::ledger::{Digest, Driver, OwnedDelivery, Question, Task, digest};
use crate::sink::{self, Delivery, Form, Gone, Sink};
use crate::term::quoted;

/// Probe by which a sink shows whether it has a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeBy {
    Nothing,
    /// By the lines of this file.
    File(PathBuf),
    Command(Vec<String>),
}

pub(super) struct LedgerWorker {
    pub name: String,
    pub sink: Box<dyn Sink>,
    pub driver: Driver,
    pub probe: ProbeBy,
    pub mailbox: Arc<Mailbox>,
    pub waker: Waker,
    pub on_error: OnError,
    pub clock: Clock,
}

impl LedgerWorker {
    /// Runs until the input ends, the sink ends, or the ledger cannot be written.
    pub(super) fn run(mut self) {
        let done = self.work();
        if let Err(e) = &done {
            self.warn(&format!("{e:#}"));
        }
        let over = self.mailbox.lock().account.over;
        if done.is_ok() && !over {
            match self.sink.finish() {
                Ok(None) => {}
                Ok(Some(warning)) => self.warn(&warning),
                Err(why) => {
                    self.warn(&why);
                    self.mailbox.lock().account.trouble = true;
                }
            }
        }
        self.account();
        {
            let account = &mut self.mailbox.lock().account;
            account.trouble |= done.is_err();
            account.over |= done.is_err();
            account.finished = true;
        }
        self.waker.wake();
    }

    fn work(&mut self) -> Result<()> {
        if let ProbeBy::File(path) = &self.probe {
            end_half_line(path)
                .with_context(|| format!("cannot look at the end of {}", path.display()))?;
        }
        loop {
            let closed = self.collect();
            match self.driver.next(self.clock.now())? {
                Task::Probe(questions) => self.settle(&questions),
                Task::Send(deliveries) => {
                    if self.send(&deliveries)?.is_break() {
                        return self.driver.commit();
                    }
                    self.account();
                }
                Task::Wait(until) => {
                    self.account();
                    let left = until.since(self.clock.now());
                    self.mailbox.wait(Some(left.max(Duration::from_millis(1))));
                }
                Task::Idle => {
                    self.account();
                    if closed {
                        return Ok(());
                    }
                    self.mailbox.wait(None);
                }
            }
        }
    }

    /// Takes over notifications; `true` if the input has ended.
    fn collect(&mut self) -> bool {
        let mut state = self.mailbox.lock();
        for stream in state.grown.drain(..) {
            self.driver.grown(&stream);
        }
        for stream in state.again.drain(..) {
            self.driver.queues.again(&stream);
        }
        for p in state.passing.drain(..) {
            self.driver.pass(&p.stream, p.after, p.line);
        }
        state.closed
    }

    fn account(&mut self) {
        let held = self.driver.queues.held_count();
        let account = &mut self.mailbox.lock().account;
        let changed = account.held != held;
        account.held = held;
        account.first_held =
            self.driver.held().next().map(|(_, id, state, why)| (id.to_owned(), state, why));
        account.counts = self.driver.counts;
        account.dropped = self.driver.queues.dropped();
        if changed {
            self.waker.wake();
        }
    }

    fn settle(&mut self, questions: &[Question]) {
        let answers = match &self.probe {
            ProbeBy::File(path) => look(path, questions),
            ProbeBy::Command(words) => questions.iter().map(|q| probe(words, q)).collect(),
            ProbeBy::Nothing => Vec::new(),
        };
        let mut answers = answers.into_iter();
        for question in questions {
            let unprobed = || ProbeAnswer::Unknown("no probe is configured".to_owned());
            let answer = answers.next().unwrap_or_else(unprobed);
            self.driver.answered(self.clock.now(), question.position, answer);
        }
    }

    /// Sends deliveries in batches, and stops at the first that did not arrive.
    fn send(&mut self, deliveries: &[OwnedDelivery]) -> Result<ControlFlow<()>> {
        let most = self.sink.needs().batch.max(1);
        let mut after = ControlFlow::Continue(());
        let mut rest = deliveries;
        while let (ControlFlow::Continue(()), [_, ..]) = (after, rest) {
            let (now, later) = rest.split_at(most.min(rest.len()));
            let batch: Vec<Delivery<'_>> = now.iter().map(delivery).collect();
            let outcomes = self.sink.send(&batch);
            let mut stopped = outcomes.len() < now.len();
            rest = later;
            let mut outcomes = outcomes.into_iter();
            for delivery in now {
                let outcome = outcomes.next();
                stopped |= !matches!(outcome, Some(sink::SendOutcome::Sent(..)));
                let (outcome, next) = self.outcome_of(outcome);
                if next.is_break() {
                    after = next;
                }
                if let Some(position) = delivery.position {
                    self.driver.outcome(self.clock.now(), position, outcome);
                }
            }
            if stopped {
                break;
            }
        }
        for delivery in rest.iter().filter_map(|delivery| delivery.position) {
            self.driver.outcome(self.clock.now(), delivery, DeliveryOutcome::NotTried);
        }
        Ok(after)
    }

    /// Translates an outcome of the sink for the ledger.
    fn outcome_of(
        &mut self,
        outcome: Option<sink::SendOutcome>,
    ) -> (DeliveryOutcome, ControlFlow<()>) {
        let outcome = match outcome {
            None => DeliveryOutcome::NotTried,
            Some(sink::SendOutcome::Sent(receipt)) => {
                let account = &mut self.mailbox.lock().account;
                (account.failing, account.reason) = (None, None);
                DeliveryOutcome::Sent(receipt)
            }
            Some(sink::SendOutcome::Retry(wait, why)) => {
                self.failing(wait, &why);
                DeliveryOutcome::Retry(wait, why)
            }
            Some(sink::SendOutcome::Failed(why)) => {
                self.failing(Wait::Failed, &why);
                DeliveryOutcome::Refused(why)
            }
            Some(sink::SendOutcome::Unknown(wait, why)) => {
                self.failing(wait, &why);
                DeliveryOutcome::Unknown(wait, why)
            }
            Some(sink::SendOutcome::Gone(gone, why)) => {
                let trouble = gone == Gone::Broken || self.on_error.pipes;
                if trouble {
                    self.warn(&why);
                }
                let account = &mut self.mailbox.lock().account;
                account.over = true;
                account.trouble |= trouble;
                return (DeliveryOutcome::NotTried, ControlFlow::Break(()));
            }
        };
        (outcome, ControlFlow::Continue(()))
    }

    fn failing(&mut self, wait: Wait, why: &str) {
        self.mailbox.lock().account.reason = Some(why.to_owned());
        let Some(text) = warning_of(wait, why) else { return };
        let before = self.mailbox.lock().account.failing.replace(why.to_owned());
        if before.is_none() {
            self.warn(&text);
            self.waker.wake();
        }
    }

    fn warn(&self, what: &str) {
        warn(format_args!("{}: {}", self.name, quoted(what)));
    }
}

fn delivery(delivery: &OwnedDelivery) -> Delivery<'_> {
    Delivery { id: delivery.id.as_deref(), stream: "", bytes: &delivery.bytes, form: Form::Event }
}

/// Removes an unfinished line of ours that a kill left at the end of a file, and ends one of another program.
fn end_half_line(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let len = file.metadata()?.len();
    let mut tail = Vec::new();
    let mut start = len;
    while start > 0 && !tail.contains(&b'\n') {
        let step = start.min(1 << 16);
        start -= step;
        let mut piece = vec![0; usize::try_from(step).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut piece)?;
        piece.append(&mut tail);
        tail = piece;
    }
    let end = tail.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let half = tail.get(end..).unwrap_or_default();
    let head: &[u8] = br#"{"v":"#;
    if half.is_empty() {
        return Ok(());
    }
    if half.starts_with(head) || head.starts_with(half) {
        return file.set_len(len - half.len() as u64);
    }
    file.seek(SeekFrom::End(0))?;
    io::Write::write_all(&mut file, b"\n")
}

/// Those of `sent` that are not in the file.
pub(super) fn missing(path: &Path, mut sent: HashSet<Digest>) -> io::Result<HashSet<Digest>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(sent),
        file => file?,
    };
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    while !sent.is_empty() && file.read_until(b'\n', &mut line)? > 0 {
        let bare = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(entry) = codec::decode(bare).ok().as_ref().and_then(Entry::of) {
            sent.remove(&digest(&entry.id, &entry.content));
        }
        line.clear();
    }
    Ok(sent)
}

fn look(path: &Path, questions: &[Question]) -> Vec<ProbeAnswer> {
    let mut there = vec![false; questions.len()];
    let read = File::open(path).and_then(|file| {
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            for (question, there) in questions.iter().zip(&mut there) {
                *there |= line.strip_suffix(b"\n") == Some(question.line.as_bytes());
            }
            line.clear();
        }
        Ok(())
    });
    let answer = |there: bool| match (&read, there) {
        (_, true) => ProbeAnswer::Sent,
        (Ok(()), false) => ProbeAnswer::NotSent,
        (Err(e), false) => ProbeAnswer::Unknown(format!("cannot read {}: {e}", path.display())),
    };
    there.into_iter().map(answer).collect()
}

fn probe(words: &[String], question: &Question) -> ProbeAnswer {
    match sink::probe(words, &question.id, question.line.as_bytes()) {
        Ok(answer) if answer == "sent" => ProbeAnswer::Sent,
        Ok(answer) if answer == "not_sent" => ProbeAnswer::NotSent,
        Ok(answer) => ProbeAnswer::Unknown(format!("--reconcile printed {answer:?}")),
        Err(why) => ProbeAnswer::Unknown(format!("--reconcile {why}")),
    }
}
