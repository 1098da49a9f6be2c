//! `tee --ledger` and `spile ledger` as a person uses them.

use crate::harness::{bash, stress};
use crate::ledger::{part, status};
use crate::ledger_kill::by_stream;
use crate::ledger_recording::recording;

/// A folder with a run of three parts in `run`, and `post`, a command that notes what it is given and does what `then` says.
pub fn script(rest: &str) -> String {
    let lines = [
        status("s", 1, "begin"),
        part("s", 0, "first", false),
        part("s", 1, "second", false),
        part("s", 2, "third", true),
    ];
    format!(
        r#"cd "$(mktemp -d)"
cat >run <<'E'
{}
E
post() {{ printf '#!/bin/sh\nread -r line\n%s\n' "$1" >post; chmod +x post; }}
post 'echo "$SPILE_DELIVERY_ID" >>out'
send() {{ spile tee --ledger d.db "$@" <run >/dev/null; }}
{rest}"#,
        lines.join("\n")
    )
}

#[track_caller]
pub fn says(rest: &str, stdout: &str, stderr: &[&str]) {
    let (out, err, _) = bash(&script(rest));
    assert_eq!(out, stdout, "{err}");
    let mut from = 0;
    for part in stderr {
        let at = err[from..].find(part);
        from += at.unwrap_or_else(|| panic!("no {part:?} in\n{err}"));
    }
    if stderr.is_empty() {
        assert_eq!(err, "");
    }
}

#[test]
fn what_was_sent_is_not_sent_again() {
    says(
        "send 'cmd:./post' file; send 'cmd:./post' file; echo $?; cat out; wc -l <file; spile ledger stat d.db | cut -f2",
        "0\ns/1\ns/1/b1/0\ns/1/b1/1\ns/1/b1/2\n4\n4 sent\n4 sent\n",
        &[],
    );
}

#[test]
fn a_command_that_says_later_is_tried_again() {
    says(
        "post 'test -e later || { : >later; exit 75; }; echo \"$SPILE_DELIVERY_ID\" >>out'
         send 'cmd:./post'; echo $?; cat out; spile ledger stat d.db | cut -f2",
        "0\ns/1\ns/1/b1/0\ns/1/b1/1\ns/1/b1/2\n4 sent\n",
        &["cmd:./post: exited with status 75"],
    );
}

#[test]
fn what_is_in_doubt_is_held_until_a_person_decides() {
    let begin = "post 'kill -9 $PPID'; send 'cmd:./post'; echo $?\n\
         post 'echo \"$SPILE_DELIVERY_ID\" >>out'; send 'cmd:./post'; echo $?; cat out 2>/dev/null\n\
         spile ledger list --pending d.db | cut -f1,2,3\n";
    let held =
        "137\n1\nunknown\t\ts/1\nplanned\t\ts/1/b1/0\nplanned\t\ts/1/b1/1\nplanned\t\ts/1/b1/2\n";
    let message = [
        "4 still owed, 1 of them in doubt",
        "s/1 is unknown, and its stream waits: `spile ledger retry d.db s/1` sends it again, `spile ledger forget d.db s/1` skips it",
    ];
    says(
        &format!(
            "{begin}spile ledger retry d.db s/1; send 'cmd:./post'; echo $?; cat out; spile ledger list d.db | cut -f1,2,3 | head -1"
        ),
        &format!(
            "{held}1 will be sent again\n0\ns/1\ns/1/b1/0\ns/1/b1/1\ns/1/b1/2\nsent\tresent\ts/1\n"
        ),
        &message,
    );
    says(
        &format!(
            "{begin}spile ledger forget --all d.db; send 'cmd:./post'; echo $?; cat out; spile ledger list d.db | cut -f1,2,3 | head -1"
        ),
        &format!(
            "{held}1 will not be sent\n0\ns/1/b1/0\ns/1/b1/1\ns/1/b1/2\nunknown\tskipped\ts/1\n"
        ),
        &message,
    );
}

#[test]
fn a_command_can_be_asked() {
    for (answer, out) in [
        ("sent", "s/1/b1/0\ns/1/b1/1\ns/1/b1/2\n"),
        ("not_sent", "s/1\ns/1/b1/0\ns/1/b1/1\ns/1/b1/2\n"),
        ("unknown", ""),
    ] {
        let (stdout, stderr, _) = bash(&script(&format!(
            "printf '#!/bin/sh\\necho \"$SPILE_DELIVERY_ID $1\" >>asked\\necho {answer}\\n' >ask; chmod +x ask\n\
             post 'kill -9 $PPID'; send --reconcile ./ask 'cmd:./post'\n\
             post 'echo \"$SPILE_DELIVERY_ID\" >>out'; send --reconcile ./ask 'cmd:./post'; cat asked out 2>/dev/null"
        )));
        assert_eq!(stdout, format!("s/1 s/1\n{out}"), "{answer}: {stderr}");
    }
}

#[test]
fn another_run_is_refused_before_the_first_send() {
    says(
        "send 'cmd:./post'; sed -i s/begin/other/ run; send 'cmd:./post'; echo $?; wc -l <out",
        "1\n4\n",
        &["d.db: stream s: stream id was used by another run: nothing of it is sent"],
    );
}

#[test]
fn a_stored_plan_wins_over_other_options() {
    says(
        "send 'cmd:./post'; sed -i s/second/SECOND/ run; send 'cmd:./post'; echo $?; wc -l <out",
        "0\n4\n",
        &["d.db: stream s: warning: block b1 was cut otherwise when it was planned"],
    );
}

#[test]
fn what_is_too_old_is_said_and_not_sent() {
    says("send --max-age 1h 'cmd:./post'; echo $?; ls out", "0\n", &["4 too old to be sent"]);
}

#[test]
fn a_refused_delivery_holds_its_stream() {
    says(
        "post 'exit 3'; send 'cmd:./post'; echo $?; spile ledger list --json d.db | grep -o '\"note\":\"[^\"]*\"' | head -1",
        "1\n\"note\":\"exited with status 3\"\n",
        &["4 still owed, 1 of them refused"],
    );
}

/// Whoever fed `chunk` was killed, so that it closed a block that goes on when the recording is played whole.
#[test]
fn an_input_that_ended_too_early_is_taken_up_where_it_ended() {
    let recording = recording();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    std::fs::write(folder.path().join("rec"), &recording).unwrap();
    let out = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let send = |lines: &str, name: &str| {
        let chunk = "spile chunk --for discord";
        let line = format!(
            "cd {at}; head -n {lines} rec | {chunk} | spile tee --ledger {name}.db {name} >/dev/null"
        );
        let (_, stderr, status) = bash(&line);
        (stderr, status)
    };
    assert_eq!(send("-0", "whole"), (String::new(), 0));
    let whole = out("whole");
    let want = by_stream(whole.lines());
    let (all, cuts) = (recording.lines().count(), usize::try_from(stress(200)).unwrap());
    let mut held = 0;
    for cut in 1..=cuts {
        let name = format!("cut{cut}");
        let (stderr, status) = send(&(all * cut / (cuts + 1)).to_string(), &name);
        assert_eq!(stderr.contains("the input ended inside a turn"), status == 1, "{stderr}");
        held += usize::from(status == 1);
        assert_eq!(send("-0", &name), (String::new(), 0));
        let file = out(&name);
        assert_eq!(by_stream(file.lines()), want, "cut {cut}");
    }
    eprintln!("{cuts} cuts, {held} of them within a block: nothing lost or doubled");
    assert!(held > 0);
}

#[test]
fn half_a_line_in_a_file_is_mended() {
    says(
        "send file; head -c -10 run >file; printf 'not ours' >other; spile tee --ledger e.db file other <run >/dev/null; \
         tail -4 file | cmp - run; head -1 other; wc -l <other",
        "not ours\n5\n",
        &[],
    );
}

#[test]
fn a_ledger_that_cannot_be_used_is_known_before_the_first_send() {
    for (what, message) in [
        ("echo hello >d.db", "cannot use d.db as a ledger"),
        ("mkdir d.db", "cannot open the ledger d.db"),
        ("send 'cmd:./post'; rm out; : >d.db", "the ledger d.db is empty though it was in use"),
        (
            // As long as its log is there, what counts stands in that: the last one to use it tidies up, if it gets to it.
            "send 'cmd:./post'; while test -s d.db-wal; do send 'cmd:./post'; done; rm out; printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | dd of=d.db conv=notrunc bs=1 seek=4096 2>/dev/null",
            "damaged",
        ),
        ("exec 9>d.db.lock; flock 9", "the ledger d.db is in use"),
    ] {
        let (stdout, stderr, _) =
            bash(&script(&format!("{what}; send 'cmd:./post'; echo $?; ls out 2>/dev/null")));
        assert_eq!(stdout, "73\n", "{what}: {stderr}");
        assert!(stderr.contains(message), "{what}: {stderr}");
    }
}

#[test]
fn usage_is_said() {
    says("spile ledger list d.db s/1; echo $?", "2\n", &["delivery ids with retry and forget"]);
    says("spile tee --in-doubt skip x <run >/dev/null; echo $?", "2\n", &["--ledger"]);
    says("spile ledger stat d.db; echo $?", "125\n", &["cannot open the ledger d.db"]);
}

#[test]
fn the_promise_is_in_the_help() {
    let (help, _, _) = bash("spile tee --help");
    let help: Vec<&str> = help.split_whitespace().collect();
    let promise = "at-least-once with stable ids, in order per stream; exactly-once at a sink that knows the id within its window or can be asked.";
    assert!(help.join(" ").contains(promise));
}

/// A try that begins just as `--linger` ends is waited for: an endpoint that is down leaves nothing in doubt.
#[test]
fn an_outage_leaves_nothing_in_doubt_when_the_waiting_ends() {
    let runs = stress(100).max(8);
    let (out, err, _) = bash(&script(&format!(
        "i=0; while [ $i -lt {runs} ]; do
           for n in 1 2 3 4 5 6 7 8; do
             spile tee --linger 1s --ledger $n$i.db http://127.0.0.1:9/ <run >/dev/null 2>/dev/null &
           done; wait; i=$((i+8))
         done
         for db in *.db; do spile ledger stat $db | cut -f2; done | sort | uniq -c | tr -s ' '"
    )));
    assert_eq!(out, format!(" {} 4 planned\n", runs.div_ceil(8) * 8), "{err}");
}
