//! Thread of one sink: takes from its queue, sends, retries, keeps the account.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::super::output::warn;
use super::OnError;
use super::queue::{Chunk, Queue};
use super::waker::Waker;
use crate::backoff::{Backoff, MAX_ASKED, Wait};
use crate::codec;
use crate::sink::{Delivery, Form, Gone, Needs, SendOutcome, Sink, delivery_id};
use crate::term::quoted;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

pub(super) struct Worker {
    pub name: String,
    pub sink: Box<dyn Sink>,
    pub queue: Arc<Queue>,
    pub waker: Waker,
    pub on_error: OnError,
}

struct Piece {
    at: Range<usize>,
    id: Option<String>,
    stream: String,
    form: Form,
    lines: u64,
}

enum Next {
    Go,
    Again(Wait),
    End,
}

impl Worker {
    pub(super) fn run(mut self) {
        let needs = self.sink.needs();
        self.sink.begin();
        while let Some(chunk) = self.queue.take() {
            if !self.deliver(&chunk, needs) {
                break;
            }
        }
        if !self.queue.account().over {
            match self.sink.finish() {
                Ok(None) => {}
                Ok(Some(warning)) => self.warn(&warning),
                Err(why) => self.trouble(Some(why)),
            }
        }
        self.queue.note(|account| account.finished = true);
        self.waker.ring();
    }

    fn deliver(&mut self, chunk: &Chunk, needs: Needs) -> bool {
        let mut pieces = match needs.form {
            Form::Bulk => vec![Piece::bulk(0..chunk.len(), chunk.lines)],
            Form::Event => self.events(chunk),
        };
        let (mut done, mut failures) = (0, 0);
        while done < pieces.len() {
            let end = pieces.len().min(done + needs.batch.max(1));
            let rest = &pieces[done..end];
            let batch: Vec<_> = rest.iter().map(|piece| piece.delivery(chunk)).collect();
            let outcomes = self.sink.send(&batch);
            drop(batch);
            let mut next = Next::Go;
            for outcome in outcomes {
                let Some(piece) = pieces.get(done) else { break };
                next = self.settle(piece, needs, outcome);
                if !matches!(next, Next::Go) {
                    break;
                }
                done += 1;
                failures = 0;
            }
            match next {
                Next::Go => {}
                Next::End => return false,
                // A bulk is retried line by line, so that as many lines as fit arrive.
                Next::Again(_) if pieces[done].lines > 1 => {
                    pieces = lines(chunk);
                    done = 0;
                }
                Next::Again(wait) => {
                    failures += 1;
                    let time = wait.at_least(BACKOFF.after(failures));
                    self.queue.pause(time, wait);
                }
            }
        }
        true
    }

    /// Events of a chunk; other lines are no deliveries.
    fn events(&self, chunk: &Chunk) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for mut piece in lines(chunk) {
            if chunk[piece.at.clone()].ends_with(b"\n") {
                piece.at.end -= 1;
            }
            match codec::decode(&chunk[piece.at.clone()]) {
                Ok(event) => {
                    piece.id = delivery_id(&event);
                    piece.stream = event.stream.unwrap_or_default().into_owned();
                    piece.form = Form::Event;
                    pieces.push(piece);
                }
                Err(_) => self.queue.note(|account| account.owed -= 1),
            }
        }
        pieces
    }

    fn settle(&self, piece: &Piece, needs: Needs, outcome: SendOutcome) -> Next {
        match outcome {
            SendOutcome::Sent(..) => {
                self.queue.note(|account| {
                    account.owed -= piece.lines;
                    (account.failing, account.reason) = (None, None);
                });
                Next::Go
            }
            SendOutcome::Retry(wait, why) => {
                if piece.lines <= 1 {
                    self.failing(wait, why);
                }
                Next::Again(wait)
            }
            SendOutcome::Unknown(wait, why) if needs.idempotent && piece.id.is_some() => {
                self.failing(wait, why);
                Next::Again(wait)
            }
            SendOutcome::Unknown(_, why) => {
                let first = self.queue.account().doubtful == 0;
                self.queue.note(|account| {
                    account.owed -= piece.lines;
                    account.doubtful += piece.lines;
                });
                self.trouble(first.then(|| format!("{}: {why}", piece.name())));
                Next::Go
            }
            SendOutcome::Failed(why) => {
                let first = self.queue.account().failed == 0;
                self.queue.note(|account| {
                    account.owed -= piece.lines;
                    account.failed += piece.lines;
                });
                self.trouble(first.then(|| format!("{}: {why}", piece.name())));
                Next::Go
            }
            SendOutcome::Gone(gone, why) => {
                self.queue.note(|account| account.over = true);
                if gone == Gone::Broken || self.on_error.pipes {
                    self.trouble(Some(why));
                }
                Next::End
            }
        }
    }

    fn failing(&self, wait: Wait, why: String) {
        let already = self.queue.account().failing.is_some();
        self.queue.note(|account| account.reason = Some(why.clone()));
        if let (Some(text), false) = (warning_of(wait, &why), already) {
            self.queue.note(|account| account.failing = Some(why));
            self.warn(&format!("{text} (retrying)"));
            self.waker.ring();
        }
    }

    fn trouble(&self, say: Option<String>) {
        self.queue.note(|account| account.trouble = true);
        if let Some(why) = say {
            self.warn(&why);
        }
        self.waker.ring();
    }

    fn warn(&self, what: &str) {
        warn(format_args!("{}: {}", self.name, quoted(what)));
    }
}

/// Longer waits that a sink asks for are reported.
const LONG: Duration = Duration::from_secs(10);

/// Report of a retried sink; `None` if it only asked for a short wait.
pub(super) fn warning_of(wait: Wait, why: &str) -> Option<String> {
    match wait {
        Wait::Failed | Wait::Down => Some(why.to_owned()),
        Wait::Asked(time) if time <= LONG => None,
        Wait::Asked(time) => Some(format!(
            "{why}: it asks for a pause of {} s, and gets {} s",
            time.as_secs(),
            time.min(MAX_ASKED).as_secs()
        )),
    }
}

impl Piece {
    fn bulk(at: Range<usize>, lines: u64) -> Self {
        Self { at, id: None, stream: String::new(), form: Form::Bulk, lines }
    }

    fn delivery<'a>(&'a self, chunk: &'a Chunk) -> Delivery<'a> {
        Delivery {
            id: self.id.as_deref(),
            stream: &self.stream,
            bytes: &chunk[self.at.clone()],
            form: self.form,
        }
    }

    fn name(&self) -> &str {
        self.id.as_deref().unwrap_or("an event without an id")
    }
}

fn lines(chunk: &Chunk) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let feeds = memchr::memchr_iter(b'\n', chunk).map(|at| at + 1);
    for end in feeds.chain([chunk.len()]) {
        if end > start {
            pieces.push(Piece::bulk(start..end, 1));
        }
        start = end;
    }
    pieces
}
