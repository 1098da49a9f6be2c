//! Each adapter's own examples: `tests/fixtures/<adapter>/<case>.raw` is what the agent prints, `.events` what it becomes.

use std::path::Path;

use crate::feed::{contract, events, files, foreign};

#[test]
fn fixtures_become_their_events() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut count = 0;
    for folder in files(&root, "") {
        let adapter = folder.file_name().unwrap_or_default().to_string_lossy();
        for path in files(&folder, ".raw") {
            count += 1;
            let raw = std::fs::read(&path).expect("a fixture can be read");
            let (found, got) = events(&raw);
            assert_eq!(found, adapter, "{}: the wrong adapter", path.display());
            contract(&got).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
            let path = path.with_extension("events");
            if update {
                std::fs::write(&path, &got).expect("a fixture can be written");
            }
            compare(&path, &got);
        }
    }
    assert!(count > 0, "no fixtures in {}", root.display());
}

#[test]
fn no_adapter_is_sure_of_a_line_of_another_runtime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for folder in files(&root, "") {
        let adapter = folder.file_name().unwrap_or_default().to_string_lossy();
        for path in files(&folder, ".raw") {
            let raw = std::fs::read(&path).expect("a fixture can be read");
            let wrong = foreign(&raw, &adapter);
            assert_eq!(wrong, None, "{} is {adapter}'s", path.display());
        }
    }
}

fn compare(path: &Path, got: &[u8]) {
    let want = std::fs::read_to_string(path).unwrap_or_default();
    let got = String::from_utf8_lossy(got);
    if want == got {
        return;
    }
    let lines = || want.lines().zip(got.lines()).enumerate();
    let line = lines().find(|(_, (want, got))| want != got);
    let line = line.map_or(want.lines().count().min(got.lines().count()), |(at, _)| at);
    panic!(
        "{}:{} differs\n  expected {}\n  got      {}\nif the new events are right, run: \
         UPDATE_FIXTURES=1 cargo test --test it fixtures",
        path.display(),
        line + 1,
        want.lines().nth(line).unwrap_or("the end"),
        got.lines().nth(line).unwrap_or("the end"),
    );
}
