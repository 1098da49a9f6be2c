//! The HTTP server: its routes, who may ask, and runs that outlive it.

mod chat;
mod client;
mod control;
mod doors;
mod idempotent;
mod life;
mod load;
mod refusals;
mod routes;
mod signals;
mod sockets;
mod strays;
mod stream;
mod webhooks;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::background::Home;
use crate::harness::{Live, bin};
use client::{Answer, Request};

/// A server in a state directory of its own.
pub struct Server {
    pub live: Live,
    /// Address and port.
    pub address: String,
    pub token: String,
}

impl Server {
    /// Starts a server at a free port. `echo` repeats its prompt; `sleep` runs until it is stopped, and
    /// writes `begun` before, which does not stand in its command line.
    pub fn start(home: &Home, options: &[&str]) -> Self {
        let usual = ["serve", "--listen", "127.0.0.1:0", "--agent", "echo=cat"];
        let sleeping = ["--agent", "sleep=sh -c 'echo be\"\"gun; exec sleep 1000'"];
        let root = ["--root", home.path().to_str().unwrap()];
        let root = if options.contains(&"--root") { &[][..] } else { &root };
        let args = [&usual[..], &sleeping, root, options].concat();
        Self::spawn(&mut home.command(bin(), &args))
    }

    /// Starts a server with any command.
    pub fn spawn(command: &mut Command) -> Self {
        let mut live = Live::spawn(command);
        let url = std::iter::from_fn(|| live.line()).find(|line| line.starts_with("http://"));
        let url = url.expect("the server prints its address");
        let (address, token) = url.trim_end().split_once("/#token=").unwrap();
        let address = address.strip_prefix("http://").unwrap().to_owned();
        Self { live, address, token: token.to_owned() }
    }

    /// A request with the token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let token = format!("Bearer {}", self.token);
        self.bare(method, path).header("Host", &self.address).header("Authorization", &token)
    }

    /// A request with nothing but a method and a path.
    pub fn bare(&self, method: &str, path: &str) -> Request {
        Request::new(&self.address, method, path)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// Starts a run; its stream.
    #[track_caller]
    pub fn run(&self, body: &Value) -> String {
        let started = self.post("/runs", body).expect(202);
        started["stream"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a run; its events.
    #[track_caller]
    pub fn events(&self, stream: &str) -> Vec<Value> {
        let answer = self.get(&format!("/runs/{stream}/events"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        crate::harness::events(&answer.body)
    }
}

/// A file below the state directory.
pub fn state_file(home: &Home, name: &str) -> PathBuf {
    home.path().join("state").join(name)
}
