//! What waits for one sink, and the account of it. Whoever fills it does not wait for whoever empties it, but once and for a
//! moment where that is a sink that is as fast as a disk.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::spool::{RecordHead, Spool, SpoolLimits, Stored};

/// Bytes for one or several sinks.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    bytes: Arc<Vec<u8>>,
    /// Lines of it.
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
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn restore(head: RecordHead, bytes: Vec<u8>) -> Self {
        let [l0, l1, l2, l3, l4, l5, l6, l7, _] = head;
        Self { bytes: Arc::new(bytes), lines: u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]) }
    }
}

/// The account of one sink.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// Lines that were taken for it and have not been settled.
    pub owed: u64,
    /// Lines that it refused.
    pub failed: u64,
    /// Lines of which nobody knows whether they arrived.
    pub doubtful: u64,
    /// Lines that came after it had been given up or had broken.
    pub lost: u64,
    /// What it has to warn_user of now, while it is tried again.
    pub failing: Option<String>,
    /// Why the last try was none that succeeded, also where that is no complaint.
    pub reason: Option<String>,
    /// It takes nothing more, and nobody tries it again.
    pub over: bool,
    /// It has done something that the exit status is to show.
    pub trouble: bool,
    /// It has had its last word.
    pub finished: bool,
}

/// How long whoever fills the queue of a prompt sink waits for room in memory: longer than Linux makes a writer pause while
/// pages go to the disk (200 ms, `MAX_PAUSE` in mm/page-writeback.c), for that is no reason to write them twice.
const PATIENCE: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct State {
    spool: Spool<Chunk>,
    /// True if room is waited for: the sink is prompt, and has been so up to now.
    patient: bool,
    closed: bool,
    /// Nothing more is put in.
    given_up: bool,
    account: Account,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    more: Condvar,
    room: Condvar,
    prompt: bool,
}

/// What became of something that was put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Put {
    Queued,
    /// It did not fit, and nothing will from now on. Said once.
    GivenUp(String),
    /// It was given up before, or has ended.
    Lost,
}

impl Queue {
    /// An empty one for a sink, which is prompt or not ([`crate::sink::Sink::is_prompt`]).
    pub(super) fn new(limits: SpoolLimits, prompt: bool) -> Self {
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

    /// Puts something in.
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
        let [l0, l1, l2, l3, l4, l5, l6, l7] = chunk.lines.to_le_bytes();
        let head = [l0, l1, l2, l3, l4, l5, l6, l7, 0];
        state.spool.put(head, chunk, || chunk.clone());
        state.account.owed += chunk.lines;
        if was_empty {
            self.more.notify_one();
        }
        Put::Queued
    }

    /// Waits a moment where that spares the disk; a sink for which that was in vain is not waited for until it has caught up.
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

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }

    /// The oldest that waits, as soon as there is one; `None`: there will be none.
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
                    // What lay in the file cannot be had again.
                    state.account.failing = Some(format!("cannot read the spool: {e}"));
                    (state.account.over, state.account.trouble) = (true, true);
                    return None;
                }
            }
        }
    }

    /// Waits before another try: all of `time`, or, where the sink did not ask for it, until nothing more comes.
    pub(super) fn pause(&self, time: Duration, asked: bool) {
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

    /// Changes the account.
    pub(super) fn note(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.lock().account);
        self.room.notify_one();
    }

    pub(super) fn account(&self) -> Account {
        self.lock().account.clone()
    }

    /// True if anything that is put in may still arrive.
    pub(super) fn takes(&self) -> bool {
        let state = self.lock();
        !state.given_up && !state.account.over
    }
}
