//! Thread of one sink: takes from its queue, sends, retries, keeps the account.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{self, Chunk, Queue};
use super::status::Account;
use crate::backoff::{Backoff, SendOutcome, Wait};
use crate::codec;
use crate::sink::{Delivery, Form, Needs, Sink, delivery_id};

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

pub(super) struct Worker {
    pub sink: Box<dyn Sink>,
    pub queue: Arc<Queue>,
}

struct Piece {
    at: Range<usize>,
    id: Option<String>,
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
        self.queue.end();
        self.queue.status.finish(self.sink.as_mut());
    }

    fn deliver(&mut self, chunk: &Chunk, needs: Needs) -> bool {
        let mut pieces = match needs.form {
            Form::Bulk => vec![Piece::bulk(0..chunk.bytes.len(), chunk.lines)],
            Form::Event => self.events(chunk),
        };
        let (mut done, mut failures) = (0, 0);
        while done < pieces.len() {
            let end = pieces.len().min(done + needs.batch.max(1));
            let batch = pieces[done..end].iter().map(|piece| piece.delivery(chunk, needs.form));
            let outcomes = self.sink.send(&batch.collect::<Vec<_>>());
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
                    pieces = queue::lines(&chunk.bytes).map(|at| Piece::bulk(at, 1)).collect();
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
        for mut at in queue::lines(&chunk.bytes) {
            if chunk.bytes[at.clone()].ends_with(b"\n") {
                at.end -= 1;
            }
            match codec::decode(&chunk.bytes[at.clone()]) {
                Ok(event) => pieces.push(Piece { id: delivery_id(&event), at, lines: 1 }),
                Err(_) => self.queue.status.account().owed -= 1,
            }
        }
        pieces
    }

    fn settle(&self, piece: &Piece, needs: Needs, outcome: SendOutcome) -> Next {
        let status = &self.queue.status;
        match outcome {
            SendOutcome::Sent(..) => {
                status.account().owed -= piece.lines;
                status.sent();
                Next::Go
            }
            SendOutcome::Unknown(_, why) if !needs.idempotent || piece.id.is_none() => {
                self.lose(piece, &why, |account| &mut account.doubtful)
            }
            SendOutcome::Retry(wait, why) | SendOutcome::Unknown(wait, why) => {
                if piece.lines <= 1 {
                    status.failing(wait, &why, " (retrying)");
                }
                Next::Again(wait)
            }
            SendOutcome::NotTried => Next::Again(Wait::Failed),
            SendOutcome::Failed(why) => self.lose(piece, &why, |account| &mut account.failed),
            SendOutcome::Gone(gone, why) => {
                status.gone(gone, &why);
                Next::End
            }
        }
    }

    /// Counts an event that is not sent again, and reports the first of its kind.
    fn lose(&self, piece: &Piece, why: &str, count: fn(&mut Account) -> &mut u64) -> Next {
        let status = &self.queue.status;
        let mut account = status.account();
        account.owed -= piece.lines;
        account.trouble = true;
        let first = *count(&mut account) == 0;
        *count(&mut account) += piece.lines;
        drop(account);
        if first {
            let name = piece.id.as_deref().unwrap_or("an event without an id");
            status.warn(&format!("{name}: {why}"));
        }
        status.wake();
        Next::Go
    }
}

impl Piece {
    fn bulk(at: Range<usize>, lines: u64) -> Self {
        Self { at, id: None, lines }
    }

    fn delivery<'a>(&'a self, chunk: &'a Chunk, form: Form) -> Delivery<'a> {
        Delivery { id: self.id.as_deref(), bytes: &chunk.bytes[self.at.clone()], form }
    }
}
