//! Settings through the real commands: flag, environment, file, built in.

use std::path::{Path, PathBuf};

use crate::harness::{bash, bin, command, shell_code, skip};

/// A home with this spile.toml.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        std::fs::create_dir_all(home.file().parent().unwrap()).unwrap();
        std::fs::write(home.file(), text).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self) -> PathBuf {
        self.path().join("spile/spile.toml")
    }

    /// Runs spile with this home and environment: stdout, stderr, status.
    fn run(&self, args: &[&str], env: &[(&str, &str)]) -> (String, String, i32) {
        let output = command(bin(), args)
            .env("XDG_CONFIG_HOME", self.path())
            .envs(env.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let status = shell_code(output.status);
        (text(output.stdout), text(output.stderr), status)
    }

    /// The row of `spile config` for a setting: value and source, the file's folder as `~`.
    fn row(&self, name: &str, args: &[&str], env: &[(&str, &str)]) -> String {
        let (stdout, stderr, status) = self.run(args, env);
        assert_eq!((stderr.as_str(), status), ("", 0), "{stdout}");
        let row = stdout.lines().find_map(|l| l.strip_prefix(name)).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        let home = self.path().display().to_string();
        words.join(" ").replace(&home, "~")
    }

    /// What is said of the file when a command runs; it must be a usage error.
    fn wrong(&self, env: &[(&str, &str)]) -> String {
        let (stdout, stderr, status) = self.run(&["check"], env);
        assert_eq!((stdout.as_str(), status), ("", 2), "{stderr}");
        let home = self.path().display().to_string();
        stderr.replace(&home, "~")
    }
}

#[test]
fn flag_then_environment_then_file_then_built_in() {
    let home = Home::new("# mine\n[coalesce]\nmax = 800\nidle = \"90ms\"\n");
    let env = [("SPILE_COALESCE_MAX", "700")];
    let file = "~/spile/spile.toml";
    let config: &[&str] = &["config"];
    let flag = &["config", "--", "coalesce", "--max", "600"];
    assert_eq!(home.row("coalesce.max ", flag, &env), "600 flag");
    assert_eq!(home.row("coalesce.max ", config, &env), "700 SPILE_COALESCE_MAX");
    assert_eq!(home.row("coalesce.max ", config, &[]), format!("800 {file}:3"));
    let empty = [("SPILE_COALESCE_MAX", "")];
    assert_eq!(home.row("coalesce.max ", config, &empty), format!("800 {file}:3"));
    assert_eq!(home.row("coalesce.idle ", config, &env), format!("90ms {file}:4"));
    assert_eq!(home.row("coalesce.within ", config, &env), "1s default");
    assert_eq!(home.row("coalesce.by ", config, &env), "- default");
}

#[test]
fn commands_do_what_is_set() {
    let home = Home::new("[view]\ncolor = \"always\"\n[coalesce]\nmax = 800");
    let (help, _, _) = home.run(&["coalesce", "--help"], &[]);
    assert!(help.contains("[default: 800]"), "{help}");
    let (help, _, _) = home.run(&["view", "--help"], &[]);
    assert!(help.contains("[default: always]"), "{help}");
    let delta = |seq: u64| {
        format!(
            r#"{{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"abcd"}}"#
        )
    };
    let events: String = (1..=4).map(|seq| delta(seq) + "\\n").collect();
    let run = |with: &str| {
        let line = format!("printf '{events}' | {with} | wc -l");
        let (stdout, stderr, status) = bash(&line);
        assert_eq!((stderr.as_str(), status), ("", 0), "{line}");
        stdout.trim().to_owned()
    };
    let clock = "spile coalesce --first 0 --clock event";
    assert_eq!(run(clock), "1");
    assert_eq!(run(&format!("SPILE_COALESCE_MAX=8 {clock}")), "2");
    assert_eq!(run(&format!("SPILE_COALESCE_MAX=8 {clock} --max 4")), "4");
}

#[test]
fn a_bad_value_names_its_source() {
    let home = Home::new("[coalesce]\nmin = 3\nidle = \"soon\"\n");
    assert_eq!(
        home.wrong(&[]),
        "spile: ~/spile/spile.toml:3: coalesce.idle: \"soon\" does not do: write a duration like 250ms, 10s, 5m or 1h30m\n"
    );
    let home = Home::new("");
    assert_eq!(
        home.wrong(&[("SPILE_VIEW_COLOR", "blue")]),
        "spile: SPILE_VIEW_COLOR: \"blue\" does not do: write one of auto, always, never\n"
    );
}

#[test]
fn an_unknown_key_is_refused_and_what_may_be_there_is_said() {
    let home = Home::new("[wrap]\nmax-line = \"1M\"\n\nfrom = \"text\"\n");
    assert_eq!(
        home.wrong(&[]),
        "spile: ~/spile/spile.toml:4: wrap.from cannot be set here, only max-line, max-block\n"
    );
}

#[test]
fn a_preset_is_a_channel_for_chunk() {
    let home = Home::new(
        "[presets.pager]\nmax = 20\nmax_lines = 1\nfences = \"anywhere\"\n[chunk]\nfor = \"pager\"\n",
    );
    let file = "~/spile/spile.toml";
    let config: &[&str] = &["config"];
    let row = |name: &str| home.row(name, config, &[]);
    assert_eq!(row("chunk.for "), format!("pager {file}:6"));
    assert_eq!(row("presets.pager.max "), format!("20 {file}:1"));
    assert_eq!(row("presets.pager.unit "), format!("codepoints {file}:1"));
    assert_eq!(row("presets.pager.max-lines "), format!("1 {file}:1"));
    assert_eq!(row("presets.pager.fences "), format!("anywhere {file}:1"));

    let event = r#"{"v":1,"type":"block_final","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"One short sentence. And one more."}"#;
    let count = |with: &str| {
        let home = home.path().display();
        let line = format!("printf '%s\\n' '{event}' | XDG_CONFIG_HOME={home} {with} | wc -l");
        let (stdout, stderr, status) = bash(&line);
        assert_eq!((stderr.as_str(), status), ("", 0), "{line}");
        stdout.trim().to_owned()
    };
    assert_eq!(count("spile chunk --for pager"), "2");
    assert_eq!(count("spile chunk"), "2");
    assert_eq!(count("spile chunk --for discord"), "1");

    let (stdout, stderr, status) = home.run(&["chunk", "--for", "fax"], &[]);
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("discord, ") && stderr.contains("pager"), "{stderr}");
    let said = home.wrong(&[("SPILE_CHUNK_FOR", "fax")]);
    assert!(said.contains("SPILE_CHUNK_FOR") && said.contains("pager"), "{said}");
}

#[test]
fn what_is_set_wrong_is_said_although_it_hides_a_channel() {
    let home = Home::new("[presets.mine]\nmax = 50\n[coalesce]\nfoo = 1\n");
    let (stdout, stderr, status) = home.run(&["chunk", "--for", "mine"], &[]);
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("spile.toml:4: coalesce.foo cannot be set here"), "{stderr}");
}

#[test]
fn a_unit_counts_what_is_set_elsewhere() {
    let home = Home::new("[chunk]\nmax = 50\n");
    let (_, stderr, status) = home.run(&["chunk", "--unit", "bytes"], &[]);
    assert_eq!((stderr.as_str(), status), ("", 0));
}

#[test]
fn help_is_there_whatever_is_set() {
    let home = Home::new("nonsense");
    let (stdout, stderr, status) = home.run(&["wrap", "--help"], &[]);
    assert_eq!((stderr.as_str(), status), ("", 0));
    assert!(stdout.contains("--from"), "{stdout}");
    let (stdout, _, status) = home.run(&["config"], &[]);
    assert_eq!((stdout.as_str(), status), ("", 2));
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let home = Home::new("");
    std::fs::remove_file(home.file()).unwrap();
    std::fs::create_dir(home.file()).unwrap();
    assert_eq!(
        home.wrong(&[]),
        "spile: cannot read ~/spile/spile.toml: Is a directory (os error 21): mend it or take it away\n"
    );
    std::fs::remove_dir(home.file()).unwrap();
    std::fs::write(home.file(), b"\xff").unwrap();
    let said = home.wrong(&[]);
    assert!(said.contains("UTF-8"), "{said}");
}

#[test]
fn where_the_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let first = |env: &str| {
        let (stdout, stderr, status) = bash(&format!("{env} spile config"));
        assert_eq!((stderr.as_str(), status), ("", 0));
        stdout.lines().next().unwrap_or_default().to_owned()
    };
    let at_home = format!("# {path}/.config/spile/spile.toml (not there)");
    assert_eq!(first(&format!("HOME={path}")), at_home);
    let relative = format!("HOME={path} XDG_CONFIG_HOME=here");
    assert_eq!(first(&relative), at_home);
    let both = format!("HOME={path} XDG_CONFIG_HOME={path}/c");
    assert_eq!(first(&both), format!("# {path}/c/spile/spile.toml (not there)"));
    let none = "# no file: neither XDG_CONFIG_HOME nor HOME is set";
    assert_eq!(first("env -u HOME"), none);
    std::fs::create_dir_all(folder.path().join("c/spile")).unwrap();
    std::fs::write(folder.path().join("c/spile/spile.toml"), "").unwrap();
    assert_eq!(first(&both), format!("# {path}/c/spile/spile.toml"));
}

#[test]
fn a_command_line_that_is_wrong_is_a_usage_error() {
    let (stdout, stderr, status) = bash("spile config -- coalesce --max many");
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("--max"), "{stderr}");
}

#[test]
fn every_setting_is_an_option_of_its_command() {
    let (shown, _, _) = bash("spile config");
    for (command, options) in spile::config::TUNABLE {
        for option in *options {
            assert!(
                shown.contains(&format!("{command}.{option}")),
                "no option {command} --{option} in\n{shown}"
            );
        }
    }
}

#[test]
fn a_wrong_setting_is_no_hindrance_to_commands_that_have_none() {
    let room = tempfile::tempdir().unwrap();
    let env = [("XDG_RUNTIME_DIR", room.path().to_str().unwrap())];
    let variable = [env[0], ("SPILE_WRAP_MAX_LINE", "many")];
    let typo = Home::new("[coalesce]\nmaxx = 1\n");
    let good = Home::new("");
    for (home, env) in [(&typo, &env[..]), (&good, &variable[..])] {
        for (args, status) in [(&["ps"][..], 0), (&["cancel", "x"], 69), (&["adapters"], 0)] {
            let (_, stderr, got) = home.run(args, env);
            assert_eq!(got, status, "{args:?}: {stderr}");
            assert!(stderr.contains("; it does not matter here\n"), "{stderr}");
        }
        let (_, stderr, status) = home.run(&["ps", "--nosuch"], env);
        assert_eq!(status, 2);
        assert!(stderr.contains("--nosuch"), "{stderr}");
        assert_eq!(home.run(&["wrap", "--", "true"], env).2, 2);
        assert_eq!(home.run(&["config"], env).2, 2);
    }
}

#[test]
fn what_is_no_file_holds_up_nothing() {
    let home = Home::new("");
    std::fs::remove_file(home.file()).unwrap();
    let (_, _, status) = bash(&format!("mkfifo {}", home.file().display()));
    assert_eq!(status, 0);
    assert!(home.run(&["--version"], &[]).0.starts_with("spile "));
    assert_eq!(home.run(&["adapters"], &[]).2, 0);
    assert!(home.wrong(&[]).contains("it is no regular file"));
    std::fs::remove_file(home.file()).unwrap();
    std::os::unix::fs::symlink("/dev/zero", home.file()).unwrap();
    assert!(home.wrong(&[]).contains("it is larger than 1M"));
    std::fs::remove_file(home.file()).unwrap();
    std::os::unix::fs::symlink("/dev/null", home.file()).unwrap();
    assert_eq!(home.run(&["coalesce"], &[]), (String::new(), String::new(), 0));
}

#[test]
fn a_home_of_somebody_else_is_no_home() {
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    if bash(&format!("{nobody} true 2>/dev/null")).2 != 0 {
        return skip("needs root and setpriv");
    }
    let copy = "d=$(mktemp -d); chmod 755 $TMPDIR $d; cp $(command -v spile) $d; mkdir -p $d/home/spile; \
                echo '[coalesce]' >$d/home/spile/spile.toml";
    let run = format!("{nobody} env XDG_CONFIG_HOME=$d/home $d/spile coalesce </dev/null");
    let (_, stderr, status) = bash(&format!("{copy}; chmod 700 $d/home; {run}"));
    assert_eq!((stderr.as_str(), status), ("", 0));
    let (_, stderr, status) = bash(&format!("{copy}; chmod 600 $d/home/spile/spile.toml; {run}"));
    assert_eq!(status, 2, "a file that is there is meant: {stderr}");
    assert!(stderr.contains("Permission denied"), "{stderr}");
}
