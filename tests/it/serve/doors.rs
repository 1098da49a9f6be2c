//! Who may ask, what may be asked, and how much of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::json;

use super::Server;
use super::client::Open;
use crate::background::Home;
use crate::harness::{LIMIT, shell_code};

#[test]
fn a_token_is_wanted_in_its_header_alone() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let ask = |path: &str, authorization: Option<&str>| {
        let request = server.bare("GET", path).header("Host", &server.address);
        match authorization {
            None => request.send(),
            Some(value) => request.header("Authorization", value).send(),
        }
    };
    let right = format!("Bearer {}", server.token);
    assert_eq!(ask("/runs", Some(&right)).status, 200);
    let refused = ask("/runs", None);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    refused.refused(401);
    for wrong in [
        "Bearer x",
        "Bearer ",
        &right[..right.len() - 1],
        &format!("{right}x"),
        &format!("Basic {}", server.token),
        &server.token,
    ] {
        ask("/runs", Some(wrong)).refused(401);
    }
    for query in ["token", "access_token"] {
        let path = format!("/runs?{query}={}", server.token);
        ask(&path, None).refused(401);
        ask(&path, Some(&right)).refused(401);
    }
    let cookie = server.bare("GET", "/runs").header("Host", &server.address);
    cookie.header("Cookie", &format!("token={}", server.token)).send().refused(401);
    let two = server.request("GET", "/runs").header("Authorization", "Bearer x");
    two.send().refused(401);
    for path in ["/", "/healthz"] {
        assert_eq!(ask(path, None).status, 200, "{path}");
    }
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let home = Home::new();
    let server =
        Server::start(&home, &["--host", "agents.example", "--cors", "https://page.example"]);
    let port = server.address.rsplit(':').next().unwrap();
    let token = format!("Bearer {}", server.token);
    let with = |host: Option<&str>, origin: Option<&str>| {
        let mut request = server.bare("GET", "/runs").header("Authorization", &token);
        for (name, value) in [("Host", host), ("Origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request.send()
    };
    let ours = Some(server.address.as_str());
    for host in [format!("localhost:{port}"), "agents.example".into(), server.address.clone()] {
        assert_eq!(with(Some(&host), None).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1",
        "127.0.0.1:1",
        &format!("127.0.0.1.evil.example:{port}"),
    ] {
        with(Some(host), None).refused(403);
    }
    with(None, None).refused(400);
    let twice = server.request("GET", "/runs").header("Host", "evil.example").send();
    assert!([400, 403].contains(&twice.status), "{}", twice.status);
    for path in ["/", "/healthz", "/unknown"] {
        server.bare("GET", path).header("Host", "evil.example").send().refused(403);
    }
    for origin in [
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        &format!("https://127.0.0.1:{port}"),
        "",
    ] {
        with(ours, Some(origin)).refused(403);
    }
    let own = with(ours, Some(&format!("http://127.0.0.1:{port}")));
    assert_eq!((own.status, own.header("access-control-allow-origin")), (200, None));
    let allowed = with(ours, Some("https://page.example"));
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://page.example"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    let preflight = |origin: &str| {
        let request = server.bare("OPTIONS", "/runs").header("Host", &server.address);
        request.header("Origin", origin).header("Access-Control-Request-Method", "POST").send()
    };
    let answer = preflight("https://page.example");
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    preflight("https://evil.example").refused(403);
}

#[test]
fn a_form_of_another_site_starts_nothing() {
    let home = Home::new();
    let server = Server::start(&home, &["--command", "x=echo x"]);
    let body = br#"{"prompt":"x"}"#;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        // A browser adds no token; with one it would be refused all the same.
        let form = server.bare("POST", "/runs").header("Host", &server.address).body(kind, body);
        form.header("Origin", "https://evil.example").send().refused(403);
        server
            .bare("POST", "/runs")
            .header("Host", &server.address)
            .body(kind, body)
            .send()
            .refused(401);
        server.request("POST", "/runs").body(kind, body).send().refused(415);
        server.request("POST", "/direct").body(kind, b"x").send().refused(415);
        server.request("POST", "/runs/x/cancel").body(kind, b"x").send().refused(415);
    }
    server.request("POST", "/runs").send().refused(415);
    server.request("POST", "/paste").body("text/html", b"x").send().refused(415);
    assert_eq!(server.get("/runs").expect(200)["runs"], json!([]));
}

#[test]
fn a_run_starts_below_the_root_alone() {
    let home = Home::new();
    let root = home.path().join("root");
    std::fs::create_dir_all(root.join("inside")).unwrap();
    std::fs::create_dir(home.path().join("outside")).unwrap();
    std::os::unix::fs::symlink("../outside", root.join("relative")).unwrap();
    std::os::unix::fs::symlink("/", root.join("absolute")).unwrap();
    std::os::unix::fs::symlink("inside", root.join("link")).unwrap();
    std::fs::write(root.join("file"), "").unwrap();
    let options = ["--root", root.to_str().unwrap(), "--agent", "pwd=pwd -P"];
    let server = Server::start(&home, &options);
    let start =
        |cwd: &str| server.post("/runs", &json!({"prompt": "x", "agent": "pwd", "cwd": cwd}));
    let real = root.canonicalize().unwrap();
    for (cwd, want) in [("inside", "inside"), ("link", "inside"), ("inside/..", ""), (".", "")] {
        let stream = start(cwd).expect(202)["stream"].as_str().unwrap().to_owned();
        server.events(&stream);
        let text = server.get(&format!("/runs/{stream}/text")).text();
        assert_eq!(Path::new(text.trim_end()), real.join(want), "{cwd}");
    }
    for cwd in [
        "..",
        "inside/../..",
        "relative",
        "absolute",
        "absolute/etc",
        "/",
        "/etc",
        "link/../../outside",
    ] {
        start(cwd).refused(403);
    }
    start("missing").refused(400);
    start("file").refused(400);
    // A directory that is exchanged for a link to the outside and back never lets one out.
    let race = root.join("race");
    std::fs::create_dir(&race).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                std::fs::rename(&race, root.join("aside")).unwrap();
                std::os::unix::fs::symlink("../outside", &race).unwrap();
                std::fs::remove_file(&race).unwrap();
                std::fs::rename(root.join("aside"), &race).unwrap();
            }
        });
        for _ in 0..crate::harness::stress(200) {
            let answer = start("race");
            assert!([202, 400, 403].contains(&answer.status), "{}", answer.text());
            if answer.status == 202 {
                let stream = answer.expect(202)["stream"].as_str().unwrap().to_owned();
                server.events(&stream);
                let text = server.get(&format!("/runs/{stream}/text")).text();
                assert!(!text.contains("outside"), "{text}");
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn large_bodies_are_refused_unread_or_in_the_middle() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let head = |kind: &str| {
        format!(
            "POST /runs HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{kind}\r\n\r\n",
            server.address, server.token
        )
    };
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(head("Content-Length: 104857600").as_bytes()).unwrap();
    assert_eq!(Open::read(stream).status, 413);
    // Of a body of chunks the length is not known.
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    while sent < 100 && stream.write_all(&chunk).is_ok() {
        sent += 1;
    }
    assert!(sent < 50, "{sent} MiB were taken");
    let long = "x".repeat((1 << 20) + 1);
    server.post("/runs", &json!({"prompt": long})).refused(400);
    server.post("/paste", &json!({"text": long})).expect(201);
    let most =
        server.request("POST", "/paste").body("application/octet-stream", &vec![0; 16 << 20]);
    most.send().expect(201);
    let more = server.request("POST", "/paste").header("Content-Length", "16777217");
    more.header("Content-Type", "text/plain").send().refused(413);
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let mut slow = TcpStream::connect(&server.address).unwrap();
    let mut silent = TcpStream::connect(&server.address).unwrap();
    slow.write_all(b"GET /runs HTTP/1.1\r\nHost: x").unwrap();
    for stream in [&mut slow, &mut silent] {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        let text = String::from_utf8_lossy(&rest);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    }
}

#[test]
fn one_connection_too_many_is_told_so() {
    let home = Home::new();
    let server = Server::start(&home, &["--max-clients", "2"]);
    let open: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
            stream.write_all(head.as_bytes()).unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let stream = TcpStream::connect(&server.address).unwrap();
    let why = Open::read(stream).rest().refused(429);
    assert!(why.contains("2 connections"), "{why}");
    drop(open);
    crate::background::wait_for("a free connection", || server.get("/status").status == 200);
}

#[test]
fn two_lengths_smuggle_no_request() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let inner = format!(
        "POST /runs HTTP/1.1\r\nHost: {0}\r\nAuthorization: Bearer {1}\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"prompt\":\"x\"}}",
        server.address, server.token
    );
    let both = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ];
    let odd = [
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, x",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +5",
        "Content-Length: 5\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
    ];
    for lengths in both.into_iter().chain(odd) {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!(
            "GET /healthz HTTP/1.1\r\nHost: {}\r\n{lengths}\r\n\r\n0\r\n\r\n{inner}",
            server.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        // The end may be a reset: what was sent behind the first request is not read.
        let _ = stream.read_to_string(&mut text);
        assert!(text.matches("HTTP/1.1 ").count() <= 1, "{lengths}: {text}");
    }
    assert_eq!(server.get("/runs").expect(200)["runs"], json!([]));
}

#[test]
fn token_and_socket_belong_to_this_user() {
    let home = Home::new();
    let socket = home.path().join("serve.sock");
    let server = Server::start(&home, &["--listen", &format!("unix:{}", socket.display())]);
    let user = rustix::process::getuid().as_raw();
    let token = home.path().join(format!("spile-{user}/spile/serve.token"));
    for path in [&token, &socket] {
        let found = std::fs::metadata(path).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{}", path.display());
        assert_eq!(found.uid(), user);
    }
    assert_eq!(std::fs::read_to_string(&token).unwrap().trim(), server.token);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /runs HTTP/1.1\r\nHost: spile\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // A page cannot reach a socket; a request that says it is one is refused all the same.
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /runs HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    // The second server has the token of the first, and takes the place of one that was killed.
    let Server { mut live, token: first, .. } = server;
    live.child.kill().unwrap();
    live.child.wait().unwrap();
    let second = Server::start(&home, &["--listen", &format!("unix:{}", socket.display())]);
    assert_eq!(second.token, first);
    assert!(UnixStream::connect(&socket).is_ok());
}

#[test]
fn options_that_open_too_much_are_refused() {
    let home = Home::new();
    let weak = home.path().join("weak");
    std::fs::write(&weak, "0123456789abcdef0123\n").unwrap();
    let weak = weak.to_str().unwrap();
    for (args, status) in [
        (&["--listen", "0.0.0.0:0"][..], 2),
        (&["--listen", "0.0.0.0:0", "--token-file", weak], 125),
        (&["--listen", "nowhere"], 2),
        (&["--agent", "unknown"], 2),
        (&["--agent", "x=sh -c {prompt}"], 2),
        (&["--agent", "x=echo {prompt} y"], 2),
        (&["--command", "x"], 2),
        (&["--cors", "*"], 2),
        (&["--wrap", "--"], 2),
        (&["--root", "/dev/null/missing"], 125),
    ] {
        let output = home.run(&[&["serve"], args].concat());
        assert_eq!(shell_code(output.status), status, "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    // The prompt never becomes an option.
    let server = Server::start(
        &home,
        &[
            "--agent",
            "print=printf %s\\\\n -- {prompt}",
            "--agent",
            "word=printf --version={prompt}",
        ],
    );
    let stream = server.run(&json!({"agent": "print", "prompt": "--version; $(id)"}));
    server.events(&stream);
    assert_eq!(server.get(&format!("/runs/{stream}/text")).text(), "--\n--version; $(id)\n");
}

#[test]
fn nothing_secret_stands_in_files() {
    let home = Home::new();
    let server = Server::start(&home, &[]);
    let secret = "tell-nobody-4711";
    let stream = server.run(&json!({"prompt": secret}));
    server.events(&stream);
    server.get(&format!("/runs?label={secret}"));
    for name in [
        "history.ndjson".to_owned(),
        format!("runs/{stream}/run.json"),
        format!("runs/{stream}/summary.json"),
        format!("runs/{stream}/stderr.log"),
    ] {
        let text = std::fs::read_to_string(super::state_file(&home, &name)).unwrap();
        assert!(!text.contains(secret) && !text.contains(&server.token), "{name}: {text}");
    }
}
