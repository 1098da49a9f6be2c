//! Completions for six shells: what clap generates, and what it cannot know (the streams that run, their labels).

use clap_complete::{Generator, Shell};
use clap_complete_nushell::Nushell;

/// Completes the text that clap generates for a shell.
type Completed = fn(String) -> String;

/// The files with their names.
pub(super) fn files() -> Vec<(String, String)> {
    let more: [(Shell, Completed); 5] = [
        (Shell::Bash, more_bash),
        (Shell::Elvish, |text| text),
        (Shell::Fish, |text| text + include_str!("more.fish")),
        (Shell::PowerShell, |text| text),
        (Shell::Zsh, more_zsh),
    ];
    let mut files: Vec<_> = more
        .into_iter()
        .map(|(shell, more)| {
            let (name, text) = completion(shell);
            (name, more(text))
        })
        .collect();
    files.push(completion(Nushell));
    files
}

/// Completion for bash beyond the options, in front of the line that registers the function.
fn more_bash(text: String) -> String {
    let text = text.replacen("_spile() {", "_spile_known() {", 1);
    let registered = text.rfind("\nif [[ ").unwrap_or(text.len());
    let (known, register) = text.split_at(registered);
    format!("{known}{}{register}", include_str!("more.bash"))
}

/// Completion for zsh beyond the options: functions, and the places that call them.
fn more_zsh(text: String) -> String {
    let mut command = String::new();
    let mut more = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix('(').and_then(|line| line.strip_suffix(")\n")) {
            name.clone_into(&mut command);
        }
        if line.starts_with("if [ \"$funcstack[1]\"") {
            more.push_str(include_str!("more.zsh"));
        }
        let run =
            ["'*::stream", "':stream", "'::stream"].iter().any(|start| line.starts_with(start));
        let function = match command.as_str() {
            "cancel" if run => "_spile_streams",
            "cancel" if line.contains("--label=") => "_spile_labels",
            "send" | "permit" if run => "_spile_one_run",
            "attach" | "logs" if run => "_spile_all_runs",
            "attach" | "logs" if line.contains("--label=") => "_spile_all_labels",
            "merge" if line.starts_with("'*::sources -- Sources to merge") => "_spile_sources",
            _ => {
                more.push_str(line);
                continue;
            }
        };
        let called = format!(":{function}'");
        more.push_str(&line.replace(":_files'", &called).replace(":_default'", &called));
    }
    more
}

fn completion(shell: impl Generator) -> (String, String) {
    let name = format!("completions/{}", shell.file_name("spile"));
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut spile::cmd::tree(), "spile", &mut bytes);
    (name, String::from_utf8(bytes).unwrap())
}
