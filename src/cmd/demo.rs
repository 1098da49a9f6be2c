//! `spile demo`.

use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::SIGPIPE;

use crate::exit::Exit;
use crate::run;

/// Show a bundled agent session running through a real pipeline
///
/// Prints a shell line and runs it. Agent, wrap, coalesce and view are processes of their own.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the bundled session, as Claude Code would
    #[arg(long)]
    agent: bool,
    /// Speed of the agent as a multiple of the original; 0 does not wait
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    speed: f64,
}

/// A factor of 0 or more.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    speed.ok_or_else(|| "give a number of 0 or more, such as 2 or 0.5".to_owned())
}

const EXAMPLES: &str = "Examples:
  spile demo
  spile demo --speed 5
  spile demo --agent --speed 4 | spile wrap | spile coalesce \\
    | spile view --format plain
  spile demo --agent --speed 0 | spile wrap | spile check";

/// Lines of the session: a pause in milliseconds, a tab, and the agent's line.
const SESSION: &str = include_str!("demo/session.tsv");

/// Shell line of the demo.
fn pipeline(speed: f64) -> String {
    let faster = if speed == 1.0 { String::new() } else { format!(" --speed {speed}") };
    format!("spile wrap -- spile demo --agent{faster} | spile coalesce | spile view")
}

pub(super) fn run(args: Args) -> Result<Exit> {
    if args.agent {
        return agent(args.speed);
    }
    let pipeline = pipeline(args.speed);
    let shown = run::print(format!("$ {pipeline}\n").as_bytes());
    if shown != Exit::Success {
        return Ok(shown);
    }
    let me = run::own_program();
    run::shell(&pipeline, &me)
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
