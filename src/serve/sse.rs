//! Frames of server-sent events. Every event of a run file has an id; what the server adds has none, so that the client's last
//! id stays.

use std::fmt::Display;

use serde_json::Value;

/// Appends an event: one line of JSON, with its id.
pub fn event(out: &mut Vec<u8>, id: impl Display, line: &[u8]) {
    add(out, &format!("id: {id}\ndata: "));
    out.extend_from_slice(line);
    out.extend_from_slice(b"\n\n");
}

/// Appends a message of the server.
pub fn message(out: &mut Vec<u8>, name: &str, data: &Value) {
    add(out, &format!("event: {name}\ndata: {data}\n\n"));
}

/// Appends a sign of life. By the standard an id alone moves the client's last id and dispatches nothing.
pub fn alive(out: &mut Vec<u8>, id: Option<impl Display>) {
    match id {
        Some(id) => add(out, &format!("id: {id}\n\n")),
        None => add(out, ":\n\n"),
    }
}

/// Appends the time after which a client connects again. It differs between clients, so that they do not all come at once.
pub fn retry(out: &mut Vec<u8>, random: u64) {
    add(out, &format!("retry: {}\n\n", 2500 + random % 2000));
}

fn add(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_what_the_standard_says() {
        let mut out = Vec::new();
        retry(&mut out, 2001);
        event(&mut out, "a@7", b"{\"v\":1}");
        message(&mut out, "gap", &json!({"asked": "x\ny"}));
        alive(&mut out, Some("a@7"));
        alive(&mut out, None::<u8>);
        let want = "retry: 2501\n\nid: a@7\ndata: {\"v\":1}\n\nevent: gap\ndata: {\"asked\":\"x\\ny\"}\n\nid: a@7\n\n:\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
