//! What is made from the code and committed: it is what would be made now, shells can load it, and the manual renders.

mod completions;
mod man;
mod markdown;
mod runtimes;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Command;
use spile::run::state::StateFolder;
use spile::runs::info::RunInfo;

use crate::feed::tree;
use crate::harness::{Live, bash, bin, command, skip, spile};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What completes, and one of the words that must be offered. Every shell must offer it.
const COMPLETIONS: [(&str, &str); 16] = [
    ("spile wr", "wrap"),
    ("spile wrap --fr", "--from"),
    ("spile wrap --from cl", "claude"),
    ("spile merge --each 2 --from cl", "claude"),
    ("spile wrap -- mkf", "mkfifo"),
    ("spile wrap --label x -- mkf", "mkfifo"),
    ("spile merge --each 3 -- mkf", "mkfifo"),
    ("spile cancel runn", "running-1"),
    ("spile cancel --label te", "tests"),
    ("spile send runn", "running-1"),
    ("spile send te", "tests"),
    ("spile permit runn", "running-1"),
    ("spile attach runn", "running-1"),
    ("spile attach ov", "over-1"),
    ("spile logs fin", "finished"),
    ("spile attach --label fin", "finished"),
];

fn contents(root: &Path, folders: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let files = folders.iter().flat_map(|f| tree(&root.join(f)));
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// Generated files by their paths in the repository.
fn made() -> BTreeMap<String, String> {
    let mut commands = spile::cmd::tree().disable_help_subcommand(true);
    commands.build();
    let mut made: BTreeMap<_, _> = man::pages(&commands).into_iter().collect();
    made.extend(completions::files());
    made.insert("docs/cli.md".to_owned(), markdown::reference(&commands).unwrap());
    made.insert("docs/runtimes.md".to_owned(), runtimes::table().unwrap());
    let interface = serde_json::to_string_pretty(&spile::serve::openapi::document()).unwrap();
    made.insert("docs/openapi.json".to_owned(), interface + "\n");
    made
}

/// The lines of the examples in a help text, without their indent. Nothing but commands stands there.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_long_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let examples = help.split_once("Examples:\n").map_or("", |(_, rest)| rest);
    examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned()).collect()
}

#[test]
fn generated_files_are_what_the_code_makes() {
    let made = made();
    let mut there = contents(Path::new(ROOT), &["completions", "docs/man"]);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        for (name, text) in &made {
            std::fs::write(Path::new(ROOT).join(name), text).unwrap();
        }
        for name in there.keys().filter(|name| !made.contains_key(*name)) {
            std::fs::remove_file(Path::new(ROOT).join(name)).unwrap();
        }
        return;
    }
    for name in ["docs/cli.md", "docs/openapi.json", "docs/runtimes.md"] {
        there.insert(name.into(), std::fs::read(Path::new(ROOT).join(name)).unwrap_or_default());
    }
    let is = |name: &String| there.get(name).map(Vec::as_slice);
    let mut wrong: Vec<&String> =
        made.iter().filter(|(n, text)| is(n) != Some(text.as_bytes())).map(|(n, _)| n).collect();
    wrong.extend(there.keys().filter(|n| !made.contains_key(*n)));
    assert!(
        wrong.is_empty(),
        "these are not what the code makes: {wrong:#?}\nrun: UPDATE_GENERATED=1 cargo test generated"
    );
}

#[test]
fn generate_writes_the_manual_and_the_completions() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let there = contents(Path::new(ROOT), &["completions", "docs/man"]);
    let names: String = there.keys().map(|name| format!("{name}\n")).collect();
    spile(&["generate", "--out", out]).run().stdout(&names);
    let written = contents(folder.path(), &["completions", "docs/man"]);
    assert_eq!(written, there, "see FILES in src/cmd/generate.rs");
}

#[test]
fn nothing_of_the_machine_is_in_it() {
    for (name, text) in made() {
        for word in [ROOT, "/home/", "/root", "/dev/null/home", "target/"] {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    spile(&["generate", "--out", "/dev/null/here"])
        .run()
        .status(125)
        .stderr("spile: cannot make /dev/null/here/completions: Not a directory (os error 20)\n")
        .stdout("");
}

/// Whether a program is there; if not, says that a test is skipped.
fn there(program: &str, what: &str) -> bool {
    let (_, _, status) = bash(&format!("command -v {program}"));
    if status != 0 {
        skip(format_args!("{program} is not installed, {what}"));
    }
    status == 0
}

/// Two runs whose streams and labels complete, of which one lives: the variables under which they are found, and what keeps it
/// running.
fn running() -> (tempfile::TempDir, String, Live) {
    let mine = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(mine).tempdir().unwrap();
    let runtime = folder.path().display().to_string();
    let info = RunInfo { label: Some("finished".into()), ..RunInfo::default() };
    let state = StateFolder::open_at(&folder.path().join("state")).unwrap();
    state.create("over-1", &info).unwrap().unwrap();
    let args =
        ["wrap", "--label", "tests", "--stream", "running-1", "--stdin", "pipe", "--", "cat"];
    let mut wrap = command(bin(), &args);
    let mut live = Live::spawn(wrap.env("XDG_RUNTIME_DIR", &runtime));
    live.until("\"session\"");
    (folder, format!("export XDG_RUNTIME_DIR={runtime} SPILE_STATE={runtime}/state\n"), live)
}

fn offered(shell: &str, script: &dyn Fn(&str) -> String) {
    if !there(shell, "its completion is not tried") {
        return;
    }
    let (_folder, variables, live) = running();
    for (line, word) in COMPLETIONS {
        let (stdout, stderr, status) = bash(&(variables.clone() + &script(line)));
        assert_eq!((stderr.as_str(), status), ("", 0), "{shell}: {line}");
        let mut words = stdout.lines().filter_map(|l| l.split_whitespace().next());
        assert!(words.any(|w| w == word), "{shell}: {line}: {stdout}");
    }
    drop(live);
}

#[test]
fn bash_completes() {
    offered("bash", &|line| {
        format!(
            "source {ROOT}/completions/spile.bash
            complete -p spile | grep -q -- '-F _spile '
            COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _spile spile \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"
            printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
    });
}

#[test]
fn bash_completes_values_behind_an_equals_sign() {
    for (words, cur, prev) in [("=", "", "--from"), ("= cl", "cl", "=")] {
        let script = format!(
            "source {ROOT}/completions/spile.bash
            COMP_WORDS=(spile wrap --from {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _spile spile \"{cur}\" \"{prev}\"
            printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let (stdout, stderr, status) = bash(&script);
        assert_eq!((stderr.as_str(), status), ("", 0));
        assert!(stdout.lines().any(|l| l == "claude"), "{words}: {stdout}");
    }
}

#[test]
fn fish_completes() {
    offered("fish", &|line| {
        format!(
            "export HOME=$(mktemp -d)
            fish --no-config -c 'source {ROOT}/completions/spile.fish; complete -C \"{line}\"'"
        )
    });
}

/// zsh completes in a terminal only: this one is zsh's own, and what it would show is printed between two marks.
const ZSH: &str = r"
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'source $FOLDER/inner'
zpty -r z seen '*IN-PLACE*' || exit 1
zpty -w -n z $LINE$'\t'
zpty -r z seen '*END-OF-WORDS*' || exit 1
print -r -- ${${seen##*BEGIN-OF-WORDS}%%END-OF-WORDS*}
zpty -d z
";
const ZSH_INNER: &str = r"
PS1=
fpath=($COMPLETIONS $fpath)
autoload -U compinit && compinit -u -D
bindkey '^I' complete-word
begin() { print -r -- BEGIN-OF-WORDS }
finish() { print -r -- END-OF-WORDS; exit }
compprefuncs=(begin)
comppostfuncs=(finish)
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd $@
    return
  fi
  typeset -a hits
  builtin compadd -A hits $@
  print -rl -- $hits
}
print IN-PLACE
";

#[test]
fn zsh_completes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("outer"), ZSH).unwrap();
    let quoted = ZSH_INNER.replace("$@", "\"$@\"");
    std::fs::write(folder.path().join("inner"), quoted).unwrap();
    let path = folder.path().display();
    offered("zsh", &|line| {
        format!(
            "export TERM=dumb FOLDER={path} COMPLETIONS={ROOT}/completions LINE='{line}'
            zsh -f {path}/outer | tr -d '\\r'"
        )
    });
}

#[test]
fn the_manual_renders_without_warnings() {
    if !there("groff", "the manual is not rendered") {
        return;
    }
    let pages = tree(&Path::new(ROOT).join("docs/man"));
    assert!(pages.len() > 3, "{pages:?}");
    for page in pages {
        let (stdout, stderr, status) =
            bash(&format!("groff -man -ww -z -Tutf8 {}", page.display()));
        let said = (stdout.as_str(), stderr.as_str(), status);
        assert_eq!(said, ("", "", 0), "{}", page.display());
    }
}

#[test]
fn the_manual_has_the_exit_statuses_and_every_page_its_examples() {
    for page in tree(&Path::new(ROOT).join("docs/man")) {
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(".SH EXAMPLES\n"), "{}", page.display());
        if page.ends_with("spile.1") {
            for (status, _) in spile::exit::TABLE {
                let entry = format!(".TP\n\\fB{status}\\fR\n");
                assert!(text.contains(&entry), "{entry}");
            }
        }
    }
}
