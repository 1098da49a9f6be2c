//! docs/cli.md, the reference of the command line.

use std::fmt::{Result, Write};

use clap::{Arg, Command};
use spile::{config, exit};

use super::examples;

/// The whole reference. `tree` is built.
pub(super) fn reference(tree: &Command) -> std::result::Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "# The command line\n")?;
    writeln!(
        text,
        "Made from the code by a test (see [CONTRIBUTING.md](CONTRIBUTING.md)); `spile COMMAND --help` says the same.\n"
    )?;
    about(tree, &mut text)?;
    writeln!(text, "| command | what it does |\n| --- | --- |")?;
    for command in shown(tree) {
        let about = command.get_about().map(ToString::to_string);
        let name = bin_name(command);
        let anchor = name.replace(' ', "-");
        let about = cell(&about.unwrap_or_default());
        writeln!(text, "| [`{name}`](#{anchor}) | {about} |")?;
    }
    writeln!(text)?;
    example_block(tree, &mut text)?;
    for command in shown(tree) {
        section(command, 2, &mut text)?;
    }
    writeln!(text, "## Exit statuses\n")?;
    writeln!(text, "The first that applies; of several turns the last one counts.\n")?;
    writeln!(text, "| status | meaning |\n| --- | --- |")?;
    for (status, meaning) in exit::TABLE {
        writeln!(text, "| {status} | {} |", cell(meaning))?;
    }
    configuration(&mut text)?;
    Ok(text)
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set())
}

fn bin_name(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn section(command: &Command, level: usize, text: &mut String) -> Result {
    writeln!(text, "{} {}\n", "#".repeat(level), bin_name(command))?;
    about(command, text)?;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim_end();
    writeln!(text, "```\n{usage}\n```\n")?;
    let args = |positional: bool| {
        command
            .get_arguments()
            .filter(move |a| a.is_positional() == positional && !a.is_hide_set())
            .filter(|a| a.get_id() != "help" && a.get_id() != "version")
    };
    if args(true).chain(args(false)).next().is_some() {
        writeln!(text, "| option | default | what it does |\n| --- | --- | --- |")?;
        for arg in args(true).chain(args(false)) {
            row(arg, text)?;
        }
        writeln!(text)?;
    }
    example_block(command, text)?;
    for command in shown(command) {
        section(command, level + 1, text)?;
    }
    Ok(())
}

fn about(command: &Command, text: &mut String) -> Result {
    let about = command.get_long_about().or_else(|| command.get_about());
    for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        writeln!(text, "{}\n", escaped(paragraph.trim_end()))?;
    }
    Ok(())
}

fn row(arg: &Arg, text: &mut String) -> Result {
    let names = arg.get_value_names().unwrap_or_default().join(" ");
    let takes = arg.get_action().takes_values() && !names.is_empty();
    let flags =
        [arg.get_short().map(|c| format!("-{c}")), arg.get_long().map(|l| format!("--{l}"))];
    let flags: Vec<String> = flags.into_iter().flatten().collect();
    let mut name = flags.join(", ");
    if takes {
        let space = if name.is_empty() { "" } else { " " };
        name = format!("{name}{space}{names}");
    }
    let defaults = arg.get_default_values().iter();
    let default: Vec<_> = defaults.map(|v| format!("`{}`", v.to_string_lossy())).collect();
    let default = if takes { default.join(" ") } else { String::new() };
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let mut help = cell(&help.map(ToString::to_string).unwrap_or_default());
    let values = arg.get_possible_values();
    let values: Vec<_> = values.iter().filter(|v| !v.is_hide_set()).collect();
    if takes && !values.is_empty() {
        let names: Vec<_> = values.iter().map(|v| format!("`{}`", v.get_name())).collect();
        write!(help, ": {}", names.join(" "))?;
    }
    let name = cell(&format!("`{name}`"));
    writeln!(text, "| {name} | {} | {help} |", cell(&default))?;
    Ok(())
}

fn example_block(command: &Command, text: &mut String) -> Result {
    let lines = examples(command);
    if !lines.is_empty() {
        writeln!(text, "```sh\n{}\n```\n", lines.join("\n"))?;
    }
    Ok(())
}

fn configuration(text: &mut String) -> Result {
    writeln!(text, "\n## Configuration\n")?;
    writeln!(
        text,
        "A flag wins, then the environment, then `$XDG_CONFIG_HOME/spile/spile.toml` (else `~/.config/spile/spile.toml`), then \
         what is built in. Only these can be set; anything else in the file is refused. `spile config` shows what holds.\n"
    )?;
    writeln!(text, "| option | environment | `spile.toml` |\n| --- | --- | --- |")?;
    for (command, option) in config::tunable() {
        let variable = config::variable(command, option);
        writeln!(text, "| `spile {command} --{option}` | `{variable}` | `{command}.{option}` |")?;
    }
    Ok(())
}

/// Text that cannot end a cell of a table.
fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|").replace('\n', " ")
}

/// Text in which nothing is taken for HTML. In a code span nothing is.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts = parts.map(
        |(at, part)| {
            if at % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }
        },
    );
    parts.collect::<Vec<_>>().join("`")
}
