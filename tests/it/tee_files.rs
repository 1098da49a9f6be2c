//! Files that tee and wrap write: whose they are, who may read them, and files that are renamed while they are written.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::process::Signal;

use crate::harness::{LIMIT, Live, bash, skip, spile};
use crate::replay::Folder;
use crate::tee::{read, statuses};

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn allow_all(path: &str) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
}

/// A tee and a wrap that write to a file: the script, with the path for `$F`.
const WRITERS: [&str; 3] = [
    "printf '' | spile tee \"$F\"",
    "printf '' | spile tee -a \"$F\"",
    "spile wrap --record \"$F\" -- true >/dev/null",
];

#[test]
fn what_is_written_is_ours_alone_to_read_also_behind_a_link() {
    let folder = Folder::new();
    for script in WRITERS {
        let file = folder.put("file", "");
        allow_all(&file);
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        let (_, stderr, status) = bash(&format!("F={}; {script}", link.display()));
        assert_eq!((stderr.as_str(), status), ("", 0), "{script}");
        assert_eq!(mode(&file), 0o600, "{script}");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        std::fs::remove_file(link).unwrap();
    }
}

#[test]
fn another_user_s_file_and_a_planted_fifo_are_refused() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can give a file away");
        return;
    }
    let folder = Folder::new();
    for script in WRITERS {
        let file = folder.put("file", "kept\n");
        chown(&file, Some(12345), None).unwrap();
        let (_, stderr, status) = bash(&format!("F={file}; {script}"));
        assert!(stderr.contains("belongs to another user (uid 12345)"), "{script}: {stderr}");
        assert_ne!(status, 0, "{script}");
        assert_eq!(read(&file), "kept\n");
        let fifo = folder.path().join("fifo");
        let (_, stderr, status) =
            bash(&format!("mkfifo {0} && chown 12345 {0}; F={0}; {script}", fifo.display()));
        assert!(!stderr.is_empty() && status != 0, "{script}: {stderr}");
        std::fs::remove_file(fifo).unwrap();
    }
    let fifo = folder.path().join("own");
    let (_, stderr, status) =
        bash(&format!("mkfifo {0}; spile wrap --record {0} -- true", fifo.display()));
    assert!(stderr.contains("is a FIFO") && status != 0, "{stderr}");
}

#[test]
fn half_a_line_in_a_file_that_is_appended_to_is_ended() {
    let folder = Folder::new();
    let file = folder.put("file", "half");
    let input = statuses(2);
    spile(&["tee", "-a", &file]).stdin(&input).run().stdout(&input);
    assert_eq!(read(&file), format!("half\n{input}"));
}

fn wait_for_line(path: &Path, line: &str) {
    let since = std::time::Instant::now();
    while std::fs::read_to_string(path).unwrap_or_default() != line {
        assert!(since.elapsed() < LIMIT, "{} has no {line}", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn files_are_opened_anew_when_a_hangup_says_that_they_were_renamed() {
    let folder = Folder::new();
    let (file, old) = (folder.path().join("run"), folder.path().join("run.1"));
    let lines: Vec<String> = statuses(3).lines().map(|line| format!("{line}\n")).collect();
    let mut live = Live::start(&["tee", file.to_str().unwrap()]);
    live.write(&lines[0]);
    live.line();
    wait_for_line(&file, &lines[0]);
    for line in &lines[1..] {
        std::fs::rename(&file, &old).unwrap();
        live.signal(Signal::HUP);
        // It is heard before what is written behind it.
        live.write(line);
        live.line();
        wait_for_line(&file, line);
    }
    assert_eq!(read(old.to_str().unwrap()), lines[1]);
    assert_eq!(mode(file.to_str().unwrap()), 0o600);
    // The end right behind a hangup: a terminal has gone.
    live.signal(Signal::HUP);
    assert_eq!(live.end().1, 129);
}
