//! `spile generate`: the manual and the completions as they are committed, for those who have only the binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::exit::Exit;
use crate::run;

/// Write manual pages and completions
///
/// Manual pages go to DIR/docs/man/, completions for bash, zsh, fish, elvish, PowerShell and Nushell to DIR/completions/.
/// The names of the files are printed to stdout.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
}

const EXAMPLES: &str = "Examples:
  spile generate --out ~/.local/share/spile
  spile generate --out build | grep '[.]1$' \\
    | xargs -I{} install -Dm644 -t ~/.local/share/man/man1 build/{}";

/// Names and texts of files of the repository.
macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../", $name)))),*]
    };
}

const FILES: &[(&str, &str)] = files!(
    "completions/_spile"
    "completions/_spile.ps1"
    "completions/spile.bash"
    "completions/spile.elv"
    "completions/spile.fish"
    "completions/spile.nu"
    "docs/man/spile-adapters.1"
    "docs/man/spile-attach.1"
    "docs/man/spile-cancel.1"
    "docs/man/spile-check.1"
    "docs/man/spile-chunk.1"
    "docs/man/spile-coalesce.1"
    "docs/man/spile-config.1"
    "docs/man/spile-demo.1"
    "docs/man/spile-export.1"
    "docs/man/spile-generate.1"
    "docs/man/spile-heartbeat.1"
    "docs/man/spile-history.1"
    "docs/man/spile-ledger.1"
    "docs/man/spile-logs.1"
    "docs/man/spile-merge.1"
    "docs/man/spile-permit.1"
    "docs/man/spile-prune.1"
    "docs/man/spile-ps.1"
    "docs/man/spile-redact.1"
    "docs/man/spile-replay.1"
    "docs/man/spile-schema.1"
    "docs/man/spile-send.1"
    "docs/man/spile-serve.1"
    "docs/man/spile-start.1"
    "docs/man/spile-tee.1"
    "docs/man/spile-view.1"
    "docs/man/spile-wrap.1"
    "docs/man/spile.1"
);

pub(super) fn run(args: Args) -> Result<Exit> {
    let mut names = String::new();
    for (name, text) in FILES {
        let path = args.out.join(name);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        names.push_str(name);
        names.push('\n');
    }
    Ok(run::print(names.as_bytes()))
}
