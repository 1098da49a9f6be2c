//! The variables that name a proxy, as curl reads them: an HTTP proxy that forwards and tunnels, a SOCKS proxy.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::endpoint::{Endpoint, Reply};
use crate::harness::bash;
use crate::tee::statuses;

const OK: Reply = Reply::Status(200, "", "");

fn run(env: &str, arguments: &str) -> (String, i32) {
    let input = statuses(1);
    let (_, stderr, status) = bash(&format!(
        "export {env}; spile tee --linger 2s --output-error=exit {arguments} <<'E' >/dev/null\n{input}E"
    ));
    (stderr, status)
}

/// A SOCKS 5 proxy without users (RFC 1928) for one connection: the port that was asked for.
fn socks() -> (String, Receiver<u16>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut greeting = [0; 2];
        near.read_exact(&mut greeting).unwrap();
        near.read_exact(&mut vec![0; greeting[1].into()]).unwrap();
        near.write_all(&[5, 0]).unwrap();
        // Of an IPv4 address.
        let mut request = [0; 10];
        near.read_exact(&mut request).unwrap();
        let port = u16::from_be_bytes([request[8], request[9]]);
        sender.send(port).unwrap();
        let mut far = TcpStream::connect(("127.0.0.1", port)).unwrap();
        near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        let (mut near2, mut far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut far2, &mut near2));
        let _ = std::io::copy(&mut near, &mut far);
    });
    (place, asked)
}

#[test]
fn a_plain_address_is_forwarded_with_its_whole_url() {
    let proxy = Endpoint::start(|_, _| OK);
    let place = proxy.url.replace("http://", "u:p%40@").replace("/hook", "");
    assert_eq!(
        run(&format!("http_proxy={place}"), "'http://nowhere.example:81/a?b'"),
        (String::new(), 0)
    );
    let seen = proxy.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "http://nowhere.example:81/a?b");
    assert_eq!(seen[0].header("host"), Some("nowhere.example:81"));
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic dTpwQA=="));
    assert_eq!(seen[0].body, statuses(1).trim_end());
}

#[test]
fn only_the_scheme_s_own_variable_counts_and_no_proxy_excepts() {
    let endpoint = Endpoint::start(|_, _| OK);
    let dead = "http://127.0.0.1:1";
    for env in [
        format!("https_proxy={dead} HTTPS_PROXY={dead} HTTP_PROXY={dead}"),
        format!("http_proxy={dead} no_proxy='10.0.0.0/8, 127.0.0.0/8'"),
        format!("ALL_PROXY={dead} NO_PROXY=localhost,127.0.0.1"),
        format!("http_proxy= ALL_PROXY={dead}"),
    ] {
        assert_eq!(run(&env, &endpoint.url), (String::new(), 0), "{env}");
    }
    assert_eq!(endpoint.seen().len(), 4);
    for variable in ["http_proxy", "all_proxy", "ALL_PROXY"] {
        let (stderr, status) = run(&format!("{variable}={dead}"), &endpoint.url);
        assert!(
            stderr.contains(&format!("through the proxy of {variable}")) && status == 1,
            "{stderr}"
        );
    }
}

#[test]
fn an_https_address_is_tunnelled() {
    let proxy = Endpoint::start(|_, _| Reply::Status(403, "", "not for you"));
    let (stderr, status) = run(&format!("HTTPS_PROXY={}", proxy.url), "https://nowhere.example/x");
    assert!(stderr.contains("403") && stderr.contains("HTTPS_PROXY") && status == 1, "{stderr}");
    assert_eq!(proxy.seen()[0].path, "nowhere.example:443");
}

#[test]
fn a_socks_proxy_is_used_and_another_kind_is_refused() {
    let endpoint = Endpoint::start(|_, _| OK);
    let (place, asked) = socks();
    assert_eq!(run(&format!("ALL_PROXY=socks5://{place}"), &endpoint.url), (String::new(), 0));
    let port = endpoint.url.rsplit(':').next().unwrap().trim_end_matches("/hook");
    assert_eq!(asked.recv().unwrap().to_string(), port);
    let (stderr, status) = run("ALL_PROXY=quic://u:SECRET@h", &endpoint.url);
    assert!(stderr.contains("ALL_PROXY names a kind of proxy") && status == 1, "{stderr}");
    assert!(!stderr.contains("SECRET"));
}

#[test]
fn a_user_in_an_address_is_percent_decoded() {
    let endpoint = Endpoint::start(|_, _| OK);
    let url = endpoint.url.replace("http://", "http://a%40b:p%3A%2F@");
    assert_eq!(run("X=1", &url), (String::new(), 0));
    // a@b:p:/
    assert_eq!(endpoint.seen()[0].header("authorization"), Some("Basic YUBiOnA6Lw=="));
}
