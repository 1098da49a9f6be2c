//! `spile chunk`.

use anyhow::Result;
use clap::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::common::{FileArgs, ReadingArgs, named};
use super::usage;
use crate::config;
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::chunk::{Chunk, Kinds, Options, PRESETS, Voices, preset_limits};
use crate::stage::{Clock, FilterStage};
use crate::text::cut::{self, Fences, MIN_MAX, Pace};
use crate::text::units::{Limit, Limits, Unit};

/// Cut text into parts that a channel takes
///
/// Deltas and final texts go, parts stand in their place: cut at paragraphs, lines or sentences, fences closed and opened
/// again, nothing lost. What a part says depends on the text alone, so that its delivery id means the same on every run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    files: FileArgs,
    /// The channel whose limits hold, built in or a table [presets.CHANNEL] of spile.toml
    #[arg(long = "for", value_name = "CHANNEL", value_parser = channels(&[]))]
    channel: Option<Channel>,
    /// Most of a part, fences and repeated headers counted; with --for it holds too. At least 16
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// What --max and --min count
    #[arg(long, value_parser = named::<Unit>(), default_value = "codepoints")]
    unit: Unit,
    /// Most lines of a part
    #[arg(long, value_name = "N")]
    max_lines: Option<usize>,
    /// Prefer a better place to a fuller part once it has so much [default: a third]
    #[arg(long, value_name = "N")]
    min: Option<usize>,
    /// Let a finished paragraph go although more would fit; with --min once it has so much
    #[arg(long)]
    eager: bool,
    /// Which texts to cut
    #[arg(long, value_parser = named::<Kinds>(), default_value = "answer")]
    kind: Kinds,
    /// Cut the texts of sub-agents too
    #[arg(long)]
    parents: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  codex exec --json 'explain this repo' </dev/null \\
    | spile wrap | spile chunk --for telegram >parts.ndjson
  spile chunk --max 280 --unit graphemes run.ndjson \\
    | jq -r 'select(.part).text'
  spile chunk --for discord --max-lines 20 --eager run.ndjson \\
    | spile check --partial --pass";

/// What `--for` names: limits of which all hold.
#[derive(Debug, Clone)]
struct Channel {
    name: String,
    limits: Vec<Limit>,
    fences: Fences,
}

/// The channels for `--for`; one of the user's own stands for the built-in one of its name.
fn channels(own: &[config::Preset]) -> impl TypedValueParser<Value = Channel> + use<> {
    let built_in = PRESETS.iter().map(|preset| Channel {
        name: preset.name.to_owned(),
        limits: preset.to_limits(),
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

/// The command line's tree with the user's own channels among those of `--for`.
pub(super) fn with_presets(tree: Command, own: &[config::Preset]) -> Command {
    if own.is_empty() {
        return tree;
    }
    tree.mut_subcommand("chunk", |chunk| {
        chunk.mut_arg("channel", |arg| arg.value_parser(channels(own)))
    })
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let limits = match limits(&args) {
        Ok(limits) => limits,
        Err(why) => return Ok(usage(&why)),
    };
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
    let chain = Chain::new(vec![Box::new(chunk)]);
    let mut stage = FilterStage::new(chain, Clock::Wall, &args.reading.reading());
    args.files.run(&mut stage)
}

/// The limits of the channel and those that were said, all of which hold.
fn limits(args: &Args) -> std::result::Result<Limits, String> {
    if args.channel.is_none() && args.max.is_none() {
        return Err("no limit: say --for CHANNEL or --max N".to_owned());
    }
    let mut limits: Vec<Limit> = Vec::new();
    limits.extend(args.max.map(|max| Limit { unit: args.unit, max }));
    let channel = args.channel.iter().flat_map(|channel| &channel.limits);
    for limit in channel.copied() {
        match limits.iter_mut().find(|l| l.unit == limit.unit) {
            Some(same) => same.max = same.max.min(limit.max),
            None => limits.push(limit),
        }
    }
    if let Some(small) = args.max.filter(|max| *max < MIN_MAX) {
        return Err(format!(
            "--max {small} is too small to say anything in: use at least {MIN_MAX}"
        ));
    }
    if let Some(lines) = args.max_lines {
        let Some(max) = lines.checked_sub(1) else {
            return Err("--max-lines 0 leaves no line: use at least 1".to_owned());
        };
        limits.retain(|l| l.unit != Unit::LineFeeds || l.max < max);
        if !limits.iter().any(|l| l.unit == Unit::LineFeeds) {
            limits.push(Limit { unit: Unit::LineFeeds, max });
        }
    }
    if let (Some(min), Some(first)) = (args.min, limits.first())
        && min > first.max
    {
        return Err(format!("--min {min} is more than a part may have: use at most {}", first.max));
    }
    Ok(Limits::new(&limits))
}
