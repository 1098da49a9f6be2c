//! Signals as bytes on a pipe, and dying of one so that the shell sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGCHLD;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// The signals that a loop wants to know of.
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Catches `signals`, each as far as it was not ignored when the process started. The second time a signal other
    /// than SIGCHLD comes and `last` is `Default`, it has its default effect even if the loop is stuck in a write.
    pub(super) fn catch(signals: &[i32], second: Second) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let wanted: Vec<i32> =
            signals.iter().copied().filter(|s| *s == SIGCHLD || !ignored(*s)).collect();
        for &signal in wanted.iter().filter(|_| second == Second::Default) {
            let seen = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&seen))?;
            signal_hook::flag::register(signal, seen)?;
        }
        Ok(Self { delivery: SignalDelivery::with_pipe(read, write, SignalOnly, wanted)? })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// The signals that have come since the last call.
    pub(super) fn take(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

/// What a signal does that comes a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// What it does to any process.
    Default,
    /// It is reported like the first.
    Report,
}

/// Whether a signal is ignored, as after `nohup` or in a shell's background job: then it stays so.
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

/// Lets a signal do nothing to us, but to the children that we start what it always does.
pub(super) fn survive(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).map(|_| ())
}

/// Ends the process by `signal` itself; by status 128 + `signal` where that does not end it.
pub fn die_of(signal: i32) -> ! {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    std::process::exit(128 + signal)
}
