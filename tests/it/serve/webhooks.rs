//! Webhooks: what arrives, in which order and signed, through kills, and what is refused.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Server;
use crate::background::{Home, wait_for};
use crate::endpoint::{Endpoint, Reply, Request};
use crate::harness::{bin, node_module, stress};
use crate::ledger_damage::Dice;

const OK: Reply = Reply::Status(200, "", "");

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// File with a secret that only this user can read.
fn secret(home: &Home) -> String {
    let path = home.path().join("secret");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    writeln!(file.unwrap(), "{SECRET}").unwrap();
    path.to_str().unwrap().to_owned()
}

/// Starts a server with webhooks at these addresses of this machine.
fn start(home: &Home, hooks: &[&str]) -> Server {
    let secret = secret(home);
    let mut options = vec!["--webhook-private", "--webhook-secret-file", &secret];
    options.extend(hooks.iter().flat_map(|hook| ["--webhook", hook]));
    logged(home, &options, &[]).0
}

/// A server that writes its messages to a file, with these variables.
fn logged(
    home: &Home,
    options: &[&str],
    variables: &[(&str, &str)],
) -> (Server, impl Fn() -> String + use<>) {
    let log = home.path().join("log");
    let script = r#"log=$1; shift; exec "$@" 2>"$log""#;
    let usual = [bin(), "serve", "--listen", "127.0.0.1:0", "--agent", "echo=cat"];
    let words = ["-c", script, "bash", log.to_str().unwrap()];
    let args = [&words[..], &usual, options].concat();
    let mut command = home.command("bash", &args);
    command.envs(variables.iter().copied());
    (Server::spawn(&mut command), move || std::fs::read_to_string(&log).unwrap())
}

/// Lines of a run that are sent: the end of its turn and its exit.
fn ends(home: &Home, stream: &str) -> Vec<String> {
    home.ended(stream);
    let text = std::fs::read_to_string(home.events_path(stream)).unwrap();
    let is_end = |line: &&str| {
        line.contains(r#""type":"turn_"#) && !line.contains("turn_started")
            || line.contains(r#""kind":"exit""#)
    };
    text.lines().filter(is_end).map(str::to_owned).collect()
}

fn stream_of(body: &str) -> String {
    let event: Value = serde_json::from_str(body).unwrap();
    event["stream"].as_str().unwrap().to_owned()
}

/// Bodies by run, each once, in the order in which they came first. An id has one body.
fn by_run(seen: &[Request]) -> BTreeMap<String, Vec<String>> {
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    let mut runs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in seen {
        let id = request.header("webhook-id").unwrap();
        match ids.insert(id, &request.body) {
            Some(before) => assert_eq!(before, request.body, "{id} has two bodies"),
            None => runs.entry(stream_of(&request.body)).or_default().push(request.body.clone()),
        }
    }
    runs
}

/// Number of different events.
fn count(endpoint: &Endpoint) -> usize {
    by_run(&endpoint.seen()).values().map(Vec::len).sum()
}

/// Has the reference library verify requests, if it is there.
fn verify(seen: &[Request]) {
    let Some(folder) = node_module("standardwebhooks") else { return };
    let script = "
        const {Webhook} = require(process.argv[1]);
        const hook = new Webhook(process.argv[2]);
        const lines = require('fs').readFileSync(0, 'utf8').split('\\n').filter(line => line);
        for (const {body, headers} of lines.map(line => JSON.parse(line))) {
            hook.verify(body, headers);
            let refused = false;
            try { hook.verify(body + ' ', headers); } catch { refused = true; }
            if (!refused) throw new Error('another body is verified');
        }
        console.log(lines.length);";
    let mut node = Command::new("node")
        .args(["-e", script, folder.to_str().unwrap(), SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    for request in seen {
        let headers: BTreeMap<_, _> = request.headers.iter().cloned().collect();
        writeln!(stdin, "{}", json!({"body": request.body, "headers": headers})).unwrap();
    }
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), seen.len().to_string());
}

/// Bits of `GET /status` about the webhook at this place in the list.
fn hook(server: &Server, place: usize) -> Value {
    server.get("/status").expect(200)["webhooks"][place].clone()
}

#[test]
fn the_ends_of_runs_arrive_signed_and_in_order() {
    let home = Home::new();
    let before = home.start(&[], "echo before");
    ends(&home, &before);
    let endpoint = Endpoint::start(|n, _| match n {
        2 => Reply::Status(500, "", "not now"),
        5 => Reply::Close,
        _ => OK,
    });
    let all = Endpoint::start(|_, _| OK);
    let server = start(&home, &[&endpoint.url, &format!("{}#from=start&only=turn_*", all.url)]);
    let mut runs = vec![server.run(&json!({"prompt": "x"})), home.start(&[], "echo y; exit 3")];
    runs.extend((0..3).map(|_| server.run(&json!({"agent": "echo", "prompt": "z"}))));
    let want: BTreeMap<_, _> = runs.iter().map(|run| (run.clone(), ends(&home, run))).collect();
    assert!(want.values().all(|lines| lines.len() == 2), "{want:?}");
    wait_for("the events", || count(&endpoint) == 10 && endpoint.seen().len() >= 12);
    wait_for("the other events", || count(&all) == 12);
    // In the file of each run the end of the turn stands before the exit.
    assert_eq!(by_run(&endpoint.seen()), want);
    assert!(by_run(&all.seen()).contains_key(&before));
    verify(&endpoint.seen());
    for request in endpoint.seen() {
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("webhook-id").unwrap().starts_with("msg_"));
    }
    wait_for("the end of the list", || hook(&server, 0)["owed"] == 0);
    let shown = hook(&server, 0);
    assert_eq!((&shown["state"], &shown["delivered"]), (&json!("on"), &json!(10)));
    // What ends with the server arrives before it has ended.
    let last = server.run(&json!({"prompt": "x"}));
    ends(&home, &last);
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert_eq!(by_run(&endpoint.seen())[&last].len(), 2);
    let mode = std::fs::metadata(home.path().join("state/webhooks.db")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn a_killed_server_loses_nothing_and_gives_no_id_two_bodies() {
    let home = Home::new();
    let kills = stress(500);
    let endpoint = Endpoint::start(|n, _| match n % 97 {
        3 => Reply::Close,
        7 => Reply::Status(503, "Retry-After: 0", ""),
        _ => OK,
    });
    let mut dice = Dice(7);
    let mut runs = Vec::new();
    for _ in 0..kills {
        let mut server = start(&home, &[&endpoint.url]);
        runs.push(home.start(&[], "echo hi; sleep 0.05"));
        if dice.below(3) == 0 {
            let open = server.request("POST", "/runs").json(&json!({"prompt": "x"})).connect();
            drop(open);
        }
        std::thread::sleep(Duration::from_micros(dice.below(250_000)));
        server.live.child.kill().unwrap();
        server.live.child.wait().unwrap();
    }
    let server = start(&home, &[&endpoint.url]);
    wait_for("the ends of the runs", || server.get("/status").expect(200)["live"] == 0);
    let runs = home.state().streams().unwrap();
    let want: BTreeMap<_, _> = runs.iter().map(|run| (run.clone(), ends(&home, run))).collect();
    let all = want.values().map(Vec::len).sum::<usize>();
    assert!(all as u64 >= 2 * kills, "{all}");
    wait_for("the events", || count(&endpoint) >= all);
    assert_eq!(by_run(&endpoint.seen()), want);
    verify(&endpoint.seen());
}

#[test]
fn status_410_switches_a_webhook_off_for_good() {
    let home = Home::new();
    let gone = Endpoint::start(|_, _| Reply::Status(410, "", ""));
    let good = Endpoint::start(|_, _| OK);
    let url = gone.url.replace("http://", "http://u:PASSWORD@") + "?key=SECRET";
    let options = ["--webhook-private", "--webhook", &url, "--webhook", &good.url];
    for round in 1..=2 {
        let (server, log) = logged(&home, &options, &[]);
        server.run(&json!({"prompt": "x"}));
        wait_for("the events", || good.seen().len() == 2 * round);
        wait_for("the end of the webhook", || hook(&server, 0)["state"] == "off");
        assert_eq!(gone.seen().len(), 1);
        assert!(log().contains("410") && log().contains("switched off"), "{}", log());
        assert!(!log().contains("PASSWORD") && !log().contains("SECRET"), "{}", log());
        server.live.signal(Signal::TERM);
        assert_eq!(server.live.end().1, 0);
    }
    let history = std::fs::read_to_string(home.path().join("state/history.ndjson")).unwrap();
    let of_hook = |line: &&str| line.contains(r#""op":"webhook""#);
    let found: Vec<&str> = history.lines().filter(of_hook).collect();
    let [line] = found.as_slice() else { panic!("{history}") };
    assert!(line.contains(r#""outcome":"off""#) && line.contains(r#""status":410"#), "{line}");
    assert!(!history.contains("PASSWORD") && !history.contains("SECRET"), "{history}");
}

#[test]
fn an_event_that_is_refused_is_given_up_and_the_next_one_goes_on() {
    let home = Home::new();
    let endpoint = Endpoint::start(|n, _| match n {
        1 => Reply::Status(404, "", "no such hook"),
        _ => OK,
    });
    let url = format!("{}#retry=5xx", endpoint.url);
    let (server, log) = logged(&home, &["--webhook-private", "--webhook", &url], &[]);
    let run = server.run(&json!({"prompt": "x"}));
    let want = ends(&home, &run);
    wait_for("the events", || hook(&server, 0)["delivered"] == 1);
    assert_eq!(hook(&server, 0)["given_up"], 1);
    assert_eq!(by_run(&endpoint.seen())[&run], want);
    assert!(log().contains("is given up: status 404: no such hook"), "{}", log());
    let history = std::fs::read_to_string(home.path().join("state/history.ndjson")).unwrap();
    let count = history.matches(r#""op":"webhook""#).count();
    assert_eq!((count, history.matches(r#""outcome":"given up""#).count()), (1, 1), "{history}");
}

#[test]
fn a_redirect_is_not_followed() {
    let home = Home::new();
    let other = Endpoint::start(|_, _| OK);
    let place: &'static str = format!("Location: {}", other.url).leak();
    let endpoint = Endpoint::start(move |n, _| match n {
        1 => Reply::Status(307, place, ""),
        _ => OK,
    });
    let (server, log) = logged(&home, &["--webhook-private", "--webhook", &endpoint.url], &[]);
    server.run(&json!({"prompt": "x"}));
    // It is a failure, and tried again.
    wait_for("the events", || endpoint.seen().len() == 3);
    assert!(log().contains("status 307 to http://"), "{}", log());
    assert!(other.seen().is_empty());
    let ids: Vec<_> =
        endpoint.seen().iter().map(|it| it.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn addresses_that_are_not_allowed_are_refused() {
    let home = Home::new();
    let endpoint = Endpoint::start(|_, _| OK);
    let port = endpoint.url.rsplit(':').next().unwrap();
    let refused = |url: &str, options: &[&str]| {
        let args = [&["serve", "--listen", "127.0.0.1:0", "--webhook", url], options].concat();
        let output = home.run(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{url}: {stderr}");
        assert!(stderr.contains("not allowed") && !stderr.contains("TOKEN"), "{stderr}");
    };
    for url in ["http://169.254.169.254/TOKEN", "http://[fe80::1]/x", "http://[::ffff:a9fe:a9fe]/"]
    {
        refused(url, &[]);
        refused(url, &["--webhook-private"]);
    }
    refused(&endpoint.url, &[]);
    // Names are resolved at each request, also those that only look like none.
    let names = [format!("http://localhost:{port}"), format!("http://2130706433:{port}")];
    let proxy = format!("http://127.0.0.1:{}", port.split('/').next().unwrap());
    let variables = [("http_proxy", proxy.as_str()), ("all_proxy", &proxy)];
    let options = ["--webhook", &names[0], "--webhook", &names[1], "--linger", "1s"];
    let (server, log) = logged(&home, &options, &variables);
    let stream = server.run(&json!({"prompt": "x"}));
    ends(&home, &stream);
    for place in 0..2 {
        wait_for("the refusal", || hook(&server, place)["error"].is_string());
        let why = hook(&server, place)["error"].as_str().unwrap().to_owned();
        assert!(why.contains("not allowed"), "{why}");
    }
    assert!(log().contains("not allowed"), "{}", log());
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert!(endpoint.seen().is_empty(), "{:?}", endpoint.seen());
    // With the option the same name is reached, and what was owed arrives.
    let options = ["--webhook-private", "--webhook", &names[0]];
    let (server, _) = logged(&home, &options, &variables);
    wait_for("the events", || endpoint.seen().len() == 2);
    assert!(endpoint.seen().iter().all(|it| stream_of(&it.body) == stream));
    drop(server);
}

#[test]
fn a_dead_endpoint_delays_nothing_but_itself() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = closed.local_addr().unwrap();
    drop(closed);
    let dead = format!("http://{place}/hook");
    let silent = Endpoint::start(|_, _| Reply::Stall);
    let good = Endpoint::start(|_, _| OK);
    let secret = secret(&home);
    let options = [
        &["--webhook-private", "--webhook-secret-file", &secret, "--linger", "1s"][..],
        &["--webhook", &dead, "--webhook", &silent.url, "--webhook", &good.url],
    ]
    .concat();
    let (server, _) = logged(&home, &options, &[]);
    let runs: Vec<_> = (0..4).map(|_| server.run(&json!({"prompt": "x"}))).collect();
    let want: BTreeMap<_, _> = runs.iter().map(|run| (run.clone(), ends(&home, run))).collect();
    wait_for("the events", || good.seen().len() == 8);
    assert_eq!(by_run(&good.seen()), want);
    wait_for("the dead one", || hook(&server, 0)["owed"] == 8);
    assert!(hook(&server, 1)["owed"].as_u64().unwrap() >= 1);
    assert!(hook(&server, 0)["error"].as_str().unwrap().contains("refused"));
    let since = Instant::now();
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    // Once it is back, it gets everything.
    let back = Endpoint::on(TcpListener::bind(place).unwrap(), |_, _| OK);
    let (server, _) = logged(&home, &options, &[]);
    wait_for("the events", || back.seen().len() == 8);
    assert_eq!(by_run(&back.seen()), want);
    drop(server);
}

#[test]
fn a_dead_endpoint_does_not_make_the_ledger_grow() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = closed.local_addr().unwrap();
    drop(closed);
    let dead = format!("http://{place}/hook#only=turn_*");
    let good = Endpoint::start(|_, _| OK);
    let url = format!("{}#only=turn_*", good.url);
    let options = ["--webhook-private", "--linger", "0s", "--webhook", &dead, "--webhook", &url];
    let (server, _) = logged(&home, &options, &[]);
    let script = "spile demo --agent --speed 0 >turn; for n in $(seq 300); do cat turn; done";
    let cwd = home.path().to_str().unwrap();
    let run = home.start(&["--from", "claude", "--cwd", cwd], script);
    home.ended(&run);
    wait_for("the events", || good.seen().len() == 600);
    let owed = hook(&server, 0)["owed"].as_u64().unwrap();
    assert!((256..512).contains(&owed), "{owed}");
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().1, 0);
    let back = Endpoint::on(TcpListener::bind(place).unwrap(), |_, _| OK);
    let (server, _) = logged(&home, &options, &[]);
    wait_for("the rest", || back.seen().len() == 600);
    assert_eq!(by_run(&back.seen()), by_run(&good.seen()));
    drop(server);
}

#[test]
fn a_new_order_of_the_events_sends_nothing_again() {
    let home = Home::new();
    let before = home.start(&[], "echo before");
    ends(&home, &before);
    let endpoint = Endpoint::start(|_, _| OK);
    let mut want = BTreeMap::new();
    for round in 1..=3 {
        let server = start(&home, &[&endpoint.url]);
        let run = server.run(&json!({"prompt": "x"}));
        want.insert(run.clone(), ends(&home, &run));
        wait_for("the events", || endpoint.seen().len() >= 2 * round);
        server.live.signal(Signal::TERM);
        assert_eq!(server.live.end().1, 0);
        // As after a power cut.
        std::fs::remove_file(home.path().join("state/index")).unwrap();
    }
    assert_eq!(by_run(&endpoint.seen()), want);
    assert_eq!(endpoint.seen().len(), 6);
}

#[test]
fn one_server_delivers_and_the_next_takes_over() {
    let home = Home::new();
    let endpoint = Endpoint::start(|_, _| OK);
    let mut first = start(&home, &[&endpoint.url]);
    let second = start(&home, &[&endpoint.url]);
    assert_eq!(hook(&second, 0)["state"], "waiting");
    let run = second.run(&json!({"prompt": "x"}));
    wait_for("the events", || endpoint.seen().len() == 2);
    first.live.child.kill().unwrap();
    first.live.child.wait().unwrap();
    let other = second.run(&json!({"prompt": "x"}));
    let want: BTreeMap<_, _> = [run, other].map(|run| (run.clone(), ends(&home, &run))).into();
    wait_for("the other events", || count(&endpoint) == 4);
    assert_eq!(by_run(&endpoint.seen()), want);
    wait_for("the change", || hook(&second, 0)["state"] == "on");
}

#[test]
fn what_is_wrong_with_the_options_is_said_without_secrets() {
    let home = Home::new();
    let open = home.path().join("open");
    std::fs::write(&open, SECRET).unwrap();
    let open = open.to_str().unwrap();
    std::fs::set_permissions(open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for (options, status, word) in [
        (&["--webhook", "x"][..], 2, "http://"),
        (&["--webhook", "http://u:TOKEN@h/TOKEN#from=7"], 2, "from=7"),
        (&["--webhook", "http://h/TOKEN", "--webhook", "http://h/TOKEN"], 2, "given twice"),
        (&["--webhook-private"], 2, "--webhook"),
        (&["--webhook", "http://h", "--webhook-secret-file", open], 125, "chmod 600"),
    ] {
        let output = home.run(&[&["serve", "--listen", "127.0.0.1:0"], options].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{options:?}: {stderr}");
        assert!(stderr.contains(word) && !stderr.contains("TOKEN"), "{stderr}");
    }
}
