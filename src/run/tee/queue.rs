//! Queue of one sink and its account. The producer waits once, briefly, for a sink as fast as a disk.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::spool::{Record, Spool, SpoolLimits};
use super::status::SinkStatus;
use crate::backoff::Wait;
use crate::sink::Sink;

#[derive(Debug)]
pub(super) struct Chunk {
    pub bytes: Arc<Vec<u8>>,
    pub lines: u64,
}

impl Chunk {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let feeds = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let open = bytes.last().is_some_and(|b| *b != b'\n');
        Self { bytes: Arc::new(bytes), lines: feeds + u64::from(open) }
    }
}

/// Ranges of the lines of a chunk, line feeds included.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).chain([bytes.len()]);
    let mut start = 0;
    ends.map(move |end| std::mem::replace(&mut start, end)..end).filter(|line| !line.is_empty())
}

/// Wait for room in the memory of a prompt sink's queue: longer than Linux pauses a writer while pages go to disk (200
/// ms, `MAX_PAUSE` in mm/page-writeback.c), because that is no reason to write them twice.
const PATIENCE: Duration = Duration::from_millis(250);

struct State {
    spool: Spool,
    /// True if the producer waits for room: the sink has been prompt so far.
    patient: bool,
    closed: bool,
}

pub(super) struct Queue {
    pub status: Arc<SinkStatus>,
    state: Mutex<State>,
    more: Condvar,
    room: Condvar,
    prompt: bool,
}

impl Queue {
    pub(super) fn new(limits: SpoolLimits, sink: &dyn Sink, status: Arc<SinkStatus>) -> Self {
        let prompt = sink.is_prompt();
        let state = Mutex::new(State { spool: Spool::new(limits), patient: prompt, closed: false });
        Self { status, state, more: Condvar::new(), room: Condvar::new(), prompt }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a chunk; on overflow, reported once, the reason. Later chunks are lost.
    pub(super) fn put(&self, chunk: &Chunk) -> Option<String> {
        let mut state = self.wait_for_room(self.lock());
        let mut account = self.status.account();
        if account.given_up || account.over {
            account.lost += chunk.lines;
            return None;
        }
        if state.spool.is_full() {
            account.lost += chunk.lines;
            (account.given_up, account.trouble) = (true, true);
            let why = state.spool.failed.as_ref().map(|e| format!(" ({e})"));
            return Some(why.unwrap_or_default());
        }
        account.owed += chunk.lines;
        drop(account);
        let was_empty = state.spool.is_empty();
        let bytes = Arc::clone(&chunk.bytes);
        state.spool.push(Record { number: chunk.lines, tag: 0, bytes });
        if was_empty {
            self.more.notify_one();
        }
        None
    }

    /// Waits briefly to spare the disk; after a timeout not again until the sink has caught up.
    fn wait_for_room<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let full = |state: &mut State| {
            state.patient && state.spool.overflows() && !self.status.account().over
        };
        let waited = self.room.wait_timeout_while(state, PATIENCE, full);
        let (mut state, time) = waited.unwrap_or_else(PoisonError::into_inner);
        state.patient &= !time.timed_out();
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
                Ok(Some(Record { number: lines, bytes, .. })) => {
                    state.patient |= self.prompt && state.spool.is_empty();
                    self.room.notify_one();
                    return Some(Chunk { bytes, lines });
                }
                Ok(None) if state.closed => return None,
                Ok(None) => {
                    state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Err(e) => {
                    // The content of the file is lost.
                    let mut account = self.status.account();
                    account.reason.get_or_insert(format!("cannot read the spool: {e}"));
                    (account.over, account.trouble) = (true, true);
                    return None;
                }
            }
        }
    }

    /// Waits before another try: all of `time` if the sink asked for it, else until the input ends.
    pub(super) fn pause(&self, time: Duration, wait: Wait) {
        let requested = matches!(wait, Wait::Asked(_));
        let until = Instant::now() + time;
        let mut state = self.lock();
        let was_closed = state.closed;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || (!requested && state.closed && !was_closed) {
                return;
            }
            let woken = self.more.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Releases a producer that waits for a sink that has ended.
    pub(super) fn end(&self) {
        let _state = self.lock();
        self.room.notify_one();
    }
}
