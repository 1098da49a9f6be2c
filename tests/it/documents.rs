//! What the documents say is run: a block that a person copies must do what it says.

use std::path::Path;

use crate::harness::{LIMIT, bash, bash_within, bin, skip};

/// A fenced block: its language and its text.
pub struct Block {
    pub language: String,
    pub text: String,
}

pub fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), false) => {
                blocks.push(Block { language: language.to_owned(), text: String::new() });
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

/// The lines of the `sh` blocks, continued lines joined.
fn lines(text: &str) -> Vec<String> {
    let sh = blocks(text).into_iter().filter(|b| b.language == "sh");
    sh.flat_map(|b| b.text.replace("\\\n", "").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Agents and the network are played by stand-ins; nothing else of a line is changed.
const STAND_INS: &str = concat!(
    "export AGENTS=",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/drive_agents.py\n",
    r#"
cd "$(mktemp -d)"
mkdir bin home
HOME=$PWD/home
cat >bin/claude <<'E'
#!/bin/sh
case "$*" in *--input-format*) exec python3 "$AGENTS" claude ;; esac
exec spile demo --agent --speed 0
E
cat >bin/codex <<'E'
#!/bin/sh
printf '%s\n' '{"type":"thread.started","thread_id":"t"}' '{"type":"turn.started"}' '{"type":"turn.completed"}'
E
cat >bin/curl <<'E'
#!/bin/sh
# The server of a document is real, and is there when its socket is.
case "$*" in
--unix-socket*)
  until [ -S "$2" ]; do sleep 0.01; done
  PATH=${PATH#*:} exec curl -sS "$@"
  ;;
esac
cat >/dev/null
E
printf '#!/bin/sh\n' >bin/npm
chmod +x bin/*
PATH=$PWD/bin:$PATH
WEBHOOK=http://channel.invalid/
printf 'test:\n\t@echo all tests pass\n' >Makefile
"#
);

/// Whether the tools that the documents use are there.
fn tools() -> bool {
    let missing: Vec<&str> = ["jq", "make", "curl"]
        .into_iter()
        .filter(|tool| bash(&format!("command -v {tool} >/dev/null")).2 != 0)
        .collect();
    if !missing.is_empty() {
        skip(format_args!(
            "the documents' blocks use {}, which is not installed",
            missing.join(" and ")
        ));
    }
    missing.is_empty()
}

#[test]
fn every_line_of_the_readme_runs() {
    if !tools() {
        return;
    }
    let lines: Vec<String> = lines(&document("README.md"))
        .into_iter()
        .filter(|l| !l.trim().is_empty() && !l.starts_with("cargo "))
        .collect();
    assert!(lines.len() >= 7, "{lines:#?}");
    let mut script = STAND_INS.to_owned();
    for line in &lines {
        let shown = line.replace(['"', '$', '`', '\\'], "");
        script.push_str(&format!("echo \"== {shown}\"\n{line}\necho \"README status $?\"\n"));
    }
    script.push_str("kill $(jobs -p)\n");
    let (stdout, stderr, status) = bash(&script);
    assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
    assert_eq!(stdout.matches("README status 0\n").count(), lines.len(), "{stdout}");
    assert!(stdout.contains("[COMPLETED") && stdout.contains("it failed"), "{stdout}");
}

/// One script of all blocks, in order and in one folder; a `text` block is the end of what the block before it prints.
#[test]
fn every_block_of_the_guide_runs() {
    if !tools() {
        return;
    }
    let mut script = STAND_INS.to_owned();
    let mut wanted: Vec<(usize, String)> = Vec::new();
    let mut count = 0;
    for Block { language, text } in blocks(&document("docs/GUIDE.md")) {
        match language.as_str() {
            "sh" | "bash" => script.push_str(&format!("{text}echo \"GUIDE block {count} status $?\"\n")),
            "make" => script.push_str(&format!(
                "mkdir project{count}; cat >project{count}/Makefile <<'MAKE'\n{text}MAKE\n\
                 make --no-print-directory -s -C project{count}; echo \"GUIDE block {count} status $?\"\n"
            )),
            "yaml" => script.push_str(&format!(
                "{}echo \"GUIDE block {count} status $?\"\n",
                job(&format!("ci{count}"), &text)
            )),
            "text" => {
                wanted.push((count - 1, text));
                continue;
            }
            other => panic!("a block of {other:?} in the guide is not run"),
        }
        count += 1;
    }
    let (stdout, stderr, _) = bash_within(LIMIT * 4, &script);
    assert_eq!(stderr, "", "{stdout}");
    let mut rest = stdout.as_str();
    for block in 0..count {
        let marker = format!("GUIDE block {block} status 0\n");
        let (printed, after) =
            rest.split_once(&marker).unwrap_or_else(|| panic!("block {block} failed:\n{rest}"));
        for (_, text) in wanted.iter().filter(|(of, _)| *of == block) {
            assert!(
                printed.ends_with(text.as_str()),
                "block {block} prints\n{printed}\nnot\n{text}"
            );
        }
        rest = after;
    }
    assert!(Path::new(bin()).exists() && count > 15);
}

/// Values of a key in a YAML file: one behind the colon, a block behind `|`, or a list of both.
fn values(yaml: &str, key: &str) -> Vec<String> {
    let lines: Vec<&str> = yaml.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let within = |at: usize| {
        let deeper = |line: &&&str| line.is_empty() || depth(line) > depth(lines[at]);
        lines[at + 1..].iter().take_while(deeper).copied().collect::<Vec<&str>>()
    };
    let value = |at: usize, text: &str| match text.trim() {
        "|" => within(at).iter().flat_map(|line| [line.trim(), "\n"]).collect(),
        text => format!("{text}\n"),
    };
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(text) = line.trim_start_matches([' ', '-']).strip_prefix(&format!("{key}:"))
        else {
            continue;
        };
        if !text.trim().is_empty() {
            found.push(value(at, text));
            continue;
        }
        for (n, item) in within(at).iter().enumerate() {
            found.extend(item.trim().strip_prefix("- ").map(|item| value(at + 1 + n, item)));
        }
    }
    found
}

/// Script that runs the scripts of a CI file in a new folder, each as the system does, and looks for the artifacts.
fn job(folder: &str, yaml: &str) -> String {
    let github = yaml.contains("runs-on:");
    let variable = if github { "GITHUB_ACTIONS" } else { "GITLAB_CI" };
    let scripts = if github {
        values(yaml, "run")
    } else {
        [values(yaml, "script").concat(), values(yaml, "after_script").concat()].into()
    };
    let files = [values(yaml, "path"), values(yaml, "paths")].concat().concat();
    assert!(scripts.len() > 1 && files.lines().count() == 2, "{yaml}");
    let mut job =
        format!("(mkdir {folder}; cd {folder}; status=0; export {variable}=true CI=true\n");
    for script in scripts {
        let name = script.split_whitespace().next().unwrap_or_default();
        job.push_str(&format!(
            "bash -e <<'SCRIPT' || status=$?\n{script}SCRIPT\necho \"step {name} status $status\"\n"
        ));
    }
    for file in files.lines() {
        job.push_str(&format!("test -s {file} || echo \"no {file}\"\n"));
    }
    job + "exit $status)\n"
}

#[test]
fn the_ci_files_fold_the_log_and_fail_with_the_agent() {
    if !tools() {
        return;
    }
    let yaml = blocks(&document("docs/GUIDE.md")).into_iter().filter(|b| b.language == "yaml");
    let yaml: Vec<String> = yaml.map(|block| block.text).collect();
    assert_eq!(yaml.len(), 2);
    let broken = "printf '#!/bin/sh\necho no key >&2; exit 3\n' >bin/claude\n";
    for (yaml, folds) in yaml.iter().zip(["::group::→ Bash", "section_start:"]) {
        let run = |agent: &str| bash(&format!("{STAND_INS}{agent}{}", job("ci", yaml)));
        let (stdout, stderr, status) = run("");
        assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
        assert!(stdout.contains(folds) && stdout.contains("\n| One failure"), "{stdout}");
        let (stdout, _, status) = run(broken);
        assert_eq!(status, 1, "{stdout}");
        assert!(stdout.contains("[FAILED") && !stdout.contains("\nno run"), "{stdout}");
    }
}

/// A run whose answer has two blocks.
const TWO_BLOCKS: &str = r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","runtime":"x"}
{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"I look."}
{"v":1,"type":"block_final","stream":"s","turn":1,"seq":3,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"I look."}
{"v":1,"type":"block_final","stream":"s","turn":1,"seq":4,"ts":"2026-01-01T00:00:00.000Z","block":"b2","kind":"reasoning","text":"Hm."}
{"v":1,"type":"block_final","stream":"s","turn":1,"seq":5,"ts":"2026-01-01T00:00:00.000Z","block":"b3","kind":"answer","text":"Found it."}
{"v":1,"type":"turn_completed","stream":"s","turn":1,"seq":6,"ts":"2026-01-01T00:00:00.000Z","stop":"end_turn"}
"#;

#[test]
fn the_one_liner_for_the_answer_keeps_blocks_apart() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.ndjson"), TWO_BLOCKS).unwrap();
    let mut count = 0;
    for name in ["README.md", "docs/GUIDE.md", "docs/EVENTS.md", "docs/chunk.md", "docs/control.md"]
    {
        for line in document(name).lines().filter(|line| line.contains(r#".kind=="answer").text"#))
        {
            let start = line.find("jq ").unwrap();
            let end = line.rfind('\'').unwrap();
            let script =
                format!("cd {}; {} run.ndjson", folder.path().display(), &line[start..=end]);
            assert_eq!(bash(&script), ("I look.\nFound it.\n".into(), String::new(), 0), "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 3);
}

#[test]
fn every_command_is_in_the_table() {
    let readme = document("README.md");
    let man = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let mut rows = 0;
    for page in std::fs::read_dir(man).unwrap() {
        let page = page.unwrap().file_name().into_string().unwrap();
        let name = page.strip_prefix("spile-").and_then(|p| p.strip_suffix(".1"));
        let Some(name) = name.filter(|name| !name.contains('-')) else {
            continue;
        };
        assert!(readme.contains(&format!("| `{name}` |")), "the README lacks {name}");
        rows += 1;
    }
    assert!(rows > 15, "{rows}");
}

#[test]
fn the_exit_table_is_the_codes() {
    let readme = document("README.md");
    for (status, meaning) in spile::exit::TABLE {
        let line = format!("| {status} | {meaning} |");
        assert!(readme.contains(&line), "the README lacks {line}");
    }
}

#[test]
fn the_two_commands_are_there_and_ci_calls_the_second() {
    let readme = document("README.md");
    let commands: Vec<String> =
        lines(&readme).into_iter().filter(|l| l.starts_with("cargo ")).collect();
    let install = "cargo install --locked --path .";
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test", install]);
    let ci = document(".ci/run");
    assert!(ci.lines().any(|l| l == commands[1]), "{ci}");
}
