//! `spile attach`.

use anyhow::Result;

use super::usage;
use crate::exit::{Exit, Refusal};
use crate::run::attach::{self, Plan, Until, candidates};
use crate::run::state::StateFolder;
use crate::runs::follow::StartAt;
use crate::runs::select::{Selection, Unselected};

/// Follow background runs: print their events from the start, then those that come
///
/// Lines are printed as they stand in the runs' event files, none twice and none left out. It ends with the runs. Ctrl-C ends it
/// as well, with 130, and the runs go on: a run never waits for its readers. Of several runs the past is ordered by `ts`, and
/// lines then come as they are written. The exit status is that of `check --exit-from-stream`: 0 if the last turn of every stream
/// completed. It is 69 if there is no such run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// Print what there is, and end
    #[arg(long)]
    no_follow: bool,
    /// Follow runs that are started later, too, and do not end; with --label or --all
    #[arg(long, conflicts_with_all = ["no_follow", "streams", "last"])]
    new: bool,
}

/// Runs, and the place at which they are read.
#[derive(Debug, clap::Args)]
pub(super) struct Selected {
    /// Streams of the runs, or their labels [default: the only run that lives, else the last started one]
    #[arg(value_name = "STREAM", conflicts_with_all = ["label", "all"])]
    streams: Vec<String>,
    /// Every run with this label, also those that are over
    #[arg(long, value_name = "LABEL", conflicts_with = "all")]
    label: Option<String>,
    /// The run that was started last; with --label, of those with that label
    #[arg(long, conflicts_with_all = ["streams", "all"])]
    last: bool,
    /// All runs, also those that are over (`cancel --all` means those that live)
    #[arg(long)]
    all: bool,
    /// Begin at the start, with what is written from now on, or with the event of this seq (of one run)
    ///
    /// `now` begins with a status of kind `gap`; the `session` of the run and the `turn_started` of an open turn follow.
    #[arg(long, value_name = "start|now|SEQ", default_value = "start", value_parser = StartAt::parse)]
    from: StartAt,
}

const EXAMPLES: &str = "Examples:
  spile attach run-42 | spile view
  spile attach --last --from now | spile cancel --when-idle 5m | spile view
  spile attach --label nightly | spile check --pass >nightly.ndjson";

pub(super) fn run(args: Args) -> Result<Exit> {
    let until = match args {
        Args { new: true, ref selected, .. } if !selected.all && selected.label.is_none() => {
            return Err(usage("--new is for runs of a --label, or for --all"));
        }
        Args { new: true, .. } => Wanted::Later,
        Args { no_follow: true, .. } => Wanted::Now,
        _ => Wanted::End,
    };
    args.selected.read(until)
}

/// End of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Now,
    End,
    Later,
}

impl Selected {
    /// Prints the lines of the runs.
    pub(super) fn read(self, wanted: Wanted) -> Result<Exit> {
        let Self { streams: names, label, last, all, from: start } = self;
        let selection = Selection { names, label, last, all };
        let state = StateFolder::open()?;
        let candidates = candidates(&state)?;
        let known = candidates.iter().map(|run| run.stream.clone()).collect();
        let selected = match selection.select(candidates) {
            Err(Unselected::Missing(_)) if wanted == Wanted::Later || selection.all => Vec::new(),
            Err(Unselected::Missing(why)) => {
                return Err(Refusal { exit: Exit::Unavailable, why }.into());
            }
            Err(why) => return Err(usage(why)),
            Ok(selected) => selected,
        };
        if matches!(start, StartAt::Seq(_)) && selected.len() != 1 {
            return Err(usage("--from SEQ is for one run"));
        }
        let is_group = selection.all || selection.label.is_some();
        let mut runs = Vec::new();
        for run in selected {
            // It may have been removed meanwhile.
            let Some(folder) = state.run(&run.stream)? else { continue };
            match folder.events() {
                Err(e) if is_group => state.leave_out(&run.stream, format_args!("{e:#}")),
                _ => runs.push(folder),
            }
        }
        let until = match wanted {
            Wanted::Now => Until::Now,
            Wanted::End => Until::End,
            Wanted::Later => Until::Later(state, selection, known),
        };
        attach::attach(Plan { runs, start, until })
    }
}
