//! `chunk --for`: what a channel's preset decides, on the real binary, and that `check` takes what it writes.

use serde_json::{Value, json};

use crate::harness::{events, spile};

/// A turn that says the text.
fn turn(text: &str) -> String {
    let ts = |n: u64| format!("2026-11-28T12:00:00.00{n}Z");
    let event = |n: u64, type_: &str, body: Value| {
        let mut event =
            json!({"v": 1, "type": type_, "stream": "t1", "turn": 1, "seq": n, "ts": ts(n)});
        event.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        format!("{event}\n")
    };
    event(1, "turn_started", json!({"runtime": "x"}))
        + &event(2, "block_final", json!({"block": "b1", "kind": "answer", "text": text}))
        + &event(3, "turn_completed", json!({"stop": "end_turn"}))
}

/// The texts of the parts for a channel.
fn parts(channel: &str, text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut lines = String::new();
    spile(&["chunk", "--for", channel]).stdin(turn(text)).run().then(|out| {
        let parts = events(out.as_bytes()).into_iter().filter(|e| e.get("part").is_some());
        texts = parts.map(|e| e["text"].as_str().unwrap().to_owned()).collect();
        out.clone_into(&mut lines);
    });
    let said = format!("{} events, 1 turn in 1 stream: no violations\n", lines.lines().count());
    spile(&["check", "--partial"]).stdin(lines).run().stdout(&said);
    texts
}

#[test]
fn each_channel_reads_fences_in_its_own_way() {
    let code = "value = compute()\n".repeat(20);
    let prose = "A sentence explains in plain words what it does. ".repeat(150);
    let text = format!("Run this: ```sh\n{code}end()```\n\n{prose}");
    for channel in ["discord", "telegram", "slack", "whatsapp"] {
        let parts = parts(channel, &text);
        assert!(parts.len() > 1 && parts[0].contains("end()```"), "{channel}: {parts:#?}");
        assert!(parts[1..].iter().all(|part| !part.contains("```")), "{channel}: {parts:#?}");
    }
    // CommonMark ends a fence only at a line of its own: the prose is code there.
    let fenced = parts("signal", &text.replace("Run this: ", ""));
    assert!(fenced[1..].iter().all(|part| part.starts_with("```sh\n") && part.ends_with("\n```")));
}

#[test]
fn a_block_of_white_space_has_no_part_and_a_run_of_line_feeds_no_empty_one() {
    for channel in ["discord", "irc", "matrix", "teams-bot", "telegram-rich", "slack-markdown"] {
        assert_eq!(parts(channel, "\n\n"), Vec::<String>::new(), "{channel}");
        let run = "\n".repeat(90_000);
        let text = format!("{run}Begin.{run}Middle.{run}");
        assert_eq!(parts(channel, &text), ["Begin.", "Middle."], "{channel}");
    }
}

#[test]
fn a_line_of_irc_holds_no_carriage_return() {
    assert_eq!(
        parts("irc", "hello\rQUIT :bye\rworld\0end"),
        ["hello", "QUIT :bye", "world", "end"]
    );
}

#[test]
fn channels_that_take_markdown_have_their_own_limits() {
    let text = "word ".repeat(30_000);
    for (channel, most) in
        [("telegram-rich", 32_768), ("slack-markdown", 12_000), ("teams-bot", 40_000)]
    {
        let parts = parts(channel, &text);
        let longest = parts.iter().map(String::len).max().unwrap();
        assert!(longest <= most && longest > most - 10, "{channel}: {longest}");
    }
    assert!(
        parts("telegram-rich", &"* item\n".repeat(900)).iter().all(|p| p.lines().count() <= 240)
    );
}
