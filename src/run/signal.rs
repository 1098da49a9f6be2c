//! Signals as bytes on a socket (self-pipe), and death by a signal that the shell sees.

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

/// Signals whose default action ends a process (signal(7)), without those of faults and the real-time ones.
pub(super) const ENDS: [i32; 11] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO,
];

/// Grace of a filter's upstream when both receive a SIGTERM: wrap's default grace and a second.
const UPSTREAM_GRACE: Duration = Duration::from_secs(6);

#[derive(Debug)]
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Catches `signals`, without those that were ignored when the process started. With [`OnRepeat::Default`] a signal
    /// other than SIGCHLD that is repeated after [`ONE_STOP`] has its default effect, even if the loop is stuck in a
    /// write.
    pub(super) fn catch(signals: &[i32], on_repeat: OnRepeat) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let wanted: Vec<i32> =
            signals.iter().copied().filter(|s| *s == SIGCHLD || !ignored(*s)).collect();
        for &signal in wanted.iter().filter(|_| on_repeat == OnRepeat::Default) {
            default_again(signal)?;
        }
        Ok(Self { delivery: SignalDelivery::with_pipe(read, write, SignalOnly, wanted)? })
    }

    /// Catches more `signals`, with the same exception.
    pub(super) fn add(&self, signals: &[i32]) -> io::Result<()> {
        let handle = self.delivery.handle();
        let mut wanted = signals.iter().filter(|s| **s == SIGCHLD || !ignored(**s));
        wanted.try_for_each(|signal| handle.add_signal(*signal))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// Signals received since the last call; SIGTERM first, because it names the request best.
    pub(super) fn take(&mut self) -> Vec<i32> {
        let mut signals: Vec<i32> = self.delivery.pending().collect();
        signals.sort_by_key(|signal| *signal != SIGTERM);
        signals
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnRepeat {
    Default,
    Report,
}

/// Restores the default action of a repeated `signal` after [`ONE_STOP`].
fn default_again(signal: i32) -> io::Result<()> {
    // Milliseconds from `start` to the first signal; 0 before that.
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

/// Signal of which the process is to die. One stop often arrives as several signals: sent to a process and to its
/// group, by the kernel and by the shell, as SIGTERM and SIGHUP.
#[derive(Debug, Default)]
pub(super) struct Death(Option<(i32, Time)>);

impl Death {
    /// Records a signal; `true` if it repeats one that is older than [`ONE_STOP`].
    pub(super) fn request(&mut self, now: Time, signal: i32) -> bool {
        let again = self.0.map(|(_, at)| now >= at + ONE_STOP);
        if again != Some(false) {
            self.0 = Some((signal, now));
        }
        again == Some(true)
    }

    pub(super) fn signal(&self) -> Option<i32> {
        self.0.map(|(signal, _)| signal)
    }
}

#[derive(Debug, Default)]
pub(super) struct Stopping {
    death: Death,
    /// End of reading, whether or not the input has ended.
    pub until: Option<Time>,
}

impl Stopping {
    /// Records a signal. SIGINT and SIGHUP reach the upstream too, and its end is waited for; after a SIGTERM only if
    /// the upstream is of the same job (`fed`), for [`UPSTREAM_GRACE`].
    pub(super) fn request(&mut self, now: Time, signal: i32, fed: impl FnOnce() -> bool) {
        self.death.request(now, signal);
        let until = match signal {
            SIGINT | SIGHUP => return,
            SIGTERM if fed() => now + UPSTREAM_GRACE,
            _ => now,
        };
        self.until = Some(self.until.map_or(until, |at| at.min(until)));
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        self.until.is_some_and(|at| at <= now)
    }

    pub(super) fn signal(&self) -> Option<i32> {
        self.death.signal()
    }
}

/// True if a signal was inherited as ignored, as after `nohup` or in a shell's background job.
pub(super) fn ignored(signal: i32) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null `act` only asks; `old` is a valid place for the answer and zeroed is a valid sigaction.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) == 0
            && old.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

pub(super) fn ignore(signal: i32) {
    // SAFETY: SIG_IGN is a valid action, and nothing of ours is called.
    unsafe {
        libc::signal(signal, libc::SIG_IGN);
    }
}

/// Restores the default action of inherited ignored signals for child processes.
pub(super) fn heed(signals: &[i32]) {
    for signal in signals.iter().filter(|signal| ignored(**signal)) {
        let _ = survive(*signal);
    }
}

/// Calls `handler`, which must be async-signal-safe, on SIGHUP.
pub(super) fn on_hangup(handler: fn()) -> io::Result<()> {
    // SAFETY: an atomic counter is all that the callers' functions touch.
    unsafe { signal_hook::low_level::register(SIGHUP, handler) }.map(|_| ())
}

/// Discards a signal in this process; child processes have its default action.
pub(super) fn survive(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).map(|_| ())
}

/// Resets inherited state: blocked signals, an ignored SIGCHLD, which hides the ends of children, and the action of
/// SIGXFSZ, so that a write past `ulimit -f` fails as on a full disk.
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

/// Ends the process by `signal`; by status 128 + `signal` where that has no effect, as in the first process of a
/// container. Leaves no core dump.
pub fn die_of(signal: i32) -> ! {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    die_now(signal)
}

/// As [`die_of`], async-signal-safe.
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
