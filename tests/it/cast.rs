//! asciicast: asciinema's own player shows at a time the screen that `view` shows at a terminal up to that time.

use std::path::PathBuf;

use serde_json::{Value, json};
use spile::export::Format;
use spile::stage::{Io, Stage};
use spile::term::view::{self, View};
use spile::time::Time;
use unicode_width::UnicodeWidthChar;

use crate::feed::parse;
use crate::harness::{bash, bin, command, has_browser, node_module};
use crate::transcripts::{all, browse, event, export, timed};

/// Size of the recorded terminal.
const COLUMNS: usize = 80;
const ROWS: usize = 24;

/// The player's script and its style sheet.
fn player() -> Option<[PathBuf; 2]> {
    let folder = node_module("asciinema-player")?.join("dist/bundle");
    Some(["asciinema-player.min.js", "asciinema-player.css"].map(|name| folder.join(name)))
}

/// Rows of a terminal that has received `bytes`, of which the only escape sequences are colours.
fn screen(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let (mut rows, mut column) = (vec![String::new()], 0);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => (column, _) = (0, rows.push(String::new())),
            '\x1b' => {
                let sequence: String = chars.by_ref().take_while(|c| *c != 'm').collect();
                let is_colour = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b';');
                assert!(sequence.strip_prefix('[').is_some_and(is_colour), "{sequence:?}");
            }
            c => {
                let width = c.width().unwrap_or_else(|| panic!("a control character: {c:?}"));
                if column + width > COLUMNS {
                    (column, _) = (0, rows.push(String::new()));
                }
                column += width;
                rows.last_mut().unwrap().push(c);
            }
        }
    }
    rows.drain(..rows.len().saturating_sub(ROWS));
    trimmed(rows)
}

fn trimmed(rows: Vec<String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
    let end = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1);
    rows.truncate(end);
    rows
}

/// Screens of `view` at times, each in the middle of a pause: the seconds since the first event, and the rows.
fn screens(events: &[u8]) -> Vec<(f64, Vec<String>)> {
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let times: Vec<Time> = parse(events)
        .iter()
        .map(|event| Time::parse(event["ts"].as_str().unwrap()).unwrap())
        .collect();
    let mut view = View::new(&view::Options {
        format: view::Format::Tty,
        colour: true,
        width: Some(80),
        ..view::Options::default()
    });
    let (mut io, mut found) = (Io::default(), Vec::new());
    for (n, line) in lines.iter().enumerate() {
        tick(&mut view, times[n], &mut io);
        view.on_bytes(times[n], line, &mut io);
        let Some(next) = times.get(n + 1) else { break };
        let pause = next.as_millis() - times[n].as_millis();
        if n >= lines.len() * (found.len() + 1) / 4 && pause >= 600 && found.len() < 3 {
            let at = Time::from_millis(times[n].as_millis() + pause / 2);
            tick(&mut view, at, &mut io);
            found.push(((at.as_millis() - times[0].as_millis()) as f64 / 1000.0, screen(&io.out)));
        }
    }
    found
}

fn tick(view: &mut View, until: Time, io: &mut Io) {
    while let Some(due) = view.deadline().filter(|due| *due <= until) {
        view.on_tick(due, io);
    }
}

/// Page that holds a recording and its player.
fn page(cast: &str, [script, style]: &[PathBuf; 2]) -> String {
    let cast = json!(cast).to_string().replace('<', "\\u003c");
    format!(
        "<!doctype html><meta charset=utf-8><link rel=stylesheet href='file://{}'><div id=player></div>\
         <script src='file://{}'></script><script>window.cast = {cast};</script>",
        style.display(),
        script.display()
    )
}

/// Three agents whose texts and calls come in turns, with characters of two columns.
fn three() -> Vec<u8> {
    let mut lines = String::new();
    for n in 1..40 {
        for stream in ["ada", "bob", "eve"] {
            let tool = json!({"id": format!("t{n}"), "name": "Bash", "kind": "execute", "title": "make ✓ 日本語 && ".repeat(6)});
            let body = match n % 5 {
                _ if n == 1 => ("turn_started", json!({"runtime": "claude"})),
                1 => ("tool_started", json!({"tool": tool})),
                2 => (
                    "tool_finished",
                    json!({"tool": tool, "outcome": "error", "output": "a\n\tb\nc\nd"}),
                ),
                3 => (
                    "block_final",
                    json!({"block": format!("b{n}"), "kind": "answer", "text": "Ein längerer Satz, 日本語, 🚀 und mehr.\n".repeat(3)}),
                ),
                _ => (
                    "text_delta",
                    json!({"block": "b", "kind": "answer", "text": format!("word {n}, ").repeat(9)}),
                ),
            };
            lines.push_str(
                &event(n, body.0, body.1)
                    .replace("\"stream\":\"s\"", &format!("\"stream\":\"{stream}\"")),
            );
        }
    }
    timed(lines.as_bytes())
}

#[test]
fn the_player_shows_what_view_showed() {
    if !has_browser() {
        return;
    }
    let Some(player) = player() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (demo, _, _) = bash("spile demo --agent --speed 0 | spile wrap --stream demo");
    let mut inputs =
        vec![("demo".to_owned(), timed(demo.as_bytes())), ("three".to_owned(), three())];
    let mut recorded = all();
    recorded.sort_by_key(|(_, events)| std::cmp::Reverse(events.len()));
    inputs.extend(recorded.into_iter().filter(|(_, events)| events.len() < 1 << 20).take(6));
    let wanted: Vec<_> = inputs.iter().map(|(_, events)| screens(events)).collect();
    let mut arguments = vec!["--cast".to_owned()];
    for (n, ((_, events), want)) in inputs.iter().zip(&wanted).enumerate() {
        let path = folder.path().join(format!("cast{n}.html"));
        std::fs::write(&path, page(&export(Format::Cast, events), &player)).unwrap();
        let times: Vec<String> = want.iter().map(|(at, _)| at.to_string()).collect();
        arguments.push(format!("{}={}", path.display(), times.join(",")));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let played = browse(folder.path(), &arguments);
    assert_eq!(played.len(), inputs.len());
    for (((name, _), want), seen) in inputs.iter().zip(&wanted).zip(&played) {
        assert_eq!((&seen["errors"], &seen["console"]), (&json!([]), &json!([])), "{name}");
        let shown = seen["screens"].as_array().unwrap();
        assert_eq!(shown.len(), want.len() + 1, "{name}");
        for ((at, rows), shown) in want.iter().zip(shown) {
            assert_eq!(&shown_rows(shown), rows, "{name} after {at} s");
        }
    }
    for want in &wanted[..2] {
        assert!(want.len() == 3 && want.iter().all(|(_, rows)| rows.len() > 3), "{want:?}");
    }
    // The last screen is that of the command.
    let file = folder.path().join("demo.ndjson");
    std::fs::write(&file, &inputs[0].1).unwrap();
    let flags = ["view", "--format", "tty", "--color", "always", "--width", "80"];
    let whole = command(bin(), &flags).arg(&file).output().unwrap().stdout;
    assert_eq!(shown_rows(&played[0]["screens"][3]), screen(&whole));
}

/// Rows of a player's screen, from texts and the columns at which they stand.
fn shown_rows(screen: &Value) -> Vec<String> {
    let row = |spans: &Value| {
        let (mut row, mut column) = (String::new(), 0);
        for span in spans.as_array().unwrap() {
            let (at, text) = (span[0].as_u64().unwrap() as usize, span[1].as_str().unwrap());
            row.push_str(&" ".repeat(at.saturating_sub(column)));
            row.push_str(text);
            column = at + text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
        }
        row
    };
    trimmed(screen.as_array().unwrap().iter().map(row).collect())
}
