//! `spile permit`.

use anyhow::Result;

use super::recorded::Recorded;
use super::send::ask_one;
use super::usage;
use crate::exit::Exit;
use crate::run::control::{Ask, PermitTool};
use crate::runs::history::Op;

/// Answer an agent's question for permission
///
/// For a run under `spile wrap --drive --on-permission wait`. Its questions are statuses of kind `permission` in the stream, and
/// `spile ps --json` lists the open ones. Exits with 1 if there is no such question, and with 69 if nothing runs by that name.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// Stream of the run, or its label; see `spile ps`
    #[arg(required_unless_present = "last")]
    stream: Option<String>,
    /// Id of the question [default: the only open one]
    id: Option<String>,
    /// Run that was started last, in place of STREAM
    #[arg(long)]
    last: bool,
    /// Deny it, with a reason for the agent
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "denied by a person")]
    deny: Option<String>,
    /// Name of the person, in the stream
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

const EXAMPLES: &str = "Examples:
  spile permit run-42
  spile permit run-42 --deny 'use the staging database'
  spile ps --json | jq '{stream, questions}'";

pub(super) fn run(args: Args) -> Result<Exit> {
    let (allow, reason) = (args.deny.is_none(), args.deny);
    let permitted = if allow { "allowed" } else { "denied" };
    let recorded = Recorded::begin(Op::Permit, args.by.as_deref(), None).permitted(permitted);
    let (name, id) = match (args.last, args.stream, args.id) {
        (true, id, None) => (None, id),
        (false, name, id) => (name, id),
        _ => return Err(usage("with --last give at most an id: spile permit --last ID")),
    };
    let ask = Ask::Permit(PermitTool { id, allow, reason, by: args.by });
    ask_one(name.as_deref(), ask, &recorded)
}
