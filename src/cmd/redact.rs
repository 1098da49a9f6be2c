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
/// A secret becomes `[redacted:RULE]`, also if it arrives in several pieces: text waits while it may be the beginning of a
/// secret, --within at most. Searched are texts, inputs and outputs of tools, paths, errors, data, keys, numbers, lines that
/// are no events and lines over --max-line. An event without a secret passes byte for byte.
///
/// Searched for are the shapes of known kinds of keys and tokens (--list), and what the options of Secrets add. Values of
/// --env and --value-file are also found in other forms: escaped in JSON up to three times, percent-encoded, in base64 and in
/// hexadecimal digits.
///
/// Ids of streams, blocks and tool calls, labels and times are never changed: if a secret stands in one, the command holds
/// back this event and all later ones, and ends with status 65. So it does for parts of `spile chunk`: put redact before
/// chunk, and before every command that shows, stores or sends events. Signatures of reasoning are searched for values only.
///
/// There is no guarantee. A secret of a shape that no rule describes stays, and so does one that the agent spells out,
/// translates, encrypts or encodes in another way.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, mut_arg("max_line", |max_line| max_line.help(MAX_LINE)))]
pub(super) struct Args {
    /// List the built-in rules with their sources, and exit
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    secrets: SecretArgs,
    #[command(flatten)]
    input: InputArgs,
}

const MAX_LINE: &str = "Longest line that is parsed; a longer one is searched as it is";

const EXAMPLES: &str = "Examples:
  spile wrap -- claude -p hi --output-format stream-json --verbose \\
    | spile redact --env | spile tee run.ndjson | spile view
  spile redact --value-file .env run.ndjson \\
    | spile export --to html >run.html
  spile redact --pattern 'ticket=ACME-[0-9]{6}' --keyed run.ndjson
  spile redact --only github-token --only jwt run.ndjson
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
