//! Where a value comes from, and what is refused.

use clap::builder::PossibleValuesParser;

use super::*;
use crate::text::units::Unit;

/// Two commands with some of the options that [`TUNABLE`] names.
fn tree() -> Command {
    let number = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).default_value(value).value_parser(clap::value_parser!(u32))
    };
    let by = PossibleValuesParser::new(["word", "line"]);
    Command::new("spile")
        .subcommand(
            Command::new("coalesce")
                .arg(number("max", "1200"))
                .arg(number("min", "1"))
                .arg(Arg::new("by").long("by").value_parser(by)),
        )
        .subcommand(Command::new("check").arg(number("max-line", "16")))
}

fn resolved(text: &str, env: &[(&str, &str)]) -> Result<Vec<Setting>, String> {
    let env = |name: &str| {
        let row = env.iter().find(|(n, _)| *n == name);
        row.map(|(_, value)| OsString::from(value))
    };
    resolve(&tree(), Some((Path::new("spile.toml"), text)), &env)
}

#[track_caller]
fn check(text: &str, env: &[(&str, &str)], name: &str, want: (&str, &str)) {
    let settings = resolved(text, env).unwrap();
    let found = settings.iter().find(|s| format!("{}.{}", s.command, s.option) == name).unwrap();
    let value = found.value.as_deref().unwrap_or("-");
    assert_eq!((value, found.origin.to_string().as_str()), want);
}

#[track_caller]
fn refused(text: &str, want: &str) {
    assert_eq!(resolved(text, &[]).unwrap_err(), want);
}

#[test]
fn the_nearest_source_wins() {
    let env = [("SPILE_COALESCE_MAX", "5")];
    let text = "\n[coalesce]\nmax = 6\n";
    check(text, &env, "coalesce.max", ("5", "SPILE_COALESCE_MAX"));
    check(text, &[], "coalesce.max", ("6", "spile.toml:3"));
    check("", &[], "coalesce.max", ("1200", "default"));
    check("", &[], "coalesce.by", ("-", "default"));
}

#[test]
fn every_way_to_write_it() {
    for text in ["coalesce.max = 6", "coalesce = { max = 6 }", "[coalesce]\n\"max\" = \"6\""] {
        let settings = resolved(text, &[]).unwrap();
        assert_eq!(settings[0].value.as_deref(), Some("6"), "{text}");
    }
    check("[check]\nmax-line = 1_000", &[], "check.max-line", ("1000", "spile.toml:2"));
    let env = [("SPILE_CHECK_MAX_LINE", "7")];
    check("", &env, "check.max-line", ("7", "SPILE_CHECK_MAX_LINE"));
}

#[test]
fn what_may_not_be_there() {
    let commands: Vec<_> = TUNABLE.iter().map(|(name, _)| *name).collect();
    let commands = commands.join(", ") + ", presets";
    refused(
        "[ledger]\nfile = \"sent.db\"",
        &format!("spile.toml:1: ledger cannot be set here, only {commands}"),
    );
    // What runs a program or opens a connection is said where it happens.
    refused(
        "[tee]\nsink = \"cmd:rm\"",
        "spile.toml:2: tee.sink cannot be set here, only queue, spool-max, linger, max-line",
    );
    refused("max = 3", &format!("spile.toml:1: max cannot be set here, only {commands}"));
    refused(
        "[check]\n\nstrict = true",
        "spile.toml:3: check.strict cannot be set here, only max-line",
    );
    refused(
        "check = 3",
        "spile.toml:1: check must be a table: write [check], and in it only max-line",
    );
    refused("[coalesce]\nmax = true", "spile.toml:2: coalesce.max: write a string or a number");
    refused(
        "[coalesce]\nby = \"letter\"",
        "spile.toml:2: coalesce.by: \"letter\" does not do: write one of word, line",
    );
    refused(
        "[coalesce]\nmax = -1",
        "spile.toml:2: coalesce.max: \"-1\" does not do: -1 is not in 0..=4294967295",
    );
    let twice = resolved("[coalesce]\nmax = 1\nmax = 2", &[]).unwrap_err();
    assert!(twice.starts_with("spile.toml:3: "), "{twice}");
    let broken = resolved("[coalesce\nmax = 1", &[]).unwrap_err();
    assert!(broken.starts_with("spile.toml:1: "), "{broken}");
    assert!(!broken.contains('\n'), "{broken}");
}

#[test]
fn a_variable_is_named() {
    let wrong = resolved("", &[("SPILE_COALESCE_MIN", "x")]).unwrap_err();
    let want = "SPILE_COALESCE_MIN: \"x\" does not do: invalid digit found in string";
    assert_eq!(wrong, want);
}

#[test]
fn a_flag_stands_above_what_is_applied() {
    let settings = resolved("[coalesce]\nmax = 6\nmin = 2", &[]).unwrap();
    let line = ["spile", "coalesce", "--max", "9"];
    let matches = apply(tree(), &settings).get_matches_from(line);
    let (_, matches) = matches.subcommand().unwrap();
    assert_eq!(matches.get_one::<u32>("max"), Some(&9));
    assert_eq!(matches.get_one::<u32>("min"), Some(&2));
    assert_eq!(matches.get_one::<String>("by"), None);
}

#[test]
fn the_place_of_the_file() {
    let at = |xdg: Option<&str>, home: Option<&str>| {
        path(xdg.map(OsStr::new), home.map(OsStr::new)).map(|p| p.display().to_string())
    };
    let home = Some("/h/.config/spile/spile.toml".to_owned());
    assert_eq!(at(Some("/x"), Some("/h")), Some("/x/spile/spile.toml".to_owned()));
    assert_eq!(at(None, Some("/h")), home);
    assert_eq!(at(Some(""), Some("/h")), home);
    assert_eq!(at(Some("relative"), Some("/h")), home);
    assert_eq!(at(None, Some("")), None);
    assert_eq!(at(None, None), None);
}

#[test]
fn presets_are_channels_of_ones_own() {
    let path = Path::new("spile.toml");
    let text =
        "[presets.nostr]\nmax = 280\nunit = \"graphemes\"\nmax_lines = 9\n[presets.x]\nmax = 16\n";
    let presets = presets(path, text).unwrap();
    let preset = |name: &str, max, unit, lines, line| Preset {
        name: name.to_owned(),
        max,
        unit,
        lines,
        fences: None,
        line,
    };
    assert_eq!(
        presets,
        [preset("nostr", 280, Unit::Graphemes, 9, 1), preset("x", 16, Unit::Codepoints, 0, 5)]
    );
    assert!(resolved(text, &[]).is_ok());
}

#[test]
fn a_preset_that_does_not_do_is_said_with_its_line() {
    let check = |text: &str, want: &str| {
        assert_eq!(presets(Path::new("spile.toml"), text).unwrap_err(), want);
    };
    check(
        "presets = 1",
        "spile.toml:1: presets must be tables: write [presets.NAME], and in it max, unit, max-lines, fences",
    );
    check(
        "[presets]\nx = 1",
        "spile.toml:2: presets.x must be a table: write [presets.x], and in it max, unit, max-lines, fences",
    );
    check("[presets.x]\nmax = 15", "spile.toml:2: presets.x.max: write a number of at least 16");
    check(
        "[presets.x]\nmax = 20\nunit = \"words\"",
        "spile.toml:3: presets.x.unit: write one of codepoints, utf16, bytes, graphemes",
    );
    check(
        "[presets.x]\nmax = 20\nurl = \"y\"",
        "spile.toml:3: presets.x.url cannot be set here, only max, unit, max-lines, fences",
    );
    check(
        "\n[presets.x]\nmax-lines = 2",
        "spile.toml:2: presets.x has no max: write what fits into a message",
    );
    check(
        "[presets.\"x y\"]\nmax = 20",
        "spile.toml:1: presets.\"x y\": use letters, digits, '.', '_' and '-' in a name",
    );
}
