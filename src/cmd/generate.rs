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
        return Err(usage(message));
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
    for (shell, more) in [
        (Shell::Bash, more_bash as fn(String) -> String),
        (Shell::Elvish, |text| text),
        (Shell::Fish, |text| text + include_str!("generate/more.fish")),
        (Shell::PowerShell, |text| text),
        (Shell::Zsh, more_zsh),
    ] {
        let (name, text) = completion(shell)?;
        files.push((name, more(text).into_bytes()));
    }
    let (name, text) = completion(Nushell)?;
    files.push((name, text.into_bytes()));
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

/// What bash completes beyond the options, in front of the line that registers the function.
fn more_bash(text: String) -> String {
    let text = text.replacen("_spile() {", "_spile_known() {", 1);
    let registered = text.rfind("\nif [[ ").unwrap_or(text.len());
    let (known, register) = text.split_at(registered);
    format!("{known}{}{register}", include_str!("generate/more.bash"))
}

/// What zsh completes beyond the options: functions, and the places of `cancel` and `merge` that call them.
fn more_zsh(text: String) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        if line.starts_with("'*::streams --") {
            line.replace(":_files'", ":_spile_streams'")
        } else if line.starts_with("'*::sources -- What to merge") {
            line.replace(":_files'", ":_spile_sources'")
        } else if line.starts_with("'(--all)--label=") {
            line.replace(":_default'", ":_spile_labels'")
        } else if line.starts_with("if [ \"$funcstack[1]\"") {
            format!("{}{line}", include_str!("generate/more.zsh"))
        } else {
            line.to_owned()
        }
    });
    lines.collect()
}

fn completion(shell: impl Generator) -> Result<(String, String)> {
    let name = format!("completions/{}", shell.file_name("spile"));
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut tree(), "spile", &mut bytes);
    Ok((name, String::from_utf8(bytes)?))
}

/// The lines of the examples in a help text, without their indent. Nothing but commands stands there.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_long_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let examples = help.split_once("Examples:\n").map_or("", |(_, rest)| rest);
    examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect()
}
