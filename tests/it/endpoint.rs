//! An HTTP server that does what a test says: it answers, refuses, stalls or hangs up, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub at: Instant,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server does about it.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, header lines, a body.
    Status(u16, &'static str, &'static str),
    /// Nothing, for ever.
    Stall,
    /// The connection ends.
    Close,
}

/// The server.
pub struct Endpoint {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Endpoint {
    /// Starts one that answers the n-th request, from 1, as `reply` says.
    pub fn start(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), reply)
    }

    /// As [`Endpoint::start`], where this listens.
    pub fn on(
        listener: TcpListener,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (shared, reply) = (Arc::clone(&seen), Arc::new(reply));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (shared, reply) = (Arc::clone(&shared), Arc::clone(&reply));
                std::thread::spawn(move || serve(socket.unwrap(), &shared, &*reply));
            }
        });
        Self { url, seen }
    }

    /// What it was asked until now.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(socket: TcpStream, seen: &Mutex<Vec<Request>>, reply: &dyn Fn(usize, &Request) -> Reply) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let number = {
            let mut all = seen.lock().unwrap();
            all.push(request.clone());
            all.len()
        };
        match reply(number, &request) {
            Reply::Status(status, headers, body) => {
                let headers: String = headers.split('\n').map(|h| format!("{h}\r\n")).collect();
                let headers = headers.trim_start();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n{body}",
                    body.len()
                );
                if (&socket).write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
            Reply::Stall => {
                // Until the other side gives up.
                let _ = socket.set_read_timeout(Some(Duration::from_secs(3600)));
                let _ = reader.read(&mut [0]);
                return;
            }
            Reply::Close => return,
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length: usize = length.map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { at: Instant::now(), path, headers, body: String::from_utf8(body).unwrap() })
}
