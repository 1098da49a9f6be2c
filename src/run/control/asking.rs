//! The filter `cancel` with hands: what it wants ended is asked of the wrap whose events it reads, while the events go on.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::client::{Answer, Client, find_word};
use super::lineage::{self, Lineage};
use super::protocol::{Ask, Request};
use crate::exit::Exit;
use crate::filter::cancel::{Desk, Wish, refusal};
use crate::stage::{FilterStage, Io, STDIN, Stage};
use crate::time::Time;

/// How long a wrap may take to say whether it will end a turn.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A chain with the filter `cancel`, and who carries out what that wants.
pub struct Asking {
    stage: FilterStage,
    desk: Rc<RefCell<Desk>>,
    grace: Duration,
    asked: Vec<Asked>,
    /// The file that is read; `None`: our stdin.
    source: Option<PathBuf>,
}

struct Asked {
    wish: Wish,
    client: Client,
    until: Time,
}

impl Asking {
    /// The filter in `stage` lays its wishes on `desk`; an agent that does not obey is killed after `grace`.
    #[must_use]
    pub fn new(stage: FilterStage, desk: Rc<RefCell<Desk>>, grace: Duration) -> Self {
        Self { stage, desk, grace, asked: Vec::new(), source: None }
    }

    fn carry_out(&mut self, now: Time, io: &mut Io) {
        loop {
            let wishes = std::mem::take(&mut self.desk.borrow_mut().wishes);
            if wishes.is_empty() {
                return;
            }
            for wish in wishes {
                match self.ask(&wish) {
                    Ok(client) => {
                        let until = now + ANSWER_WITHIN;
                        self.asked.push(Asked { wish, client, until });
                    }
                    Err((code, why)) => self.refuse(now, &wish, code, &why, io),
                }
            }
        }
    }

    fn ask(&self, wish: &Wish) -> Result<Client, (&'static str, String)> {
        let found = find_word(wish.control.pid, &wish.control.word);
        let Some(mut found) = found else {
            return Err(("gone", "the run is not there any more".into()));
        };
        // Its own number for itself is another's here if it is numbered apart.
        if found
            .client
            .pid()
            .is_some_and(|pid| lineage::of(self.source.as_deref(), pid) == Lineage::Another)
        {
            let why = "these events do not come from the run itself: a recording of it";
            return Err(("recording", why.into()));
        }
        let mut request = Request::new(Ask::Cancel);
        request.stream = Some(wish.stream.clone());
        request.control = Some(wish.control.word.clone());
        request.turn = Some(wish.turn);
        request.by = Some("filter".into());
        request.reason = Some(wish.reason.clone());
        request.grace_ms = u64::try_from(self.grace.as_millis()).ok();
        let sent = found.client.ask(&request);
        sent.map_err(|e| ("gone", format!("the run cannot be asked: {e}")))?;
        Ok(found.client)
    }

    fn refuse(&mut self, now: Time, wish: &Wish, code: &str, why: &str, io: &mut Io) {
        self.stage.tell(now, &refusal(wish, code, why), io);
    }

    fn hear(&mut self, now: Time, io: &mut Io) {
        let mut refused = Vec::new();
        self.asked.retain_mut(|asked| {
            let late = asked.until <= now;
            let said = asked.client.hear().into_iter().next();
            let (code, why) = match said {
                None if late => ("silent", "the run does not answer".into()),
                None => return true,
                // Its `turn_cancelled` comes the way the events come.
                Some(Answer::Accepted) => return false,
                Some(Answer::Refused(code, why)) if code == "no_turn" => ("no_turn", why),
                Some(Answer::Refused(code, why)) if code == "other_turn" => ("other_turn", why),
                Some(Answer::Refused(_, why)) => ("refused", why),
                Some(Answer::Lost(why)) => ("gone", why),
                Some(_) => ("gone", "the answer is not understood".into()),
            };
            refused.push((asked.wish.clone(), code, why));
            false
        });
        for (wish, code, why) in refused {
            self.refuse(now, &wish, code, &why, io);
        }
        self.carry_out(now, io);
    }
}

impl Stage for Asking {
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
        let patience = self.asked.iter().map(|asked| asked.until);
        self.stage.deadline().into_iter().chain(patience).min()
    }

    fn on_tick(&mut self, now: Time, io: &mut Io) {
        self.stage.on_tick(now, io);
        self.hear(now, io);
    }

    fn beside(&self) -> Vec<BorrowedFd<'_>> {
        self.asked.iter().map(|asked| asked.client.fd()).collect()
    }

    fn on_beside(&mut self, now: Time, io: &mut Io) {
        self.hear(now, io);
    }

    fn is_over(&self) -> bool {
        self.desk.borrow().over
    }

    fn on_end(&mut self, now: Time, io: &mut Io) {
        self.stage.on_end(now, io);
    }

    fn on_signal(&mut self, now: Time, signal: i32, io: &mut Io) {
        self.stage.on_signal(now, signal, io);
    }

    fn exit(&self) -> Exit {
        let cancelled = self.desk.borrow().cancelled > 0;
        self.stage.exit().or(if cancelled { Exit::Cancelled } else { Exit::Success })
    }
}
