//! `spile chunk`.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use super::common::ReadingArgs;
use super::usage;
use crate::exit::Exit;
use crate::filter::Chain;
use crate::filter::chunk::{Chunk, Kinds, Options, PRESETS, Preset, Voices};
use crate::run::{self, Interrupt};
use crate::stage::{Clock, FilterStage};
use crate::text::cut::{self, Pace};
use crate::text::units::{Limit, Limits, Unit};

/// Cut text into parts that a channel takes
///
/// Deltas and final texts go, parts stand in their place: cut at paragraphs, lines or sentences, fences closed and opened
/// again, nothing lost. What a part says depends on the text alone, so that its delivery id means the same on every run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// The channel whose limits hold
    #[arg(long = "for", value_name = "CHANNEL", value_parser = channels(), required_unless_present = "max")]
    channel: Option<String>,
    /// Most of a part, fences and repeated headers counted; with --for it holds too. At least 16
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// What --max and --min count
    #[arg(long, value_enum, default_value = "codepoints", requires = "max")]
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
    #[arg(long, value_enum, default_value = "answer")]
    kind: Kinds,
    /// Cut the texts of sub-agents too
    #[arg(long)]
    parents: bool,
    #[command(flatten)]
    reading: ReadingArgs,
}

const EXAMPLES: &str = "Examples:
  codex exec --json 'explain this repo' | spile wrap | spile chunk --for telegram >parts.ndjson
  spile chunk --max 280 --unit graphemes <run.ndjson | jq -r 'select(.part).text'
  spile chunk --for discord --max-lines 20 --eager <run.ndjson | spile check --partial --pass";

/// The least that a part can be limited to.
const MIN_MAX: usize = 16;

fn channels() -> PossibleValuesParser {
    PRESETS.iter().map(|preset| preset.name).into()
}

pub(super) fn run(args: Args) -> Result<Exit> {
    let limits = match limits(&args) {
        Ok(limits) => limits,
        Err(why) => return Ok(usage(&why)),
    };
    let chunk = Chunk::new(Options {
        kinds: args.kind,
        voices: if args.parents {
            Voices::All
        } else {
            Voices::Agent
        },
        cut: cut::Options {
            limits,
            min: args.min,
            pace: if args.eager { Pace::Eager } else { Pace::Full },
        },
    });
    let chain = Chain::new(vec![Box::new(chunk)]);
    let mut stage = FilterStage::new(chain, Clock::Wall, &args.reading.reading());
    run::single(&mut stage, Interrupt::AtEnd)
}

/// The limits of the channel and those that were said, all of which hold.
fn limits(args: &Args) -> std::result::Result<Limits, String> {
    let preset = args.channel.as_deref().and_then(Preset::named);
    let mut limits: Vec<Limit> = Vec::new();
    limits.extend(args.max.map(|max| Limit {
        unit: args.unit,
        max,
    }));
    for limit in preset.map(|p| p.to_limits()).unwrap_or_default() {
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
            limits.push(Limit {
                unit: Unit::LineFeeds,
                max,
            });
        }
    }
    if let (Some(min), Some(first)) = (args.min, limits.first())
        && min > first.max
    {
        return Err(format!(
            "--min {min} is more than a part may have: use at most {}",
            first.max
        ));
    }
    Ok(Limits::new(&limits))
}
