//! Webhooks of the server: a thread for each, which sends what the ledger holds. One server at a time has the ledger; another
//! takes over when it ends. A slow endpoint delays nothing but itself.

mod hook;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::sync::watch;

use super::order::{Order, Seen};
use crate::exit::{Exit, Refusal};
use crate::ledger::{Ability, InDoubt, Options as Delivering};
use crate::run::Clock;
use crate::run::ledger::{Driver, InUse, Progress, Shared, Store, Switch};
use crate::run::output::warn;
use crate::run::state::StateFolder;
use crate::serve::webhook::{From, Webhook};
use crate::sink::http::HookSink;
use crate::sink::reach::Reach;
use crate::sink::signature::SigningKeys;
use crate::time::Time;
use hook::{Hook, Stage};
use worker::Worker;

const LEDGER: &str = "webhooks.db";

/// Time between looks at a ledger that another server has, or that cannot be written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tries that an endpoint may refuse before an event is given up: about a day.
const TRIES: u32 = 295;

/// Options of the webhooks.
#[derive(Debug)]
pub struct HookOptions {
    pub webhooks: Vec<Webhook>,
    pub keys: Option<SigningKeys>,
    pub reach: Reach,
}

impl HookOptions {
    /// Sink of a webhook.
    pub fn open(&self, webhook: &Webhook) -> Result<HookSink, String> {
        HookSink::new(&webhook.url, &webhook.address.web, self.keys.clone(), self.reach)
    }
}

/// Threads of all webhooks.
#[derive(Debug)]
pub(super) struct Webhooks {
    hooks: Vec<Arc<Hook>>,
    /// True once everything has ended.
    ended: watch::Sender<bool>,
}

/// Ledger of the webhooks, and the folder that it belongs to.
struct Storage {
    store: Shared,
    state: StateFolder,
}

/// Owner of the ledger: the thread that registers the webhooks and runs theirs.
struct Owner {
    webhooks: Arc<Webhooks>,
    options: HookOptions,
    state: StateFolder,
    path: PathBuf,
    order: Arc<Order>,
    /// Place in the order from which new webhooks get events.
    from: Seen,
    since: Time,
}

impl Webhooks {
    /// Opens the ledger and starts the threads. What is numbered now is past for a new webhook.
    pub(super) fn start(
        state: &StateFolder,
        order: &Arc<Order>,
        options: HookOptions,
    ) -> Result<Arc<Self>> {
        let hooks = options.webhooks.iter().cloned().map(Hook::new).map(Arc::new).collect();
        let webhooks = Arc::new(Self { hooks, ended: watch::Sender::new(false) });
        let from = *order.seen.borrow();
        let owner = Owner {
            webhooks: webhooks.clone(),
            options,
            state: state.clone(),
            path: state.path().join(LEDGER),
            order: order.clone(),
            from,
            since: Clock::start().now(),
        };
        let first = owner
            .begin()
            .map_err(|e| Refusal { exit: Exit::CannotWrite, why: format!("{e:#}") })?;
        if first.is_none() {
            warn(format_args!(
                "another server delivers to webhooks, so this one waits for its end"
            ));
        }
        let woken = webhooks.clone();
        let mut seen = order.seen.subscribe();
        tokio::spawn(async move {
            while seen.changed().await.is_ok() {
                woken.hooks.iter().for_each(|hook| hook.wake());
            }
        });
        let thread = std::thread::Builder::new().name("webhooks".into());
        thread.spawn(move || owner.run(first)).context("cannot start a thread")?;
        Ok(webhooks)
    }

    /// Waits until everything has arrived, and until this time at most.
    pub(super) async fn end(&self, until: Instant) {
        self.hooks.iter().for_each(|hook| hook.end(until));
        let mut ended = self.ended.subscribe();
        let _ = tokio::time::timeout_at(until.into(), ended.wait_for(|ended| *ended)).await;
    }

    /// The webhooks and their states, for `GET /status`.
    pub(super) fn shown(&self) -> Vec<Value> {
        self.hooks.iter().map(|hook| hook.shown()).collect()
    }

    fn is_ending(&self) -> bool {
        self.hooks.iter().any(|hook| hook.until().is_some())
    }
}

impl Owner {
    /// Runs the threads of the webhooks until the server ends.
    fn run(self, first: Option<Vec<Worker>>) {
        let mut workers = first;
        loop {
            if let Some(workers) = workers.take() {
                match self.deliver(workers) {
                    Ok(()) => break,
                    Err(e) => {
                        warn(format_args!("webhooks wait: {e:#}"));
                        self.set(Stage::On, Stage::Broken);
                    }
                }
            }
            if self.webhooks.is_ending() {
                break;
            }
            self.webhooks.hooks[0].wait(LOOK_EVERY);
            workers = self.begin().unwrap_or_default();
        }
        self.set(Stage::On, Stage::Ended);
        self.webhooks.ended.send_replace(true);
    }

    fn set(&self, from: Stage, to: Stage) {
        for hook in &self.webhooks.hooks {
            let mut state = hook.state();
            if state.stage == from {
                state.stage = to;
            }
        }
    }

    /// Opens the ledger and registers webhooks that are new; `None` while another server has it.
    fn begin(&self) -> Result<Option<Vec<Worker>>> {
        let store = match Store::open(&self.path) {
            Err(e) if e.downcast_ref::<InUse>().is_some() => return Ok(None),
            store => store?,
        };
        for damage in &store.damage {
            warn(format_args!("{}: {damage}", self.path.display()));
        }
        let storage = Arc::new(Storage { store: Shared::new(store), state: self.state.clone() });
        let stops = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::new();
        for hook in &self.webhooks.hooks {
            let mut store = storage.store.lock();
            let number = store.sink(&hook.webhook.key)?;
            let progress = match store.progress(number)? {
                Some(progress) => progress,
                None => {
                    let progress = self.fresh(hook.webhook.from);
                    store.set_progress(number, &progress)?;
                    progress
                }
            };
            drop(store);
            if progress.switch == Switch::Off {
                hook.state().stage = Stage::Off;
                hook.warn("is switched off, because it has answered with status 410");
                continue;
            }
            let sink = self.options.open(&hook.webhook).map_err(anyhow::Error::msg)?;
            hook.state().stage = Stage::On;
            workers.push(Worker {
                hook: hook.clone(),
                order: self.order.clone(),
                driver: Driver::open(storage.store.clone(), number, delivering())?,
                storage: storage.clone(),
                sink: Box::new(sink),
                number,
                progress,
                clock: Clock::start(),
                written: progress.number,
                stops: stops.clone(),
                last: None,
                due: None,
            });
        }
        Ok(Some(workers))
    }

    fn fresh(&self, from: From) -> Progress {
        let (number, since) = match from {
            From::Start => (0, Time::default()),
            From::Now => (self.from.count, self.since),
        };
        let epoch = self.from.epoch;
        Progress { first_epoch: epoch, since, epoch, number, switch: Switch::On }
    }

    /// Runs a thread for each webhook until all have ended. One that fails ends all, because they share a ledger.
    fn deliver(&self, workers: Vec<Worker>) -> Result<()> {
        let mut threads = Vec::new();
        for worker in workers {
            let (stops, webhooks) = (worker.stops.clone(), self.webhooks.clone());
            let work = move || {
                let done = worker.run();
                if done.is_err() {
                    stops.store(true, Ordering::Relaxed);
                    webhooks.hooks.iter().for_each(|hook| hook.wake());
                }
                done
            };
            let thread = std::thread::Builder::new().name("webhook".into());
            threads.push(thread.spawn(work).context("cannot start a thread")?);
        }
        let mut done = Ok(());
        for thread in threads {
            let ended = thread.join();
            done = done.and(ended.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread has failed"))));
        }
        done
    }
}

/// Rules of delivery: one at a time, again until the endpoint has answered; it recognises an id.
fn delivering() -> Delivering {
    Delivering {
        ability: Ability::Idempotent(Duration::MAX),
        in_doubt: InDoubt::Resend,
        tries: TRIES,
        ..Delivering::default()
    }
}
