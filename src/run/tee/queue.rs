//! Queue of one sink and its account. The producer does not wait, except once and briefly for a sink that is as fast as
//! a disk.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::spool::{RecordHead, Spool, SpoolLimits, Stored};
use crate::backoff::Wait;
use crate::sink::Sink;

#[derive(Debug, Clone)]
pub(super) struct Chunk {
    bytes: Arc<Vec<u8>>,
    pub lines: u64,
}

impl Chunk {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let feeds = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let open = bytes.last().is_some_and(|b| *b != b'\n');
        Self { bytes: Arc::new(bytes), lines: feeds + u64::from(open) }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Stored for Chunk {
    fn head(&self) -> RecordHead {
        (self.lines, 0)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn restore((lines, _): RecordHead, bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes), lines }
    }
}

/// Account of one sink, in lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// Accepted and not settled.
    pub owed: u64,
    pub failed: u64,
    pub doubtful: u64,
    /// Arrived after the sink was given up or had broken.
    pub lost: u64,
    /// Current error while the sink is retried.
    pub failing: Option<String>,
    /// Why the last try did not succeed, also where that is no failure.
    pub reason: Option<String>,
    /// True once the sink has ended and is not retried.
    pub over: bool,
    pub trouble: bool,
    pub finished: bool,
}

/// Wait for room in the memory of a prompt sink's queue: longer than Linux pauses a writer while pages go to disk (200
/// ms, `MAX_PAUSE` in mm/page-writeback.c), because that is no reason to write them twice.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct State {
    spool: Spool<Chunk>,
    /// True if the producer waits for room: the sink has been prompt so far.
    patient: bool,
    closed: bool,
    /// True once the queue has overflowed.
    given_up: bool,
    account: Account,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    more: Condvar,
    room: Condvar,
    prompt: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Put {
    Queued,
    /// Overflow, reported once; later items are lost.
    GivenUp(String),
    Lost,
}

impl Queue {
    pub(super) fn new(limits: SpoolLimits, sink: &dyn Sink) -> Self {
        let prompt = sink.is_prompt();
        let state = State {
            spool: Spool::new(limits),
            patient: prompt,
            closed: false,
            given_up: false,
            account: Account::default(),
        };
        Self { state: Mutex::new(state), more: Condvar::new(), room: Condvar::new(), prompt }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, chunk: &Chunk) -> Put {
        let mut state = self.wait_for_room(self.lock());
        if state.given_up || state.account.over {
            state.account.lost += chunk.lines;
            return Put::Lost;
        }
        if state.spool.is_full() {
            state.given_up = true;
            state.account.lost += chunk.lines;
            state.account.trouble = true;
            let why = state.spool.failed().map(|e| format!(" ({e})"));
            return Put::GivenUp(why.unwrap_or_default());
        }
        let was_empty = state.spool.is_empty();
        state.spool.push(chunk.clone());
        state.account.owed += chunk.lines;
        if was_empty {
            self.more.notify_one();
        }
        Put::Queued
    }

    /// Waits briefly to spare the disk; after a timeout not again until the sink has caught up.
    fn wait_for_room<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.patient && state.spool.overflows() && !state.account.over {
            let full = |state: &mut State| state.spool.overflows() && !state.account.over;
            let waited = self.room.wait_timeout_while(state, PATIENCE, full);
            let (woken, time) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.patient = !time.timed_out();
        }
        state
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }

    /// Removes the oldest item, waiting for one; `None` at the end.
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut state = self.lock();
        loop {
            match state.spool.pop() {
                Ok(Some(chunk)) => {
                    state.patient |= self.prompt && state.spool.is_empty();
                    self.room.notify_one();
                    return Some(chunk);
                }
                Ok(None) if state.closed => return None,
                Ok(None) => {
                    state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Err(e) => {
                    // The content of the file is lost.
                    state.account.failing = Some(format!("cannot read the spool: {e}"));
                    (state.account.over, state.account.trouble) = (true, true);
                    return None;
                }
            }
        }
    }

    /// Waits before another try: all of `time` if the sink asked for it, else until the input ends.
    pub(super) fn pause(&self, time: Duration, wait: Wait) {
        let asked = matches!(wait, Wait::Asked(_));
        let until = Instant::now() + time;
        let mut state = self.lock();
        let was_closed = state.closed;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || (!asked && state.closed && !was_closed) {
                return;
            }
            let woken = self.more.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.lock().account);
        self.room.notify_one();
    }

    pub(super) fn account(&self) -> Account {
        self.lock().account.clone()
    }

    pub(super) fn takes(&self) -> bool {
        let state = self.lock();
        !state.given_up && !state.account.over
    }
}
