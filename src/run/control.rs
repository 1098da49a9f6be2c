//! Control socket of a wrap, for `spile ps`, `spile cancel` and others (docs/control.md). A client can neither block
//! nor fail a run. A message is one JSON object a line, with the protocol version.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

mod cancel_filter;
mod client;
mod lineage;
mod piped;
mod server;

pub use cancel_filter::CancelFilter;
pub use client::{Answer, Found, ask_all, find};
pub use piped::Piped;
pub(super) use server::{Server, new_word};

/// Process id in the name of a run's files: that of its wrap as that sees it. The run token follows it where another run
/// of the folder has that number in a namespace of its own.
fn pid_of(name: &str) -> Option<u32> {
    name.split('-').next()?.parse().ok()
}

fn path(folder: &Path, name: &str, ending: &str) -> PathBuf {
    folder.join(format!("{name}.{ending}"))
}

/// User and, where available, process of a socket's peer, as this process sees it.
#[cfg(target_os = "linux")]
fn peer(stream: &UnixStream) -> Option<(u32, Option<u32>)> {
    // rustix cannot represent process 0, which stands for a process of a namespace that is invisible here.
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).ok()?;
    // SAFETY: the descriptor is open, and the place is of the type and the size that the option has.
    let status = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    let pid = u32::try_from(peer.pid).ok().filter(|pid| *pid > 0);
    (status == 0).then_some((peer.uid, pid))
}

#[cfg(not(target_os = "linux"))]
fn peer(stream: &UnixStream) -> Option<(u32, Option<u32>)> {
    let (mut user, mut group) = (0, 0);
    // SAFETY: the descriptor is open and both pointers are to places of the right type.
    let status = unsafe { libc::getpeereid(stream.as_raw_fd(), &mut user, &mut group) };
    (status == 0).then_some((user, None))
}

const SOCKET: &str = "sock";

const INFO: &str = "json";

/// Protocol version, the value of `spile`; any other is refused.
const VERSION: u64 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    pub spile: u64,
    pub pid: u32,
    pub stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Run token, also in the `session` event.
    pub control: String,
    pub child: i32,
    pub argv: Vec<String>,
    pub started: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    #[default]
    Query,
    /// Cancels the open turn; `then` is the next prompt.
    Cancel,
    /// Sends a prompt while no turn is open.
    Redirect,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub spile: u64,
    pub ask: Verb,
    /// Intended stream; any other refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Intended run, by the run token of its `session` event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Intended turn; refused if another is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Milliseconds until an agent that does not stop is killed; wrap's own `--grace` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

impl Request {
    pub fn new(ask: Verb) -> Self {
        Self { spile: VERSION, ask, ..Self::default() }
    }

    fn parse(line: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct VersionOnly {
            spile: u64,
        }
        let head: VersionOnly =
            serde_json::from_slice(line).map_err(|e| format!("this is no request: {e}"))?;
        if head.spile != VERSION {
            return Err(format!(
                "version {} of the protocol is not spoken here, only {VERSION}",
                head.spile
            ));
        }
        serde_json::from_slice(line).map_err(|e| format!("this is no request: {e}"))
    }
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    pub answer: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub left: Vec<i32>,
    #[serde(borrow, default)]
    pub event: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut request = Request::new(Verb::Cancel);
        request.stream = Some("s".into());
        request.turn = Some(3);
        let line = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::parse(&line), Ok(request));
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        for (line, want) in [
            (r#"{"spile":2,"ask":"query"}"#, "version 2"),
            (r#"{"spile":1,"ask":"dance"}"#, "this is no request"),
            (r#"{"ask":"query"}"#, "this is no request"),
            ("", "this is no request"),
            ("\u{0}", "this is no request"),
        ] {
            let why = Request::parse(line.as_bytes()).unwrap_err();
            assert!(why.contains(want), "{line}: {why}");
        }
        let newer = r#"{"spile":1,"ask":"query","wish":"x"}"#;
        assert!(Request::parse(newer.as_bytes()).is_ok());
    }
}
