//! `spile demo`.

use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::SIGPIPE;

use crate::exit::Exit;
use crate::run;

/// Show a bundled agent session running through a real pipeline
///
/// It prints the shell line that it runs, and runs it: the agent, wrap, coalesce and view are processes of their own.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Be the agent: print the bundled session as Claude Code would
    #[arg(long)]
    agent: bool,
    /// How many times faster than life the agent is; 0 does not wait at all
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "agent")]
    speed: f64,
}

const EXAMPLES: &str = "Examples:
  spile demo
  spile demo --agent --speed 4 | spile wrap | spile coalesce | spile view --format plain
  spile demo --agent --speed 0 | spile wrap | spile check";

/// The session: a pause in milliseconds, a tab, and a line as the agent prints it.
const SESSION: &str = include_str!("demo/session.tsv");

/// What the demo runs; it works for the reader as it stands.
const PIPELINE: &str = "spile wrap -- spile demo --agent | spile coalesce | spile view";

pub(super) fn run(args: Args) -> Result<Exit> {
    if args.agent {
        return agent(args.speed);
    }
    let shown = run::print(format!("$ {PIPELINE}\n").as_bytes());
    if shown != Exit::Success {
        return Ok(shown);
    }
    let me = std::env::current_exe().context("cannot find the spile that is running")?;
    run::shell(PIPELINE, &me)
}

fn agent(speed: f64) -> Result<Exit> {
    for (pause, line) in SESSION.lines().filter_map(|l| l.split_once('\t')) {
        if speed > 0.0 {
            let pause =
                pause.parse::<f64>().context("the bundled session is broken")? / 1000.0 / speed;
            if !run::pause(Duration::try_from_secs_f64(pause).unwrap_or_default()) {
                return Ok(Exit::Signal(SIGPIPE));
            }
        }
        let shown = run::print(format!("{line}\n").as_bytes());
        if shown != Exit::Success {
            return Ok(shown);
        }
    }
    Ok(Exit::Success)
}
