//! `spile chunk`.

use anyhow::Result;
use clap::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::common::{InputArgs, named};
use super::usage;
use crate::config;
use crate::exit::Exit;
use crate::filter::chunk::{Chunk, Kinds, Options, PRESETS, Voices, preset_limits};
use crate::stage::Clock;
use crate::text::cut::{self, Fences, MIN_MAX, Pace};
use crate::text::units::{Limit, Limits, Unit};

/// Cut text into parts that fit a channel's limit
///
/// Parts replace deltas and final texts. They are cut at paragraphs, lines or sentences; code fences are closed and reopened;
/// nothing is lost. A part depends on the text alone, so that its delivery id is the same on every run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Limits of this channel, built in or a table [presets.CHANNEL] of spile.toml
    #[arg(long = "for", value_name = "CHANNEL", value_parser = channels(&[]))]
    channel: Option<Channel>,
    /// Longest part, with fences and repeated headers; at least 16. With --for both limits hold
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Unit of --max and --min
    #[arg(long, value_parser = named::<Unit>(), default_value = "codepoints")]
    unit: Unit,
    /// Most lines in a part
    #[arg(long, value_name = "N")]
    max_lines: Option<usize>,
    /// Length from which a better place to cut is preferred to a fuller part [default: a third]
    #[arg(long, value_name = "N")]
    min: Option<usize>,
    /// Emit a finished paragraph although more would fit; with --min from that length on
    #[arg(long)]
    eager: bool,
    /// Texts to cut
    #[arg(long, value_parser = named::<Kinds>(), default_value = "answer")]
    kind: Kinds,
    /// Cut texts of sub-agents too
    #[arg(long)]
    parents: bool,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  codex exec --json 'explain this repo' </dev/null \\
    | spile wrap | spile chunk --for telegram >parts.ndjson
  spile chunk --max 280 --unit graphemes run.ndjson \\
    | jq -r 'select(.part).text'
  spile chunk --for discord --max-lines 20 --eager run.ndjson \\
    | spile check --partial --pass";

/// A value of `--for`: limits that all hold.
#[derive(Debug, Clone)]
struct Channel {
    name: String,
    limits: Vec<Limit>,
    fences: Fences,
}

/// Values of `--for`; a user's own channel replaces the built-in one of its name.
fn channels(own: &[config::Preset]) -> impl TypedValueParser<Value = Channel> + use<> {
    let built_in = PRESETS.iter().map(|preset| Channel {
        name: preset.name.to_owned(),
        limits: preset_limits(preset.limits, preset.lines),
        fences: preset.fences,
    });
    let mut all: Vec<Channel> = built_in.collect();
    for preset in own {
        let limits = preset_limits(&[(preset.unit, preset.max)], preset.lines);
        match all.iter_mut().find(|channel| channel.name == preset.name) {
            Some(channel) => {
                channel.limits = limits;
                channel.fences = preset.fences.unwrap_or(channel.fences);
            }
            None => {
                let fences = preset.fences.unwrap_or_default();
                all.push(Channel { name: preset.name.clone(), limits, fences });
            }
        }
    }
    let names: Vec<String> = all.iter().map(|channel| channel.name.clone()).collect();
    PossibleValuesParser::new(names).try_map(move |name| {
        let mut found = all.iter().filter(|channel| channel.name == name);
        found.next().cloned().ok_or("there is no such channel")
    })
}

/// Adds the user's own channels to `--for`.
pub(super) fn with_presets(tree: Command, own: &[config::Preset]) -> Command {
    if own.is_empty() {
        return tree;
    }
    tree.mut_subcommand("chunk", |chunk| {
        chunk.mut_arg("channel", |arg| arg.value_parser(channels(own)))
    })
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let limits = limits(&args).map_err(usage)?;
    let chunk = Chunk::new(Options {
        kinds: args.kind,
        voices: if args.parents { Voices::All } else { Voices::Agent },
        cut: cut::Options {
            limits,
            min: args.min,
            fences: args.channel.as_ref().map_or(Fences::default(), |channel| channel.fences),
            pace: if args.eager { Pace::Eager } else { Pace::Full },
        },
    });
    args.input.filter(chunk, Clock::Wall)
}

/// Limits of the channel and of the options; all hold.
fn limits(args: &Args) -> std::result::Result<Limits, String> {
    if args.channel.is_none() && args.max.is_none() {
        return Err("no limit: say --for CHANNEL or --max N".to_owned());
    }
    if let Some(small) = args.max.filter(|max| *max < MIN_MAX) {
        return Err(format!(
            "--max {small} is too small to say anything in: use at least {MIN_MAX}"
        ));
    }
    if args.max_lines == Some(0) {
        return Err("--max-lines 0 leaves no line: use at least 1".to_owned());
    }
    let max = args.max.map(|max| Limit { unit: args.unit, max });
    let lines = args.max_lines.map(|lines| Limit { unit: Unit::LineFeeds, max: lines - 1 });
    let channel = args.channel.iter().flat_map(|channel| &channel.limits);
    let mut limits: Vec<Limit> = Vec::new();
    for limit in max.into_iter().chain(channel.copied()).chain(lines) {
        match limits.iter_mut().find(|l| l.unit == limit.unit) {
            Some(same) => same.max = same.max.min(limit.max),
            None => limits.push(limit),
        }
    }
    if let (Some(min), Some(first)) = (args.min, limits.first())
        && min > first.max
    {
        return Err(format!("--min {min} is more than a part may have: use at most {}", first.max));
    }
    Ok(Limits::new(&limits))
}
