//! Streams that were once read wrong, where they are at hand: each with the right answer beside it.

use std::path::Path;
use std::process::Command;

use crate::harness::{bin, skip};

#[test]
fn streams_that_were_read_wrong_are_read_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/faults");
    if !folder.is_dir() {
        skip(format_args!("no streams in {}", folder.display()));
        return;
    }
    let mut check = Command::new("python3");
    let out = check.arg(folder.join("check.py")).arg("-q").env("SPILE", bin()).output();
    let out = out.expect("python3 is there");
    let report = String::from_utf8_lossy(&out.stdout);
    println!("{report}");
    assert!(out.status.success(), "{report}{}", String::from_utf8_lossy(&out.stderr));
}
