//! Examples are for pasting: each is whole at every width, is what a shell can read, and runs without a usage error.

use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;

use crate::documents::{blocks, document};
use crate::endpoint::{Endpoint, Reply};
use crate::harness::{LIMIT, bash, bin, command, shell_code, skip};

/// Columns of the terminals in which help and manual are shown.
const WIDTHS: [&str; 3] = ["40", "80", "200"];

/// The longest line of an example in a help text, in columns.
const MAX_WIDTH: usize = 80;

/// The help of a command, named by its words, in a terminal of this width.
fn help(words: &[String], width: &str) -> String {
    let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
    line.push("--help");
    let output = command(bin(), &line).env("COLUMNS", width).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{line:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the commands below one, from its help.
fn below(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let names = list.filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let names = names.filter_map(|l| l.split_whitespace().next()).filter(|n| *n != "help");
    names.map(str::to_owned).collect()
}

/// Every command, as the words behind `spile`; the first has none.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut at = 0;
    while let Some(words) = all.get(at).cloned() {
        for name in below(&help(&words, "100")) {
            all.push([words.clone(), vec![name]].concat());
        }
        at += 1;
    }
    all
}

/// The examples at the end of a help text, without their indent; continued lines are one example.
fn examples(help: &str) -> Vec<String> {
    let (_, text) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {help}"));
    let strip = |l: &str| l.strip_prefix("  ").map(str::to_owned);
    let lines: Option<Vec<String>> = text.lines().map(strip).collect();
    let lines = lines.unwrap_or_else(|| panic!("nothing but examples may stand here: {text}"));
    whole(&lines.join("\n"))
}

/// The command lines of a text; lines that a backslash continues are one.
fn whole(text: &str) -> Vec<String> {
    let marked = text.replace("\\\n", "\\\u{0}");
    marked.lines().map(|l| l.replace('\u{0}', "\n")).collect()
}

/// All examples of the help texts.
fn all() -> Vec<String> {
    let commands = commands();
    assert!(commands.len() > 15, "{commands:?}");
    commands.iter().flat_map(|words| examples(&help(words, "80"))).collect()
}

#[test]
fn examples_in_help_are_the_same_at_every_width() {
    for words in commands() {
        let [narrow, middle, wide] = WIDTHS.map(|width| examples(&help(&words, width)));
        assert_eq!(narrow, middle, "{words:?}");
        assert_eq!(middle, wide, "{words:?}");
        let shown = [vec!["help".to_owned()], words.clone()].concat();
        let line: Vec<&str> = shown.iter().map(String::as_str).collect();
        let output = command(bin(), &line).env("COLUMNS", "40").output().unwrap();
        assert_eq!(examples(&String::from_utf8(output.stdout).unwrap()), narrow, "{words:?}");
        for line in narrow.iter().flat_map(|example| example.lines()) {
            assert!(line.len() + 2 <= MAX_WIDTH, "{words:?}: break this line: {line}");
            assert!(line.is_ascii(), "{words:?}: {line}");
        }
    }
}

#[test]
fn all_else_in_help_is_wrapped() {
    let narrow = help(&["view".to_owned()], "40");
    let (above, _) = narrow.split_once("Examples:").unwrap();
    assert!(above.lines().all(|line| line.chars().count() <= 40), "{above}");
    assert!(!narrow.contains('\u{E000}'));
}

#[test]
fn the_manual_shows_the_same_examples_at_every_width() {
    if bash("command -v groff").2 != 0 {
        skip("groff is not installed, the manual's examples are not compared");
        return;
    }
    for words in commands() {
        let name: String = words.iter().map(|word| format!("-{word}")).collect();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/man/spile{name}.1"));
        for width in WIDTHS {
            let groff = "groff -man -Tutf8 -P-cbou";
            let (text, _, status) = bash(&format!("{groff} -rLL={width}n {}", page.display()));
            assert_eq!(status, 0, "{name}");
            let lines = text.lines().skip_while(|l| *l != "EXAMPLES").skip(1);
            let lines: Vec<&str> = lines.take_while(|l| l.starts_with(' ')).collect();
            let indent = lines.iter().map(|l| l.len() - l.trim_start().len()).min().unwrap();
            let shown: Vec<&str> = lines.iter().map(|l| &l[indent..]).collect();
            let want = examples(&help(&words, width));
            assert_eq!(whole(&shown.join("\n")), want, "{name} at {width}");
        }
    }
}

#[test]
fn the_reference_shows_the_same_examples() {
    let text = document("docs/cli.md");
    let shown = blocks(&text).into_iter().filter(|b| b.language == "sh");
    let shown: Vec<String> = shown.flat_map(|b| whole(&b.text)).collect();
    let mut want = all();
    let mut got = shown;
    want.sort();
    got.sort();
    assert_eq!(got, want);
    assert!(!text.contains("&lt;("), "code is not escaped");
}

#[test]
fn every_example_of_help_and_documents_is_what_a_shell_reads() {
    let all = all().into_iter().map(|example| ("sh".to_owned(), example));
    let mut scripts: Vec<(String, String)> = all.collect();
    let docs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let names = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    for name in names.filter(|n| n.ends_with(".md")).chain(["README.md".to_owned()]) {
        for block in blocks(&document(&name)) {
            if ["sh", "bash"].contains(&block.language.as_str()) {
                scripts.push((block.language, block.text));
            }
        }
    }
    assert!(scripts.len() > 80, "{}", scripts.len());
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for (n, (shell, text)) in scripts.iter().enumerate() {
        std::fs::write(folder.path().join(n.to_string()), text).unwrap();
        lines.push_str(&format!("{shell} -n {n} || echo {n}\n"));
    }
    let (wrong, stderr, _) = bash(&format!("cd {}\n{lines}", folder.path().display()));
    let text = |n: &str| &scripts[n.parse::<usize>().unwrap()].1;
    let wrong: Vec<&String> = wrong.lines().map(text).collect();
    assert!(wrong.is_empty(), "{stderr}{wrong:#?}");
}

/// Agents, the network and other programs are stand-ins. `spile` writes down its statuses.
const STAND_INS: &str = r#"
mkdir bin home run && cd bin || exit
stand_in() { cat >"$1" && chmod +x "$1"; }
stand_in claude <<'END'
#!/bin/sh
exec "$SPILE" demo --agent --speed 0
END
stand_in codex <<'END'
#!/bin/sh
printf '%s\n' '{"type":"thread.started","thread_id":"t"}' '{"type":"turn.started"}' '{"type":"turn.completed"}'
END
stand_in curl <<'END'
#!/bin/sh
exec cat >/dev/null
END
stand_in nc <<'END'
#!/bin/sh
exec cat run.ndjson
END
stand_in notify-send <<'END'
#!/bin/sh
exec cat >/dev/null
END
stand_in cargo <<'END'
#!/bin/sh
[ "$1" = run ] && shift && [ "$1" = -- ] && shift && exec spile "$@"
END
stand_in spile <<'END'
#!/bin/sh
# A server serves until a signal.
within=
case "$1 $2" in "serve "* | "demo --serve") within="timeout 2" ;; esac
$within "$SPILE" "$@"
status=$?
echo "$status spile $*" >>"$LOG"
exit "$status"
END
cd .. || exit
printf 'docs test:\n\t@echo all is made\n' >Makefile
"$SPILE" demo --agent --speed 0 | "$SPILE" wrap --stream demo >run.ndjson
cp run.ndjson a.ndjson && "$SPILE" wrap --stream b -- echo hi >b.ndjson
"$SPILE" wrap --record run.raw -- echo hi >/dev/null
echo DB_PASSWORD=correct-horse-battery >.env
"$SPILE" tee --ledger d.db copy.ndjson <run.ndjson >/dev/null
"#;

/// Runs one example where the stand-ins are. `Err`: what is wrong with it.
fn run(example: &str, webhook: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let limit = LIMIT.as_secs().to_string();
    let sh = |script: &str| {
        let args = ["--signal=KILL", limit.as_str(), "sh", "-c", script];
        let mut sh = command("timeout", &args);
        let search = sh.get_envs().find_map(|(key, value)| value.filter(|_| key == "PATH"));
        let search = format!("{}:{}", path("bin"), search.unwrap().display());
        sh.env("PATH", search).env("SPILE", bin()).env("LOG", path("log")).env("WEBHOOK", webhook);
        sh.env("HOME", path("home")).env("XDG_RUNTIME_DIR", path("run")).env("TMPDIR", path("run"));
        sh.current_dir(&folder).stdin(Stdio::null()).output().unwrap()
    };
    let made = sh(STAND_INS);
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.is_empty(), "{said}");
    let output = sh(example);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let log = std::fs::read_to_string(path("log")).unwrap_or_default();
    let status = shell_code(output.status);
    let fault = match () {
        () if status == 137 => "hangs",
        () if status == 126 || status == 127 => "is not found",
        () if log.lines().any(|l| l.starts_with("2 ")) => "is a usage error",
        () if example.contains("spile ") && log.is_empty() => "starts no spile",
        () => return Ok(()),
    };
    Err(format!("{fault}: {example}\n{stderr}{log}"))
}

#[test]
fn every_example_of_help_runs() {
    if let Some(tool) = ["jq", "make"].into_iter().find(|t| bash(&format!("command -v {t}")).2 != 0)
    {
        skip(format_args!("the examples use {tool}, which is not installed"));
        return;
    }
    let endpoint = Endpoint::start(|_, _| Reply::Status(204, "", ""));
    let examples = Mutex::new(all());
    let faults = Mutex::new(Vec::new());
    let next = || examples.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(example) = next() {
                    if let Err(fault) = run(&example, &endpoint.url) {
                        faults.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
