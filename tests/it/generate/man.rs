//! The manual: a page for spile and one for each command.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use spile::{config, exit};

use super::examples;

/// The pages with their file names. `tree` is built.
pub(super) fn pages(tree: &Command) -> Vec<(String, String)> {
    let mut pages = vec![(file_name(tree), page(tree, main_sections))];
    for command in tree.get_subcommands().filter(|c| !c.is_hide_set()) {
        pages.push((file_name(command), page(command, command_sections)));
    }
    pages
}

fn display_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn file_name(command: &Command) -> String {
    format!("docs/man/{}.1", display_name(command))
}

fn page(command: &Command, more: fn(&mut Roff, &Command)) -> String {
    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"));
    let mut bytes = Vec::new();
    // An empty date must be quoted, or the next argument is taken for it.
    let title = display_name(command).to_uppercase();
    let source = concat!("spile ", env!("CARGO_PKG_VERSION"));
    let mut head = Roff::new();
    head.control("TH", [title.as_str(), "1", "\"\"", source, "spile manual"]);
    head.to_writer(&mut bytes).unwrap();
    man.render_name_section(&mut bytes).unwrap();
    man.render_synopsis_section(&mut bytes).unwrap();
    man.render_description_section(&mut bytes).unwrap();
    man.render_options_section(&mut bytes).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut bytes).unwrap();
    }
    let mut tail = Roff::new();
    more(&mut tail, command);
    tail.to_writer(&mut bytes).unwrap();
    clean(&String::from_utf8(bytes).unwrap())
}

/// Every section comes with the definition of the apostrophe, of which the first is enough, and clap leaves empty lines and
/// blanks at line ends, which a manual page must not have.
fn clean(text: &str) -> String {
    let mut seen = Vec::new();
    let mut clean = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        let definition = line.contains(".ds Aq");
        if line.is_empty() || definition && seen.contains(&line) {
            continue;
        }
        if definition {
            seen.push(line);
        }
        clean.push_str(line);
        clean.push('\n');
    }
    clean
}

fn main_sections(roff: &mut Roff, command: &Command) {
    examples_section(roff, command);
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("The first that applies; of several turns the last one counts.")]);
    for (status, meaning) in exit::TABLE {
        entry(roff, status, meaning);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "A variable stands above the file and below the flag. An empty one counts as not set.",
    )]);
    for (command, option) in config::tunable() {
        let meaning = format!("The default of --{option} of spile {command}.");
        entry(roff, &config::variable(command, option), &meaning);
    }
    let colours = "Whether spile view colours where --color does not say it.";
    entry(roff, "NO_COLOR, CLICOLOR_FORCE", colours);
    roff.control("SH", ["FILES"]);
    let file = "The same defaults, a table for each command: [coalesce] and in it max = 800. Anything that is not listed \
                under ENVIRONMENT is refused. spile config shows what holds.";
    entry(roff, "$XDG_CONFIG_HOME/spile/spile.toml", file);
    let home = "In its place where XDG_CONFIG_HOME is not set.";
    entry(roff, "~/.config/spile/spile.toml", home);
}

fn command_sections(roff: &mut Roff, command: &Command) {
    examples_section(roff, command);
    roff.control("SH", ["SEE ALSO"]);
    let see = "for the exit statuses, the environment and the configuration file.";
    roff.text([bold("spile"), roman("(1) "), roman(see)]);
}

fn entry(roff: &mut Roff, name: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(meaning)]);
}

fn examples_section(roff: &mut Roff, command: &Command) {
    let lines = examples(command);
    if lines.is_empty() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]);
    roff.control("EX", []);
    for line in lines {
        if line.is_empty() {
            roff.control("sp", []);
        }
        roff.text([roman(line)]);
    }
    roff.control("EE", []);
}
