//! Control socket of a wrap, for `spile ps`, `spile cancel` and others (docs/control.md). A client can neither block
//! nor fail a run.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

mod cancel_filter;
mod client;
mod lineage;
mod messages;
mod server;

pub use cancel_filter::CancelFilter;
#[cfg(feature = "serve")]
pub use client::find_background;
pub use client::{Found, ask_all, find, find_among};
pub use messages::{Answer, Ask, CancelTurn, Info, PermitTool, Request, Text};

pub(super) use lineage::FOLLOWER;
pub(crate) use server::new_word;
pub(super) use server::{Server, SocketPlace};

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

/// Name of these files in the folder of a background run.
const RUN_FILES: &str = "control";
