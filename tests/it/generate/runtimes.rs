//! docs/runtimes.md, the table of what wrap understands.

use std::fmt::Write;

use spile::adapter::ADAPTERS;

const HEAD: &str = "# The runtimes

Made from the adapter table by a test (see [CONTRIBUTING.md](CONTRIBUTING.md)). `wrap` detects the runtime; `--from NAME` sets it.

What every adapter maps: text and reasoning to blocks, tools to starts and finishes, usage and cost of the turn, the runtime's own end to
one terminal event; everything else that a runtime reports becomes a `status` with the message. If a runtime has a result message, a turn
without one has failed, whatever the exit status. If it has none, the exit status decides.

| runtime | what it is | command line to use | result message | seen |
| --- | --- | --- | --- | --- |
";

/// The document.
pub(super) fn table() -> Result<String, std::fmt::Error> {
    let mut text = HEAD.to_owned();
    for spec in ADAPTERS {
        let names: Vec<&str> = [&[spec.name], spec.aliases].concat();
        let result = if spec.has_result { "yes" } else { "no" };
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(
            text,
            "| `{}` | {} | `{}` | {result} | {} |",
            names.join("` `"),
            cell(spec.about),
            cell(spec.usage),
            cell(spec.versions)
        )?;
    }
    Ok(text)
}
