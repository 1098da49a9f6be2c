//! Framing in small; and the property that slices change nothing.

use proptest::prelude::*;

use super::*;

/// The frames of an input in slices, one line each, and how it ended.
fn frames(slices: &[&[u8]]) -> Vec<String> {
    let mut frames = Frames::new(200);
    let mut got = Vec::new();
    let mut each = |frame: Frame<'_>| {
        got.push(match frame {
            Frame::Message { event: "", text, at } => format!("{}: {text}", at.0),
            Frame::Message { event, text, at } => format!("{}: {event}={text}", at.0),
            Frame::Head(head) => format!("head {} {:?}", head.status, head.get("a")),
            Frame::Log(line) => format!("log {line}"),
            Frame::Broken(place, _) => format!(
                "broken {}@{} {}",
                place.line,
                place.offset,
                String::from_utf8_lossy(place.bytes)
            ),
        });
    };
    for slice in slices {
        frames.feed(slice, &mut each);
    }
    if frames.end(&mut each) == Tail::Cut {
        got.push("cut".into());
    }
    got
}

fn all(input: &str) -> String {
    frames(&[input.as_bytes()]).join("|")
}

#[test]
fn server_sent_events_follow_the_standard() {
    let cases = [
        ("data: {\"a\":1}\n\n", "1: {\"a\":1}"),
        ("\u{feff}data:{\"a\":1}\r\n\r\n", "1: {\"a\":1}"),
        ("data: x\rdata: y\r\r", "1: x\ny"),
        (": comment\n\n:\nid: 7\nretry: 10\ndata: 1\n\n", "6: 1"),
        ("event: error\ndata: {}\n\ndata: {}\n\n", "2: error={}|4: {}"),
        ("event: gone\n\ndata: 1\n\n", "3: 1"),
        ("data:\n\n", ""),
        ("data:  two spaces\n\n", "1:  two spaces"),
        ("data: data: {\"a\":1}\n\ndata: data: [DONE]\n\n", "1: {\"a\":1}|3: [DONE]"),
    ];
    for (input, want) in cases {
        assert_eq!(all(input), want, "{input:?}");
    }
}

#[test]
fn gateways_and_cut_connections_are_forgiven() {
    let cases = [
        // No blank lines between events.
        ("data: {\"a\":1}\ndata: {\"b\":2}\n\n", "1: {\"a\":1}|2: {\"b\":2}"),
        ("event: a\ndata: {}\nevent: b\ndata: {}\n", "2: a={}|4: b={}"),
        // JSON over several data lines is one event.
        ("data: {\ndata: \"a\":1}\n\n", "1: {\n\"a\":1}"),
        // The end of the body dispatches what is whole, and says what is not.
        ("data: {\"a\":1}", "1: {\"a\":1}"),
        ("data: [DONE]", "1: [DONE]"),
        ("data: {\"a\":", "broken 1@0 {\"a\":|cut"),
        ("data: 1\n\ndat", "1: 1|broken 3@9 dat|cut"),
        ("event: a\n", "cut"),
        ("data: 1\n\n: pi", "1: 1"),
    ];
    for (input, want) in cases {
        assert_eq!(all(input), want, "{input:?}");
    }
}

#[test]
fn documents_and_lines_of_json() {
    let cases = [
        ("{\"a\":1}\n{\"b\":2}\n", "1: {\"a\":1}|2: {\"b\":2}"),
        ("{\n  \"a\": [\n1]\n}\n", "1: {\n  \"a\": [\n1]\n}"),
        ("[{\"a\":1}\n,\n{\"b\":[{}]}\n]\n", "1: {\"a\":1}|3: {\"b\":[{}]}"),
        ("[1,2]\n", "1: [1,2]"),
        ("{\"a\":\n{\"b\":2}\n", "broken 1@0 {\"a\":|2: {\"b\":2}"),
        ("{\"a\": \"x\n{\"b\":2}\n", "broken 1@0 {\"a\": \"x|2: {\"b\":2}"),
        ("[12:00] hello\n", "broken 1@0 [12:00] hello"),
        ("{\"a\":1} {\"b\":2}\n", "1: {\"a\":1}|1: {\"b\":2}"),
        ("{\n\"a\":1", "broken 1@0 {\n\"a\":1|cut"),
        ("[\n{}", "2: {}|cut"),
        ("{\"a\":\"b", "broken 1@0 {\"a\":\"b|cut"),
        ("hello\n", "log hello"),
        ("{\ndata: {}\n\n", "broken 1@0 {|2: {}"),
    ];
    for (input, want) in cases {
        assert_eq!(all(input), want, "{input:?}");
    }
}

#[test]
fn headers_and_lengths() {
    let cases = [
        ("HTTP/2 200 \r\nA: b:c\r\n\r\ndata: 1\r\n\r\n", "head 200 Some(\"b:c\")|4: 1"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}\n",
            "head 100 None|head 500 None|6: {}",
        ),
        ("HTTP/1.1 200 OK\r\na: b\r\n", "head 200 Some(\"b\")"),
        (
            "Content-Length: 4\r\nContent-Type: x\r\n\r\n{\n\n}Content-Length: 2\r\n\r\n[]",
            "4: {\n\n}|6: []",
        ),
        ("content-length: 9\r\n\r\n{}", "broken 3@21 {}|cut"),
        ("Content-Length: 5\r\n", "cut"),
        ("HTTP is a protocol\n", "log HTTP is a protocol"),
    ];
    for (input, want) in cases {
        assert_eq!(all(input), want, "{input:?}");
    }
}

#[test]
fn what_is_too_long_leaves_in_pieces() {
    let long = "x".repeat(300);
    assert_eq!(all(&format!("{long}\nok\n")), format!("broken 1@0 {long}|log ok"));
    let event = format!("data: {}\n", &long[..150]).repeat(2);
    assert!(all(&event).starts_with("broken 1@0 x"));
    let document = format!("{{\n\"{}\":\n\"{}\"", &long[..120], &long[..120]);
    assert!(all(&document).starts_with("broken 1@0 {"));
    assert!(frames(&[b"data: \xff\n\n{}\n"])[0].starts_with("broken 1@0"));
}

proptest! {
    #[test]
    fn slices_change_nothing(parts in prop::collection::vec(prop_oneof![
            Just("data: "), Just("event: e"), Just("\n"), Just("\r\n"), Just("\r"), Just("{"), Just("}"),
            Just("["), Just("]"), Just(","), Just("\"a\":1"), Just(":"), Just("HTTP/1.1 200 OK\r\n"),
            Just("Content-Length: 7\r\n"), Just("é"), Just("\u{feff}"), Just("\""), Just("\\")
        ], 0..60), cuts in prop::collection::vec(1usize..9, 0..60)) {
        let input = parts.concat();
        let mut slices = Vec::new();
        let mut rest = input.as_bytes();
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            slices.push(head);
            rest = tail;
        }
        slices.push(rest);
        prop_assert_eq!(frames(&slices), frames(&[input.as_bytes()]));
    }
}

#[test]
fn a_binary_message_is_read_in_any_slices_and_what_is_none_stays_a_line() {
    let body = b"\x0b:event-type\x07\x00\x01a{}";
    let mut message = (16 + body.len() as u32).to_be_bytes().to_vec();
    message.extend((body.len() as u32 - 2).to_be_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(body);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    let input = [&message[..], &message[..], b"\0no message, but long enough\n"].concat();
    for size in [1, 7, input.len()] {
        let (mut frames, mut found) = (Frames::new(1024), Vec::new());
        let mut each = |frame: Frame<'_>| match frame {
            Frame::Message { event, text, .. } => found.push(format!("{event} {text}")),
            Frame::Log(line) => found.push(line.to_owned()),
            Frame::Broken(_, why) => found.push(why.reason.to_string()),
            Frame::Head(_) => {}
        };
        for slice in input.chunks(size) {
            frames.feed(slice, &mut each);
        }
        assert_eq!(found, [r#"a {"a":{}}"#, r#"a {"a":{}}"#, "\0no message, but long enough"]);
        frames.feed(&message[..20], &mut |_| {});
        assert_eq!(frames.end(&mut |_| {}), Tail::Cut);
    }
}
