//! `spile generate`: what is committed beside the code and made from it. It holds no date and nothing of the machine.

mod man;
mod markdown;
mod runtimes;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::{Generator, Shell};
use clap_complete_nushell::Nushell;

use super::{schema, tree, usage};
use crate::exit::Exit;
use crate::run;

/// Write completions, manual pages, the reference and the event schema
///
/// They come from the same tables as the commands themselves: completions/ for bash, zsh, fish, elvish, PowerShell and
/// Nushell, docs/man/, docs/cli.md, docs/runtimes.md and docs/event.schema.json. The names of the files go to stdout. A schema that takes
/// something away from the one that is there is refused.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    out: PathBuf,
}

const EXAMPLES: &str = "Examples:
  cargo run -- generate
  spile generate --out ~/.local/share/spile
  spile generate --out build | grep '[.]1$' \\
    | xargs -I{} install -Dm644 -t ~/.local/share/man/man1 build/{}";

/// Where the schema is committed.
const SCHEMA: &str = "docs/event.schema.json";

pub(super) fn run(args: Args) -> Result<Exit> {
    let path = args.out.join(SCHEMA);
    if let Some(message) = shrunk(&path)? {
        return Ok(usage(&message));
    }
    let mut names = String::new();
    for (name, bytes) in files()? {
        let path = args.out.join(&name);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        names.push_str(&name);
        names.push('\n');
    }
    Ok(run::print(names.as_bytes()))
}

/// What the schema that is there promises and the new one does not.
fn shrunk(path: &Path) -> Result<Option<String>> {
    let Ok(old) = fs::read_to_string(path) else {
        return Ok(None);
    };
    let old = serde_json::from_str(&old)
        .with_context(|| format!("{} is no JSON: take it away", path.display()))?;
    let wrong = crate::schema::shrinks(&old, &crate::schema::schema());
    Ok((!wrong.is_empty()).then(|| {
        format!(
            "the schema takes away from {}: {}; that needs a new major version (VERSION in src/event.rs)",
            path.display(),
            wrong.join("; ")
        )
    }))
}

/// Every file, its path within the folder and its bytes, in order of the paths.
fn files() -> Result<Vec<(String, Vec<u8>)>> {
    let tree = built();
    let mut files = Vec::new();
    for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
        files.push(completion(shell));
    }
    files.push(completion(Nushell));
    files.push(("docs/cli.md".to_owned(), markdown::reference(&tree)?.into_bytes()));
    files.push(("docs/runtimes.md".to_owned(), runtimes::table()?.into_bytes()));
    files.push((SCHEMA.to_owned(), schema::text().into_bytes()));
    for (name, page) in man::pages(&tree)? {
        files.push((format!("docs/man/{name}"), page));
    }
    files.sort();
    Ok(files)
}

/// The commands with their full names; what the user has set does not count.
fn built() -> Command {
    let mut tree = tree().disable_help_subcommand(true);
    tree.build();
    tree
}

fn completion(shell: impl Generator) -> (String, Vec<u8>) {
    let name = format!("completions/{}", shell.file_name("spile"));
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut tree(), "spile", &mut bytes);
    (name, bytes)
}

/// The lines of the examples in a help text, without their indent. Nothing but commands stands there.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_long_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let examples = help.split_once("Examples:\n").map_or("", |(_, rest)| rest);
    examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect()
}
