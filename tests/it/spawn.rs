//! Starting a command: what its words may be, what it gets for its stdin, and why it could not be started.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::harness::{answer, bash, bin, command, events, shell_code, skip, verdict};

/// A line of bash that is run as root in a mount namespace of its own, if that can be had.
fn as_root(script: &str) -> Option<(String, String, i32)> {
    if bash("unshare -m true 2>/dev/null").2 != 0 {
        skip("needs root and unshare");
        return None;
    }
    Some(bash(&format!("unshare -m bash -c '{script}'")))
}

#[test]
fn nothing_behind_the_dashes_is_a_usage_error() {
    for line in ["spile wrap --", "spile wrap -- $UNSET", "spile wrap --label x --"] {
        let (stdout, stderr, status) = bash(&format!("echo hi | {line}"));
        assert_eq!((stdout.as_str(), status), ("", 2), "{line}: {stderr}");
        assert!(stderr.starts_with("spile: there is no command behind --"), "{stderr}");
    }
    let (_, stderr, status) = bash("spile wrap -- '' >/dev/null");
    assert_eq!(status, 127);
    assert!(stderr.contains("its name is empty"), "{stderr}");
}

#[test]
fn a_loop_over_a_list_keeps_its_list() {
    let (stdout, stderr, _) = bash(
        "seq 3 >$TMPDIR/list
         while read -r n; do spile wrap -- echo $n | spile view --format text; done <$TMPDIR/list
         seq 4 6 | while read -r n; do spile wrap -- echo $n 2>/dev/null | spile view --format text; done
         seq 7 9 | while read -r n; do spile merge --each 1 -- echo $n 2>/dev/null | spile view --format text; done",
    );
    assert_eq!(stdout.split_whitespace().collect::<String>(), "123456789", "{stderr}");
    assert_eq!(stderr, "", "the rest of a file is the loop's, and no mistake");
}

#[test]
fn input_that_the_agent_does_not_get_is_said() {
    for line in ["spile wrap -- cat <<<hi", "spile merge --each 1 -- cat <<<hi"] {
        let (stdout, stderr, status) = bash(line);
        assert_eq!((verdict(&events(stdout.as_bytes())), status), ("turn_completed", 0));
        assert_eq!(answer(&events(stdout.as_bytes())), "");
        assert!(stderr.contains("not get the input on stdin"), "{line}: {stderr}");
    }
    let (_, stderr, status) = bash("spile wrap --stdin null -- cat <<<hi >/dev/null");
    assert_eq!((stderr.as_str(), status), ("", 0));
}

#[test]
fn a_word_that_is_not_utf_8_reaches_the_agent_as_it_is() {
    let mut wrap = command(bin(), &["wrap", "--from", "text", "--", "sh", "-c"]);
    wrap.arg("printf %s \"$0\" | od -An -tx1").arg(OsStr::from_bytes(b"caf\xe9"));
    let output = wrap.stdin(Stdio::null()).output().unwrap();
    assert_eq!(shell_code(output.status), 0);
    let events = events(&output.stdout);
    assert_eq!(answer(&events).split_whitespace().collect::<String>(), "636166e9");
    assert_eq!(events[0]["data"]["argv"][3], "caf\u{fffd}");
    let mut missing = command(bin(), &["wrap", "--"]);
    let output = missing.arg(OsStr::from_bytes(b"no\xff")).stdin(Stdio::null()).output().unwrap();
    assert_eq!(shell_code(output.status), 127);
}

#[test]
fn a_script_without_its_first_line_is_run_by_a_shell() {
    let script = "cd $TMPDIR; echo 'echo ran with $1' >agent; chmod +x agent";
    for how in ["./agent", "--pty -- ./agent", "$TMPDIR/agent", "agent"] {
        let how = if how.starts_with('-') { how.to_owned() } else { format!("-- {how}") };
        let (stdout, stderr, status) =
            bash(&format!("{script}; PATH=$PATH:$TMPDIR; spile wrap {how} x"));
        assert_eq!((stderr.as_str(), status), ("", 0), "{how}");
        assert_eq!(answer(&events(stdout.as_bytes())), "ran with x\n", "{how}");
    }
}

#[test]
fn why_a_command_cannot_start_is_said() {
    for (make, status, why) in [
        ("printf '#!/no/such/sh\\n'", 127, "its interpreter /no/such/sh is not there"),
        ("printf '#! /no/env -S x\\n'", 127, "its interpreter /no/env is not there"),
        ("printf '#!/bin/sh\\r\\necho hi\\r\\n'", 127, "its first line ends in CRLF"),
    ] {
        let script = format!("cd $TMPDIR; {make} >agent; chmod +x agent; spile wrap -- ./agent");
        let (stdout, stderr, got) = bash(&script);
        assert_eq!(got, status, "{stderr}");
        assert!(stderr.contains(&format!("cannot start ./agent: {why}")), "{stderr}");
        assert!(stdout.contains("spawn_failed") && stdout.contains(why), "{stdout}");
    }
    let (_, stderr, status) = bash("spile wrap -- /etc");
    assert_eq!((stderr.as_str(), status), ("spile: cannot start /etc: it is a folder\n", 126));
}

#[test]
fn a_program_without_its_loader_is_not_a_command_not_found() {
    let build = "cd $TMPDIR; echo 'int main(){return 0;}' >a.c; \
                 gcc -Wl,--dynamic-linker=/no/ld.so -o agent a.c || exit 99";
    let (_, stderr, status) = bash(&format!("{build}; spile wrap -- ./agent >/dev/null"));
    if status == 99 {
        return skip("needs gcc");
    }
    assert_eq!(status, 127);
    assert!(stderr.contains("its loader is missing"), "{stderr}");
}

#[test]
fn what_spile_lacks_itself_is_125_and_no_fault_of_the_command() {
    let (stdout, stderr, status) = bash(
        "exec 2>$TMPDIR/e; ulimit -n 6; spile wrap -- echo hi; got=$?; ulimit -n 6; read -r l <$TMPDIR/e; echo \"$l\"; exit $got",
    );
    assert_eq!(status, 125, "{stdout}{stderr}");
    assert!(stdout.contains("spawn_failed") && stdout.contains("Too many open files"), "{stdout}");
}

#[test]
fn without_proc_a_command_runs_all_the_same() {
    let script = "mount -t tmpfs none /proc && spile wrap -- echo hi </dev/null";
    let Some((stdout, stderr, status)) = as_root(script) else { return };
    assert_eq!((stderr.as_str(), status), ("", 0));
    assert_eq!(answer(&events(stdout.as_bytes())), "hi\n");
}

#[test]
fn no_secret_of_a_command_line_is_written_down() {
    let (stdout, stderr, status) = bash(
        "export XDG_RUNTIME_DIR=$(mktemp -d); cd $TMPDIR
         exec 3< <(spile wrap --stream s --record raw -- sh -c 'echo got $2 >got; echo up; exec sleep 1000' x --api-key hunter2 \
           -H 'Authorization: Bearer hunter2' https://u:hunter2@h/ OPENAI_API_KEY=hunter2 sk-hunter2 | tee events)
         until [[ $line = *text_delta* ]]; do read -r line <&3; done; cat got raw $XDG_RUNTIME_DIR/spile/*.json; spile ps; spile ps --json; spile cancel s >/dev/null; cat <&3 >/dev/null; cat events
         spile view <events; spile wrap -- replay raw",
    );
    let mut words = stdout.splitn(2, '\n');
    assert_eq!(words.next(), Some("got hunter2"), "the agent itself gets it: {stderr}");
    let rest = words.next().unwrap();
    assert!(!rest.contains("hunter2"), "{rest}");
    assert!(rest.matches("--api-key").count() > 4 && rest.matches("***").count() > 20, "{rest}");
    assert_eq!(status, 127);
}

#[test]
fn an_agent_in_the_background_hears_an_interrupt() {
    let (stdout, _, status) = bash(
        "export XDG_RUNTIME_DIR=$(mktemp -d); trap '' INT QUIT
         exec 3< <(exec spile wrap --stream s --grace 1000s -- \
           sh -c 'trap \"echo tidied; exit 0\" INT; echo up; while :; do sleep 0.05; done'); run=$!
         until [[ $line = *text_delta* ]]; do read -r line <&3; echo \"$line\"; done
         spile cancel --grace 1000s s >/dev/null; cat <&3; wait $run",
    );
    assert_eq!((answer(&events(stdout.as_bytes())).as_str(), status), ("up\ntidied\n", 130));
}
