//! HTTP server in front of background runs (docs/GUIDE.md). It owns no run: what it shows are the files of the state
//! directory, what it starts is started by this program's own `start`, and what it steers it steers by control sockets.

mod body;
mod chat;
mod control;
mod events;
mod export;
mod follow;
mod listen;
mod order;
mod page;
mod problem;
mod router;
mod runs;
mod socket_file;
mod stalled;
mod start;
mod status;
mod stops;
mod stream;
mod texts;
mod token;
mod trace;
mod watch;
mod webhooks;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::sync::{Mutex, Semaphore, watch as channel};
use tokio::task::JoinSet;

use super::output::{print, warn};
use super::state::StateFolder;
use crate::exit::Exit;
use crate::serve::agents::{Agent, DirectCommand};
use crate::serve::doors::{Doors, Token};
pub use listen::Address;
use listen::Listener;
use order::Order;
use stops::Stops;
pub use token::read_secret;
use watch::Watch;
pub use webhooks::HookOptions;
use webhooks::Webhooks;

/// Options of the server.
#[derive(Debug)]
pub struct Options {
    pub listen: Vec<Address>,
    /// Agents that may be started, the default one first.
    pub agents: Vec<Agent>,
    /// Commands of `/direct`.
    pub commands: Vec<DirectCommand>,
    /// Options of `start` for every agent.
    pub wrap: Vec<String>,
    /// Directory below which runs are started.
    pub root: PathBuf,
    /// File with the token; one of the runtime directory if absent.
    pub token_file: Option<PathBuf>,
    pub hosts: Vec<String>,
    pub cors: Vec<String>,
    /// Number of runs that may live at a time.
    pub max_runs: usize,
    /// Number of connections at a time.
    pub max_clients: usize,
    /// Time for answers after a signal that ends the server.
    pub linger: Duration,
    pub on_exit: OnExit,
}

/// Fate of the runs that the server has started, when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// The runs go on.
    Keep,
    /// The runs are ended with the server.
    Cancel,
}

impl crate::named::Named for OnExit {
    const ALL: &'static [(&'static str, &'static str, Self)] = &[
        ("keep", "They go on", OnExit::Keep),
        ("cancel", "They are ended, with all their processes", OnExit::Cancel),
    ];
}

/// State that all requests share.
#[derive(Debug)]
pub(super) struct App {
    state: StateFolder,
    options: Options,
    doors: Doors,
    token: Token,
    root: OwnedFd,
    watch: Arc<Watch>,
    order: Arc<Order>,
    /// `None` without webhooks.
    webhooks: Option<Arc<Webhooks>>,
    /// Held while runs are counted and started.
    starting: Mutex<()>,
    /// Streams of the runs that this server has started.
    started: std::sync::Mutex<Vec<String>>,
    /// Connections that are free.
    clients: Arc<Semaphore>,
    /// True from the signal on that ends the server.
    ends: channel::Sender<bool>,
    began: Instant,
    requests: AtomicU64,
}

/// Serves until a signal.
pub fn serve(options: Options, hooks: HookOptions) -> Result<Exit> {
    let state = StateFolder::open()?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(&options.root, flags, Mode::empty())
        .with_context(|| format!("cannot open {}", options.root.display()))?;
    let token = token::text(options.token_file.as_deref())?;
    raise_file_limit();
    let runtime =
        Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let served = runtime.block_on(async {
        let listeners = listen::bind(&options.listen)?;
        let (order, ordering) = Order::start(&state)?;
        let listens = listeners.iter().filter_map(Listener::tcp_address).collect();
        let doors = Doors { listens, hosts: options.hosts.clone(), cors: options.cors.clone() };
        let tcp = listeners.iter().find(|listener| listener.tcp_address().is_some());
        let url = tcp.or(listeners.first()).map(|it| it.url(&token)).unwrap_or_default();
        let webhooks = if hooks.webhooks.is_empty() {
            None
        } else {
            // What stands in the event files now is past.
            order.catch_up().await;
            Some(Webhooks::start(&state, &order, hooks)?)
        };
        let app = Arc::new(App {
            webhooks,
            watch: Watch::start(&state)?,
            order,
            state,
            doors,
            token: Token::new(&token),
            root,
            starting: Mutex::default(),
            started: std::sync::Mutex::default(),
            clients: Arc::new(Semaphore::new(options.max_clients)),
            ends: channel::Sender::new(false),
            began: Instant::now(),
            requests: AtomicU64::new(0),
            options,
        });
        // Caught from before the address is known, so that whoever has read it may send one.
        let mut stops = Stops::catch().context("cannot catch signals")?;
        let printed = print(format!("{url}\n").as_bytes());
        if printed != Exit::Success {
            return Ok(printed);
        }
        let mut listening = JoinSet::new();
        for listener in listeners {
            listening.spawn(listener.run(app.clone()));
        }
        stops.first().await;
        let _ = app.ends.send(true);
        while listening.join_next().await.is_some() {}
        let ended = async {
            app.end().await;
            app.order.end();
            let _ = tokio::task::spawn_blocking(|| ordering.join()).await;
        };
        tokio::select! {
            () = ended => {}
            () = stops.again() => {}
        }
        Ok(Exit::Success)
    });
    // Requests that still wait for a run do not hold up the end.
    runtime.shutdown_background();
    served
}

/// Raises the soft limit of open files to the hard one: each client is a file.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

impl App {
    /// Lets answers go out, and ends the server's runs if that is wanted.
    async fn end(self: &Arc<Self>) {
        let mut until = Instant::now() + self.options.linger;
        let all = u32::try_from(self.options.max_clients).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.options.linger, self.clients.acquire_many(all)).await;
        if self.options.on_exit == OnExit::Cancel {
            // A start that is under way belongs to them.
            let _none = tokio::time::timeout(self.options.linger, self.starting.lock()).await;
            let app = self.clone();
            let end = move || {
                let streams = locked(&app.started).clone();
                control::end_all(&app.state, &streams);
            };
            let _ = tokio::task::spawn_blocking(end).await;
            until = Instant::now() + self.options.linger;
        }
        if let Some(webhooks) = &self.webhooks {
            let _ = tokio::time::timeout_at(until.into(), self.order.catch_up()).await;
            webhooks.end(until).await;
        }
    }

    /// Remembers runs that this server has started, if they end with it.
    fn remember(&self, streams: &[String]) {
        if self.options.on_exit == OnExit::Keep {
            return;
        }
        locked(&self.started).extend_from_slice(streams);
    }

    fn is_ending(&self) -> bool {
        *self.ends.borrow()
    }

    /// Number of open connections.
    fn connections(&self) -> usize {
        self.options.max_clients - self.clients.available_permits()
    }
}

fn locked<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
