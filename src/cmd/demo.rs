//! `spile demo`.

use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::SIGPIPE;

use crate::exit::Exit;
use crate::run;

/// Show a bundled agent session running through a real pipeline
///
/// Prints a shell line and runs it. Agent, wrap, coalesce and view are processes of their own. With --serve the session plays
/// again and again as a background run, in a state directory that is removed at the end, and a browser shows it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Print the bundled session, as Claude Code would
    #[arg(long)]
    agent: bool,
    /// Show the session on the page of `spile serve`: open the address that is printed
    #[arg(long, conflicts_with = "agent")]
    serve: bool,
    /// Number of times that --agent prints the session
    #[arg(long, value_name = "N", default_value = "1", requires = "agent", value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
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
  spile demo --serve
  spile demo --agent --speed 4 | spile wrap | spile coalesce \\
    | spile view --format plain
  spile demo --agent --speed 0 | spile wrap | spile check";

/// Lines of the session: a pause in milliseconds, a tab, and the agent's line.
const SESSION: &str = include_str!("demo/session.tsv");

/// Shell line of the demo.
fn pipeline(faster: &str) -> String {
    format!("spile wrap -- spile demo --agent{faster} | spile coalesce | spile view")
}

/// Shell lines of the demo on the page. The shell ends the run with the server.
fn page(faster: &str) -> String {
    [
        "export SPILE_STATE=$(mktemp -d)",
        &format!("run=$(spile start --label demo -- spile demo --agent --times 100{faster})"),
        &format!("spile serve --listen 127.0.0.1:0 --on-exit cancel --agent 'demo=spile demo --agent{faster}' &"),
        "end() { trap - EXIT; kill $! 2>/dev/null; wait; spile cancel \"$run\" >/dev/null; spile attach \"$run\" >/dev/null; rm -r \"$SPILE_STATE\"; exit 0; }",
        "trap end INT TERM HUP EXIT",
        "wait",
    ]
    .join("\n")
}

pub(super) fn run(args: Args) -> Result<Exit> {
    if args.agent {
        for _ in 0..args.times {
            let played = agent(args.speed)?;
            if played != Exit::Success {
                return Ok(played);
            }
        }
        return Ok(Exit::Success);
    }
    let speed = args.speed;
    let faster = if speed == 1.0 { String::new() } else { format!(" --speed {speed}") };
    let lines = if args.serve { page(&faster) } else { pipeline(&faster) };
    let shown: String = lines.lines().map(|line| format!("$ {line}\n")).collect();
    match run::print(shown.as_bytes()) {
        Exit::Success if args.serve => run::become_shell(&lines, &run::own_program()),
        Exit::Success => run::shell(&lines, &run::own_program()),
        other => Ok(other),
    }
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
