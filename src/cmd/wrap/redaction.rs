//! `spile wrap --redact`.

use anyhow::Result;

use super::Supervise;
use crate::cmd::redact::SecretArgs;
use crate::cmd::usage;
use crate::exit::{Exit, Refusal};
use crate::redact::Redact;
use crate::run::Outlet;
use crate::stage::{LineStage, Reading};

/// Replacement of secrets.
#[derive(Debug, clap::Args)]
pub(super) struct RedactArgs {
    /// Replace secrets before an event leaves, as `spile redact` does; the other options of Secrets need it
    ///
    /// No event with a secret is written to a file or a pipe: output that waits for a slow reader stays in memory (--spool-mem,
    /// then the agent waits), and --record is refused. The agent's own terminal (--pty) and its questions for permission
    /// (`spile ps`, --on-permission cmd:COMMAND) are shown as they are.
    #[arg(long, help_heading = "Secrets")]
    redact: bool,
    #[command(flatten)]
    secrets: SecretArgs,
}

impl RedactArgs {
    /// The stage, if it is wanted.
    fn redact(&self) -> Result<Option<Redact>> {
        match (self.redact, self.secrets.given()) {
            (true, _) => self.secrets.stage().map(Some),
            (false, None) => Ok(None),
            (false, Some(flag)) => Err(usage(format_args!("{flag} needs --redact"))),
        }
    }

    /// The stage behind an agent's output on stdin.
    pub(super) fn stage(&self) -> Result<Option<LineStage<Redact>>> {
        let redact = self.redact()?;
        Ok(redact.map(|redact| LineStage::of(redact, &Reading::default())))
    }

    /// The way of the events of an agent that wrap starts. What agents print is not written to a file.
    pub(super) fn outlet(&self, supervise: &mut Supervise) -> Result<Outlet> {
        let redact = self.redact()?;
        if redact.is_some() {
            if supervise.record.is_some() {
                return Err(usage(
                    "--record writes down what the agent prints, secrets as well: leave out --redact, or record the events: spile wrap --redact ... >run.ndjson",
                ));
            }
            supervise.spool_max = 0;
        }
        Ok(Outlet::new(redact))
    }
}

/// Refuses names with a secret in them: they stand in every event and in the list of runs, and are never changed.
pub(super) fn check_names(outlet: &mut Outlet, names: [(&str, Option<&str>); 2]) -> Result<()> {
    for (flag, name) in names {
        let Some(name) = name else { continue };
        if let Some(rule) = outlet.rule_in(name) {
            let why = format!("a secret ({rule}) stands in {flag}, which is never changed");
            return Err(Refusal { exit: Exit::Malformed, why }.into());
        }
    }
    Ok(())
}
