//! Rules for the source that a machine can check: purity, sizes, names, which module may use which.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of a source file that are code of the program: no comments, no tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests]
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim_start().starts_with("//"))
        .map(|(n, l)| (n + 1, l))
}

#[test]
fn what_is_pure_names_no_io_and_no_clock() {
    let impure = ["run.rs", "cmd.rs", "main.rs", "spill.rs"];
    let folders = ["run", "cmd", "sink"];
    let words = [
        "std::io",
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "std::env",
        "Instant",
        "SystemTime",
    ];
    let mut wrong = Vec::new();
    for file in files(&root().join("src"), "rs") {
        let place = file.strip_prefix(root().join("src")).unwrap().to_owned();
        let first = place.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        if impure.contains(&first.as_str())
            || folders.contains(&first.as_str())
            || place.ends_with("tests.rs")
        {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (n, line) in code(&text) {
            if let Some(word) = words.iter().find(|w| line.contains(**w)) {
                // Formatting into a buffer and the types of serde_json's formatter are no IO.
                if !(*word == "std::io" && place.ends_with("codec/write.rs")) {
                    wrong.push(format!("src/{}:{n}: {word}", place.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "only run, sink and cmd may wait, read, write or look at a clock:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with("//! "), "{} must open with a `//!` sentence", file.display());
        }
    }
}

#[test]
fn no_file_outgrows_its_room() {
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 450, "{} has {lines} lines: split it", file.display());
        }
    }
}

#[test]
fn every_test_file_is_a_module() {
    let main = std::fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for file in std::fs::read_dir(root().join("tests/it")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|m| *m != "main") {
            assert!(
                main.contains(&format!("mod {module};")),
                "tests/it/{name} is no module of tests/it/main.rs"
            );
        }
    }
}

#[test]
fn the_root_holds_what_was_agreed() {
    let agreed =
        ["Cargo.toml", "Cargo.lock", "src", "tests", "docs", "completions", "README.md", "target"];
    for entry in std::fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || agreed.contains(&name.as_str()),
            "{name} does not belong in the root"
        );
    }
}

/// Someone new looks at the map first: whatever lies directly in `src` is on it.
#[test]
fn the_map_of_the_house_names_every_part() {
    let map = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let map = map.split("```").nth(1).unwrap();
    let on_it = |name: &String| map.split([' ', '\n']).any(|word| word == name);
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let entry = entry.unwrap();
        let mut name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            name.push('/');
        }
        if !on_it(&name) {
            missing.push(name);
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "not in docs/ARCHITECTURE.md");
}

/// A source file of the program: its path below `src`, and its text without the unit tests at its end.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let src = root().join("src");
        let source = |file: PathBuf| {
            let path = file.strip_prefix(&src).unwrap().display().to_string();
            let text = std::fs::read_to_string(&file).unwrap();
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            Self { path, text: text[..end].to_owned() }
        };
        let is_program = |source: &Self| !source.path.contains("tests");
        files(&src, "rs").into_iter().map(source).filter(is_program).collect()
    }

    /// True if the file belongs to one of these rooms (`run` is run.rs and run/).
    fn is_in(&self, rooms: &[&str]) -> bool {
        let room = self.path.split(['/', '.']).next().unwrap();
        rooms.contains(&room)
    }

    /// Lines of code that hold `word` as a whole word.
    fn lines_with(&self, word: &str) -> Vec<String> {
        let holds = |line: &str| {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            line.split(|c| !is_part(c)).any(|found| found == word)
        };
        let lines = code(&self.text).filter(|(_, line)| holds(line));
        lines.map(|(n, line)| format!("src/{}:{n}: {}", self.path, line.trim())).collect()
    }

    /// Definitions: the keyword, the name, and the lines from there on.
    fn definitions(&self) -> Vec<(&str, &str, usize, Vec<&str>)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut found = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            let mut words = line.split_whitespace().skip_while(|word| {
                word.starts_with("pub")
                    || ["in", "const", "unsafe", "async", "extern", "\"C\""].contains(word)
                    || word.ends_with(')') && !word.contains('(')
            });
            let keyword = words.next().unwrap_or_default();
            let name = words.next().unwrap_or_default();
            let name = name.split(['(', '<', '{', ';', ':', '=']).next().unwrap();
            if ["struct", "enum", "trait", "type", "fn", "mod", "union"].contains(&keyword) {
                found.push((keyword, name, n + 1, lines[n..].to_vec()));
            }
        }
        found
    }
}

/// The lines of a function, from its signature to its closing brace; rustfmt puts both at the same indent.
fn body(lines: &[&str]) -> usize {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let is_end = |line: &&str| line.trim_end() == format!("{}}}", " ".repeat(indent));
    if lines[0].ends_with(['}', ';']) {
        return 1;
    }
    lines.iter().position(is_end).map_or(1, |end| end + 1)
}

/// The parameters of a function.
fn parameters(lines: &[&str]) -> String {
    let ends = |line: &&str| line.ends_with(['{', ';', '}']);
    let end = lines.iter().position(ends).unwrap_or(lines.len() - 1);
    let signature = lines[..=end].concat();
    signature.split("->").next().unwrap().to_owned()
}

/// Fails with the rule if anything breaks it that is no exception, or if an exception is not needed.
#[track_caller]
fn none(rule: &str, wrong: Vec<String>, exceptions: &[&str]) {
    let needed = |e: &&&str| wrong.iter().any(|w| w.contains(**e));
    let unused: Vec<_> = exceptions.iter().filter(|e| !needed(e)).collect();
    assert!(unused.is_empty(), "{rule}: no longer needed: {unused:?}");
    let wrong: Vec<_> =
        wrong.into_iter().filter(|w| !exceptions.iter().any(|e| w.contains(e))).collect();
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

const LONGEST_FUNCTION: usize = 70;

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut wrong = Vec::new();
    for source in Source::all() {
        for (keyword, name, _, lines) in source.definitions() {
            let length = if keyword == "fn" { body(&lines) } else { 0 };
            if length > LONGEST_FUNCTION {
                wrong.push(format!("src/{} {name}: {length} lines", source.path));
            }
        }
    }
    none("a function has at most 70 lines", wrong, &[]);
}

/// Names of types, functions and modules that say less than the field's own words, and what to say instead.
const WORDS: &[(&str, &str)] = &[
    ("Lane", "a stream's state, or a sink's queue"),
    ("Desk", "delivery driver"),
    ("Clerk", "worker"),
    ("Books", "intake"),
    ("Booked", "ledger sink"),
    ("Mail", "mailbox"),
    ("Parcel", "delivery"),
    ("Unsure", "pending parts"),
    ("Bell", "waker"),
    ("Ear", "wake fd"),
    ("hush", "drain"),
    ("Wish", "cancel request"),
    ("Asked", "pending cancel"),
    ("Said", "emitted text"),
    ("say", "emit"),
    ("Rung", "escalation step"),
    ("climb", "escalate"),
    ("complain", "warn"),
    ("Heard", "ControlFlow"),
    ("hear", "read replies"),
    ("door", "procs_fd"),
    ("go_in", "join"),
    ("give_back", "punch_hole"),
    ("unnamed", "anonymous_temp_file"),
    ("Second", "on_repeat"),
    ("Spent", "usage and cost"),
    ("mend_lone", "replace_lone_surrogates"),
    ("beyond", "strip_prefix"),
    ("Excuse", "ignore_broken_pipe"),
    ("strike", "trigger, or terminate"),
    ("look_round", "update_done"),
];

#[test]
fn names_are_the_words_of_the_field() {
    let mut wrong = Vec::new();
    for source in Source::all() {
        for (_, name, n, _) in source.definitions() {
            if let Some((_, better)) = WORDS.iter().find(|(word, _)| *word == name) {
                wrong.push(format!("src/{} {name}: line {n}, better: {better}", source.path));
            }
        }
    }
    none("say it in the words of the field", wrong, &[]);
}

#[test]
fn one_name_is_one_thing() {
    let sources = Source::all();
    for name in ["Head", "Block", "Place", "Outcome", "Verdict"] {
        let defined = |source: &&Source| {
            source.definitions().iter().any(|(keyword, n, ..)| *n == name && *keyword != "fn")
        };
        let all: Vec<&str> = sources.iter().filter(defined).map(|s| s.path.as_str()).collect();
        assert!(all.len() < 2, "{name} is defined in {all:?}: qualify or merge");
    }
}

/// Lines outside `rooms` that hold `word`.
fn outside(rooms: &[&str], word: &str) -> Vec<String> {
    let sources = Source::all().into_iter().filter(|source| !source.is_in(rooms));
    sources.flat_map(|source| source.lines_with(word)).collect()
}

#[test]
fn each_room_keeps_to_its_own() {
    none("unsafe code stands in src/run", outside(&["run"], "unsafe"), &[]);
    none("values of options are enums of src/cmd", outside(&["cmd"], "ValueEnum"), &[]);
    none("pure code takes no descriptor", outside(&["run", "cmd", "sink"], "BorrowedFd"), &[]);
    let sinks = Source::all().into_iter().filter(|source| source.is_in(&["sink"]));
    let uphill = sinks.flat_map(|source| {
        let lines = source.lines_with("run");
        lines.into_iter().filter(|line| line.contains("crate::run")).collect::<Vec<_>>()
    });
    none("a sink does not use the loops that drive it", uphill.collect(), &[]);
}

#[test]
fn no_parameter_is_a_bool() {
    let exceptions = [
        // Signatures of vte's trait.
        "text/escapes.rs csi_dispatch",
        "text/escapes.rs esc_dispatch",
    ];
    let mut wrong = Vec::new();
    for source in Source::all() {
        for (keyword, name, _, lines) in source.definitions() {
            if keyword == "fn" && parameters(&lines).split(": bool").nth(1).is_some() {
                wrong.push(format!("src/{} {name}", source.path));
            }
        }
    }
    none("an enum of two says what a bool does not", wrong, &exceptions);
}

#[test]
fn the_files_of_the_page_stand_in_the_architecture() {
    let text = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let rows: Vec<(&str, usize)> = text
        .lines()
        .filter_map(|row| {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let names = cells.next().filter(|names| names.starts_with('`'))?;
            Some((names, cells.next()?.parse().ok()?))
        })
        .collect();
    let folder = root().join("src/run/serve/page");
    let files: Vec<PathBuf> =
        ["js", "html", "css"].iter().flat_map(|it| files(&folder, it)).collect();
    let mut sums = vec![0; rows.len()];
    for file in files {
        let name = format!("`{}`", file.file_name().unwrap().to_str().unwrap());
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 450, "{name} has {lines} lines");
        let row = rows.iter().position(|(names, _)| names.contains(&name));
        sums[row.unwrap_or_else(|| panic!("{name} has no row"))] += lines;
    }
    for ((names, told), lines) in rows.iter().zip(sums) {
        assert!(lines.abs_diff(*told) <= told / 10 + 5, "{names} have {lines} lines, not {told}");
    }
}
