//! `spile merge`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use anyhow::{Context, Result};

use super::common::ReadingArgs;
use super::usage;
use crate::exit::Exit;
use crate::merge::{Merge, Source};
use crate::run::many;
use crate::run::{self, Waiting};

/// Merge several streams into one, in the order in which their lines arrive
///
/// Sources are files, FIFOs, `<(...)` and - (stdin), or the N agents that --each starts. Lines stay whole, a label of a
/// source is set on its events, and a blocked source delays no other. A stream id belongs to the first source that uses it;
/// events of another with that id are refused. At the end a status for each stream tells whether it completed, failed, was
/// cancelled or is truncated; the exit status is the worst of them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Sources to merge; `./a=b` is a file with = in its name
    #[arg(value_name = "[LABEL=]PATH", value_hint = clap::ValueHint::FilePath)]
    sources: Vec<OsString>,
    /// Start the command N times, each under `spile wrap` and with SPILE_INDEX=1 to N
    #[arg(long, value_name = "N", requires = "command", conflicts_with = "sources",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    each: Option<u16>,
    /// Names of the agents that --each starts [default: 1 to N]
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', requires = "each")]
    labels: Vec<String>,
    /// Runtime of the agents, as for wrap
    #[arg(long, value_name = "NAME", requires = "each", value_parser = super::wrap::runtimes())]
    from: Option<String>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// The agent to start
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "Examples:
  spile merge --each 3 -- claude -p 'find a bug' --output-format stream-json \\
    --verbose | spile view
  bash -c 'spile merge docs=<(spile wrap -- make docs) \\
    test=<(spile wrap -- make test)' | spile view
  spile merge monday=a.ndjson tuesday=b.ndjson | spile check --partial";

pub(super) fn run(args: Args) -> Result<Exit> {
    match args.each {
        Some(count) => each(count, &args),
        None if args.command.is_empty() => paths(&args),
        None => Err(usage("say how many agents to start: spile merge --each N -- CMD")),
    }
}

/// Message for a command line without `--` before the agent's command. `words` follow `spile`.
pub(super) fn lacks_dashes(words: &[OsString]) -> Option<String> {
    let each = |word: &OsString| word.as_bytes().starts_with(b"--each");
    if words.first()? != "merge" || words.iter().any(|w| w == "--") || !words.iter().any(each) {
        return None;
    }
    let mut at = 1;
    while words.get(at)?.as_bytes().starts_with(b"-") {
        let alone = words[at] == "--strict" || words[at].as_bytes().contains(&b'=');
        at += if alone { 1 } else { 2 };
    }
    let line = |words: &[OsString]| words.join(OsStr::new(" ")).to_string_lossy().into_owned();
    let (before, agent) = words.split_at(at);
    Some(format!("write -- in front of the agent: spile {} -- {}", line(before), line(agent)))
}

fn paths(args: &Args) -> Result<Exit> {
    if args.sources.is_empty() {
        return Err(usage(
            "nothing to merge: name files or FIFOs (- is stdin), or start agents with `spile merge --each N -- CMD`",
        ));
    }
    let named: Vec<_> = args.sources.iter().map(|arg| named(arg)).collect();
    if named.iter().filter(|(_, path)| *path == "-").count() > 1 {
        return Err(usage("stdin (-) can be merged only once"));
    }
    let mut inputs = Vec::new();
    let mut sources = Vec::new();
    for (label, path) in named {
        let cannot = |e| usage(format!("cannot open {}: {e}", path.display()));
        inputs.push(many::open(path).map_err(cannot)?);
        let name = label.map_or_else(|| many::name(path), str::to_owned);
        sources.push(Source { name, label: label.map(str::to_owned) });
    }
    let mut merge = Merge::new(sources, &args.reading.reading());
    many::many(&mut merge, inputs, Vec::new())
}

/// `LABEL=PATH`; with a slash before the first = it is a path.
fn named(arg: &OsStr) -> (Option<&str>, &OsStr) {
    let bytes = arg.as_bytes();
    let split = bytes.iter().position(|c| *c == b'=').map(|at| bytes.split_at(at));
    let labelled = split.and_then(|(label, path)| {
        let label = std::str::from_utf8(label).ok()?;
        (!label.is_empty() && !label.contains('/')).then_some((label, path))
    });
    match labelled {
        Some((label, path)) => (Some(label), OsStr::from_bytes(path.get(1..).unwrap_or_default())),
        None => (None, arg),
    }
}

fn each(count: u16, args: &Args) -> Result<Exit> {
    if !args.labels.is_empty() && args.labels.len() != usize::from(count) {
        let got = args.labels.len();
        return Err(usage(format!("--each {count} needs {count} labels, not {got}")));
    }
    if run::waiting() == Waiting::Bytes {
        run::warn("the agents do not get the input on stdin; say </dev/null if that is meant");
    }
    let me = run::own_program();
    let (mut inputs, mut children, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=count {
        let label = match args.labels.get(usize::from(number) - 1) {
            Some(label) => label.clone(),
            None => number.to_string(),
        };
        let (child, input) = many::start(&me, &wrap(args, &label), number)
            .with_context(|| format!("cannot start {}", me.display()))?;
        children.push(child);
        inputs.push(input);
        // wrap sets the label.
        sources.push(Source { name: label, label: None });
    }
    let mut merge = Merge::new(sources, &args.reading.reading());
    many::many(&mut merge, inputs, children)
}

/// Arguments of wrap for one agent.
fn wrap(args: &Args, label: &str) -> Vec<OsString> {
    let mut line = vec!["wrap".into(), format!("--label={label}").into()];
    if let Some(from) = &args.from {
        line.push(format!("--from={from}").into());
    }
    if args.reading.strict {
        line.push("--strict".into());
    }
    line.push("--".into());
    line.extend(args.command.iter().cloned());
    line
}
