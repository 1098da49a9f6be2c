//! Token of the server: the content of a file that only this user can read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use crate::run::new_word;
use crate::run::once::runtime_folder;

const NAME: &str = "serve.token";

/// Longest token, in bytes.
const MAX_TOKEN: u64 = 1024;

/// Shortest token of a file that somebody else has written, in bytes.
const MIN_TOKEN: usize = 16;

/// Text of the token: that of the file, or that of the runtime directory, which is made once and serves all servers of the user.
pub(super) fn text(file: Option<&Path>) -> Result<String> {
    if let Some(path) = file {
        return read(path);
    }
    let folder = runtime_folder()?;
    let path = folder.join(NAME);
    if !path.exists() {
        let fresh = folder.join(format!(".{}.{NAME}", new_word()));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let making = || format!("cannot make {}", path.display());
        let mut made = File::from(
            rustix::fs::open(&fresh, flags, Mode::RUSR | Mode::WUSR).with_context(making)?,
        );
        let written = random().and_then(|text| made.write_all(format!("{text}\n").as_bytes()));
        // The first of two servers wins.
        let linked = written.and_then(|()| std::fs::hard_link(&fresh, &path));
        let _ = std::fs::remove_file(&fresh);
        if !path.exists() {
            linked.with_context(making)?;
        }
    }
    read(&path)
}

/// A new token: 192 random bits in hexadecimal.
fn random() -> io::Result<String> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Text of a file that only this user can read. `what` says what it holds.
pub fn read_secret(what: &str, path: &Path) -> Result<String> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open the {what} {shown}"))?;
    let found = file.metadata()?;
    if found.mode() & 0o077 != 0 {
        bail!("others may read the {what} {shown} (chmod 600)");
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        bail!("the {what} {shown} belongs to another user");
    }
    let mut text = String::new();
    file.take(MAX_TOKEN)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read the {what} {shown}"))?;
    Ok(text)
}

fn read(path: &Path) -> Result<String> {
    let shown = path.display();
    let text = read_secret("token", path)?;
    let token = text.trim();
    if token.len() < MIN_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the token {shown} is one word of at least {MIN_TOKEN} printable characters");
    }
    Ok(token.to_owned())
}
