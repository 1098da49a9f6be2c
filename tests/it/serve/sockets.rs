//! Sockets in the file system: what is replaced, and what is removed.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use super::Server;
use crate::background::Home;
use crate::harness::{Live, bin, shell_code};

fn at(path: &Path) -> String {
    format!("unix:{}", path.display())
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Names in the home of a test, without the folders of the server.
fn names(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|name| name != "state" && !name.starts_with("spile-")).collect();
    names.sort();
    names
}

#[test]
fn only_a_socket_that_nobody_listens_at_is_replaced() {
    let home = Home::new();
    let [file, link, folder, stale] =
        ["file", "link", "folder", "stale"].map(|name| home.path().join(name));
    std::fs::write(&file, "mine").unwrap();
    drop(UnixListener::bind(&stale).unwrap());
    symlink(&stale, &link).unwrap();
    std::fs::create_dir(&folder).unwrap();
    for path in [&file, &link, &folder] {
        let args = ["serve", "--agent", "echo=cat", "--listen", &at(path)];
        let mut live = Live::spawn(&mut home.command(bin(), &args));
        assert_eq!(live.line(), None, "{}", path.display());
        assert_eq!(live.end().1, 125);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(std::fs::read_link(&link).unwrap(), stale);
    assert_eq!(names(&home), ["file", "folder", "link", "stale"]);
    let server = Server::start(&home, &["--listen", &at(&stale)]);
    let args = ["serve", "--agent", "echo=cat", "--listen", &at(&stale)];
    let output = home.run(&args);
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(shell_code(output.status), 125);
    assert!(why.contains("another server listens"), "{why}");
    assert!(is_socket(&stale));
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert_eq!(names(&home), ["file", "folder", "link"]);
}

#[test]
fn a_server_removes_its_own_socket_only() {
    let home = Home::new();
    let path = home.path().join("sock");
    let first = Server::start(&home, &["--listen", &at(&path)]);
    std::fs::remove_file(&path).unwrap();
    let second = Server::start(&home, &["--listen", &at(&path)]);
    first.live.signal(Signal::TERM);
    assert_eq!(first.live.end().1, 0);
    assert!(is_socket(&path));
    second.live.signal(Signal::TERM);
    assert_eq!(second.live.end().1, 0);
    assert_eq!(names(&home), [""; 0]);
}

#[test]
fn a_server_that_does_not_start_leaves_no_socket() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let socket = at(&home.path().join("sock"));
    let args = ["serve", "--agent", "echo=cat", "--listen", &socket];
    let output = home.run(&[&args[..], &["--listen", &taken]].concat());
    assert_eq!(shell_code(output.status), 125);
    assert_eq!(names(&home), [""; 0]);
    // Its address cannot be printed.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = home.command(bin(), &args).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(shell_code(output.status), 73);
    assert_eq!(names(&home), [""; 0]);
}
