//! Listening sockets of the server, and their connections, each of which is bounded in time and memory.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::problem::{AGAIN_AFTER, Problem};
use super::router::{self, Door};
use super::socket_file::{self, SocketFile};
use super::stalled::{Stalled, TAKES_WITHIN};
use super::{App, warn};

/// Time for the head of a request, and for the next one on a connection.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of a connection's buffers.
const BUFFER: usize = 16 << 10;

/// Pause after a failure to accept, as when there are no descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Address by its form on a command line: `ADDRESS:PORT` or `unix:PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("write unix:PATH".into()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => {
                let text = text.replace("localhost:", "127.0.0.1:");
                text.parse().map(Self::Tcp).map_err(|_| "write ADDRESS:PORT or unix:PATH".into())
            }
        }
    }

    /// True if only processes of this machine reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    /// The file goes first: a server that follows finds nobody behind a file that is left.
    Unix(SocketFile, UnixListener),
}

/// Opens all sockets.
pub(super) fn bind(addresses: &[Address]) -> Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(match address {
            Address::Tcp(address) => {
                let cannot = || format!("cannot listen at {address}");
                let socket = std::net::TcpListener::bind(address).with_context(cannot)?;
                socket.set_nonblocking(true).with_context(cannot)?;
                let at = socket.local_addr().with_context(cannot)?;
                Listener::Tcp(TcpListener::from_std(socket).with_context(cannot)?, at)
            }
            Address::Unix(path) => {
                let (file, socket) = socket_file::bind(path)?;
                let socket = UnixListener::from_std(socket);
                Listener::Unix(file, socket.with_context(|| socket_file::cannot(path))?)
            }
        });
    }
    Ok(listeners)
}

impl Listener {
    pub(super) fn tcp_address(&self) -> Option<(IpAddr, u16)> {
        match self {
            Listener::Tcp(_, at) => Some((at.ip(), at.port())),
            Listener::Unix(..) => None,
        }
    }

    /// Address for people. The token stands in the fragment, which no browser sends.
    pub(super) fn url(&self, token: &str) -> String {
        match self {
            Listener::Tcp(_, at) => format!("http://{at}/#token={token}"),
            Listener::Unix(file, _) => format!("unix:{}", file.path().display()),
        }
    }

    /// Accepts connections until the server ends.
    pub(super) async fn run(self, app: Arc<App>) {
        let router = router::router(&app);
        let mut ends = app.ends.subscribe();
        loop {
            let accepted = tokio::select! {
                _ = ends.wait_for(|ends| *ends) => break,
                accepted = self.accept(&app, &router) => accepted,
            };
            if let Err(e) = accepted {
                warn(format_args!("cannot accept a connection: {e}"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn accept(&self, app: &Arc<App>, router: &Router) -> std::io::Result<()> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                connect(app, router, Door::Tcp, stream);
            }
            Listener::Unix(_, listener) => {
                let (stream, _) = listener.accept().await?;
                let user = rustix::process::geteuid().as_raw();
                if stream.peer_cred().is_ok_and(|peer| peer.uid() == user) {
                    connect(app, router, Door::Unix, stream);
                }
            }
        }
        Ok(())
    }
}

/// Serves a connection; one too many is told so.
fn connect<S>(app: &Arc<App>, router: &Router, door: Door, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (app, router) = (app.clone(), router.clone());
    match app.clients.clone().try_acquire_owned() {
        Ok(permit) => {
            tokio::spawn(async move {
                converse(app, router, door, stream).await;
                drop(permit);
            });
        }
        Err(_) => {
            let most = app.options.max_clients;
            let problem = Problem::new(429, format!("{most} connections at a time: come again"));
            tokio::spawn(turn_away(problem, stream));
        }
    }
}

async fn turn_away(problem: Problem, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let body = problem.json();
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {AGAIN_AFTER}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // A request that nobody reads would take the answer with it.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(PAUSE, told).await;
}

async fn converse<S>(app: Arc<App>, router: Router, door: Door, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut ends = app.ends.subscribe();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, router) = (app.clone(), router.clone());
        async move {
            Ok::<_, std::convert::Infallible>(router::answer(&app, router, door, request).await)
        }
    });
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(BUFFER);
    let connection =
        protocol.serve_connection(TokioIo::new(Stalled::new(stream, TAKES_WITHIN)), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ends.wait_for(|ends| *ends) => connection.as_mut().graceful_shutdown(),
    }
    // A client that leaves in the middle is no failure.
    let _ = connection.await;
}
