//! replay of an address: a server that speaks server-sent events, breaks off and is asked for the rest; a body of lines; no
//! server at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use crate::harness::{Live, bash, spile};
use crate::replay::recording;

/// A server that gives one answer after another, each over a connection of its own; it ends with the requests' headers.
struct Server {
    url: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/stream", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let answer = |bytes: Vec<u8>| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = request(&stream);
                stream.write_all(&bytes).unwrap();
                request
            };
            answers.into_iter().map(answer).collect()
        });
        Self { url, thread }
    }

    /// The requests, in lower case.
    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

fn request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    head.join("\n").to_lowercase()
}

fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn sse(body: &str) -> Vec<u8> {
    answer("200 OK", "text/event-stream; charset=utf-8", body.as_bytes())
}

/// Lines as server-sent events, numbered from `first`.
fn frames(lines: &[&str], first: usize) -> String {
    let frame = |(n, line): (usize, &&str)| format!("id: {}\ndata: {line}\n\n", first + n);
    lines.iter().enumerate().map(frame).collect()
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let text = recording("s", 20);
    let lines: Vec<&str> = text.lines().collect();
    let cut = frames(&lines[..8], 1);
    let server = Server::start(vec![
        // In the middle of the eighth event.
        sse(&format!("retry: 1\n{}", &cut[..cut.len() - 20])),
        answer("503 Service Unavailable", "text/plain", b""),
        // One that has come already.
        sse(&frames(&lines[6..15], 7)),
        sse(&frames(&lines[15..], 16)),
    ]);
    spile(&["replay", "--instant", &server.url]).run().stdout(&text);
    let requests = server.requests();
    assert!(requests[0].contains("accept: text/event-stream"), "{requests:?}");
    assert!(!requests[0].contains("last-event-id"), "{requests:?}");
    let asked: Vec<bool> = ["7", "7", "15"]
        .iter()
        .zip(&requests[1..])
        .map(|(id, request)| request.lines().any(|l| l == format!("last-event-id: {id}")))
        .collect();
    assert_eq!(asked, [true; 3], "{requests:?}");
}

#[test]
fn a_server_that_says_there_is_no_more_is_believed() {
    let text = recording("s", 5);
    let lines: Vec<&str> = text.lines().collect();
    let server = Server::start(vec![
        sse(&format!("retry: 1\n{}", frames(&lines, 1))),
        answer("204 No Content", "text/plain", b""),
    ]);
    spile(&["replay", "--instant", &server.url]).run().stdout(&text);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn one_that_never_says_anything_new_is_given_up() {
    let text = recording("s", 5);
    let lines: Vec<&str> = text.lines().collect();
    let first = sse(&format!("retry: 1\n{}", frames(&lines, 1)));
    let server = Server::start([vec![first.clone()], vec![first; 5]].concat());
    let (stdout, stderr, status) = bash(&format!("spile replay --instant {}", server.url));
    assert_eq!((stdout, status), (text, 69));
    assert!(stderr.contains("5 reconnects brought nothing new"), "{stderr}");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_body_of_lines_is_played_packed_or_not() {
    let text = recording("s", 300);
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    for body in [text.as_bytes(), &packed] {
        let server = Server::start(vec![answer("200 OK", "application/x-ndjson", body)]);
        spile(&["replay", "--instant", &server.url]).run().stdout(&text);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_event_leaves_before_the_next_one_comes() {
    let text = recording("s", 10);
    let lines: Vec<&str> = text.lines().collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut live = Live::start(&["replay", "--instant", &url]);
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    stream.write_all(&sse("")).unwrap();
    for (n, line) in lines.iter().enumerate() {
        stream.write_all(frames(&[line], n).as_bytes()).unwrap();
        assert_eq!(live.line().as_deref(), Some(format!("{line}\n").as_str()));
    }
    drop(stream);
    assert_eq!(live.end(), (Vec::new(), 0));
}

#[test]
fn what_does_not_answer_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (stdout, stderr, status) = bash(&format!("spile replay http://{port}/"));
    assert_eq!((stdout.as_str(), status), ("", 69));
    assert!(stderr.contains("refused"), "{stderr}");
    let server = Server::start(vec![answer("404 Not Found", "text/plain", b"no")]);
    let (stdout, stderr, status) = bash(&format!("spile replay {}", server.url));
    assert_eq!((stdout.as_str(), status), ("", 69));
    assert!(stderr.contains("HTTP 404"), "{stderr}");
    server.requests();
    let (_, stderr, status) = bash("spile replay 'http://'");
    assert_eq!(status, 69, "{stderr}");
}

#[test]
fn a_silent_server_holds_up_neither_a_signal_nor_a_reader_that_goes() {
    let text = recording("s", 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut live = Live::start(&["replay", &url]);
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    stream.write_all(&sse(&frames(&[text.trim_end()], 1))).unwrap();
    assert_eq!(live.line(), Some(text));
    live.signal(rustix::process::Signal::INT);
    let status = live.child.wait().unwrap();
    assert_eq!(crate::harness::shell_code(status), 130);
}

#[test]
fn lines_may_end_in_a_carriage_return_and_the_media_type_may_be_written_in_any_case() {
    let text = recording("s", 10);
    let lines: Vec<&str> = text.lines().collect();
    for end in ["\r", "\r\n"] {
        let body = frames(&lines, 1).replace('\n', end);
        let server = Server::start(vec![answer(
            "200 OK",
            "Text/Event-Stream;charset=UTF-8",
            body.as_bytes(),
        )]);
        spile(&["replay", "--instant", &server.url]).run().stdout(&text);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_reconnect_waits_as_long_as_it_is_told_and_wants_the_same_kind_of_answer() {
    let text = recording("s", 5);
    let lines: Vec<&str> = text.lines().collect();
    let first = sse(&format!("retry: 1\n{}", frames(&lines, 1)));
    let busy =
        b"HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server =
        Server::start(vec![first, busy.to_vec(), answer("200 OK", "text/html", b"<p>login</p>")]);
    let started = std::time::Instant::now();
    let (stdout, stderr, status) = bash(&format!("spile replay --instant {}", server.url));
    assert_eq!((stdout, status), (text, 69));
    assert!(stderr.contains("does not send text/event-stream any more"), "{stderr}");
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    server.requests();
}

#[test]
fn an_empty_id_is_not_asked_for() {
    let text = recording("s", 10);
    let lines: Vec<&str> = text.lines().collect();
    let server = Server::start(vec![
        sse(&format!("retry: 1\nid: 7\ndata: {}\n\nid\ndata: {}\n\n", lines[0], lines[1])),
        sse(&frames(&lines[2..], 3)),
    ]);
    spile(&["replay", "--instant", &server.url]).run().stdout(&text);
    assert!(!server.requests()[1].contains("last-event-id"));
}

#[test]
fn a_silent_server_is_left_after_the_idle_time() {
    let text = recording("s", 1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut live = Live::start(&["replay", "--idle", "300ms", "--instant", &url]);
    let (mut stream, _) = listener.accept().unwrap();
    request(&stream);
    stream.write_all(&sse(&frames(&[text.trim_end()], 1))).unwrap();
    assert_eq!(live.line(), Some(text));
    assert_eq!(live.end(), (Vec::new(), 0));
}

#[test]
fn who_asks_is_shown_by_a_variable_or_a_file_and_only_to_the_server_that_was_named() {
    let other = Server::start(vec![answer("200 OK", "application/x-ndjson", b"")]);
    let moved = format!(
        "HTTP/1.1 302 x\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        other.url
    );
    let here =
        "HTTP/1.1 307 x\r\nLocation: again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = Server::start(vec![here.into(), moved.into_bytes()]);
    let (_, stderr, status) = bash(&format!(
        "printf 'two\n' >$TMPDIR/key; ONE=one spile replay --bearer env:ONE --header X-Key:file:$TMPDIR/key {}",
        server.url
    ));
    assert_eq!((stderr.as_str(), status), ("", 0));
    for request in server.requests() {
        assert!(
            request.contains("authorization: bearer one") && request.contains("x-key: two"),
            "{request}"
        );
    }
    assert!(!other.requests()[0].contains("one"));
    let (_, stderr, status) = bash("spile replay --bearer SECRET http://h");
    assert!(status == 2 && stderr.contains("env:VARIABLE"), "{stderr}");
}
