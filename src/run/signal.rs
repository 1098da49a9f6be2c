//! Signals as bytes on a pipe, and dying of one so that the shell sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGXCPU,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::lifecycle::ONE_STOP;
use crate::time::Time;

/// The signals that ask a process to end, or end it if it does not care for them (signal(7)). Those of a fault, and the
/// real-time ones, are not among them.
pub(super) const ENDS: [i32; 11] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO,
];

/// How long the upstream of a filter may take for its end when both are told to stop: the grace that `wrap` gives its agent
/// by default, and a second.
const LAST_WORDS: Duration = Duration::from_secs(6);

/// The signals that a loop wants to know of.
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Catches `signals`, each as far as it was not ignored when the process started. If `last` is `Default`, a signal other
    /// than SIGCHLD that comes again more than [`ONE_STOP`] after its first time has its default effect, even if the loop is
    /// stuck in a write.
    pub(super) fn catch(signals: &[i32], on_repeat: OnRepeat) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let wanted: Vec<i32> =
            signals.iter().copied().filter(|s| *s == SIGCHLD || !ignored(*s)).collect();
        for &signal in wanted.iter().filter(|_| on_repeat == OnRepeat::Default) {
            default_again(signal)?;
        }
        Ok(Self { delivery: SignalDelivery::with_pipe(read, write, SignalOnly, wanted)? })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// The signals that have come since the last call. In which order is not known: SIGTERM, which names the request best, is
    /// the first.
    pub(super) fn take(&mut self) -> Vec<i32> {
        let mut signals: Vec<i32> = self.delivery.pending().collect();
        signals.sort_by_key(|signal| *signal != SIGTERM);
        signals
    }
}

/// What a signal does that comes a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnRepeat {
    /// What it does to any process, once [`ONE_STOP`] is over.
    Default,
    /// It is reported like the first.
    Report,
}

/// Gives `signal` its default effect when it comes again after [`ONE_STOP`].
fn default_again(signal: i32) -> io::Result<()> {
    // When it first came, in milliseconds from here; 0: it has not come yet.
    let (start, first) = (Instant::now(), AtomicU64::new(0));
    let handler = move || {
        let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let since = first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        if since.is_err_and(|first| u128::from(now - first.min(now)) >= ONE_STOP.as_millis()) {
            die_now(signal);
        }
    };
    // SAFETY: the handler reads a clock, touches an atomic and calls what is made for handlers; it allocates nothing and
    // takes no lock.
    unsafe { signal_hook::low_level::register(signal, handler) }.map(|_| ())
}

/// The signal of which a process is to die, as far as signals have asked for its end. One stop often arrives as several:
/// sent to a process and to its group, by the kernel and by the shell, as SIGTERM and SIGHUP.
#[derive(Debug, Default)]
pub(super) struct Death(Option<(i32, Time)>);

impl Death {
    /// A signal asks for the end. `true`: it asks again, more than [`ONE_STOP`] after the last that counted.
    pub(super) fn request(&mut self, now: Time, signal: i32) -> bool {
        let again = self.0.map(|(_, at)| now >= at + ONE_STOP);
        if again != Some(false) {
            self.0 = Some((signal, now));
        }
        again == Some(true)
    }

    /// The signal of which the process is to die when all is said.
    pub(super) fn signal(&self) -> Option<i32> {
        self.0.map(|(signal, _)| signal)
    }
}

/// What signals want of a loop that reads what others write.
#[derive(Debug, Default)]
pub(super) struct Stopping {
    death: Death,
    /// When nothing more is read, whoever still writes.
    until: Option<Time>,
}

impl Stopping {
    /// A signal asks for the end. A ^C, and a terminal that goes, reach the upstream too, and its end is waited for. So does
    /// a SIGTERM to a whole job (`timeout`, a service): if the upstream is of our job (`fed`), it has [`LAST_WORDS`].
    pub(super) fn request(&mut self, now: Time, signal: i32, fed: impl FnOnce() -> bool) {
        self.death.request(now, signal);
        let until = match signal {
            SIGINT | SIGHUP => return,
            SIGTERM if fed() => now + LAST_WORDS,
            _ => now,
        };
        self.until = Some(self.until.map_or(until, |at| at.min(until)));
    }

    /// When nothing more is to be read.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.until
    }

    /// True if nothing more is to be read.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.until.is_some_and(|at| at <= now)
    }

    /// The signal of which the process is to die when all is said.
    pub(super) fn signal(&self) -> Option<i32> {
        self.death.signal()
    }
}

/// True if a signal is ignored, as after `nohup` or in a shell's background job: then it stays so.
fn ignored(signal: i32) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null `act` only asks; `old` is a valid place for the answer and zeroed is a valid sigaction.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) == 0
            && old.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ignores a signal from now on, as `nohup` would have done.
pub(super) fn ignore(signal: i32) {
    // SAFETY: SIG_IGN is a valid action, and nothing of ours is called.
    unsafe {
        libc::signal(signal, libc::SIG_IGN);
    }
}

/// Lets the children that we start do what these signals ask, where we were started with them ignored.
pub(super) fn heed(signals: &[i32]) {
    for signal in signals.iter().filter(|signal| ignored(**signal)) {
        let _ = survive(*signal);
    }
}

/// Has SIGHUP do no more than call `hear`, which may do what a signal handler may do.
pub(super) fn on_hangup(hear: fn()) -> io::Result<()> {
    // SAFETY: an atomic counter is all that the callers' functions touch.
    unsafe { signal_hook::low_level::register(SIGHUP, hear) }.map(|_| ())
}

/// Lets a signal do nothing to us, but to the children that we start what it always does.
pub(super) fn survive(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).map(|_| ())
}

/// Mends what a parent may have left to us: signals that are blocked, an ignored SIGCHLD, without which no end of a child is
/// learnt, and a limit for the size of files (`ulimit -f`), at which a write is to fail as on a full disk.
pub fn reset_inherited() {
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `none` is a valid place for a set and is filled before it is read; a null place asks for nothing; SIG_DFL is a
    // valid action.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
        if ignored(SIGCHLD) {
            libc::signal(SIGCHLD, libc::SIG_DFL);
        }
    }
    if !ignored(libc::SIGXFSZ) {
        let _ = survive(libc::SIGXFSZ);
    }
}

/// Ends the process by `signal` itself; by status 128 + `signal` where that does not end it, as that of a container's first
/// process. It leaves no core: of an agent that has left one, that is the one to keep.
pub fn die_of(signal: i32) -> ! {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    die_now(signal)
}

/// As [`die_of`], for handlers too.
fn die_now(signal: i32) -> ! {
    let mut this = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `this` is a valid place for a set and is filled before it is read; SIG_DFL is a valid action; all of it may
    // be called in a handler.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::sigemptyset(this.as_mut_ptr());
        libc::sigaddset(this.as_mut_ptr(), signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, this.as_ptr(), std::ptr::null_mut());
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}
