//! `spile start`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::ValueHint;

use super::recorded::user;
use super::wrap::{self, Launch};
use super::{common, usage};
use crate::exit::{Exit, Refusal};
use crate::named::Named;
use crate::run::attach::{Plan, Until, attach};
use crate::run::control::{Answer, Ask, CancelTurn, Request, ask_all, find};
use crate::run::operation::Begun;
use crate::run::state::{RunFolder, RunLock, StateFolder};
use crate::run::{self, Inherited, Report, RunOptions, Side, detach};
use crate::runs::follow::StartAt;
use crate::runs::history::{self, Mode, Op, Operation};
use crate::runs::info::RunInfo;

/// Start an agent in the background, under its own `spile wrap`, and print its stream
///
/// Returns as soon as the agent's process exists, or waits in the queue of --once. The run belongs to no terminal, shell or
/// server: it goes on when they end. Its events are appended to a file in the state directory, from which `spile attach` shows
/// them at any time; `spile send`, `spile cancel` and `spile permit` reach it by its stream or label, and `spile ps` lists it.
///
/// The state directory is $SPILE_STATE, or spile in $XDG_STATE_HOME or in ~/.local/state; only you can read it. The agent gets
/// the environment of this command, no stdin, none of its open files, and no soft limit (ulimit -S) of the shell. If the disk is
/// full, events wait in memory and then in TMPDIR (--spool-mem, --spool-max), and are written later.
///
/// The exit status is 0 if the agent runs, 127 if there is no such command, 126 if it cannot be executed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    background: BackgroundArgs,
    #[command(flatten)]
    wrap: wrap::Args,
}

/// Options of a background run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Background run")]
struct BackgroundArgs {
    /// Start in this directory; the paths of other options are relative to it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    cwd: Option<PathBuf>,
    /// Start the command N times, with SPILE_INDEX=1 to N, and print N streams; if one cannot start, all are cancelled
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with = "stream")]
    each: u16,
    /// Wait for the end of the runs, and exit as `spile attach` would; Ctrl-C ends the wait only
    #[arg(long)]
    wait: bool,
    /// Write the prompt into the run's description, not only its SHA-256
    #[arg(long)]
    log_prompt: bool,
    /// Largest event file; past that the turn fails with the code `budget` and the agent is ended
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = common::size)]
    max_run: usize,
    /// Shell command that is started when the run has ended, as cmd:COMMAND
    ///
    /// The command gets the summary of the run (state, turns, usage, cost, files) as a JSON object on stdin, and the stream in
    /// SPILE_STREAM. A run whose wrap is killed starts none.
    #[arg(long, value_name = "cmd:COMMAND", value_parser = notification)]
    notify: Option<String>,
    /// Longest wait for a full disk after the agent's end; then its last events are lost
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = common::duration)]
    linger: Duration,
    #[command(flatten)]
    origin: Box<Origin>,
}

/// Fields of the run's description that another part of spile sets.
#[derive(Debug, clap::Args)]
struct Origin {
    /// Interface that starts it
    #[arg(long, hide = true, default_value = "cli", value_parser = common::named::<Mode>())]
    by: Mode,
    /// Name of the agent's definition
    #[arg(long, hide = true)]
    agent_name: Option<String>,
    /// Conversation that it belongs to
    #[arg(long, hide = true)]
    conversation: Option<String>,
    /// Stream of the run whose session it resumes
    #[arg(long, hide = true)]
    resumes: Option<String>,
    /// SHA-256 of the request
    #[arg(long, hide = true)]
    request: Option<String>,
    /// Reference of a context text
    #[arg(long, hide = true)]
    context_ref: Vec<String>,
}

const EXAMPLES: &str = "Examples:
  spile start --label docs --drive --prompt 'describe the API' -- claude
  id=$(spile start -- make test) && spile attach \"$id\" | spile view
  spile start --each 3 --label try --prompt 'fix the build' --drive -- claude
  spile start --redact --env --timeout 20m -- codex exec --json 'fix it'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let inherited = Inherited::list();
    let Args { background, wrap } = args;
    if let Some(folder) = &background.cwd {
        std::env::set_current_dir(folder)
            .map_err(|e| usage(format!("cannot start in {}: {e}", folder.display())))?;
    }
    let state = StateFolder::open()?;
    let mut launch = wrap.launch(background.each)?;
    launch.begin()?;
    let mut started = Vec::new();
    for index in 1..=background.each {
        if background.each > 1 {
            launch.rename(run::new_stream_id());
        }
        let (info, run) = background.create(&state, &mut launch)?;
        let options = RunOptions {
            linger: background.linger,
            max_run: background.max_run as u64,
            index: (background.each > 1).then_some(index),
        };
        match detach(run, &info, options, &inherited)? {
            Side::Run(hosted) => {
                let stream = launch.stream().to_owned();
                let exit = launch.run(Some(hosted));
                if let Some(command) = &background.notify {
                    run::notify(
                        command,
                        &stream,
                        &state.run(&stream)?.context("the run is gone")?,
                    )?;
                }
                return exit;
            }
            Side::Starter(report) => match refusal(&report, &state, launch.stream()) {
                None => started.push(launch.stream().to_owned()),
                Some(refusal) => {
                    cancel_all(&started);
                    return Err(refusal);
                }
            },
        }
    }
    if let Some(outer) = outer_run() {
        run::warn(format_args!("this ends with the run {outer}, whose agent has started it"));
    }
    let streams: Vec<String> = started.iter().map(|stream| format!("{stream}\n")).collect();
    let printed = run::print(streams.concat().as_bytes());
    if printed != Exit::Success {
        run::warn(format_args!("these runs were started all the same: {}", started.join(" ")));
    }
    if !background.wait {
        return Ok(printed);
    }
    run::mute_stdout()?;
    let runs = started.iter().map(|stream| state.run(stream)?.context("the run is gone"));
    let runs = runs.collect::<Result<Vec<RunFolder>>>()?;
    attach(Plan { runs, start: StartAt::Start, until: Until::End })
}

fn notification(text: &str) -> Result<String, &'static str> {
    let command = text.strip_prefix("cmd:").filter(|command| !command.trim().is_empty());
    command.map(str::to_owned).ok_or("write cmd: and a shell command")
}

impl BackgroundArgs {
    /// Makes the folder of a run.
    fn create(
        &self,
        state: &StateFolder,
        launch: &mut Launch,
    ) -> Result<(RunInfo, (RunFolder, RunLock))> {
        let prompt = launch.prompt().map(|prompt| prompt.to_string_lossy().into_owned());
        let logged = prompt.clone().filter(|_| self.log_prompt);
        let cwd = std::env::current_dir().context("cannot find out the working directory")?;
        let origin = &self.origin;
        let info = RunInfo {
            control: run::new_word(),
            cwd: launch.without_secrets(cwd.to_string_lossy().into_owned()),
            prompt_sha256: prompt.as_deref().map(history::digest),
            prompt: logged.map(|it| launch.without_secrets(it)),
            within: outer_run(),
            agent: origin.agent_name.clone(),
            context: origin.context_ref.clone(),
            conversation: origin.conversation.clone(),
            resumes: origin.resumes.clone(),
            request: origin.request.clone(),
            by: origin.by.name().into(),
            started: run::Clock::start().now().to_string(),
            version: env!("CARGO_PKG_VERSION").into(),
            ..launch.info()
        };
        let stream = launch.stream();
        let taken = || usage(format!("there is a run with the stream {stream}: choose another"));
        let run = state.create(stream, &info)?.ok_or_else(taken)?;
        let begun = Begun::now(Op::Start, origin.by, user(), prompt.as_deref());
        state.note(&Operation { agent: info.agent.clone(), ..begun.of(stream) });
        Ok((info, run))
    }
}

/// Stream of the run whose agent calls this command.
fn outer_run() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable(run::RUN_TOKEN).and_then(|_| variable(run::RUN_STREAM))
}

/// Reason why a run was not started.
fn refusal(report: &Report, state: &StateFolder, stream: &str) -> Option<anyhow::Error> {
    match report {
        Report::Runs(_) | Report::Waits => None,
        Report::Refused(code, why) => {
            Some(Refusal { exit: Exit::of_spile(*code), why: why.clone() }.into())
        }
        Report::Lost => {
            let messages = state.run(stream).ok().flatten().map(|run| run.messages());
            let messages = messages.filter(|text| !text.is_empty());
            let why =
                messages.unwrap_or_else(|| "its process died before the agent started".into());
            Some(anyhow!("{stream}: {}", why.trim_end()))
        }
    }
}

/// Cancels runs that were started for nothing.
fn cancel_all(streams: &[String]) {
    let reason = Some("another of these runs could not be started".to_owned());
    let runs = find(&|info| streams.contains(&info.stream)).into_iter().map(|found| {
        let cancel = CancelTurn { reason: reason.clone(), ..CancelTurn::default() };
        let request = Request::to(&found.info, Ask::Cancel(cancel));
        (found, request)
    });
    ask_all(runs.collect(), Duration::from_secs(10), &mut |_, answer| match answer {
        Answer::Accepted { .. } => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
}
