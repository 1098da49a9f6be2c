//! The filter `cancel` with its connections: requests go to the wrap whose events it reads.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;

use super::client::{Client, find_word};
use super::lineage::{self, Lineage};
use super::{Answer, Ask, CancelTurn, Request};
use crate::exit::Exit;
use crate::filter::cancel::{Cancel, CancelRequest, Options, Receiver};
use crate::filter::{Chain, Out};
use crate::run::state::RunLife;
use crate::stage::{Clock, FilterStage, Io, Reading, STDIN, Stage};
use crate::term::sanitize::quoted;
use crate::time::Time;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Wait for the end of a turn whose run cannot be reached, but holds its lock: it may be ending.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The filter `cancel` over lines, and the requests it has sent.
pub struct CancelFilter {
    stage: FilterStage,
    cancel: Rc<RefCell<Cancel>>,
    grace: Duration,
    pending: Vec<PendingCancel>,
    /// File that is read; `None` for stdin.
    source: Option<PathBuf>,
    /// True once bytes were read.
    has_read: bool,
    /// True if the events come from an `attach`: the run goes on without this filter.
    is_followed: bool,
    /// True if a run that goes on could not be asked: no more is emitted.
    is_unreachable: bool,
}

struct PendingCancel {
    request: CancelRequest,
    /// Connection; `None` if there is none.
    client: Option<Client>,
    until: Time,
}

impl CancelFilter {
    /// An agent that does not stop is killed after `grace`.
    pub fn new(options: Options, clock: Clock, reading: &Reading, grace: Duration) -> Self {
        let cancel = Rc::new(RefCell::new(Cancel::new(options, Receiver::Session)));
        let chain = Chain::new(vec![Box::new(Rc::clone(&cancel))]);
        let stage = FilterStage::new(chain, clock, reading);
        Self {
            stage,
            cancel,
            grace,
            pending: Vec::new(),
            source: None,
            has_read: false,
            is_followed: false,
            is_unreachable: false,
        }
    }

    /// Looks whether an `attach` that did not begin with the `session` of its run is upstream.
    fn begin(&mut self, bytes: &[u8]) {
        let is_first = !std::mem::replace(&mut self.has_read, true);
        if is_first
            && self.source.is_none()
            && memmem::find(bytes, br#""kind":"session""#).is_none()
            && lineage::has_follower()
        {
            self.cancel.borrow_mut().set_receiver(Receiver::Run);
        }
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
                        let (client, until) = (Some(client), now + ANSWER_WITHIN);
                        self.pending.push(PendingCancel { request, client, until });
                    }
                    Err(("gone", _)) if self.life_of(&request) == Some(RunLife::Alive) => {
                        let (client, until) = (None, now + END_WITHIN);
                        self.pending.push(PendingCancel { request, client, until });
                    }
                    Err((code, why)) => self.refuse(now, &request, code, &why, io),
                }
            }
        }
    }

    /// Life of a background run that `attach` passes on to this filter.
    fn life_of(&self, request: &CancelRequest) -> Option<RunLife> {
        lineage::followed(self.source.as_deref(), &request.stream)
    }

    fn connect(&mut self, request: &CancelRequest) -> Result<Client, (&'static str, String)> {
        let control = request.control.as_ref();
        let found = control.and_then(|control| find_word(control.pid, &control.word));
        let Some(mut found) = found else {
            return Err(("gone", "the run is not there any more".into()));
        };
        // In another pid namespace its own number means another process here.
        let pid = found.client.pid();
        match pid.map(|pid| lineage::of(self.source.as_deref(), pid)) {
            Some(Lineage::Another) => {
                let why = "these events do not come from the run itself: a recording of it";
                return Err(("recording", why.into()));
            }
            Some(Lineage::Followed) => self.is_followed = true,
            _ => {}
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
        // The last three end the turn, or leave it to its end.
        let is_known = matches!(code, "no_turn" | "other_turn" | "recording");
        let life = if is_known { None } else { self.life_of(request) };
        let code = match life {
            _ if !self.cancel.borrow_mut().awaits(request) => return,
            Some(RunLife::Alive) => return self.give_up(&request.stream, why, io),
            // Its end stands in the file.
            Some(RunLife::Over) => "no_turn",
            None => code,
        };
        let (now, mut out) = (self.stage.time(now), Out::bytes(&mut io.out));
        self.cancel.borrow_mut().refused(now, request, (code, why), &mut out);
    }

    /// Ends the filter without a word about a turn that goes on.
    fn give_up(&mut self, stream: &str, why: &str, io: &mut Io) {
        if !std::mem::replace(&mut self.is_unreachable, true) {
            io.warn(format_args!(
                "{stream}: the turn is not cancelled and goes on: {}",
                quoted(why)
            ));
        }
    }

    pub(in crate::run) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pending.iter().filter_map(|pending| Some(pending.client.as_ref()?.fd()))
    }

    pub(in crate::run) fn read_replies(&mut self, now: Time, io: &mut Io) {
        let mut refused = Vec::new();
        self.pending.retain_mut(|pending| {
            let late = pending.until <= now;
            let client = pending.client.as_mut();
            let lost = match client {
                Some(_) => ("silent", "the run does not answer".into()),
                None => ("gone", "the run cannot be reached".into()),
            };
            let reply = client.and_then(|client| client.read_replies().into_iter().next());
            let (code, why) = match reply {
                None if late => lost,
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
        self.begin(bytes);
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
        self.is_unreachable || self.cancel.borrow().is_over()
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        let awaited = self.pending.iter().find(|it| self.cancel.borrow_mut().awaits(&it.request));
        let awaited = awaited.filter(|_| self.is_followed).map(|it| it.request.stream.clone());
        if let Some(stream) = awaited {
            self.give_up(&stream, "the events ended before the run answered", io);
        }
        if self.is_unreachable {
            return;
        }
        self.stage.on_end(now, io);
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        self.stage.on_signal(now, signal, io);
    }

    fn exit(&self) -> Exit {
        if self.is_unreachable {
            return Exit::Unavailable;
        }
        let cancelled = self.cancel.borrow().cancelled() > 0;
        self.stage.exit().or(if cancelled { Exit::Cancelled } else { Exit::Success })
    }
}
