//! Listening sockets of the server, and their connections, each of which is bounded in time and memory.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::problem::AGAIN_AFTER;
use super::router::{self, Door};
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
    Unix(UnixListener, PathBuf),
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
            Address::Unix(path) => Listener::Unix(bind_unix(path)?, path.clone()),
        });
    }
    Ok(listeners)
}

/// Opens a socket that only this user reaches, in the place of one that a killed server has left.
fn bind_unix(path: &Path) -> Result<UnixListener> {
    let cannot = || format!("cannot listen at {}", path.display());
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            bail!("another server listens at {}", path.display());
        }
        std::fs::remove_file(path).with_context(cannot)?;
    }
    // It gets its name when its mode is right.
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let listener = std::os::unix::net::UnixListener::bind(&fresh).with_context(cannot)?;
    let ready = std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&fresh, path))
        .and_then(|()| listener.set_nonblocking(true));
    if let Err(e) = ready {
        let _ = std::fs::remove_file(&fresh);
        return Err(anyhow!(e).context(cannot()));
    }
    UnixListener::from_std(listener).with_context(cannot)
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
            Listener::Unix(_, path) => format!("unix:{}", path.display()),
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
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn accept(&self, app: &Arc<App>, router: &Router) -> std::io::Result<()> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                connect(app, router, Door::Tcp, stream);
            }
            Listener::Unix(listener, _) => {
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
            tokio::spawn(turn_away(stream));
        }
    }
}

async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {AGAIN_AFTER}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let written = stream.write_all(answer.as_bytes());
    let _ = tokio::time::timeout(PAUSE, written).await;
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
