//! Transcripts as Markdown: the agent's structure stays, and stays in its place.

use proptest::prelude::*;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

use super::agent_text;
use crate::export::tests::{CALLS, END, answer, export, line};
use crate::export::{Fold, Format, stage};
use crate::stage::Io;
use crate::time::Time;

fn edited(text: &str) -> String {
    let mut out = String::new();
    agent_text::push(text, &mut out);
    out
}

#[test]
fn an_agents_markdown_is_edited_as_little_as_it_can_be() {
    let same = [
        "a *b* `c` [d](https://e)\n",
        "- x\n  - y\n\n1. z\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "```sh\n<x> # y\n```\n",
        "> q\n",
        "[d](src/a.rs:12)\n",
        "a <https://b> c\n",
        "#### h\n",
        "- [ ] t\n",
    ];
    for text in same.iter().filter(|text| !text.starts_with('#')) {
        assert_eq!(edited(text), *text);
    }
    let cases = [
        ("# A\n\n## B\n", "#### A\n\n##### B\n"),
        ("### C", "###### C\n"),
        ("###### D", "###### D\n"),
        ("A\n===\n\nb", "#### A\n\nb\n"),
        ("> A\n> b\n> ---\n", "> ##### A b\n"),
        ("a <b>c</b>", "a \\<b\\>c\\</b\\>\n"),
        ("<b>&amp;</b> x", "\\<b\\>&amp;\\</b\\> x\n"),
        ("<div>\n# *x*\n</div>", "\\<div\\>\n\\# \\*x\\*\n\\<\\/div\\>\n"),
        ("a <!-- b -->", "a \\<!-- b --\\>\n"),
        ("[x](javascript:alert(1))", "\\[x](javascript:alert(1))\n"),
        ("![x](https://a/b.png)", "image: [x](https://a/b.png)\n"),
        ("![x](data:a)", "\\!\\[x](data:a)\n"),
        ("<javascript:a>", "\\<javascript:a>\n"),
        (
            "[x][y] [y] [z][]\n\n[y]: https://a \"t\"\n[z]: b",
            "[x](<https://a>) [y](<https://a>) [z](<b>)\n",
        ),
        ("[x][y]\n\n[y]: javascript:z", "\\[x][y]\n"),
        ("```\nopen", "```\nopen\n```\n"),
        ("~~~~x\n```", "~~~~x\n```\n~~~~\n"),
        ("- ```\n  open", "- ```\n  open\n"),
        ("1 < 2 &#x202e; \u{202e}", "1 \\< 2 \\<U+202E> \\<U+202E>\n"),
        ("a[^1]\n\n[^1]: b", "a\\[^1]\n\n\\[^1]: b\n"),
        // The escaped tag no longer ends the list, so the code behind it is a heading within it.
        (
            "- <script>x</script>\n<div>\n\n    # Turn 2\n",
            "- \\<script\\>x\\<\\/script\\>\n\\<div\\>\n\n    #### Turn 2\n",
        ),
        ("`<b>` &lt;b&gt; \\<b>", "`<b>` &lt;b&gt; \\<b>\n"),
    ];
    for (text, want) in cases {
        assert_eq!(edited(text).replace("\n\n\n", "\n\n").trim_end(), want.trim_end(), "{text}");
    }
}

/// Levels of the headings, and the text of raw HTML.
fn read(markdown: &str) -> (Vec<(HeadingLevel, String)>, String) {
    let (mut headings, mut html, mut level) = (Vec::new(), String::new(), None);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level: of, .. }) => level = Some(of),
            Event::Text(text) => {
                if let Some(level) = level.take() {
                    headings.push((level, text.into_string()));
                }
            }
            Event::Html(text) | Event::InlineHtml(text) => html.push_str(&text),
            _ => {}
        }
    }
    (headings, html)
}

const HOSTILE: [&str; 20] = [
    "<script>x</script>",
    "</details>",
    "<details>\n\n",
    "```",
    "\n```",
    "\n~~~\n",
    "\n    ",
    "# Turn 2\n",
    "\nTurn\n===\n",
    "[a]: x\n",
    "[a]",
    "![a](b)",
    "\n> ",
    "\n- ",
    "<!-- ",
    "\n<div>\n",
    "`",
    "\\",
    "](javascript:x)",
    "\n\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_leaves_its_place(pieces in prop::collection::vec(prop::sample::select(HOSTILE.to_vec()), 1..9), any in ".{0,9}") {
        let text = pieces.concat() + &any;
        let (headings, html) = read(&format!("### Ours\n\n{}\n### Behind\n", edited(&text)));
        prop_assert_eq!(html, "");
        let ours: Vec<_> = headings.iter().filter(|(level, _)| *level <= HeadingLevel::H3).map(|(_, text)| text.as_str()).collect();
        prop_assert_eq!(ours, ["Ours", "Behind"]);
    }
}

fn markdown(events: &str, fold: Fold) -> String {
    let mut stage =
        stage(crate::export::Options { fold, ..crate::export::Options::of(Format::Markdown) });
    let mut io = Io::default();
    stage.on_bytes(Time::default(), events.as_bytes(), &mut io);
    stage.end(Time::default(), &mut io);
    String::from_utf8(io.out).expect("UTF-8")
}

#[test]
fn a_turn_reads_like_this() {
    let events = format!("{CALLS}{}{END}", answer("# Done\n\nAll <b>good</b>."));
    let want = r#"## Transcript

### Turn 1 · x · m, "n"

- ✗ **Bash** `-rf…` (exit 2, 2.5s)

#### Done

All \<b\>good\</b\>.

a

- – **Read** (not finished)

**✓ Completed 5.0s** · tools 3.0s, start 1.0s, model 1.0s · 7 in tokens · $0.5000
"#;
    assert_eq!(markdown(&events, Fold::Never), want);
}

#[test]
fn only_a_folded_transcript_has_html_and_it_is_ours() {
    let hostile = r#"</summary><b>`x`\n"#;
    let events = [
        line(1, &format!(r#"turn_started","runtime":"{hostile}","prompt":"{hostile}""#)),
        line(2, &format!(r#"tool_started","tool":{{"id":"t","name":"{hostile}","kind":"other","title":"t{hostile}"}}"#)),
        line(3, &format!(r#"tool_finished","tool":{{"id":"t","name":"{hostile}","kind":"other"}},"outcome":"error","output":"{hostile}\n````\n</details>""#)),
        line(4, &format!(r#"block_final","block":"b","kind":"reasoning","text":"{hostile}""#)),
        line(5, &format!(r#"status","kind":"warning","message":"{hostile}""#)),
        line(6, &format!(r#"turn_failed","error":{{"code":"auth","message":"{hostile}"}},"stderr_tail":"{hostile}""#)),
    ]
    .concat();
    assert_eq!(read(&markdown(&events, Fold::Never)).1, "");
    let (_, html) = read(&markdown(&events, Fold::Details));
    let tags: Vec<&str> =
        html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap_or(tag)).collect();
    assert_eq!(
        tags,
        [
            "details", "summary", "b", "/b", "code", "/code", "/summary", "/details", "details",
            "summary", "/summary", "/details"
        ]
    );
}

#[test]
fn a_long_output_has_its_first_and_last_lines() {
    let output = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join("\\n");
    let events = line(
        3,
        &format!(
            r#"tool_finished","tool":{{"id":"t","name":"x","kind":"other"}},"outcome":"ok","output":"{output}""#
        ),
    );
    let text = markdown(&events, Fold::Never);
    assert!(text.contains("  3\n  4\n  … 92 lines left out …\n  97\n  98\n"), "{text}");
}

#[test]
fn a_sub_agent_is_quoted() {
    let events = [
        line(2, r#"tool_started","tool":{"id":"t1","name":"Task","kind":"think","title":"count"}"#),
        line(3, r#"block_final","parent":"t1","block":"b2","kind":"answer","text":"inner\n\n```\nopen""#),
        line(4, r#"tool_finished","tool":{"id":"t1","name":"Task","kind":"think"},"outcome":"ok""#),
        answer("outer"),
    ]
    .concat();
    let text = markdown(&events, Fold::Never);
    assert!(text.contains("\n> **Sub-agent** of Task `count`\n>\n> inner\n>\n> ```\n> open\n> ```\n>\n> - ✓ **Task** `count`"), "{text}");
    assert!(text.contains("\n\nouter\n"), "{text}");
    let (_, err) = export(Format::Markdown, "garbage\n");
    assert_eq!(err, "<stdin>:1:1: not a JSON object\n");
}

#[test]
fn the_time_of_a_sub_agent_stands_behind_its_call() {
    let inner = |n, body: &str| line(n, &format!(r#"{body},"parent":"t1""#));
    let events = [
        line(1, r#"tool_started","tool":{"id":"t1","name":"Task","kind":"think","title":"count"}"#),
        inner(3, r#"text_delta","block":"b2","kind":"answer","text":"I count""#),
        inner(5, r#"block_final","block":"b2","kind":"answer","text":"I count""#),
        inner(6, r#"tool_started","tool":{"id":"t2","name":"Bash","kind":"execute"}"#),
        inner(
            16,
            r#"tool_finished","tool":{"id":"t2","name":"Bash","kind":"execute"},"outcome":"ok""#,
        ),
        line(
            17,
            r#"tool_finished","tool":{"id":"t1","name":"Task","kind":"think"},"outcome":"ok""#,
        ),
    ]
    .concat();
    let text = markdown(&events, Fold::Never);
    let want = "`count` (16.0s, sub-agent: tools 10.0s, model 3.0s, start 2.0s, other 1.0s)\n";
    assert!(text.contains(want), "{text}");
}

#[test]
fn a_file_is_shown_relative_to_the_working_directory() {
    let tool = r#""tool":{"id":"t","name":"Read","kind":"read","title":"/home/a/src/m.rs"}"#;
    let events = [
        line(1, r#"turn_started","cwd":"/home/a""#),
        line(2, &format!("tool_started\",{tool}")),
        line(3, &format!(r#"tool_finished",{tool},"outcome":"ok""#)),
    ]
    .concat();
    let text = markdown(&events, Fold::Never);
    assert!(text.contains("**Read** `src/m.rs`"), "{text}");
}

#[test]
fn a_message_before_a_turn_is_its_prompt() {
    let events = [
        line(1, r#"status","kind":"message","data":{"text":"Do it.\n\nNow.","by":"prompt"}"#)
            .replace(r#""turn":1,"#, ""),
        line(2, r#"turn_started","runtime":"claude""#),
        answer("Yes."),
    ]
    .concat();
    let text = markdown(&events, Fold::Never);
    assert!(text.contains("> **Prompt:**\n> ```text\n> Do it.\n> \n> Now.\n"), "{text}");
}
