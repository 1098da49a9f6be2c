//! Requests that can never succeed, each told why.

use serde_json::json;

use super::Server;
use crate::background::Home;

#[test]
fn a_session_never_becomes_an_option_or_another_value() {
    let home = Home::new();
    let agents = ["--agent", "c=echo new", "--agent", "c=echo --resume {session}"];
    let commands = ["--command", "print=printf %s. {args:any}"];
    let server = Server::start(&home, &[&agents[..], &commands].concat());
    for session in ["--all", "-", "{context}", "x{prompt}", "a\nb", ""] {
        let body = json!({"agent": "c", "prompt": "x", "session": session});
        let why = server.post("/runs", &body).refused(400);
        assert!(why.starts_with("session"), "{why}");
    }
    let stream = server.run(&json!({"agent": "c", "prompt": "x", "session": "s-1"}));
    server.events(&stream);
    assert_eq!(server.get(&format!("/runs/{stream}/text")).text(), "--resume s-1\n");
    for words in ["{context}", "a{prompt}", "x {prompt}"] {
        let body = json!({"command": format!("print {words}")});
        let why = server.post("/direct", &body).refused(400);
        assert!(why.contains("the command print takes no {prompt}"), "{why}");
    }
}
