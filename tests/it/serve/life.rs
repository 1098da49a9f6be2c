//! The end of the server, and what goes on without it.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;
use spile::run::state::RunLife;

use super::Server;
use super::client::Open;
use crate::background::full::on_disk;
use crate::background::{Home, ends, has_process, wait_for};
use crate::harness::{Live, bin};

#[test]
fn runs_outlive_the_server_and_the_next_one_shows_them() {
    let home = Home::new();
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let server = Server::start(&home, &[]);
        let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
        let mut live = server
            .request("GET", &format!("/runs/{stream}/events"))
            .header("Accept", "text/event-stream")
            .open();
        live.until("begun");
        server.live.signal(signal);
        // The stream ends, so that the client comes again.
        while live.part().is_some() {}
        let (rest, status) = server.live.end();
        assert!(rest.is_empty(), "{rest:?}");
        assert_eq!(status, if signal == Signal::KILL { 137 } else { 0 });
        assert_eq!(home.folder_of(&stream).life().unwrap(), RunLife::Alive);
        let next = Server::start(&home, &[]);
        assert_eq!(next.get(&format!("/runs/{stream}")).expect(200)["alive"], true);
        next.post(&format!("/runs/{stream}/cancel"), &json!({"grace": "1s"})).expect(200);
        assert_eq!(ends(&next.events(&stream)), (1, 1));
        home.clean(&stream);
    }
}

#[test]
fn runs_end_with_the_server_if_that_is_wanted() {
    let home = Home::new();
    let server = Server::start(
        &home,
        &[
            "--on-exit",
            "cancel",
            "--agent",
            "stubborn=sh -c 'trap \"\" TERM INT; echo be\"\"gun; sleep 1000'",
            "--wrap=--grace=500ms",
        ],
    );
    let other = home.start(&[], "sleep 1000");
    let mut variables = Vec::new();
    let mut streams = Vec::new();
    for agent in ["sleep", "stubborn"] {
        let stream = server.run(&json!({"agent": agent, "prompt": "x"}));
        server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
        variables.push(format!("SPILE_RUN={}", home.folder_of(&stream).info().unwrap().control));
        streams.push(stream);
    }
    assert!(variables.iter().all(|variable| has_process(variable)));
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert!(!variables.iter().any(|variable| has_process(variable)));
    for stream in streams {
        assert_eq!(ends(&home.ended(&stream)), (1, 1));
    }
    // A run of the command line is not the server's.
    assert_eq!(home.folder_of(&other).life().unwrap(), RunLife::Alive);
    assert_eq!(home.run(&["cancel", &other, "--grace", "1s"]).status.code(), Some(0));
}

#[test]
fn a_run_whose_wrap_is_killed_is_closed_for_those_who_wait() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let stream = server.run(&json!({"agent": "sleep", "prompt": "x"}));
    let mut live = server.request("GET", &format!("/runs/{stream}/events")).open();
    live.until("begun");
    let control = home.folder_of(&stream).path().join("control.json");
    let info: serde_json::Value = serde_json::from_slice(&std::fs::read(control).unwrap()).unwrap();
    let wrap = i32::try_from(info["pid"].as_i64().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(wrap).unwrap(), Signal::KILL)
        .unwrap();
    let rest = live.until(r#""kind":"exit""#);
    assert!(rest.contains(r#""lost":true"#), "{rest}");
    assert_eq!(live.part(), None);
    home.clean(&stream);
}

#[test]
fn the_binary_may_be_replaced_or_removed_under_the_server() {
    let home = Home::new();
    let binary = home.path().join("spile");
    std::fs::copy(bin(), &binary).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--agent", "echo=cat"];
    let mut live = Live::spawn(&mut home.command(binary.to_str().unwrap(), &args));
    let url = live.line().unwrap();
    let (address, token) = url.trim_end().split_once("/#token=").unwrap();
    let address = address.strip_prefix("http://").unwrap().to_owned();
    let server = Server { live, address, token: token.to_owned() };
    let works = || {
        let stream = server.run(&json!({"prompt": "x"}));
        assert_eq!(ends(&server.events(&stream)), (1, 1));
    };
    works();
    let fresh = home.path().join("fresh");
    std::fs::copy(bin(), &fresh).unwrap();
    std::fs::rename(&fresh, &binary).unwrap();
    works();
    std::fs::remove_file(&binary).unwrap();
    works();
}

#[test]
fn what_was_asked_before_the_end_is_answered() {
    let home = Home::new();
    let stubborn = "stubborn=sh -c 'trap \"\" TERM INT; echo be\"\"gun; sleep 1000'";
    let server = Server::start(&home, &["--agent", stubborn, "--linger", "60s"]);
    let stream = server.run(&json!({"agent": "stubborn", "prompt": "x"}));
    server.request("GET", &format!("/runs/{stream}/events")).open().until("begun");
    let running = server.get(&format!("/runs/{stream}")).expect(200);
    assert_eq!((&running["state"], &running["alive"]), (&json!("running"), &json!(true)));
    let mut listed = server.get("/runs?state=running").expect(200)["runs"].take();
    // Time passes between the two answers.
    listed[0]["idle_ms"] = running["idle_ms"].clone();
    assert_eq!(listed, json!([running]));
    let path = format!("/runs/{stream}/cancel");
    let cancel = server.request("POST", &path).json(&json!({"grace": "2s"}));
    let waiting = std::thread::spawn(move || cancel.send());
    // The cancel, and the question itself.
    wait_for("the cancel", || server.get("/status").expect(200)["clients"] == 2);
    // A request of which the server has the beginning when it is told to end.
    let mut late = TcpStream::connect(&server.address).unwrap();
    late.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    wait_for("the connection", || server.get("/status").expect(200)["clients"] == 3);
    server.live.signal(Signal::TERM);
    wait_for("the end of the list", || TcpStream::connect(&server.address).is_err());
    write!(late, "Host: {}\r\n\r\n", server.address).unwrap();
    let why = Open::read(late).rest().refused(503);
    assert_eq!(why, "the server shuts down");
    assert_eq!(waiting.join().unwrap().status, 200);
    assert_eq!(server.live.end().1, 0);
}

#[test]
fn a_full_disk_is_told_and_its_end_too() {
    let home = Home::new();
    let script = r#"
        export SPILE_STATE=$PWD/state
        spile serve --listen unix:$PWD/sock --agent echo=cat >/dev/null & server=$!
        until [ -S sock ]; do sleep 0.01; done
        health() { curl -s -w " %{http_code} " --unix-socket sock http://spile/healthz; }
        health; keep 0; health; room; health
        kill $server; wait $server"#;
    let Some((stdout, status)) = on_disk(&home, "1m", script) else { return };
    let parts: Vec<&str> = stdout.split(" 503 ").collect();
    assert!(parts.len() == 2 && status == 0, "{stdout} {status}");
    assert!(parts[0].starts_with("ok\n 200 {"), "{stdout}");
    assert!(parts[0].contains("the state directory cannot be written"), "{stdout}");
    assert_eq!(parts[1], "ok\n 200 ");
}

#[test]
fn a_state_directory_that_cannot_be_written_is_told() {
    let home = Home::new();
    let script = r#"
        export SPILE_STATE=$PWD/state
        setpriv --inh-caps=-all --bounding-set=-all \
            spile serve --listen unix:$PWD/sock --agent echo=cat >/dev/null & server=$!
        until [ -S sock ]; do sleep 0.01; done
        health() { curl -s -o /dev/null -w "%{http_code} " --unix-socket sock http://spile/healthz; }
        health
        n=0; while touch state/file$n 2>/dev/null; do n=$((n + 1)); done; health
        rm state/file*; health
        for folder in state state/runs; do chmod 500 $folder; health; chmod 700 $folder; health; done
        kill $server; wait $server"#;
    let Some((stdout, status)) = on_disk(&home, "1m,nr_inodes=50", script) else { return };
    assert_eq!((stdout.as_str(), status), ("200 503 200 503 200 503 200 ", 0));
}
