//! Nothing that is printed holds a password or a token of an address.

use crate::endpoint::{Endpoint, Reply};
use crate::harness::bash;

/// What must not be printed.
const SECRETS: [&str; 3] = ["PASSWORD", "TOKEN", "SECRET"];

#[track_caller]
fn without_secrets(script: &str, status: i32) -> String {
    let (stdout, stderr, ended) = bash(script);
    assert_eq!(ended, status, "{stderr}");
    for secret in SECRETS {
        assert!(!stderr.contains(secret) && !stdout.contains(secret), "{script}: {stderr}");
    }
    stderr
}

#[test]
fn a_usage_error_of_tee_does_not_repeat_what_may_be_a_secret() {
    for (sink, status) in [
        ("https://u:PASSWORD@h.example/TOKEN?x=SECRET#onyl=x", 2),
        ("https://h.example/TOKEN#to=discrod", 2),
        ("https://h.example/TOKEN#header=Authorization:SECRET", 2),
        ("https://h.example/TOKEN#bearer=SECRET", 2),
        ("ftp://u:PASSWORD@h.example/TOKEN", 2),
        ("https:///TOKEN?SECRET", 1),
        ("http://h.example/TOKEN /SECRET", 1),
        (r#"cmd:curl -H "Authorization: SECRET"#, 2),
        ("pipe:curl 'SECRET", 2),
        ("nats:TOKEN", 2),
    ] {
        let sink = sink.replace('\'', r"'\''");
        let stderr = without_secrets(&format!("spile tee '{sink}' </dev/null"), status);
        assert!(!stderr.is_empty());
    }
}

#[test]
fn replay_names_an_address_without_what_may_be_a_secret() {
    let server = Endpoint::start(|n, _| match n {
        1 => Reply::Status(404, "", "no"),
        _ => Reply::Status(200, "", "garbage\n"),
    });
    let host = server.url.trim_start_matches("http://").trim_end_matches("/hook");
    let url = format!("http://u:PASSWORD@{host}/TOKEN?k=SECRET");
    let stderr = without_secrets(&format!("spile replay '{url}'"), 69);
    assert!(stderr.starts_with(&format!("spile: http://{host}: ")), "{stderr}");
    let stderr = without_secrets(&format!("spile replay '{url}' >/dev/null"), 0);
    assert!(stderr.starts_with(&format!("http://{host}:1:1: ")), "{stderr}");
    for url in ["http://u:PASSWORD@h /TOKEN", "http:///TOKEN?SECRET", "https://u:PASSWORD@/TOKEN"] {
        without_secrets(&format!("spile replay '{url}'"), 69);
    }
}
