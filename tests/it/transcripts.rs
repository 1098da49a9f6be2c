//! Transcripts: what the page and the Markdown of every recording say, two readers of Markdown and a browser that we did not
//! write, and bytes that leave with the event that decides them.

use std::path::Path;

use serde_json::{Value, json};
use spile::export::{Format, Options, stage};
use spile::stage::Io;
use spile::time::Time;

use crate::commands::FINAL;
use crate::feed::{events, parse, tree};
use crate::harness::{Live, bash_within, command, has_browser, skip, stress};
use crate::recordings::{FOLDERS, folder, recordings};

pub fn export(format: Format, events: &[u8]) -> String {
    let mut stage = stage(Options::of(format));
    let mut io = Io::default();
    stage.on_bytes(Time::default(), events, &mut io);
    stage.end(Time::default(), &mut io);
    String::from_utf8(io.out).expect("UTF-8")
}

/// The events with times that pass, since those of a recording that was read at once do not.
pub fn timed(lines: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 1_790_000_000_000);
    for (n, mut event) in parse(lines).into_iter().enumerate() {
        at += [20, 700, 3100][n % 3];
        let ts = Time::from_millis(at);
        if event["ts"].is_string() {
            event["ts"] = json!(ts.to_string());
        }
        out.extend(event.to_string().bytes().chain([b'\n']));
    }
    out
}

/// The events of all fixtures, and of all recordings that are at hand.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let fixtures = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    let mut all: Vec<_> = fixtures
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "events"))
        .map(|path| (path.display().to_string(), timed(&std::fs::read(&path).unwrap())))
        .collect();
    for (name, _) in FOLDERS {
        for (raw, _) in folder(name).iter().flat_map(|f| recordings(f)) {
            all.push((raw.display().to_string(), timed(&events(&std::fs::read(&raw).unwrap()).1)));
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

/// Milliseconds of each turn's classes as a table has them.
fn of_table(events: &[u8]) -> Vec<Vec<u64>> {
    let table = export(Format::Csv, events);
    let script = "import csv, json, sys\ncsv.field_size_limit(1 << 30)\nrows = list(csv.DictReader(sys.stdin))\n\
                  print(json.dumps([[int(r[n + '_ms']) for n in 'permission retry tool start model other'.split()] for r in rows]))";
    let rows = python(script, &table);
    serde_json::from_str(&rows).expect("rows")
}

fn python(script: &str, input: &str) -> String {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command("python3", &["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_classes_of_every_turn_are_those_of_the_table() {
    let mut turns = 0;
    for (name, events) in all() {
        let page = export(Format::Html, &events);
        let ends =
            page.split("<footer class=").skip(1).map(|end| end.split("</footer>").next().unwrap());
        let shown: Vec<Vec<u64>> = ends
            .map(|end| {
                let of = |class: usize| {
                    let mark = format!("><i class=c{class}></i>");
                    let before = end.split(&mark).next().filter(|before| before.len() < end.len());
                    before.map_or(0, |before| {
                        before.rsplit("data-ms=").next().unwrap().parse().unwrap()
                    })
                };
                (0..6).map(of).collect()
            })
            .collect();
        assert_eq!(shown, of_table(&events), "{name}");
        turns += shown.len();
    }
    println!("{turns} turns");
}

/// The words of a text, of which no format changes a letter.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > 1 && word.bytes().any(|b| b.is_ascii_alphabetic()))
}

#[test]
fn no_word_of_an_answer_is_lost() {
    for (name, events) in all() {
        let pages = [Format::Html, Format::Markdown].map(|format| export(format, &events));
        let known =
            pages.each_ref().map(|page| words(page).collect::<std::collections::HashSet<_>>());
        for event in
            parse(&events).iter().filter(|e| e["type"] == "block_final" && e["kind"] == "answer")
        {
            for word in words(event["text"].as_str().unwrap_or_default()) {
                for known in &known {
                    assert!(known.contains(word), "{name} lost {word}");
                }
            }
        }
    }
}

pub fn event(seq: u64, type_: &str, body: Value) -> String {
    let mut event = json!({"v": 1, "type": type_, "stream": "s", "turn": 1, "seq": seq, "ts": Time::from_millis(seq * 100).to_string()});
    event.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    format!("{event}\n")
}

const HOSTILE: &str = "# Mine\n\nSetext\n======\n\n<script>alert(1)</script> <b onclick=x>bold</b>\n\n<!-- open -->\n\n</details>\n\n[x](javascript:alert(1)) ![i](https://a.example/i.png) [r]\n\n[r]: data:text/html,x\n\n> quote\n> # In a quote\n\n- item\n\n  ```js\n  in a list\n\n```html\n<never closed>\n";

/// A run in which every text of the agent is hostile.
fn hostile() -> String {
    let text = |n: u64, block: &str, kind: &str| {
        event(n, "block_final", json!({"block": block, "kind": kind, "text": HOSTILE}))
    };
    let tool = json!({"id": HOSTILE, "name": HOSTILE, "kind": "edit", "title": format!("a ``` {HOSTILE}"), "input": {"old_string": HOSTILE, "new_string": "\"'<i>\u{202e}"}});
    [
        event(1, "turn_started", json!({"runtime": "<i>x", "model": HOSTILE, "prompt": HOSTILE, "label": "<u>\" onload=x"})),
        text(2, "b1", "answer"),
        text(3, "b2", "reasoning"),
        event(4, "tool_started", json!({"tool": tool})),
        event(5, "block_final", json!({"parent": HOSTILE, "block": "b3", "kind": "answer", "text": HOSTILE})),
        event(6, "tool_finished", json!({"tool": tool, "outcome": "error", "output": format!("`````\n{HOSTILE}")})),
        event(7, "status", json!({"kind": "warning", "message": HOSTILE})),
        "<script>alert(2)</script>\n".to_owned(),
        event(8, "turn_failed", json!({"error": {"code": "auth", "message": HOSTILE}, "stderr_tail": HOSTILE})),
        event(9, "turn_started", json!({"runtime": "x"})).replace("\"turn\":1", "\"turn\":2"),
        event(10, "block_final", json!({"block": "b9", "kind": "answer", "text": "Behind it all."})).replace("\"turn\":1", "\"turn\":2"),
    ]
    .concat()
}

/// What two readers of Markdown find: headings with their levels, the languages of code blocks, raw HTML, targets of links and
/// images.
const READERS: &str = r#"
import json, sys
import commonmark, markdown_it
text = sys.stdin.read()

def with_markdown_it():
    headings, codes, html, targets = [], [], [], []
    def walk(tokens):
        for n, token in enumerate(tokens):
            if token.type == "heading_open":
                headings.append([int(token.tag[1]), tokens[n + 1].content])
            if token.type in ("fence", "code_block"):
                codes.append(token.info)
            if token.type in ("html_block", "html_inline"):
                html.append(token.content)
            targets.extend(v for k, v in token.attrs.items() if k == "href")
            targets.extend("image " + v for k, v in token.attrs.items() if k == "src")
            walk(token.children or [])
    walk(markdown_it.MarkdownIt("commonmark").parse(text))
    return headings, codes, html, targets

def with_commonmark():
    headings, codes, html, targets = [], [], [], []
    for node, entering in commonmark.Parser().parse(text).walker():
        if node.t == "heading" and entering:
            headings.append([node.level, ""])
        if headings and node.literal and node.parent.t == "heading":
            headings[-1][1] += node.literal
        if node.t == "code_block":
            codes.append(node.info or "")
        if node.t in ("html_block", "html_inline"):
            html.append(node.literal)
        if node.t in ("link", "image") and entering:
            targets.append(("image " if node.t == "image" else "") + node.destination)
    return headings, codes, html, targets

print(json.dumps([with_markdown_it(), with_commonmark()]))
"#;

#[test]
fn two_readers_of_markdown_find_our_structure_and_no_html() {
    if command("python3", &["-c", "import commonmark, markdown_it"])
        .output()
        .is_ok_and(|o| !o.status.success())
    {
        return skip("python3 has no commonmark and markdown_it");
    }
    let found = python(READERS, &export(Format::Markdown, hostile().as_bytes()));
    for reader in serde_json::from_str::<Vec<Value>>(&found).expect("what both found") {
        assert_eq!(reader[2], json!([]), "raw HTML");
        let headings: Vec<_> =
            reader[0].as_array().unwrap().iter().filter(|h| h[0].as_u64().unwrap() < 4).collect();
        assert_eq!(headings.len(), 3, "{headings:?}");
        assert_eq!((&headings[0][1], headings[1][0].as_u64()), (&json!("Transcript"), Some(3)));
        assert!(headings[2][1].as_str().unwrap().starts_with("Turn 2"), "{headings:?}");
        let mine = reader[0]
            .as_array()
            .unwrap()
            .iter()
            .filter(|h| h[1].as_str().unwrap() == "Mine")
            .count();
        assert_eq!(mine, 2, "the headings of the answer and of the sub-agent: {}", reader[0]);
        let targets: Vec<&str> =
            reader[3].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        assert!(targets.iter().all(|t| t.starts_with("https://")), "{targets:?}");
        let codes: Vec<&str> =
            reader[1].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        assert_eq!(codes.iter().filter(|code| **code == "html").count(), 2, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "diff").count(), 1, "{codes:?}");
    }
    for (name, events) in all() {
        let found = python(READERS, &export(Format::Markdown, &events));
        for reader in serde_json::from_str::<Vec<Value>>(&found).expect("what both found") {
            assert_eq!(reader[2], json!([]), "raw HTML in {name}");
        }
    }
}

/// What a browser finds: see `browser.py`.
pub fn browse(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/browser.py");
    let before = ["300", "python3", script, folder.to_str().unwrap()];
    let arguments = [&before[..], arguments].concat();
    let output = command("timeout", &arguments).env("HOME", folder).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}{stdout}", String::from_utf8_lossy(&output.stderr));
    stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_browser_opens_the_pages_and_runs_and_fetches_nothing() {
    if !has_browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(1 << 20);
    let wide = [
        event(1, "turn_started", json!({"runtime": "x", "prompt": long})),
        event(2, "block_final", json!({"block": "b1", "kind": "answer", "text": &long[..500_000]})),
        event(3, "block_final", json!({"block": "b2", "kind": "answer", "text": format!("| a | b |\n|---|---|\n| `{0}` | {0} |\n\n```\n{long}\n```\n# {0}", &long[..9000])})),
        event(4, "tool_started", json!({"tool": {"id": "t", "name": long, "kind": "edit", "title": long, "input": {"old_string": "a", "new_string": long}}})),
        event(5, "tool_finished", json!({"tool": {"id": "t", "name": long, "kind": "edit"}, "outcome": "error", "output": long})),
        event(6, "turn_failed", json!({"error": {"code": "auth", "message": long}})),
    ]
    .concat();
    let mut inputs = vec![
        ("hostile".to_owned(), hostile().into_bytes()),
        ("wide".to_owned(), wide.into_bytes()),
    ];
    let mut recorded = all();
    recorded.sort_by_key(|(_, events)| std::cmp::Reverse(events.len()));
    inputs.extend(recorded.into_iter().take(12));
    let mut pages = Vec::new();
    for (n, (_, events)) in inputs.iter().enumerate() {
        let page = folder.path().join(format!("page{n}.html"));
        std::fs::write(&page, export(Format::Html, events)).unwrap();
        pages.push(page);
    }
    let paths: Vec<&str> = pages.iter().map(|page| page.to_str().unwrap()).collect();
    let seen = browse(folder.path(), &paths);
    assert_eq!(seen.len(), inputs.len());
    for ((seen, (name, events)), page) in seen.iter().zip(&inputs).zip(&pages) {
        assert_eq!(seen["console"], json!([]), "{name}");
        assert_eq!(seen["requests"], json!([format!("file://{}", page.display())]), "{name}");
        assert_eq!(
            (&seen["ran"], seen["refused"].as_u64() > Some(0)),
            (&json!(false), true),
            "{name}: {seen}"
        );
        for key in ["scripts", "handlers", "styles", "wide", "wide_on_a_phone"] {
            assert_eq!(seen[key], json!(0), "{key} of {name}");
        }
        for link in seen["links"].as_array().unwrap() {
            let (target, rel) = (link[0].as_str().unwrap(), link[1].as_str().unwrap());
            let good =
                ["http://", "https://", "mailto:"].iter().any(|good| target.starts_with(good))
                    && rel == "noopener noreferrer";
            assert!(good || target.starts_with('#'), "{name}: {link}");
        }
        let of = |times: &Value| {
            let names = ["waiting for permission", "retries", "tools", "start", "model", "other"];
            names.map(|name| times[name].as_u64().unwrap_or(0)).to_vec()
        };
        let times: Vec<Vec<u64>> = seen["times"].as_array().unwrap().iter().map(of).collect();
        assert_eq!(times, of_table(events), "{name}");
    }
}

#[test]
fn a_piece_leaves_with_the_event_that_decides_it() {
    let tool = json!({"tool": {"id": "t", "name": "Bash", "kind": "execute", "title": "make"}});
    let finished = json!({"tool": tool["tool"], "outcome": "ok", "output": "made"});
    for format in ["html", "markdown"] {
        let mut live = Live::start(&["export", "--to", format]);
        let steps = [
            (event(1, "turn_started", json!({"runtime": "x"})), "Turn 1"),
            (
                event(2, "text_delta", json!({"block": "b1", "kind": "answer", "text": "half"}))
                    + &event(
                        3,
                        "block_final",
                        json!({"block": "b1", "kind": "answer", "text": "half and whole"}),
                    ),
                "half and whole",
            ),
            (
                event(4, "tool_started", tool.clone())
                    + &event(5, "tool_finished", finished.clone()),
                "made",
            ),
            (event(6, "turn_completed", json!({"stop": "end_turn"})), "Completed"),
        ];
        for (events, text) in steps {
            live.write(events);
            live.until(text);
        }
        live.write(FINAL);
        live.close();
        let (rest, status) = live.end();
        assert_eq!(status, 0);
        assert!(format == "markdown" || rest.last().is_some_and(|l| l == "</html>\n"), "{rest:?}");
    }
}

/// The limit is that of all memory that can be written to.
#[test]
fn a_long_run_is_written_in_flat_memory() {
    let rounds = stress(20_000);
    let script = format!(
        r#"awk 'BEGIN {{
            e = "\"v\":1,\"stream\":\"s\",\"turn\":1,\"ts\":\"2026-01-01T00:00:00.000Z\",\"seq\":1";
            for (w = ""; length(w) < 9000;) w = w "word `code` *x* \\n";
            for (n = 1; n <= {rounds}; n++) {{
                s = n % 50;
                printf "{{%s,\"type\":\"text_delta\",\"stream\":\"s%d\",\"block\":\"b1\",\"kind\":\"answer\",\"text\":\"%s\"}}\n", e, s, w;
                printf "{{%s,\"type\":\"tool_started\",\"tool\":{{\"id\":\"t%d\",\"name\":\"x\",\"kind\":\"other\",\"input\":\"%s\"}}}}\n", e, n, w;
                printf "{{%s,\"type\":\"block_final\",\"block\":\"b%d\",\"kind\":\"answer\",\"text\":\"%s\"}}\n", e, n, w;
            }}
        }}' | (ulimit -d 131072; spile export --to FORMAT) | wc -c; echo ${{PIPESTATUS[*]}}"#
    );
    for format in ["html", "markdown"] {
        let (stdout, stderr, _) =
            bash_within(std::time::Duration::from_secs(300), &script.replace("FORMAT", format));
        let (bytes, statuses) = stdout.trim_end().split_once('\n').unwrap();
        assert_eq!((stderr.as_str(), statuses), ("", "0 0 0"), "{format}");
        assert!(bytes.trim().parse::<u64>().unwrap() > rounds * 8000 * 2, "{format}: {bytes}");
    }
}
