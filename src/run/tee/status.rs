//! Status of one sink, shared by its thread and the loop.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::output::warn;
use super::OnError;
#[cfg(feature = "ledger")]
use super::ledger_worker::LedgerAccount;
use crate::backoff::{Gone, MAX_ASKED, Wait};
use crate::sink::Sink;
use crate::term::quoted;

/// Socket whose other end the loop polls.
pub(super) type Waker = Arc<UnixStream>;

/// Longest wait at the end for the outcome of a try that is under way.
pub(super) const LAST_TRY: Duration = Duration::from_secs(1);

pub(super) struct SinkStatus {
    pub name: String,
    on_error: OnError,
    waker: Waker,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
pub(super) struct Account {
    /// Lines accepted by the queue and not settled.
    pub owed: u64,
    pub failed: u64,
    pub doubtful: u64,
    /// Lines that arrived after the sink was given up or had broken.
    pub lost: u64,
    /// Streams in the ledger that wait for the user or the next run.
    pub held: usize,
    #[cfg(feature = "ledger")]
    pub ledger: LedgerAccount,
    /// True while the sink is retried, once that was reported.
    pub failing: bool,
    /// Why the last try did not succeed, also where that is no failure.
    pub reason: Option<String>,
    pub trouble: bool,
    /// True once the queue has overflowed.
    pub given_up: bool,
    /// True once the sink has ended and is not retried.
    pub over: bool,
    pub finished: bool,
    /// True from before a delivery is marked as being sent until its outcome is in the ledger.
    pub trying: bool,
    /// True once no further try may begin.
    pub stopped: bool,
}

impl SinkStatus {
    pub(super) fn new(name: String, on_error: OnError, waker: Waker) -> Self {
        Self { name, on_error, waker, account: Mutex::default() }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn warn(&self, what: &str) {
        warn(format_args!("{}: {}", self.name, quoted(what)));
    }

    /// Wakes the loop, which then looks at the sinks. A full socket has done so already.
    pub(super) fn wake(&self) {
        let _ = (&*self.waker).write(&[0]);
    }

    /// Begins a try, unless none may begin any more.
    pub(super) fn begin_try(&self) -> bool {
        let mut account = self.account();
        account.trying = !account.stopped;
        account.trying
    }

    pub(super) fn end_try(&self) {
        let mut account = self.account();
        account.trying = false;
        if account.stopped {
            self.wake();
        }
    }

    pub(super) fn sent(&self) {
        let mut account = self.account();
        (account.failing, account.reason) = (false, None);
    }

    /// Records a failed try; reports the first in a row, followed by `suffix`.
    pub(super) fn failing(&self, wait: Wait, why: &str, suffix: &str) {
        let mut account = self.account();
        account.reason = Some(why.to_owned());
        let Some(text) = warning_of(wait, why) else { return };
        if !std::mem::replace(&mut account.failing, true) {
            drop(account);
            self.warn(&format!("{text}{suffix}"));
            self.wake();
        }
    }

    /// Records the end of a sink that did not end by itself.
    pub(super) fn gone(&self, gone: Gone, why: &str) {
        if gone == Gone::Broken || self.on_error.pipes {
            self.warn(why);
            self.account().trouble = true;
        }
        self.account().over = true;
    }

    /// Ends the sink, unless it has ended by itself.
    pub(super) fn finish(&self, sink: &mut dyn Sink) {
        let over = self.account().over;
        let finished = if over { Ok(None) } else { sink.finish() };
        self.account().trouble |= finished.is_err();
        if let Some(warning) = finished.unwrap_or_else(Some) {
            self.warn(&warning);
        }
        self.account().finished = true;
        self.wake();
    }
}

/// Longer waits that a sink asks for are reported.
const LONG: Duration = Duration::from_secs(10);

/// Report of a retried sink; `None` if it only asked for a short wait.
fn warning_of(wait: Wait, why: &str) -> Option<String> {
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

/// Texts of the counts above 0.
pub(super) fn counted(counts: &[(u64, &str)]) -> Vec<String> {
    let above = counts.iter().filter(|(count, _)| *count > 0);
    above.map(|(count, what)| format!("{count} {what}")).collect()
}
