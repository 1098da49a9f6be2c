//! What is made from the code and committed: it is what would be made now, shells can load it, and the manual renders.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::feed::tree;
use crate::harness::{Live, bash, bin, command, spile};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What completes, and one of the words that must be offered. Every shell must offer it.
const COMPLETIONS: [(&str, &str); 9] = [
    ("spile wr", "wrap"),
    ("spile wrap --fr", "--from"),
    ("spile wrap --from cl", "claude"),
    ("spile merge --each 2 --from cl", "claude"),
    ("spile wrap -- mkf", "mkfifo"),
    ("spile wrap --label x -- mkf", "mkfifo"),
    ("spile merge --each 3 -- mkf", "mkfifo"),
    ("spile cancel runn", "running-1"),
    ("spile cancel --label te", "tests"),
];

fn contents(root: &Path, folders: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let files = folders.iter().flat_map(|f| tree(&root.join(f)));
    let name = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// The generated files in a folder of their own.
fn generated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    spile(&["generate", "--out", out]).run().then(|names| {
        let made = contents(folder.path(), &["."]);
        assert_eq!(names.lines().count(), made.len(), "{names}");
        for name in names.lines() {
            assert!(folder.path().join(name).is_file(), "{name}");
        }
    });
    folder
}

#[test]
fn what_is_committed_is_what_is_made() {
    let folder = generated();
    let new = contents(folder.path(), &["completions", "docs"]);
    let mut old = contents(Path::new(ROOT), &["completions", "docs/man"]);
    for name in ["docs/cli.md", "docs/event.schema.json", "docs/runtimes.md"] {
        old.insert(name.into(), std::fs::read(Path::new(ROOT).join(name)).unwrap_or_default());
    }
    let mut wrong: Vec<&String> = new.keys().filter(|n| old.get(*n) != new.get(*n)).collect();
    wrong.extend(old.keys().filter(|n| !new.contains_key(*n)));
    assert!(
        wrong.is_empty(),
        "these are not what the code makes: {wrong:#?}\ntake away what has no command any more, and run: cargo run -- generate"
    );
}

#[test]
fn nothing_of_the_machine_is_in_it() {
    let folder = generated();
    for (name, bytes) in contents(folder.path(), &["."]) {
        let text = String::from_utf8(bytes).unwrap();
        for word in [ROOT, "/home/", "/root", "/nonexistent", "target/"] {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
}

#[test]
fn what_a_user_has_set_is_not_in_it() {
    let set = "SPILE_COALESCE_MAX=777 spile generate --out $D >/dev/null && ! grep -rl 777 $D";
    let (stdout, stderr, status) = bash(&format!("D=$(mktemp -d); {set}"));
    assert_eq!((stdout.as_str(), stderr.as_str(), status), ("", "", 0));
}

#[test]
fn a_schema_that_shrinks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let docs = folder.path().join("docs");
    std::fs::create_dir(&docs).unwrap();
    let mut old = spile::schema::schema();
    old["properties"]["mood"] = serde_json::json!({"type": "string"});
    let path = docs.join("event.schema.json");
    std::fs::write(&path, old.to_string()).unwrap();
    let message = format!(
        "spile: the schema takes away from {}: mood is gone; that needs a new major version (VERSION in src/event.rs)\n",
        path.display()
    );
    spile(&["generate", "--out", folder.path().to_str().unwrap()])
        .run()
        .status(2)
        .stderr(&message)
        .stdout("");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), old.to_string());
    assert_eq!(contents(folder.path(), &["."]).len(), 1);
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
        eprintln!("SKIPPED: {program} is not installed, {what}");
    }
    status == 0
}

/// A run whose stream and label complete: the variables under which it is found, and what keeps it running.
fn running() -> (tempfile::TempDir, String, Live) {
    let mine = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(mine).tempdir().unwrap();
    let runtime = folder.path().display().to_string();
    let args =
        ["wrap", "--label", "tests", "--stream", "running-1", "--stdin", "pipe", "--", "cat"];
    let mut wrap = command(bin(), &args);
    let mut live = Live::spawn(wrap.env("XDG_RUNTIME_DIR", &runtime));
    live.until("\"session\"");
    (folder, format!("export XDG_RUNTIME_DIR={runtime}\n"), live)
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
            for row in spile::exit::TABLE {
                let entry = format!(".TP\n\\fB{}\\fR\n", row.status);
                assert!(text.contains(&entry), "{entry}");
            }
        }
    }
}
