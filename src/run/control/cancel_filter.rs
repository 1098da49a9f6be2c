//! The filter `cancel` with its connections: requests go to the wrap whose events it reads.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::client::{Client, find_word};
use super::lineage::{self, Lineage};
use super::{Answer, Ask, CancelTurn, Request};
use crate::exit::Exit;
use crate::filter::cancel::{Cancel, CancelRequest, Options, Receiver};
use crate::filter::{Chain, Out};
use crate::stage::{Clock, FilterStage, Io, Reading, STDIN, Stage};
use crate::time::Time;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The filter `cancel` over lines, and the requests it has sent.
pub struct CancelFilter {
    stage: FilterStage,
    cancel: Rc<RefCell<Cancel>>,
    grace: Duration,
    pending: Vec<PendingCancel>,
    /// File that is read; `None` for stdin.
    source: Option<PathBuf>,
}

struct PendingCancel {
    request: CancelRequest,
    client: Client,
    until: Time,
}

impl CancelFilter {
    /// An agent that does not stop is killed after `grace`.
    pub fn new(options: Options, clock: Clock, reading: &Reading, grace: Duration) -> Self {
        let cancel = Rc::new(RefCell::new(Cancel::new(options, Receiver::Session)));
        let chain = Chain::new(vec![Box::new(Rc::clone(&cancel))]);
        let stage = FilterStage::new(chain, clock, reading);
        Self { stage, cancel, grace, pending: Vec::new(), source: None }
    }

    fn carry_out(&mut self, now: Time, io: &mut Io) {
        loop {
            let requests = self.cancel.borrow_mut().take_requests();
            if requests.is_empty() {
                return;
            }
            for request in requests {
                match self.connect(&request) {
                    Ok(client) => {
                        let until = now + ANSWER_WITHIN;
                        self.pending.push(PendingCancel { request, client, until });
                    }
                    Err((code, why)) => self.refuse(now, &request, code, &why, io),
                }
            }
        }
    }

    fn connect(&self, request: &CancelRequest) -> Result<Client, (&'static str, String)> {
        let control = request.control.as_ref();
        let found = control.and_then(|control| find_word(control.pid, &control.word));
        let Some(mut found) = found else {
            return Err(("gone", "the run is not there any more".into()));
        };
        // In another pid namespace its own number means another process here.
        let another = |pid| lineage::of(self.source.as_deref(), pid) == Lineage::Another;
        if found.client.pid().is_some_and(another) {
            let why = "these events do not come from the run itself: a recording of it";
            return Err(("recording", why.into()));
        }
        let ask = Ask::Cancel(CancelTurn {
            turn: Some(request.turn),
            by: Some("filter".into()),
            reason: Some(request.reason.clone()),
            grace_ms: u64::try_from(self.grace.as_millis()).ok(),
            then: None,
        });
        let mut message = Request::new(ask);
        message.stream = Some(request.stream.clone());
        message.control = control.map(|control| control.word.clone());
        let sent = found.client.send(&message);
        sent.map_err(|e| ("gone", format!("the run cannot be asked: {e}")))?;
        Ok(found.client)
    }

    fn refuse(&mut self, now: Time, request: &CancelRequest, code: &str, why: &str, io: &mut Io) {
        let (now, mut out) = (self.stage.time(now), Out::bytes(&mut io.out));
        self.cancel.borrow_mut().refused(now, request, (code, why), &mut out);
    }

    pub(in crate::run) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pending.iter().map(|pending| pending.client.fd())
    }

    pub(in crate::run) fn read_replies(&mut self, now: Time, io: &mut Io) {
        let mut refused = Vec::new();
        self.pending.retain_mut(|pending| {
            let late = pending.until <= now;
            let reply = pending.client.read_replies().into_iter().next();
            let (code, why) = match reply {
                None if late => ("silent", "the run does not answer".into()),
                None => return true,
                // `turn_cancelled` follows among the events.
                Some(Answer::Accepted { .. }) => return false,
                Some(Answer::Refused { code, reason }) if code == "no_turn" => ("no_turn", reason),
                Some(Answer::Refused { code, reason }) if code == "other_turn" => {
                    ("other_turn", reason)
                }
                Some(Answer::Refused { reason, .. }) => ("refused", reason),
                Some(Answer::Lost(why)) => ("gone", why),
                Some(_) => ("gone", "the answer is not understood".into()),
            };
            refused.push((pending.request.clone(), code, why));
            false
        });
        for (request, code, why) in refused {
            self.refuse(now, &request, code, &why, io);
        }
        self.carry_out(now, io);
    }
}

impl Stage for CancelFilter {
    fn on_bytes(&mut self, now: Time, bytes: &[u8], io: &mut Io) {
        self.stage.on_bytes(now, bytes, io);
        self.carry_out(now, io);
    }

    fn on_source(&mut self, now: Time, name: &str, io: &mut Io) {
        self.stage.on_source(now, name, io);
        self.source = (name != STDIN).then(|| name.into());
        self.carry_out(now, io);
    }

    fn deadline(&self) -> Option<Time> {
        let patience = self.pending.iter().map(|pending| pending.until);
        self.stage.deadline().into_iter().chain(patience).min()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.stage.on_tick(now, io);
        self.read_replies(now, io);
    }

    fn is_over(&self) -> bool {
        self.cancel.borrow().is_over()
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.stage.on_end(now, io);
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        self.stage.on_signal(now, signal, io);
    }

    fn exit(&self) -> Exit {
        let cancelled = self.cancel.borrow().cancelled() > 0;
        self.stage.exit().or(if cancelled { Exit::Cancelled } else { Exit::Success })
    }
}
