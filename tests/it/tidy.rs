//! The rules of the house that a machine can hold: purity, no forgotten file, sizes.

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
