//! `spile tee` to HTTP endpoints, good and bad ones, and to a Discord webhook as Discord documents it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::endpoint::{Endpoint, Reply};
use crate::harness::{LIMIT, Live, bash, bash_within, spile, stress};
use crate::tee::{place, read, status, statuses};

const OK: Reply = Reply::Status(200, "", "");

#[test]
fn each_event_is_a_request_with_its_id() {
    let server = Endpoint::start(|_, _| OK);
    let delta = crate::commands::EVENT;
    let input = format!("{}garbage\n{delta}", status(7, "a"));
    spile(&["tee", &server.url]).stdin(&input).run().stdout(&input);
    let seen = server.seen();
    let got: Vec<_> = seen.iter().map(|r| (r.header("idempotency-key"), r.body.as_str())).collect();
    let want = [(Some("s/7"), status(7, "a")), (None, delta.to_owned())];
    let want: Vec<_> = want.iter().map(|(id, l)| (*id, l.trim_end())).collect();
    assert_eq!(got, want);
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
}

#[test]
fn an_endpoint_that_fails_at_the_nth_request_gets_all_the_same() {
    let rounds = stress(50);
    let (_folder, path) = place("x");
    let input = statuses(55);
    for n in (1..=50).step_by((50 / rounds).max(1) as usize) {
        for reply in [
            Reply::Status(500, "", ""),
            Reply::Status(503, "Retry-After: 0", ""),
            Reply::Status(429, "Retry-After: 0", ""),
            Reply::Close,
        ] {
            let bad = reply.clone();
            let server = Endpoint::start(move |i, _| if i == n { bad.clone() } else { OK });
            let script = format!("spile tee {path} {}", server.url);
            let (stdout, stderr, status) =
                bash(&format!("{script} <<'E'\n{}\nE", input.trim_end()));
            assert_eq!((stdout.as_str(), status), (input.as_str(), 0), "{reply:?}");
            assert_eq!(read(&path), input);
            let asked = matches!(reply, Reply::Status(503 | 429, ..));
            assert_eq!(stderr.is_empty(), asked, "{reply:?}: {stderr}");
            let keys: Vec<String> = server
                .seen()
                .iter()
                .map(|r| r.header("idempotency-key").unwrap().to_owned())
                .collect();
            let mut want: Vec<String> = (1..=55).map(|i| format!("s/{i}")).collect();
            want.insert(n, want[n - 1].clone());
            assert_eq!(keys, want, "in order, and the one that failed twice");
        }
    }
}

#[test]
fn what_is_refused_costs_itself_alone() {
    let server = Endpoint::start(|i, _| if i == 2 { Reply::Status(400, "", "") } else { OK });
    let input = statuses(3);
    spile(&["tee", &server.url])
        .stdin(&input)
        .run()
        .status(1)
        .stderr(&{
            let name = server.url.trim_end_matches("/hook");
            format!("spile: {name}: s/2: status 400\nspile: {name}: events: 1 refused\n")
        })
        .stdout(&input);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn retry_after_is_obeyed() {
    let server =
        Endpoint::start(|i, _| if i == 1 { Reply::Status(429, "Retry-After: 1", "") } else { OK });
    let input = statuses(2);
    spile(&["tee", &server.url]).stdin(&input).run().stdout(&input);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}

#[test]
fn what_has_no_id_is_sent_once_at_most() {
    let server = Endpoint::start(|_, _| Reply::Status(500, "", ""));
    let delta = crate::commands::EVENT;
    let name = server.url.trim_end_matches("/hook").to_owned();
    spile(&["tee", &server.url])
        .stdin(delta)
        .run()
        .status(1)
        .stderr(&format!(
            "spile: {name}: an event without an id: status 500\nspile: {name}: events: 1 in doubt\n"
        ))
        .stdout(delta);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_dead_endpoint_does_not_hold_the_end() {
    let (_folder, path) = place("x");
    let input = statuses(3);
    // One that never answers, and one where nobody listens.
    let stalled = Endpoint::start(|_, _| Reply::Stall);
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    for url in [&stalled.url, &closed] {
        let mut live = Live::start(&["tee", "--linger", "300ms", url, &path]);
        live.write(&input);
        for _ in 0..3 {
            live.line();
        }
        let (rest, status) = live.end();
        assert_eq!((rest.len(), status), (0, 1));
        assert_eq!(read(&path), input);
    }
    let (_, stderr, status) = bash(&format!(
        "printf '{}' | spile tee --linger 0 {} >/dev/null",
        input.escape_default(),
        stalled.url
    ));
    assert_eq!(status, 1);
    assert!(stderr.contains("events: 3 still owed"), "{stderr}");
}

/// A part of an answer.
fn part(n: u64, text: &str) -> String {
    format!(
        "{{\"v\":1,\"type\":\"block_final\",\"stream\":\"s\",\"turn\":1,\"seq\":9,\"ts\":\"2026-01-01T00:00:00.000Z\",\"block\":\"b1\",\"kind\":\"answer\",\"text\":\"{text}\",\"part\":{n},\"last\":false,\"delivery_id\":\"s/1/b1/{n}\"}}\n"
    )
}

#[test]
fn a_discord_webhook_gets_messages_at_the_pace_that_it_asks_for() {
    let server = Endpoint::start(|i, _| match i {
        1 => Reply::Status(
            429,
            "Retry-After: 1\nX-RateLimit-Scope: shared",
            r#"{"message":"You are being rate limited.","retry_after":0.4,"global":false}"#,
        ),
        2 => Reply::Status(
            200,
            "X-RateLimit-Remaining: 0\nX-RateLimit-Reset-After: 0.6",
            r#"{"id":"123"}"#,
        ),
        _ => Reply::Status(200, "X-RateLimit-Remaining: 4", r#"{"id":"124"}"#),
    });
    let input = format!(
        "{}{}{}{}",
        part(0, "one @everyone"),
        crate::commands::EVENT,
        status(3, "x"),
        part(1, "two")
    );
    spile(&["tee", &format!("{}#to=discord-webhook", server.url)])
        .stdin(&input)
        .run()
        .stdout(&input);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|r| r.path == "/hook?wait=true"));
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(400));
    assert!(seen[2].at - seen[1].at >= Duration::from_millis(590));
    let bodies: Vec<BTreeMap<String, serde_json::Value>> =
        seen.iter().map(|r| serde_json::from_str(&r.body).unwrap()).collect();
    assert_eq!(bodies[0], bodies[1], "the same message again");
    assert_eq!(bodies[0]["content"], "one @everyone");
    assert_eq!(bodies[0]["allowed_mentions"]["parse"], serde_json::json!([]));
    assert_eq!(bodies[0]["enforce_nonce"], true);
    assert_eq!(bodies[0]["nonce"].as_str().unwrap().len(), 25);
    assert_eq!(bodies[2]["content"], "two");
    assert_ne!(bodies[0]["nonce"], bodies[2]["nonce"]);
}

#[test]
fn a_webhook_that_is_not_there_is_given_up() {
    let server = Endpoint::start(|_, _| Reply::Status(404, "", "{}"));
    let input = format!("{}{}", part(0, "one"), part(1, "two"));
    let name = server.url.trim_end_matches("/hook").to_owned();
    spile(&["tee", &format!("{}#to=discord-webhook", server.url)])
        .stdin(&input)
        .run()
        .status(1)
        .stderr(&format!(
            "spile: {name}: there is no such webhook (status 404)\nspile: {name}: events: 2 not sent\n"
        ))
        .stdout(&input);
    assert_eq!(server.seen().len(), 1);
}

/// The times in seconds at which a sink is called that fails from the beginning, until `end`.
fn calls(first: f64, longest: f64, end: f64) -> Vec<f64> {
    let (mut at, mut wait, mut all) = (0.0, first, Vec::new());
    while at < end {
        all.push(at);
        at += wait;
        wait = f64::min(wait * 2.0, longest);
    }
    all
}

/// Without a ledger a sink is called again after 100 ms, with one after 1 s, doubling to 5 s.
const WAITS: [(&str, f64); 2] = [("", 0.1), ("--ledger d.db", 1.0)];

#[test]
fn an_outage_is_caught_up_when_it_ends_with_and_without_a_ledger() {
    let outage = Duration::from_secs(stress(60));
    let bad = [
        Reply::Close,
        Reply::Status(503, "", ""),
        Reply::Status(429, "", ""),
        Reply::Status(503, "Retry-After: 0", ""),
        Reply::Status(429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", ""),
    ];
    std::thread::scope(|scope| {
        for reply in &bad {
            for (ledger, first) in WAITS {
                scope.spawn(move || {
                    let begin = std::sync::OnceLock::new();
                    let (bad, input) = (reply.clone(), statuses(20));
                    let server = Endpoint::start(move |_, request| {
                        let begin = *begin.get_or_init(|| request.at);
                        if request.at - begin < outage { bad.clone() } else { OK }
                    });
                    let (_, stderr, status) = bash_within(LIMIT + outage, &format!(
                        "cd \"$(mktemp -d)\"; spile tee --linger 10m {ledger} {} <<'E' >/dev/null\n{}\nE",
                        server.url,
                        input.trim_end()
                    ));
                    assert_eq!(status, 0, "{reply:?} {ledger}: {stderr}");
                    let seen = server.seen();
                    let from = seen[0].at;
                    let late = seen.iter().position(|r| r.at - from >= outage).unwrap();
                    let most = calls(first, 5.0, outage.as_secs_f64()).len();
                    assert!(late <= most, "{reply:?} {ledger}: {late} calls, {most} allowed");
                    assert!(seen[late].at - from <= outage + Duration::from_secs(7));
                    let keys: Vec<&str> =
                        seen[late..].iter().map(|r| r.header("idempotency-key").unwrap()).collect();
                    let want: Vec<String> = (1..=20).map(|i| format!("s/{i}")).collect();
                    assert_eq!(keys, want, "{reply:?} {ledger}");
                });
            }
        }
    });
}

#[test]
fn a_discord_webhook_that_asks_for_no_time_at_all_is_not_flooded() {
    let server = Endpoint::start(|i, _| match i {
        1..=3 => Reply::Status(429, "", r#"{"retry_after":0}"#),
        _ => Reply::Status(200, "", r#"{"id":"1"}"#),
    });
    let input = part(0, "one");
    spile(&["tee", &format!("{}#to=discord-webhook", server.url)])
        .stdin(&input)
        .run()
        .stdout(&input);
    let seen = server.seen();
    let waits: Vec<_> = seen.windows(2).map(|w| w[1].at - w[0].at).collect();
    assert_eq!(waits.len(), 3);
    for (wait, least) in waits.iter().zip([100, 200, 400]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
}

#[test]
fn an_unreachable_endpoint_is_tried_again_by_the_next_run() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let script = |linger: &str| {
        let input = statuses(3);
        bash(&format!(
            "cd {}; spile tee --ledger d.db --tries 1 --linger {linger} http://{address}/hook <<'E' >/dev/null\n{}\nE",
            folder.path().display(),
            input.trim_end()
        ))
    };
    let (_, stderr, status) = script("2500ms");
    assert_eq!(status, 1);
    assert!(stderr.contains("events: 3 still owed (io: Connection refused"), "{stderr}");
    let server = Endpoint::on(std::net::TcpListener::bind(address).unwrap(), |_, _| OK);
    assert_eq!(script("30s"), (String::new(), String::new(), 0));
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_was_not_heard_or_is_under_way_is_sent_again_with_the_same_key() {
    for ledger in ["", "--ledger d.db"] {
        for status in [408, 409, 425] {
            let server = Endpoint::start(
                move |i, _| if i == 1 { Reply::Status(status, "", "") } else { OK },
            );
            let input = statuses(1);
            let (_, stderr, exit) = bash(&format!(
                "cd \"$(mktemp -d)\"; spile tee {ledger} {} <<'E' >/dev/null\n{}\nE",
                server.url,
                input.trim_end()
            ));
            assert_eq!(exit, 0, "{status} {ledger}: {stderr}");
            let seen = server.seen();
            let keys: Vec<_> = seen.iter().map(|r| r.header("idempotency-key")).collect();
            assert_eq!(keys, [Some("s/1"); 2], "{status} {ledger}");
        }
    }
}

#[test]
fn a_sink_that_asks_to_be_left_alone_for_long_is_reported() {
    for ledger in ["", "--ledger d.db"] {
        let server = Endpoint::start(|_, _| Reply::Status(429, "Retry-After: 1e18", ""));
        let input = statuses(1);
        let (_, stderr, exit) = bash(&format!(
            "cd \"$(mktemp -d)\"; spile tee --linger 1s {ledger} {} <<'E' >/dev/null\n{}\nE",
            server.url,
            input.trim_end()
        ));
        assert_eq!((exit, server.seen().len()), (1, 1));
        let asked = "status 429: it asks for a pause of 1000000000000000000 s, and gets 3600 s";
        assert!(stderr.contains(asked), "{stderr}");
        assert!(stderr.contains("1 still owed (status 429)"), "{stderr}");
    }
}

#[test]
fn answers_become_messages_of_each_service_and_a_refusal_says_why() {
    for (options, body) in [
        ("to=slack-webhook", r#"{"text":"one"}"#),
        ("to=telegram&chat=@c", r#"{"chat_id":"@c","text":"one"}"#),
    ] {
        let server = Endpoint::start(|_, _| OK);
        let input = format!("{}{}", part(0, "one"), status(3, "x"));
        spile(&["tee", &format!("{}#{options}", server.url)]).stdin(&input).run().stdout(&input);
        let seen: Vec<String> = server.seen().into_iter().map(|r| r.body).collect();
        assert_eq!(seen, [body]);
    }
    for (status, body, said) in [
        (400, "invalid_payload", "status 400: invalid_payload"),
        (400, r#"{"code": 50035,  "message": "Invalid Form Body"}"#, r#"50035, "message""#),
    ] {
        let server = Endpoint::start(move |_, _| Reply::Status(status, "", body));
        for to in ["slack-webhook", "discord-webhook", "teams-webhook"] {
            let (_, stderr, ended) = bash(&format!(
                "spile tee '{}#to={to}' <<'E' >/dev/null\n{}E",
                server.url,
                part(0, "one")
            ));
            assert!(stderr.contains(said) && ended == 1, "{to}: {stderr}");
        }
    }
    let server = Endpoint::start(|_, _| Reply::Status(308, "Location: /new", ""));
    let (_, stderr, _) =
        bash(&format!("spile tee {} <<'E' >/dev/null\n{}E", server.url, status(1, "x")));
    assert!(stderr.contains("status 308 to /new"), "{stderr}");
}

#[test]
fn the_address_says_how_long_is_waited_and_what_is_tried_again_and_as_whom() {
    let server = Endpoint::start(|n, _| match n {
        1 => Reply::Stall,
        2 => Reply::Status(404, "", ""),
        _ => OK,
    });
    let input = statuses(1);
    let (_, stderr, ended) = bash(&format!(
        "export KEY=one; printf 'two\\n' >$TMPDIR/t; spile tee '{}#timeout=300ms&retry=404&header=X-Key:env:KEY&bearer=file:'$TMPDIR/t <<'E' >/dev/null\n{input}E",
        server.url
    ));
    assert_eq!(ended, 0, "{stderr}");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for request in &seen {
        assert_eq!(request.header("x-key"), Some("one"));
        assert_eq!(request.header("authorization"), Some("Bearer two"));
        assert_eq!(request.header("idempotency-key"), Some("s/1"));
    }
    let (_, stderr, ended) =
        bash(&format!("spile tee '{}#bearer=env:NOT_SET' </dev/null", server.url));
    assert!(stderr.contains("NOT_SET is not set") && ended == 1, "{stderr}");
}
