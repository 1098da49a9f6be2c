//! `spile schema`.

use anyhow::Result;

use crate::exit::Exit;
use crate::run;
use crate::schema;

/// Print the JSON Schema of an event
///
/// Dialect: JSON Schema 2020-12. The schema describes a single line; `spile check` also checks the rules between lines.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Args {}

const EXAMPLES: &str = "Examples:
  spile schema >event.schema.json
  spile schema | jq -r '.\"$defs\" | keys[]'";

pub(super) fn run(_: Args) -> Result<Exit> {
    Ok(run::print(schema::EVENT.as_bytes()))
}
