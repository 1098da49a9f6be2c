//! The folder of the sockets: where it is, that it cannot be, and that others share it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use super::{HI, Room};
use crate::harness::{Live, bin, command, shell_code, skip};

/// Folders that cannot be that of the sockets.
fn unusable(room: &Room) -> [PathBuf; 3] {
    let long = room.folder.path().join("x".repeat(100));
    let open = room.folder.path().join("open");
    for (folder, mode) in [(&long, 0o700), (&open, 0o777)] {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    [long, open, "/dev/null/x".into()]
}

#[test]
fn where_the_runtime_folder_cannot_be_used_there_is_another() {
    let room = Room::new();
    for folder in unusable(&room) {
        let temporary = tempfile::tempdir().unwrap();
        let spile = |args: &[&str]| {
            let mut command = command(bin(), args);
            command.env("XDG_RUNTIME_DIR", &folder).env("TMPDIR", temporary.path());
            command.stdin(Stdio::null());
            command
        };
        let args = ["wrap", "--stream", "s", "--once", "k", "--", "sh", "-c", HI];
        let mut live = Live::spawn(&mut spile(&args));
        live.until("text_delta");
        let table = spile(&["ps"]).output().unwrap();
        assert!(String::from_utf8_lossy(&table.stdout).contains("\ns "), "{table:?}");
        assert_eq!(shell_code(spile(&args).output().unwrap().status), 79);
        assert_eq!(shell_code(spile(&["cancel", "s"]).output().unwrap().status), 0);
        assert_eq!(live.end().1, 130);
    }
}

#[test]
fn where_there_is_no_folder_at_all_a_run_is_a_run_and_nothing_else_fails() {
    let room = Room::new();
    // Nobody but root can take /tmp away.
    let (_, status) = room.bash("unshare -m true 2>/dev/null");
    if status != 0 {
        return skip("needs root and unshare");
    }
    let (stdout, status) = room.bash(
        "unshare -m sh -c 'mount -t tmpfs -o ro none /tmp
         export XDG_RUNTIME_DIR=/dev/null/x TMPDIR=/dev/null/y; exec 2>&1
         spile wrap -- true | grep -c \"cannot be cancelled by name: cannot make /dev/null/x\"
         spile ps; echo $?; spile cancel s; echo $?; spile cancel --all; echo $?; spile wrap --once k -- true; echo $?'",
    );
    let why =
        "spile: no run can be found: cannot make /dev/null/x: Not a directory (os error 20)\n";
    let nothing = "spile: nothing runs by that name; `spile ps` lists what runs\n";
    let head = "STREAM  LABEL  PID  AGENT  TURN  STATE  IDLE  MEMORY  COMMAND\n";
    let once = "spile: cannot make /dev/null/x: Not a directory (os error 20)\n125\n";
    let want = format!("1\n{why}{head}0\n{why}{nothing}69\n{why}{nothing}0\n{once}");
    assert_eq!((stdout.as_str(), status), (want.as_str(), 0));
}

#[test]
fn runs_whose_processes_are_numbered_apart_share_a_folder() {
    let room = Room::new();
    let (_, status) = room.bash("unshare -pf --mount-proc true 2>/dev/null");
    if status != 0 {
        return skip("needs root and unshare");
    }
    let (stdout, status) = room.bash(
        "for n in 1 2 3; do
           unshare -pf --mount-proc spile wrap --stream s$n -- sh -c 'echo hi; exec sleep 1000' >$XDG_RUNTIME_DIR/out$n &
           until grep -q text_delta $XDG_RUNTIME_DIR/out$n 2>/dev/null; do :; done
         done
         spile ps | tail -n +2 | cut -c1-2; spile cancel s2 | grep -c turn_cancelled
         unshare -pf --mount-proc spile cancel s3 | grep -c turn_cancelled
         spile ps | tail -n +2 | cut -c1-2; spile cancel --all | grep -c turn_cancelled; wait; ls $XDG_RUNTIME_DIR/spile",
    );
    assert_eq!((stdout.as_str(), status), ("s1\ns2\ns3\n1\n1\ns1\n1\n", 0));
}

#[test]
fn a_socket_whose_folder_was_deleted_is_made_anew() {
    let room = Room::new();
    let (live, _) = room.wrap(&["--stream", "s"], HI, "text_delta");
    std::fs::remove_dir_all(room.folder.path().join("spile")).unwrap();
    // It is looked for every few seconds.
    let until = std::time::Instant::now() + crate::harness::LIMIT;
    while room.files().len() < 2 && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    let table = room.run(&["ps", "--json"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains(r#""answers":true"#), "{table:?}");
    assert_eq!(shell_code(room.run(&["cancel", "s"]).status), 0);
    assert_eq!(live.end().1, 130);
    assert_eq!(room.files(), Vec::<PathBuf>::new(), "nothing is left");
}
