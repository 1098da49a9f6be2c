//! One booked sink's thread: does what its desk says, and says to the desk what came of it.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::clock::Clock;
use super::super::output::complain;
use super::bell::Bell;
use super::booked::Mail;
use super::worker::complaint;
use super::{OnError, Pipes};
use crate::backoff::Wait;
use crate::codec;
use crate::ledger::{Asked, Entry, Outcome};
use crate::run::ledger::{Desk, Digest, Parcel, Question, Task, digest};
use crate::sink::{self, Delivery, Form, Gone, Sink};
use crate::term::quoted;

/// Who can tell whether a sink has a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Nobody, or the sink by itself.
    Nobody,
    /// The file of this path: what stands in it.
    File(PathBuf),
    /// A command.
    Command(Vec<String>),
}

pub(super) struct Clerk {
    pub name: String,
    pub sink: Box<dyn Sink>,
    pub desk: Desk,
    pub ask: Ask,
    pub mail: Arc<Mail>,
    pub bell: Bell,
    pub on_error: OnError,
    pub clock: Clock,
}

/// What a call of the sink has shown.
enum After {
    Go,
    End,
}

impl Clerk {
    /// Works until nothing more comes, the sink has ended, or the ledger cannot be written.
    pub(super) fn run(mut self) {
        let done = self.work();
        if let Err(e) = &done {
            self.say(&format!("{e:#}"));
        }
        let over = self.mail.lock().account.over;
        if done.is_ok()
            && !over
            && let Err(why) = self.sink.finish()
        {
            self.say(&why);
            self.mail.lock().account.trouble = true;
        }
        self.account();
        {
            let account = &mut self.mail.lock().account;
            account.trouble |= done.is_err();
            account.over |= done.is_err();
            account.finished = true;
        }
        self.bell.ring();
    }

    fn work(&mut self) -> Result<()> {
        if let Ask::File(path) = &self.ask {
            mend(path).with_context(|| format!("cannot look at the end of {}", path.display()))?;
        }
        loop {
            let closed = self.collect();
            match self.desk.next(self.clock.now())? {
                Task::Ask(questions) => self.settle(&questions),
                Task::Send(parcels) => {
                    if let After::End = self.send(&parcels)? {
                        return self.desk.commit();
                    }
                    self.account();
                }
                Task::Wait(until) => {
                    self.account();
                    let left = until.since(self.clock.now());
                    self.mail.wait(Some(left.max(Duration::from_millis(1))));
                }
                Task::Idle => {
                    self.account();
                    if closed {
                        return Ok(());
                    }
                    self.mail.wait(None);
                }
            }
        }
    }

    /// Takes over what has come; whether that was the last.
    fn collect(&mut self) -> bool {
        let mut state = self.mail.lock();
        for stream in state.grown.drain(..) {
            self.desk.grown(&stream);
        }
        for stream in state.again.drain(..) {
            self.desk.again(&stream);
        }
        for p in state.passing.drain(..) {
            self.desk.pass(&p.stream, p.after, p.line);
        }
        state.closed
    }

    fn account(&mut self) {
        let held = self.desk.held_count();
        let account = &mut self.mail.lock().account;
        let news = account.held != held;
        account.held = held;
        account.first_held =
            self.desk.held().next().map(|(_, id, state, why)| (id.to_owned(), state, why));
        account.counts = self.desk.counts();
        account.dropped = self.desk.dropped();
        if news {
            self.bell.ring();
        }
    }

    /// Finds out what is there.
    fn settle(&mut self, questions: &[Question]) {
        let answers = match &self.ask {
            Ask::File(path) => look(path, questions),
            Ask::Command(words) => questions.iter().map(|q| ask(words, q)).collect(),
            Ask::Nobody => Vec::new(),
        };
        let mut answers = answers.into_iter();
        for question in questions {
            let nobody = || Asked::Unknown("nobody can be asked".to_owned());
            let answer = answers.next().unwrap_or_else(nobody);
            self.desk.answered(self.clock.now(), question.position, answer);
        }
    }

    /// Gives the parcels to the sink, as many at a time as it takes, and stops at the first that is not there.
    fn send(&mut self, parcels: &[Parcel]) -> Result<After> {
        let most = self.sink.needs().batch.max(1);
        let mut after = After::Go;
        let mut rest = parcels;
        while let (After::Go, [_, ..]) = (&after, rest) {
            let (now, later) = rest.split_at(most.min(rest.len()));
            let batch: Vec<Delivery<'_>> = now.iter().map(delivery).collect();
            let outcomes = self.sink.send(&batch);
            let mut stopped = outcomes.len() < now.len();
            rest = later;
            let mut outcomes = outcomes.into_iter();
            for parcel in now {
                let outcome = outcomes.next();
                stopped |= !matches!(outcome, Some(sink::Outcome::Sent { .. }));
                let (outcome, next) = self.heard(outcome);
                if let After::End = next {
                    after = After::End;
                }
                if let Some(position) = parcel.position {
                    self.desk.outcome(self.clock.now(), position, outcome);
                }
            }
            if stopped {
                break;
            }
        }
        for parcel in rest.iter().filter_map(|parcel| parcel.position) {
            self.desk.outcome(self.clock.now(), parcel, Outcome::NotTried);
        }
        Ok(after)
    }

    /// What the sink says, in the ledger's words.
    fn heard(&mut self, outcome: Option<sink::Outcome>) -> (Outcome, After) {
        let outcome = match outcome {
            None => Outcome::NotTried,
            Some(sink::Outcome::Sent { receipt }) => {
                let account = &mut self.mail.lock().account;
                (account.failing, account.reason) = (None, None);
                Outcome::Sent(receipt)
            }
            Some(sink::Outcome::Retry { wait, why }) => {
                self.failing(wait, &why);
                Outcome::Retry(wait, why)
            }
            Some(sink::Outcome::Failed { why }) => {
                self.failing(Wait::Failed, &why);
                Outcome::Refused(why)
            }
            Some(sink::Outcome::Unknown { wait, why }) => {
                self.failing(wait, &why);
                Outcome::Unknown(wait, why)
            }
            Some(sink::Outcome::Gone { gone, why }) => {
                let trouble = gone == Gone::Broken || self.on_error.pipes == Pipes::Count;
                if trouble {
                    self.say(&why);
                }
                let account = &mut self.mail.lock().account;
                account.over = true;
                account.trouble |= trouble;
                return (Outcome::NotTried, After::End);
            }
        };
        (outcome, After::Go)
    }

    /// Says, once until it goes well again, what is wrong with the sink.
    fn failing(&mut self, wait: Wait, why: &str) {
        self.mail.lock().account.reason = Some(why.to_owned());
        let Some(text) = complaint(wait, why) else {
            return;
        };
        let said = self.mail.lock().account.failing.replace(why.to_owned());
        if said.is_none() {
            self.say(&text);
            self.bell.ring();
        }
    }

    fn say(&self, what: &str) {
        complain(format!("spile: {}: {}\n", self.name, quoted(what)).as_bytes());
    }
}

fn delivery(parcel: &Parcel) -> Delivery<'_> {
    Delivery { id: parcel.id.as_deref(), stream: "", bytes: &parcel.bytes, form: Form::Event }
}

/// Takes away half a line of ours that a kill left at the end of a file, and ends one that is not ours.
fn mend(path: &Path) -> io::Result<()> {
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

/// Those of `sent` that do not stand in the file.
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

/// Which of these stand in the file, each as a line of its own.
fn look(path: &Path, questions: &[Question]) -> Vec<Asked> {
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
        (_, true) => Asked::Sent,
        (Ok(()), false) => Asked::NotSent,
        (Err(e), false) => Asked::Unknown(format!("cannot read {}: {e}", path.display())),
    };
    there.into_iter().map(answer).collect()
}

/// Asks a command: the delivery id is its last argument and in its environment, the event on its stdin.
fn ask(words: &[String], question: &Question) -> Asked {
    match sink::ask(words, &question.id, question.line.as_bytes()) {
        Ok(answer) if answer == "sent" => Asked::Sent,
        Ok(answer) if answer == "not_sent" => Asked::NotSent,
        Ok(answer) => Asked::Unknown(format!("--reconcile said {answer:?}")),
        Err(why) => Asked::Unknown(format!("--reconcile {why}")),
    }
}
