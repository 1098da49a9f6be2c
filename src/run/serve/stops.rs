//! Signals that end the server.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::lifecycle::ONE_STOP;
use crate::run::signal::ignored;

#[derive(Debug)]
pub(super) struct Stops {
    terminate: Signal,
    interrupt: Signal,
    /// `None` after `nohup`.
    hangup: Option<Signal>,
}

impl Stops {
    /// Catches the signals from now on.
    pub(super) fn catch() -> io::Result<Self> {
        let hears = !ignored(Number::HUP.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: hears.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for a signal.
    pub(super) async fn first(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }

    /// Waits for another signal, which belongs to no stop before.
    pub(super) async fn again(&mut self) {
        let together = sleep(ONE_STOP);
        tokio::pin!(together);
        loop {
            tokio::select! {
                () = &mut together => break,
                () = self.first() => {}
            }
        }
        self.first().await;
    }
}
