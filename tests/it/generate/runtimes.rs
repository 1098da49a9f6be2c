//! docs/runtimes.md, the table of what wrap understands.

use std::fmt::Write;

use spile::adapter::ADAPTERS;

const HEAD: &str = "# The runtimes

Made from the adapter table by a test (see [CONTRIBUTING.md](CONTRIBUTING.md)). `wrap` finds the runtime out by itself; `--from NAME` says it.

What every adapter maps: text and reasoning to blocks, tools to starts and finishes, usage and cost of the turn, the runtime's own end to
one terminal event; everything else that a runtime says goes out as a `status` with the message kept. A runtime with a result message has
failed if it ends without one, whatever its exit status; one without is judged by its exit status.

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
