//! Events in each format.

use super::*;
use crate::stage::Io;
use crate::time::Time;

pub(super) const EVENTS: &str = r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","runtime":"x"}
{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"a\ud83d"}
{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":3,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"\ude00"}
{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":4,"ts":"2026-01-01T00:00:00.000Z","parent":"t","block":"b2","kind":"answer","text":"sub"}
{"v":1,"type":"block_final","stream":"s","turn":1,"seq":5,"ts":"2026-01-01T00:00:00.000Z","block":"b1","kind":"answer","text":"a😀"}
{"v":1,"type":"block_final","stream":"s","turn":1,"seq":6,"ts":"2026-01-01T00:00:00.000Z","block":"b3","kind":"answer","text":"only"}
{"v":1,"type":"status","stream":"s","turn":1,"ts":"2026-01-01T00:00:00.000Z","kind":"heartbeat"}
"#;

pub(super) fn export(format: Format, events: &str) -> (String, String) {
    export_rows(format, Rows::Turns, events)
}

fn export_rows(format: Format, rows: Rows, events: &str) -> (String, String) {
    let mut stage = stage(Options { rows, ..Options::of(format) });
    let mut io = Io::default();
    stage.on_bytes(Time::default(), events.as_bytes(), &mut io);
    stage.end(Time::default(), &mut io);
    (String::from_utf8(io.out).unwrap(), String::from_utf8(io.err).unwrap())
}

fn ending(body: &str) -> String {
    format!(
        r#"{EVENTS}{{"v":1,"type":"{body},"stream":"s","turn":1,"seq":7,"ts":"2026-01-01T00:00:00.000Z"}}"#
    )
}

#[test]
fn chunks_are_numbered_and_say_each_text_once() {
    let (out, err) = export(Format::StreamChunk, &ending(r#"turn_completed","stop":"end_turn""#));
    assert_eq!(err, "");
    let params: Vec<String> =
        out.lines().map(|l| l.split(r#""params":"#).nth(1).unwrap().to_owned()).collect();
    assert_eq!(
        params,
        [
            r#"{"stream_id":"s:1","chunk":"a\ud83d","sequence":1,"done":false}}"#,
            r#"{"stream_id":"s:1","chunk":"\ude00","sequence":2,"done":false}}"#,
            r#"{"stream_id":"s:1","chunk":"only","sequence":3,"done":false}}"#,
            r#"{"stream_id":"s:1","chunk":"","sequence":4,"done":true}}"#,
        ]
    );
}

#[test]
fn failures_and_cancels_are_told_apart() {
    let (out, _) = export(
        Format::StreamChunk,
        &ending(r#"turn_failed","error":{"code":"auth","message":"no"}"#),
    );
    assert!(
        out.ends_with("\"method\":\"scaffold/streamError\",\"params\":{\"stream_id\":\"s:1\",\"error\":{\"code\":\"auth\",\"message\":\"no\"}}}\n"),
        "{out}"
    );
    let (out, _) =
        export(Format::StreamChunk, &ending(r#"turn_cancelled","by":"control","reason":"enough""#));
    assert!(out.ends_with("\"method\":\"scaffold/streamCancel\",\"params\":{\"stream_id\":\"s:1\",\"reason\":\"enough\"}}\n"), "{out}");
}

#[test]
fn server_sent_events_have_ids_where_they_can_be_resumed() {
    let (out, _) = export(Format::Sse, EVENTS);
    let blocks: Vec<&str> = out.split("\n\n").collect();
    assert!(blocks[0].starts_with("event: turn_started\nid: s/1\ndata: {\"v\":1,"), "{out}");
    assert!(blocks[1].starts_with("event: text_delta\ndata: {"), "{out}");
    assert!(blocks[6].starts_with("event: status\ndata: {"), "{out}");
    let part = r#"{"v":1,"type":"block_final","stream":"s","turn":1,"seq":6,"ts":"2026-01-01T00:00:00.000Z","block":"b3","kind":"answer","text":"x","part":0,"last":true,"delivery_id":"s/1/b3/0"}"#;
    assert!(export(Format::Sse, part).0.contains("id: s/1/b3/0\n"));
}

#[test]
fn text_is_the_answer_alone() {
    assert_eq!(export(Format::Text, EVENTS).0, "a😀\nonly\n");
}

#[test]
fn what_is_no_event_is_said() {
    let (out, err) = export(Format::Sse, "garbage\n");
    assert_eq!((out.as_str(), err.as_str()), ("", "<stdin>:1:1: not a JSON object\n"));
}

#[test]
fn no_carriage_return_ends_a_line_of_server_sent_events() {
    let line = "{\"v\":1,\r\"type\":\"block_final\",\r\"stream\":\"s\",\"turn\":1,\"seq\":2,\"ts\":\"2026-01-01T00:00:00.000Z\",\"block\":\"b1\",\"kind\":\"answer\",\"text\":\"a\\rb\",\"part\":0,\"last\":true,\"delivery_id\":\"a\\r\\ndata: evil\"}\r\n";
    let (out, err) = export(Format::Sse, line);
    assert_eq!(err, "");
    assert!(!out.contains('\r') && !out.contains("\nid:"), "{out}");
    assert_eq!(out.lines().count(), 3, "{out}");
    let data = out.lines().nth(1).and_then(|line| line.strip_prefix("data: ")).unwrap_or_default();
    let sent: serde_json::Value = serde_json::from_str(data).expect("an event");
    assert_eq!(sent, serde_json::from_str::<serde_json::Value>(line).expect("an event"));
}

pub(super) const CALLS: &str = r#"{"v":1,"type":"turn_started","stream":"s","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z","label":"=1+1","runtime":"x","model":"m, \"n\""}
{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":2,"ts":"2026-01-01T00:00:01.000Z","block":"b1","kind":"answer","text":"a"}
{"v":1,"type":"tool_started","stream":"s","turn":1,"seq":3,"ts":"2026-01-01T00:00:02.000Z","tool":{"id":"t1","name":"Bash","kind":"execute","title":"-rf\nx"}}
{"v":1,"type":"tool_started","stream":"s","turn":1,"seq":4,"ts":"2026-01-01T00:00:03.000Z","tool":{"id":"t2","name":"Read","kind":"read"}}
{"v":1,"type":"tool_finished","stream":"s","turn":1,"seq":5,"ts":"2026-01-01T00:00:04.500Z","tool":{"id":"t1","name":"Bash","kind":"execute"},"outcome":"error","exit_code":2}
"#;

pub(super) const END: &str = r#"{"v":1,"type":"turn_completed","stream":"s","turn":1,"seq":6,"ts":"2026-01-01T00:00:05.000Z","stop":"end_turn","usage":{"input_tokens":7},"cost_usd":0.5}
{"v":1,"type":"status","stream":"s","turn":1,"seq":7,"ts":"2026-01-01T00:00:06.000Z","kind":"info"}
"#;

#[test]
fn a_turn_is_a_row_and_a_call_is_a_row() {
    let (turns, _) = export(Format::Csv, &format!("{CALLS}{END}"));
    let rows: Vec<&str> = turns.lines().collect();
    assert_eq!(rows.len(), 2, "{turns}");
    assert_eq!(
        rows[1],
        "s,'=1+1,1,2026-01-01T00:00:00.000Z,2026-01-01T00:00:05.000Z,completed,end_turn,,,x,\"m, \"\"n\"\"\",,5000,0,0,3000,1000,1000,0,7,,,,0.5,2,1"
    );
    let (tools, _) = export_rows(Format::Csv, Rows::Tools, &format!("{CALLS}{END}"));
    let rows: Vec<&str> = tools.split_inclusive('\n').skip(1).collect();
    assert_eq!(
        rows.concat(),
        "s,'=1+1,1,t1,,Bash,execute,\"'-rf\nx\",2026-01-01T00:00:02.000Z,2026-01-01T00:00:04.500Z,2500,error,2\n\
         s,'=1+1,1,t2,,Read,read,,2026-01-01T00:00:03.000Z,,,,\n"
    );
}

#[test]
fn a_turn_that_was_cut_off_is_a_row_and_nothing_is_a_table_without_rows() {
    let (turns, _) = export(Format::Csv, CALLS);
    assert!(turns.lines().nth(1).unwrap().contains(",truncated,"), "{turns}");
    let (none, _) = export(Format::Csv, "");
    assert_eq!((none.lines().count(), none.starts_with("stream,label,turn,")), (1, true));
}

#[test]
fn a_cast_shows_what_view_shows_at_the_times_of_the_events() {
    let events = format!("{CALLS}{END}");
    let (cast, err) = export(Format::Cast, &events);
    assert_eq!(err, "");
    let mut lines =
        cast.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert_eq!((&header["version"], &header["term"]["cols"]), (&3.into(), &80.into()));
    let lines: Vec<_> = lines.collect();
    let of = |code: &str| lines.iter().filter(|l| l[1] == code).collect::<Vec<_>>();
    let shown: String = of("o").iter().map(|l| l[2].as_str().unwrap()).collect();
    let options = view::Options { colour: true, width: Some(80), ..view::Options::default() };
    let (mut view, mut io) = (View::new(&options), Io::default());
    view.on_bytes(Time::default(), events.as_bytes(), &mut io);
    view.on_end(Time::default(), &mut io);
    assert_eq!(shown.replace("\r\n", "\n"), String::from_utf8(io.out).unwrap());
    let passed: f64 = lines.iter().map(|l| l[0].as_f64().unwrap()).sum();
    assert!((passed - 6.0).abs() < 0.0005, "{passed}");
    assert_eq!(of("m").iter().map(|l| &l[2]).collect::<Vec<_>>(), ["Bash -rf…", "Read"]);
    assert_eq!(lines.last().unwrap()[2], "0");
}

/// A line of another stream, with the open text, message or call `body`.
fn line_of(stream: usize, body: &str) -> String {
    format!("{{\"v\":1,\"stream\":\"s{stream}\",\"ts\":\"2026-01-01T00:00:00.000Z\",{body}}}\n")
}

#[test]
fn what_is_open_at_the_end_is_written_in_parts() {
    let text = "word *x*\\n".repeat(10_000);
    let delta = format!(
        r#""type":"text_delta","turn":1,"seq":1,"block":"b1","kind":"answer","text":"{text}""#
    );
    for format in [Format::Html, Format::Markdown] {
        let (mut stage, mut io) = (stage(Options::of(format)), Io::default());
        for stream in 0..40 {
            stage.on_bytes(Time::default(), line_of(stream, &delta).as_bytes(), &mut io);
        }
        assert_eq!(io.out.len(), 0);
        stage.on_end(Time::default(), &mut io);
        let (mut parts, mut whole) = (0, 0);
        while stage.on_rest(Time::default(), &mut io) {
            assert!(io.out.len() < 4 * text.len(), "{}", io.out.len());
            whole += io.out.len();
            parts += 1;
            io.out.clear();
        }
        assert!(parts > 20 && whole > 40 * text.len() / 2, "{parts}, {whole}");
    }
}

#[test]
fn what_all_streams_hold_is_bounded() {
    let text = "word ".repeat(100_000);
    let message = format!(r#""type":"status","kind":"message","data":{{"text":"{text}"}}"#);
    let input = format!(
        r#"{{"id":"t","name":"x","kind":"other","input":{{"a":1,"b":"{}"}}}}"#,
        &text[..50_000]
    );
    let call = format!(r#""type":"tool_started","turn":1,"seq":1,"tool":{input}"#);
    let delta = format!(
        r#""type":"text_delta","turn":1,"seq":1,"block":"b1","kind":"answer","text":"{text}""#
    );
    // Bytes that may stay: those of all streams, and of one stream where one alone holds everything.
    for (body, streams, each, most) in [
        (&message, 80, text.len(), 16 << 20),
        (&delta, 80, text.len(), 16 << 20),
        (&call, 800, 50_000, 16 << 20),
        (&call, 1, 50_000, 4 << 20),
    ] {
        let (mut stage, mut io) = (stage(Options::of(Format::Html)), Io::default());
        let count = 40_000_000 / each;
        for n in 0..count {
            stage.on_bytes(Time::default(), line_of(n % streams, body).as_bytes(), &mut io);
        }
        let written = io.out.len();
        assert!(written + most + each > count * each, "{streams}: {written} of {count}");
        // A message is the prompt of the next turn.
        let next = r#""type":"turn_started","turn":2,"seq":1,"runtime":"x""#;
        for stream in 0..streams {
            stage.on_bytes(Time::default(), line_of(stream, next).as_bytes(), &mut io);
        }
        stage.end(Time::default(), &mut io);
        assert!(io.out.len() >= count * each, "{streams}: {} of {count}", io.out.len());
    }
}

/// A line of the stream `s`; `body` begins with the rest of the type's name.
pub(super) fn line(seq: u64, body: &str) -> String {
    let ts = Time::from_millis(seq * 1000);
    format!(r#"{{"v":1,"stream":"s","turn":1,"seq":{seq},"ts":"{ts}","type":"{body}}}"#) + "\n"
}

/// An answer that is one block.
pub(super) fn answer(text: &str) -> String {
    let text = crate::codec::to_json(text);
    line(3, &format!(r#"block_final","block":"b9","kind":"answer","text":{text}"#))
}
