//! `spile redact`.

mod secrets;

use anyhow::Result;

use super::common::{InputArgs, columns};
use crate::exit::Exit;
use crate::run;
use crate::stage::LineStage;
pub(super) use secrets::SecretArgs;

/// Replace secrets in events
///
/// Each secret becomes `[redacted:RULE]`, also one that is cut between deltas: text waits while it may be the beginning of
/// one. Everything is searched: texts, inputs and outputs of tools, paths, errors, data, keys, numbers, lines that are no
/// events and lines over --max-line. Fields that name a run, a turn, a block or a tool call are never changed: a secret in
/// one of them ends the command with status 65. Signatures of reasoning are searched for known values alone.
///
/// Known values (--env, --value-file) are also found in their encodings: escaped in JSON up to three times, percent-encoded,
/// in base64 and in hexadecimal digits.
///
/// This is no guarantee. A secret of a shape that no rule describes stays, as does one that the agent spells out, encrypts or
/// encodes in another way.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {
    /// List the built-in rules with their sources, and end
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    input: InputArgs,
}

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p hi --output-format stream-json --verbose \\
    | spile redact --env | spile tee http://localhost:8080/events
  spile redact --value-file .env run.ndjson >clean.ndjson
  spile redact --pattern 'ticket=ACME-[0-9]{6}' --keyed run.ndjson
  spile redact --list";

pub(super) fn run(args: Args) -> Result<Exit> {
    let Args { list, secrets, input } = args;
    if list {
        let rows: Vec<_> = secrets
            .built_in()
            .map(|rule| [rule.name.to_owned(), rule.description.to_owned(), rule.source.to_owned()])
            .collect();
        return Ok(run::print(columns(&rows).as_bytes()));
    }
    input.run(&mut LineStage::of(secrets.stage()?, &input.reading()))
}
