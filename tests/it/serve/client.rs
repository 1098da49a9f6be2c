//! A client of HTTP/1.1 that sends what a test says and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::LIMIT;

/// A request on a connection of its own.
pub struct Request {
    address: String,
    head: String,
    body: Vec<u8>,
}

/// An answer to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer that is read as it comes.
pub struct Open {
    reader: BufReader<TcpStream>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn new(address: &str, method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\n");
        Self { address: address.to_owned(), head, body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().as_bytes())
    }

    pub fn body(self, kind: &str, body: &[u8]) -> Self {
        let length = body.len().to_string();
        let mut request = self.header("Content-Type", kind).header("Content-Length", &length);
        request.body = body.to_vec();
        request
    }

    /// Sends it, and reads the head of the answer.
    #[track_caller]
    pub fn open(self) -> Open {
        Open::read(self.connect())
    }

    /// Sends it.
    #[track_caller]
    pub fn connect(self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!("{}Connection: close\r\n\r\n", self.head);
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses a body need not read it.
        let _ = stream.write_all(&self.body);
        stream
    }

    /// Sends it, and reads the whole answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        self.open().rest()
    }
}

impl Open {
    /// Reads the head of an answer.
    #[track_caller]
    pub fn read(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let first = line();
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {first:?}"));
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        Self { reader, status, headers }
    }

    fn is_chunked(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "transfer-encoding")
    }

    /// Next bytes of the body; `None` at its end.
    pub fn part(&mut self) -> Option<Vec<u8>> {
        if !self.is_chunked() {
            let mut all = Vec::new();
            self.reader.read_to_end(&mut all).ok()?;
            return Some(all).filter(|all| !all.is_empty());
        }
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim_end(), 16).ok().filter(|n| *n > 0)?;
        let mut part = vec![0; length + 2];
        self.reader.read_exact(&mut part).ok()?;
        part.truncate(length);
        Some(part)
    }

    /// The body up to a text.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            let part = self.part().unwrap_or_else(|| panic!("no {text:?} in {seen}"));
            seen.push_str(std::str::from_utf8(&part).unwrap());
        }
        seen
    }

    pub fn rest(mut self) -> Answer {
        let mut body = Vec::new();
        while let Some(part) = self.part() {
            body.extend_from_slice(&part);
        }
        Answer { status: self.status, headers: self.headers, body }
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, if the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The reason of a refusal.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}
