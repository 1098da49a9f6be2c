//! Thread of one ledger sink: carries out its driver's tasks and reports the outcomes.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::clock::Clock;
use super::status::SinkStatus;
use crate::backoff::{SendOutcome, Wait};
use crate::codec;
use crate::ledger::{Entry, Held, ProbeAnswer};
use crate::named::Named;
use crate::run::ledger::{Counts, Digest, Driver, News, OwnedDelivery, Task, digest};
use crate::sink::{self, Delivery, Form, Proof, Sink};

pub(super) struct LedgerWorker {
    pub status: Arc<SinkStatus>,
    pub sink: Box<dyn Sink>,
    pub driver: Driver,
    pub proof: Proof,
    /// Disconnected at the end of the input.
    pub news: Receiver<News>,
    pub clock: Clock,
}

/// Counts of a ledger sink, for its report.
#[derive(Debug, Default)]
pub(super) struct LedgerAccount {
    pub counts: Counts,
    /// At-most-once events that were dropped.
    pub dropped: u64,
    /// Delivery that the first held stream waits for, its state, and why.
    pub first_held: Option<(String, &'static str, Held)>,
}

impl LedgerWorker {
    /// Runs until the input ends, the sink ends, or the ledger cannot be written.
    pub(super) fn run(mut self) {
        let worked = self.work();
        self.status.end_try();
        if let Err(e) = worked {
            self.status.warn(&format!("{e:#}"));
            let mut account = self.status.account();
            (account.trouble, account.over) = (true, true);
        }
        self.account();
        self.status.finish(self.sink.as_mut());
    }

    fn work(&mut self) -> Result<()> {
        if let Proof::File(path) = &self.proof {
            end_half_line(path)
                .with_context(|| format!("cannot look at the end of {}", path.display()))?;
        }
        let (mut wait, mut closed) = (Duration::ZERO, false);
        loop {
            if closed {
                std::thread::sleep(wait);
            } else {
                closed = self.collect(wait);
            }
            if !self.status.begin_try() {
                return self.driver.commit();
            }
            let task = self.driver.next(self.clock.now())?;
            if matches!(task, Task::Wait(_) | Task::Idle) {
                self.status.end_try();
            }
            wait = match task {
                Task::Probe(questions) => {
                    self.settle(&questions);
                    Duration::ZERO
                }
                Task::Send(deliveries) => {
                    if self.send(&deliveries).is_break() {
                        return self.driver.commit();
                    }
                    Duration::ZERO
                }
                Task::Wait(until) => until.since(self.clock.now()).max(Duration::from_millis(1)),
                Task::Idle if closed => return Ok(()),
                Task::Idle => Duration::MAX,
            };
            self.account();
        }
    }

    /// Takes over news, and waits so long for the first; `true` if the input has ended.
    fn collect(&mut self, mut wait: Duration) -> bool {
        loop {
            match self.news.recv_timeout(wait) {
                Ok(news) => self.driver.take(news),
                Err(e) => return e == RecvTimeoutError::Disconnected,
            }
            wait = Duration::ZERO;
        }
    }

    fn account(&mut self) {
        let queues = &self.driver.queues;
        let held = queues.held_count();
        let mut account = self.status.account();
        let changed = std::mem::replace(&mut account.held, held) != held;
        let first = queues.held().next();
        account.ledger = LedgerAccount {
            counts: self.driver.counts,
            dropped: queues.dropped,
            first_held: first.map(|(_, row, why)| (row.id.clone(), row.state.name(), why)),
        };
        drop(account);
        if changed {
            self.status.wake();
        }
    }

    fn settle(&mut self, questions: &[OwnedDelivery]) {
        let answers = match &self.proof {
            Proof::File(path) => look(path, questions),
            Proof::Command(words) => questions.iter().map(|q| probe(words, q)).collect(),
            Proof::Nothing | Proof::Key(_) => Vec::new(),
        };
        let mut answers = answers.into_iter();
        for position in questions.iter().filter_map(|question| question.position) {
            let unprobed = || ProbeAnswer::Unknown("no probe is configured".to_owned());
            let answer = answers.next().unwrap_or_else(unprobed);
            self.driver.answered(self.clock.now(), position, answer);
        }
    }

    /// Sends deliveries in batches, and stops at the first that did not arrive; breaks once the sink has ended.
    fn send(&mut self, deliveries: &[OwnedDelivery]) -> ControlFlow<()> {
        let most = self.sink.needs().batch.max(1);
        let (mut stopped, mut after) = (false, ControlFlow::Continue(()));
        for batch in deliveries.chunks(most) {
            let outcomes = match stopped {
                true => Vec::new(),
                false => self.sink.send(&batch.iter().map(delivery).collect::<Vec<_>>()),
            };
            let outcomes = outcomes.into_iter().chain(std::iter::repeat(SendOutcome::NotTried));
            for (delivery, outcome) in batch.iter().zip(outcomes) {
                stopped |= !matches!(outcome, SendOutcome::Sent(..));
                if self.observe(&outcome).is_break() {
                    after = ControlFlow::Break(());
                }
                if let Some(position) = delivery.position {
                    self.driver.outcome(self.clock.now(), position, outcome);
                }
            }
        }
        after
    }

    /// Records an outcome in the status of the sink; breaks once the sink has ended.
    fn observe(&self, outcome: &SendOutcome) -> ControlFlow<()> {
        match outcome {
            SendOutcome::NotTried => {}
            SendOutcome::Sent(_) => self.status.sent(),
            SendOutcome::Failed(why) => self.status.failing(Wait::Failed, why, ""),
            SendOutcome::Retry(wait, why) | SendOutcome::Unknown(wait, why) => {
                self.status.failing(*wait, why, "");
            }
            SendOutcome::Gone(gone, why) => {
                self.status.gone(*gone, why);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

fn delivery(delivery: &OwnedDelivery) -> Delivery<'_> {
    Delivery { id: delivery.id.as_deref(), bytes: &delivery.bytes, form: Form::Event }
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

/// Calls `each` for the lines of a file, line feeds included, while it returns true.
fn lines(file: File, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 && each(&line) {
        line.clear();
    }
    Ok(())
}

/// Those of `sent` that are not in the file.
pub(super) fn missing(path: &Path, mut sent: HashSet<Digest>) -> io::Result<HashSet<Digest>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(sent),
        file => file?,
    };
    if sent.is_empty() {
        return Ok(sent);
    }
    lines(file, |line| {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(entry) = codec::decode(bare).ok().as_ref().and_then(Entry::of) {
            sent.remove(&digest(&entry.id, &entry.content));
        }
        !sent.is_empty()
    })?;
    Ok(sent)
}

fn look(path: &Path, questions: &[OwnedDelivery]) -> Vec<ProbeAnswer> {
    let mut there = vec![false; questions.len()];
    let read = File::open(path).and_then(|file| {
        lines(file, |line| {
            for (question, there) in questions.iter().zip(&mut there) {
                *there |= line.strip_suffix(b"\n") == Some(question.bytes.as_slice());
            }
            true
        })
    });
    let answer = |there: bool| match (&read, there) {
        (_, true) => ProbeAnswer::Sent,
        (Ok(()), false) => ProbeAnswer::NotSent,
        (Err(e), false) => ProbeAnswer::Unknown(format!("cannot read {}: {e}", path.display())),
    };
    there.into_iter().map(answer).collect()
}

fn probe(words: &[String], question: &OwnedDelivery) -> ProbeAnswer {
    let id = question.id.as_deref().unwrap_or_default();
    match sink::probe(words, id, &question.bytes) {
        Ok(answer) if answer == "sent" => ProbeAnswer::Sent,
        Ok(answer) if answer == "not_sent" => ProbeAnswer::NotSent,
        Ok(answer) => ProbeAnswer::Unknown(format!("--reconcile printed {answer:?}")),
        Err(why) => ProbeAnswer::Unknown(format!("--reconcile {why}")),
    }
}
