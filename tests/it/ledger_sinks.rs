//! `tee --ledger` and `spile ledger` where the input, a ledger or a file is somebody else's, and where sinks change.

use crate::endpoint::{Endpoint, Reply};
use crate::harness::bash;
use crate::ledger::{part, status};
use crate::ledger_tee::{says, script};

/// Events of somebody else: a block whose name is `name`, written as in JSON, and behind it another stream.
fn foreign(name: &str, last: bool) -> String {
    let good = [part("good", 0, "one", false), part("good", 1, "two", true)];
    let bad = part("s", 0, "bad", last).replace("\"b1\"", &format!("\"{name}\""));
    format!("{bad}\n{}\n", good.join("\n"))
}

#[test]
fn a_delivery_id_is_made_of_checked_parts_and_holds_no_other_stream() {
    let server = Endpoint::start(|_, _| Reply::Status(200, "", ""));
    let long = "x".repeat(200_000);
    for (name, id) in [
        ("b1;touch pwned;#", "s/1/b1%3Btouch%20pwned%3B%23/0"),
        ("b1\\n", "s/1/b1%0A/0"),
        ("b1\\u0000", "s/1/b1%00/0"),
        ("b\\u00fc", "s/1/b%C3%BC/0"),
        (long.as_str(), "s/1/xxxxxxxx"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run"), foreign(name, true)).unwrap();
        for ledger in ["", "--ledger d.db"] {
            let before = server.seen().len();
            let (out, err, status) = bash(&format!(
                "cd {}; rm -f out d.db*; spile tee {ledger} {} 'cmd:sh -c \"read -r l; printenv SPILE_DELIVERY_ID >>out\"' \
                 <run >/dev/null; echo $?; cat out",
                folder.path().display(),
                server.url,
            ));
            assert_eq!((err.as_str(), status), ("", 0), "{name:.40}");
            let keys: Vec<String> = server.seen()[before..]
                .iter()
                .map(|r| r.header("idempotency-key").unwrap().to_owned())
                .collect();
            assert_eq!(keys.len(), 3, "{name:.40}");
            assert!(keys[0].starts_with(id) && keys[0].len() < 200, "{}", keys[0]);
            assert_eq!(keys[1..], ["good/1/b1/0", "good/1/b1/1"]);
            assert_eq!(out, format!("0\n{}\n", keys.join("\n")));
        }
    }
}

#[test]
fn a_suggested_command_can_be_pasted_whatever_the_input_is_called() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run"), foreign("b1;touch pwned;#", true)).unwrap();
    let (out, err, _) = bash(&format!(
        "cd {}; spile tee --ledger 'my ledger;touch pwned' 'cmd:sh -c \"kill -9 \\$\\$\"' <run >/dev/null 2>err
         grep -o '`[^`]*`' err | tr -d '`' | head -1 >commands; sh commands; ls",
        folder.path().display()
    ));
    assert!(out.starts_with("1 will be sent again\n"), "{out}{err}");
    assert!(!out.lines().any(|line| line == "pwned"), "{out}");
}

#[test]
fn what_a_message_quotes_of_the_input_tells_the_terminal_nothing() {
    let name = "b1\\u001b]0;pwned\\u0007\\nspile: forged";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("one"), foreign(name, false)).unwrap();
    let other = foreign(name, false).replace("bad", "other");
    std::fs::write(folder.path().join("two"), other).unwrap();
    let (_, err, _) = bash(&format!(
        "cd {}; spile tee --ledger d.db out <one >/dev/null; spile tee --ledger d.db out <two >/dev/null",
        folder.path().display()
    ));
    assert!(err.contains("block b1^[]0;pwned^G^Jspile: forged was cut otherwise"), "{err}");
    assert!(err.lines().all(|line| !line.starts_with("spile: forged")), "{err}");
    assert!(!err.contains(|c: char| c.is_control() && c != '\n'), "{err:?}");
}

#[test]
fn a_file_that_was_removed_between_runs_is_written_again_and_that_is_reported() {
    says(
        "send file; rm file; send file; echo $?; cmp file run; spile ledger stat d.db | cut -f2
         tail -n +3 run >file; send file; echo $?; sort file >a; sort run | cmp - a; send file; echo $?",
        "0\n4 sent\n0\n0\n",
        &[
            "file: 4 of the 4 events that were sent are not in the file (was it removed or replaced?): those that the input has again",
            "file: 2 of the 4 events",
        ],
    );
    says(
        "send file; rm file; head -2 run >short; spile tee --ledger d.db file <short >/dev/null; echo $?; cmp short file",
        "1\n",
        &["4 of the 4 events", "events: 2 sent before and not in the file"],
    );
}

#[test]
fn a_file_that_is_removed_or_replaced_while_tee_runs_is_noticed() {
    for away in ["rm file", "mv file old", "cp file new; mv new file"] {
        let (out, err, _) = bash(&script(&format!(
            "mkfifo in; spile tee --ledger d.db file <in >seen & exec 9>in; head -1 run >&9
             until spile ledger stat d.db 2>/dev/null | grep -q '1 sent'; do :; done
             {away}; tail -n +2 run >&9; exec 9>&-; wait $!; echo $?; spile ledger stat d.db | cut -f2; tail -3 file >b
             tail -n +2 run | cmp - b; send file; sort -u file >a; sort run | cmp - a; send file; echo $?"
        )));
        assert_eq!(out, "1\n4 sent\n0\n", "{away}: {err}");
        assert!(
            err.contains("file: the file was removed or replaced while it was in use"),
            "{err}"
        );
        assert!(err.contains("1 events that were sent are not in it"), "{away}: {err}");
    }
}

#[test]
fn the_ledgers_own_files_are_no_sinks() {
    for name in
        ["d.db", "./d.db", "d.db.lock", "d.db-wal", "d.db-shm", "d.db-journal", "link", "hard"]
    {
        says(
            &format!(
                "send file; ln -s d.db link; ln d.db hard; send {name}; echo $?; spile ledger stat d.db | cut -f2"
            ),
            "2\n4 sent\n",
            &[&format!("spile: {name} belongs to the ledger")],
        );
    }
}

#[test]
fn a_sink_that_is_called_by_another_path_is_the_same_sink() {
    says(
        "mkdir sub; ln -s file link; ln -s . here
         for name in file ./file sub/../file link here/file \"$PWD/file\"; do send $name || echo $?; done
         cmp file run; spile ledger stat d.db | cut -f2
         ln -s d.db other.db; spile tee --ledger other.db file <run >/dev/null; ls *.lock; cmp file run",
        "4 sent\nd.db.lock\n",
        &[],
    );
}

#[test]
fn nothing_is_written_through_a_name_beside_the_ledger() {
    for end in [".lock", "-wal", "-shm", "-journal"] {
        for (made, message) in [
            ("ln -s precious", "is a link or a special file"),
            ("mkfifo", "is a link or a special file"),
            ("mkdir", "is a link or a special file"),
        ] {
            says(
                &format!(
                    "echo precious >precious; {made} d.db{end}; send 'cmd:./post'; echo $?; ls out 2>/dev/null; cat precious"
                ),
                "73\nprecious\n",
                &[message],
            );
        }
    }
    says(
        "echo precious >d.db.lock; send 'cmd:./post'; echo $?; ls out 2>/dev/null; cat d.db.lock",
        "73\nprecious\n",
        &["d.db.lock is not the lock file of a ledger"],
    );
}

#[test]
fn a_ledger_of_a_stranger_runs_nothing_and_is_refused() {
    for sql in [
        "CREATE TRIGGER t AFTER UPDATE ON delivery BEGIN DELETE FROM sink; END",
        "ALTER TABLE sink RENAME TO real; CREATE VIEW sink AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
         SELECT x AS number, 'a' AS address FROM n",
        "CREATE TABLE more (x)",
        "CREATE INDEX more ON delivery (note)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.db");
        drop(spile::run::ledger::Store::open(&path).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        for command in [
            "spile ledger stat d.db",
            "spile ledger list d.db",
            "spile tee --ledger d.db x </dev/null",
        ] {
            let (out, err, status) = bash(&format!("cd {}; {command}", folder.path().display()));
            assert!(out.is_empty() && status != 0, "{sql} {command}: {out}");
            assert!(err.contains("it has other tables than a delivery ledger"), "{err}");
        }
    }
}

#[test]
fn what_a_ledger_shows_tells_the_terminal_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.db");
    let mut store = spile::run::ledger::Store::open(&path).unwrap();
    store.sink("file:\x1b[2J\u{9b}x\n").unwrap();
    drop(store);
    let (out, _, _) = bash(&format!("cd {}; spile ledger stat d.db", folder.path().display()));
    assert_eq!(out, "file:^[[2J<U+009B>x^J\t\n");
}

#[test]
fn retry_and_forget_without_ids_want_to_be_told_that_all_are_meant() {
    for action in ["retry", "forget"] {
        says(
            &format!(
                "post 'exit 3'; send 'cmd:./post' 2>/dev/null; spile ledger {action} d.db; echo $?; spile ledger list --pending d.db | wc -l
                 : | xargs spile ledger {action} d.db; : | xargs -r spile ledger {action} d.db; echo $?
                 spile ledger {action} --all d.db | cut -d' ' -f1; spile ledger {action} --all d.db s/1; echo $?"
            ),
            "2\n4\n0\n1\n2\n",
            &["name the deliveries by their ids", "or write --all", "name the deliveries by their ids"],
        );
    }
}

#[test]
fn a_sink_keeps_its_deliveries_under_its_name_when_its_address_changes() {
    let server = Endpoint::start(|_, _| Reply::Status(200, "", ""));
    let host = server.url.trim_start_matches("http://");
    says(
        &format!(
            "for url in http://me:old@{host}/T1 http://me:new@{host}/T1 http://{host}/T1 'http://{host}/T1#name=x' \
             'http://{host}/T2#name=x' 'cmd:./post#name=x'; do send \"$url\" || echo $?; done
             spile ledger stat d.db | cut -f2; ls out 2>/dev/null; send 'a#name=x' 'b#name=x'; echo $?"
        ),
        "4 sent\n2\n",
        &["two sinks have the name x"],
    );
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn passwords_and_tokens_of_sinks_are_not_shown() {
    let server = Endpoint::start(|_, _| Reply::Status(401, "", ""));
    let host = server.url.trim_start_matches("http://").trim_end_matches("/hook");
    let (out, err, _) = bash(&script(&format!(
        "send http://me:PASS@{host}/TOKEN?key=KEY \"cmd:sh -c 'exit 3' SECRET-WORD\" \"pipe:sh -c 'cat >/dev/null' SECRET-WORD\"; spile ledger stat d.db
         spile ledger list d.db; spile ledger list --json d.db; spile ledger stat --json d.db"
    )));
    for secret in ["PASS", "TOKEN", "KEY", "SECRET-WORD"] {
        assert!(!out.contains(secret) && !err.contains(secret), "{secret}: {out}{err}");
    }
    assert!(out.contains(&format!("http://{host}\t")) && out.contains("cmd:sh\t"), "{out}");
}

#[test]
fn the_name_of_a_sink_commands_no_ci_system() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run"), status("s", 1, "x") + "\n").unwrap();
    let (out, _, _) = bash(&format!(
        "cd {}; spile tee --ledger d.db './####vso[x]' <run >/dev/null; spile ledger list d.db; spile ledger stat d.db",
        folder.path().display()
    ));
    assert_eq!((out.matches(r"##vso\[x]").count(), out.matches("##vso").count()), (2, 2), "{out}");
}

#[test]
fn ten_thousand_streams_are_delivered_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let n = 10_000;
    let lines: Vec<String> = (0..n).map(|n| status(&format!("s{n}"), 1, "x")).collect();
    std::fs::write(folder.path().join("run"), lines.join("\n") + "\n").unwrap();
    let (out, err, _) = bash(&format!(
        "cd {}; spile tee --linger 10m --ledger d.db file <run >/dev/null; sort file >a; sort run | cmp - a
         spile ledger stat d.db | cut -f2; spile ledger list d.db | wc -l; spile ledger list d.db | head -1 | cut -f3",
        folder.path().display()
    ));
    assert_eq!((out.as_str(), err.as_str()), ("10000 sent\n10000\ns0/1\n", ""));
}
