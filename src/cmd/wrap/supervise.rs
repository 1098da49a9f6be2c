//! Options of `spile wrap` for an agent that it starts: limits, the spool, the recording, the lock.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cmd::common;
use crate::lifecycle::{DRAIN_MOST, Limits};
use crate::run::{self, Plan, Record, SpoolLimits, Stdin};
use crate::secret;

/// Options that need a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Supervision of a command that wrap starts")]
pub(super) struct Supervise {
    /// Time between SIGINT, SIGTERM and SIGKILL
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = common::duration)]
    grace: Duration,
    /// Fail the turn and end the agent if the run takes longer; for all limits, 0 is none
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    timeout: Option<Duration>,
    /// The same if stdout and stderr are silent for this time
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    idle_timeout: Option<Duration>,
    /// The same if there is no output by then
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    first_output_timeout: Option<Duration>,
    /// The same if a call of a tool takes longer
    #[arg(long, value_name = "TIME", value_parser = common::duration)]
    tool_timeout: Option<Duration>,
    /// End an agent that has not exited this long after its result; that is a success
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = common::duration)]
    after_result: Duration,
    /// Silence of the output after the exit that ends reading, 5s at most
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = common::duration)]
    drain: Duration,
    /// Output that is queued in memory for a slow reader
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = common::size)]
    spool_mem: usize,
    /// Output that is queued in a temporary file after that; then the agent is blocked
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = common::size)]
    spool_max: usize,
    /// Record the agent's raw output with times, as NDJSON that only you can read
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Do not start if another run with this key exists, and exit with status 79
    #[arg(long, value_name = "KEY")]
    once: Option<String>,
}

/// Largest value of `--spool-mem`, in bytes.
const MAX_SPOOL_MEM: usize = 1 << 30;

impl Supervise {
    /// First given option that needs a command.
    pub(super) fn needs_command(&self) -> Option<&'static str> {
        let all = [
            (self.record.is_some(), "--record"),
            (self.once.is_some(), "--once"),
            (self.timeout.is_some(), "--timeout"),
            (self.idle_timeout.is_some(), "--idle-timeout"),
            (self.first_output_timeout.is_some(), "--first-output-timeout"),
            (self.tool_timeout.is_some(), "--tool-timeout"),
        ];
        let given = all.into_iter().find(|(given, _)| *given);
        given.map(|(_, flag)| flag)
    }

    /// Plan of the run. Takes the lock and begins the recording.
    pub(super) fn plan(self, argv: Vec<OsString>, (stdin, pty): (Stdin, bool)) -> Result<Plan> {
        let words: Vec<String> = argv.iter().map(|w| w.to_string_lossy().into_owned()).collect();
        let shown = secret::mask(&words);
        let lock = self.once.as_deref().map(run::lock).transpose()?;
        let record = self
            .record
            .map(|path| {
                Record::create(run::Clock::start().now(), &path, &shown)
                    .with_context(|| format!("cannot record to {}", path.display()))
            })
            .transpose()?;
        Ok(Plan {
            argv,
            shown,
            stdin,
            pty,
            limits: Limits {
                grace: self.grace,
                drain: self.drain.min(DRAIN_MOST),
                after_result: common::limit(Some(self.after_result)).unwrap_or(Duration::MAX),
                total: common::limit(self.timeout),
                idle: common::limit(self.idle_timeout),
                first_output: common::limit(self.first_output_timeout),
                tool: common::limit(self.tool_timeout),
            },
            spool: SpoolLimits {
                memory: self.spool_mem.min(MAX_SPOOL_MEM),
                file: self.spool_max as u64,
            },
            record,
            lock,
        })
    }
}
