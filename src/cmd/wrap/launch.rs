//! Start of an agent by `spile wrap -- CMD` and `spile start`: what is checked before, and what begins with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};

use super::drive::{Prepared, Terminal};
use super::{Args, Supervise, is_output, redaction, words};
use crate::adapter;
use crate::cmd::{common, usage};
use crate::exit::Exit;
use crate::lifecycle::{DRAIN_MOST, Limits};
use crate::run::{self, Background, KeyLock, Plan, Record, SpoolLimits, Stdin, Waiting};
use crate::runs::info::RunInfo;
use crate::secret;
use crate::tap::{Config, Tap};

const NOT_PASSED_ON: &str =
    "the agent does not get the input on stdin: pass it on with --stdin pipe, or say --stdin null";

/// Largest value of `--spool-mem`, in bytes.
const MAX_SPOOL_MEM: usize = 1 << 30;

/// Agent that is ready to start, with what supervises it.
pub(in crate::cmd) struct Launch {
    tap: Tap,
    plan: Plan,
    supervise: Box<Supervise>,
    /// Prompt as it was given, if there is one.
    prompt: Option<OsString>,
    /// True once the plan has its lock and its recording.
    begun: bool,
}

impl Launch {
    /// Checks the options.
    pub(super) fn prepare(mut args: Args, config: Config) -> Result<Self> {
        if let [word] = args.command.as_slice()
            && is_output(word)
        {
            return Err(usage(format!(
                "{0} is a file and no command: to read what an agent printed, spile wrap <{0}",
                word.display()
            )));
        }
        let from = adapter::by_name(&args.from);
        let conditions = args.conditions.options()?;
        let mut outlet = args.redaction.outlet(&mut args.supervise)?;
        let names =
            [("--label", config.guard.label.as_deref()), ("--stream", Some(&*config.guard.stream))];
        redaction::check_names(&mut outlet, names)?;
        let shown = secret::mask(&words(&args.command));
        let at_terminal = run::waiting() == Waiting::Terminal;
        let terminal = if args.pty { Terminal::Yes } else { Terminal::No };
        let reads_prompt = args.drive.reads_stdin();
        let Prepared { argv, drive, prompt } =
            args.drive.prepare(args.command, from.map(|spec| spec.name), terminal)?;
        if drive.is_some() && args.stdin.is_some() {
            return Err(usage(
                "the prompt goes to the agent's stdin: leave out --stdin, or write {prompt} in the command",
            ));
        }
        let mut tap = Tap::new(Config { argv: words(&argv), ..config }, from);
        if args.keep_escapes {
            tap.keep_escapes();
        }
        tap.guard().fail_on_stop(args.fail_on_stop);
        conditions.into_iter().for_each(|conditions| tap.guard().cancel_when(conditions));
        if args.stdin.is_none() && !reads_prompt && run::waiting() == Waiting::Bytes {
            run::warn(NOT_PASSED_ON);
        }
        if args.pty && args.stdin == Some(Stdin::Inherit) && !at_terminal {
            return Err(usage(
                "with --pty the agent inherits a terminal only, and stdin is none: say --stdin pipe to type what comes on it",
            ));
        }
        let stdin = match args.stdin {
            _ if drive.is_some() && args.pty => Stdin::Null,
            _ if drive.is_some() => Stdin::Pipe,
            None if args.pty && at_terminal => Stdin::Inherit,
            given => given.unwrap_or(Stdin::Null),
        };
        let supervise = args.supervise;
        let plan = Plan {
            argv,
            shown,
            stdin,
            pty: args.pty || (at_terminal && stdin == Stdin::Inherit),
            limits: supervise.limits(),
            spool: SpoolLimits {
                memory: supervise.spool_mem.min(MAX_SPOOL_MEM),
                file: supervise.spool_max as u64,
            },
            record: None,
            drive,
            outlet,
            lock: None,
            background: None,
        };
        Ok(Self { tap, plan, supervise, prompt, begun: false })
    }

    /// Begins what can fail at once: takes the lock of --once, unless the run waits for it, and creates the recording.
    pub(in crate::cmd) fn begin(&mut self) -> Result<()> {
        match &self.supervise.once {
            _ if self.begun => Ok(()),
            None => self.record(None),
            Some(_) if self.supervise.queue => Ok(()),
            Some(key) => {
                let lock = run::lock(key)?;
                self.record(Some(lock))
            }
        }
    }

    fn record(&mut self, lock: Option<KeyLock>) -> Result<()> {
        if let Some(path) = &self.supervise.record {
            let record = Record::create(run::Clock::start().now(), path, &self.plan.shown);
            let wrong = || format!("cannot record to {}", path.display());
            self.plan.record = Some(record.with_context(wrong)?);
        }
        self.plan.lock = lock;
        self.begun = true;
        Ok(())
    }

    /// Stream of the run.
    pub(in crate::cmd) fn stream(&mut self) -> &str {
        self.tap.guard().stream()
    }

    /// Gives the run another stream. For a run without events.
    pub(in crate::cmd) fn rename(&mut self, stream: String) {
        self.tap.guard().rename(stream);
    }

    /// Prompt as it was given.
    pub(in crate::cmd) fn prompt(&self) -> Option<&std::ffi::OsStr> {
        self.prompt.as_deref()
    }

    /// Description of the run for `run.json`, without secrets.
    pub(in crate::cmd) fn info(&mut self) -> RunInfo {
        let Plan { shown, outlet, .. } = &mut self.plan;
        RunInfo {
            argv: shown.iter().map(|word| outlet.apart(word.clone())).collect(),
            label: self.tap.guard().label().map(str::to_owned),
            limits: self.supervise.limits_given(),
            ..RunInfo::default()
        }
    }

    /// Text without secrets.
    pub(in crate::cmd) fn without_secrets(&mut self, text: String) -> String {
        self.plan.outlet.apart(text)
    }

    /// Starts the agent and hosts it to its end.
    pub(in crate::cmd) fn run(mut self, mut background: Option<Box<Background>>) -> Result<Exit> {
        self.begin()?;
        if !self.begun {
            let key = self.supervise.once.as_deref().unwrap_or_default();
            let limit = common::limit(self.supervise.queue_timeout);
            let parts = (&mut self.tap, &mut self.plan.outlet, background.as_deref_mut());
            match run::queue(parts, key, limit)? {
                ControlFlow::Continue(lock) => self.record(Some(lock))?,
                ControlFlow::Break(exit) => return Ok(exit),
            }
        }
        self.plan.background = background;
        run::host(&mut self.tap, self.plan)
    }
}

impl Supervise {
    /// Limits that were given, by the name of their option.
    fn limits_given(&self) -> BTreeMap<String, String> {
        let times = [
            ("timeout", self.timeout),
            ("idle-timeout", self.idle_timeout),
            ("first-output-timeout", self.first_output_timeout),
            ("tool-timeout", self.tool_timeout),
        ];
        let given = times.into_iter().filter_map(|(name, time)| Some((name, time?)));
        given.map(|(name, time)| (name.to_owned(), format!("{time:?}"))).collect()
    }

    /// Limits of the run.
    fn limits(&self) -> Limits {
        Limits {
            grace: self.grace,
            drain: self.drain.min(DRAIN_MOST),
            after_result: common::limit(Some(self.after_result)).unwrap_or(Duration::MAX),
            total: common::limit(self.timeout),
            idle: common::limit(self.idle_timeout),
            first_output: common::limit(self.first_output_timeout),
            tool: common::limit(self.tool_timeout),
        }
    }
}
