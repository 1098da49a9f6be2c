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
pub fn alive(out: &mut Vec<u8>, id: impl Display) {
    add(out, &format!("id: {id}\n\n"));
}

/// Appends the time after which a client connects again. It differs between clients, so that they do not all come at once.
pub fn retry(out: &mut Vec<u8>, random: u64) {
    add(out, &format!("retry: {}\n\n", 2500 + random % 2000));
}

/// True if a client accepts server-sent events by its `Accept` headers, and no lines of JSON more than these.
pub fn is_accepted<'a>(headers: impl Iterator<Item = &'a str>) -> bool {
    let (mut sse, mut lines) = (0.0, 0.0);
    for range in headers.flat_map(|header| header.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
        });
        let quality: f32 = quality.unwrap_or(1.0);
        if name.eq_ignore_ascii_case("text/event-stream") {
            sse = quality.max(sse);
        } else if name.eq_ignore_ascii_case("application/x-ndjson") {
            lines = quality.max(lines);
        }
    }
    sse > 0.0 && sse >= lines
}

fn add(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn server_sent_events_are_accepted_by_name() {
        for (headers, want) in [
            (&["text/event-stream"][..], true),
            (&["TEXT/Event-Stream"], true),
            (&["text/html, text/event-stream;q=0.5"], true),
            (&["text/html", "text/event-stream; charset=utf-8"], true),
            (&["application/x-ndjson;q=0.5, text/event-stream"], true),
            (&["application/x-ndjson, text/event-stream;q=0.5"], false),
            (&["text/event-stream;q=0"], false),
            (&["text/event-stream; Q = 0.000, */*"], false),
            (&["text/event-stream;q=x"], false),
            (&["text/event-streams"], false),
            (&["*/*"], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(is_accepted(headers.iter().copied()), want, "{headers:?}");
        }
    }

    #[test]
    fn frames_are_what_the_standard_says() {
        let mut out = Vec::new();
        retry(&mut out, 2001);
        event(&mut out, "a@7", b"{\"v\":1}");
        message(&mut out, "gap", &json!({"asked": "x\ny"}));
        alive(&mut out, "a@7");
        let want = "retry: 2501\n\nid: a@7\ndata: {\"v\":1}\n\nevent: gap\ndata: {\"asked\":\"x\\ny\"}\n\nid: a@7\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
