//! Pages: every tag is one of ours and closed, whatever an agent writes; nothing of the answer is lost.

use proptest::prelude::*;

use crate::export::Format;
use crate::export::tests::{CALLS, END, EVENTS, answer, export, line};

const VOID: [&str; 4] = ["meta", "br", "hr", "input"];

const TAGS: [&str; 46] = [
    "html",
    "head",
    "body",
    "main",
    "title",
    "style",
    "section",
    "footer",
    "details",
    "summary",
    "div",
    "p",
    "span",
    "b",
    "i",
    "em",
    "strong",
    "s",
    "a",
    "code",
    "pre",
    "ins",
    "del",
    "ul",
    "ol",
    "li",
    "blockquote",
    "table",
    "tr",
    "th",
    "td",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "small",
    "svg",
    "rect",
    "title",
    "meta",
    "br",
    "hr",
    "input",
    "!doctype",
];

/// The page behind its style, after a look at each of its tags: known, closed in order, without a handler or a style, and with
/// links to nowhere but a page, a mailbox or a place within it.
fn checked(page: &str) -> String {
    assert!(
        page.ends_with("</main>\n</body>\n</html>\n"),
        "{}",
        &page[page.len().saturating_sub(300)..]
    );
    let (head, body) = page.split_once("</style>").expect("a style");
    assert_eq!(head.matches("<style>").count(), 1);
    let body = format!("<html><head>{body}");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = body.as_str();
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        assert!(TAGS.contains(&name), "<{tag}>");
        for attribute in
            tag.split(' ').skip(1).filter_map(|a| a.split_once('=')).map(|(name, _)| name)
        {
            assert!(
                !attribute.starts_with("on") && attribute != "style" && attribute != "src",
                "<{tag}>"
            );
        }
        if let Some((_, target)) = tag.split_once("href=") {
            let good = ["\"http://", "\"https://", "\"mailto:", "#"]
                .iter()
                .any(|good| target.to_lowercase().starts_with(good));
            assert!(good && tag.matches('"').count().is_multiple_of(2), "<{tag}>");
            assert!(
                target.starts_with('#') || tag.contains("rel=\"noopener noreferrer\""),
                "<{tag}>"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "in {}",
                &body[body.len() - rest.len()..][..200.min(rest.len())]
            );
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, Vec::<&str>::new());
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c)
    };
    assert!(!body.contains(hidden), "{body}");
    body
}

fn page(events: &str) -> String {
    let (page, err) = export(Format::Html, events);
    assert_eq!(err, "");
    checked(&page)
}

/// Text of a page without its tags.
fn words(page: &str) -> String {
    let mut text = String::new();
    for piece in page.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
    }
    for (entity, c) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, c);
    }
    text
}

const HOSTILE: [&str; 22] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</details></section></main>",
    "<!--",
    "]]>",
    "</style><style>*{}",
    "[x](javascript:alert(1))",
    "[x](https://a.example/\"onclick=alert(1))",
    "![i](https://a.example/i.png)",
    "[![i](http://a/b)](java\nscript:x)",
    "<javascript:alert(1)> <https://a.example/?a=b&c=<>",
    "[a]: data:text/html,x\n\n[a] [b][a]",
    "```js\"onload=x\n</code></pre>\nnever closed",
    "\u{202e}\u{0}\u{1b}[31m\u{feff}\u{2028}\u{85}",
    "\n\n> 1. - # a\n\n| a | b |\n|--|:-:|\n| <b> | `|` |\n",
    "&#x202e; &lt;script&gt; &#0;",
    "https://a.example/x\"y'z<w) www.x http://",
    "- [x] done\n- [ ] <i>open</i>\n",
    "\\<b\\> *a **b* c** ~~d~~ `` ` `` ",
    "\r\n\r a\tb",
    "<div\n",
];

#[test]
fn no_field_of_an_event_becomes_markup() {
    for text in HOSTILE {
        let json = crate::codec::to_json(text);
        let label = format!(r#","label":{json}"#);
        let events = [
            line(
                1,
                &format!(
                    r#"turn_started","runtime":{json},"model":{json},"prompt":{json},"session":{json}{label}"#
                ),
            ),
            answer(text),
            line(4, &format!(r#"block_final","block":{json},"kind":"reasoning","text":{json}"#)),
            line(
                5,
                &format!(
                    r#"tool_started","tool":{{"id":{json},"name":{json},"kind":"edit","title":{json},"input":{{"old_string":{json},"new_string":{json}}}}}"#
                ),
            ),
            line(
                6,
                &format!(
                    r#"block_final","parent":{json},"block":"b7","kind":"answer","text":{json}"#
                ),
            ),
            line(
                7,
                &format!(
                    r#"tool_finished","tool":{{"id":{json},"name":{json},"kind":"edit"}},"outcome":"error","output":{{"text":{json},{json}:1}}"#
                ),
            ),
            line(
                8,
                &format!(
                    r#"status","kind":"plan","data":{{"plan":[{{"step":{json},"status":"completed"}},{json}]}}"#
                ),
            ),
            line(8, &format!(r#"status","kind":{json},"message":{json}"#)),
            line(
                9,
                &format!(
                    r#"turn_failed","error":{{"code":{json},"message":{json}}},"stderr_tail":{json}"#
                ),
            ),
        ];
        page(&events.concat());
    }
}

proptest! {
    #[test]
    fn a_page_is_whole_whatever_the_text_is(pieces in prop::collection::vec(prop::sample::select(HOSTILE.to_vec()), 1..6), any in ".{0,40}") {
        let text = pieces.concat() + &any;
        page(&format!("{}{}{END}", line(1, r#"turn_started","runtime":"x""#), answer(&text)));
    }
}

#[test]
fn a_page_is_whole_wherever_the_input_ends() {
    let events = format!("{CALLS}{}{END}", answer("# A\n\n```rust\nfn"));
    for end in (0..=events.len()).filter(|end| events.is_char_boundary(*end)) {
        checked(&export(Format::Html, &events[..end]).0);
    }
}

#[test]
fn half_a_character_is_replaced_and_a_whole_one_is_not_cut() {
    let delta = |n: u64, text: &str| {
        line(n, &format!(r#"text_delta","block":"b1","kind":"answer","text":"{text}""#))
    };
    let tool = line(
        4,
        r#"tool_finished","tool":{"id":"t","name":"\ud800x","kind":"other"},"outcome":"ok","output":"\udc00y""#,
    );
    let page = page(&[delta(2, "a\\ud83d"), delta(3, "\\ude00b\\ud83d"), tool].concat());
    for text in ["a😀b\u{fffd}", "<b>\u{fffd}x</b>", "\u{fffd}y</pre>"] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[test]
fn every_text_stands_on_the_page_once() {
    let page = page(EVENTS);
    let words = words(&page);
    for text in ["a😀", "only", "sub"] {
        assert_eq!(words.matches(text).count(), 1, "{text}: {words}");
    }
    assert!(words.contains("Truncated"), "{words}");
    // Of a turn that is cut off the deltas stand there.
    let cut: String = EVENTS.lines().take(4).map(|l| format!("{l}\n")).collect();
    let page = checked(&export(Format::Html, &cut).0);
    assert!(page.contains("a😀") && page.contains("sub"), "{page}");
}

#[test]
fn a_sub_agent_stands_within_its_call() {
    let events = [
        line(1, r#"turn_started","runtime":"x""#),
        line(2, r#"tool_started","tool":{"id":"t1","name":"Task","kind":"think","title":"count"}"#),
        line(
            3,
            r#"tool_started","parent":"t1","tool":{"id":"t2","name":"Bash","kind":"execute","title":"ls"}"#,
        ),
        line(4, r#"block_final","parent":"t2","block":"b1","kind":"answer","text":"deep""#),
        line(
            5,
            r#"tool_finished","parent":"t1","tool":{"id":"t2","name":"Bash","kind":"execute"},"outcome":"ok""#,
        ),
        line(6, r#"block_final","parent":"t1","block":"b2","kind":"answer","text":"inner""#),
        line(
            7,
            r#"tool_finished","tool":{"id":"t1","name":"Task","kind":"think"},"outcome":"ok","output":"two""#,
        ),
        answer("outer"),
        line(9, r#"turn_completed","stop":"end_turn""#),
    ];
    let page = page(&events.concat());
    let depth = |text: &str| {
        let before = &page[..page.find(text).unwrap_or_else(|| panic!("no {text}"))];
        before.matches("<section class=nest>").count() as i64 + 1
            - before.matches("</section>").count() as i64
    };
    assert_eq!(
        ["deep", "<code>ls</code> <span", "inner", "<pre class=out>two", "outer"].map(depth),
        [3, 3, 2, 2, 1]
    );
}

#[test]
fn the_streams_of_a_page_are_told_apart() {
    let other = |n: u64, text: &str| {
        answer(text).replace("\"s\"", &format!("\"s{n}\"")).replace("b9", "b1")
    };
    let mut events = String::new();
    for round in 0..3 {
        for n in 0..1000 {
            events.push_str(&other(n, &format!("text {round} of {n}.")));
        }
    }
    let page = page(&events);
    // The end of each turn, which the input lacks, is a section too.
    assert_eq!(page.matches("<section class=turn").count(), 4000);
    assert_eq!(page.matches(" <small>continues").count(), 3000);
    for n in [0, 1, 999] {
        let own = format!("<span class=name>s{n}</span>");
        assert_eq!(page.matches(&own).count(), if n == 0 { 3 } else { 4 }, "{own}");
        assert!(page.contains(&format!("text 2 of {n}.")));
    }
}

#[test]
fn what_is_no_event_is_shown() {
    let (page, err) = export(Format::Html, &format!("{CALLS}garbage <b>\n{END}"));
    assert_eq!(err, "<stdin>:6:1: not a JSON object\n");
    assert!(checked(&page).contains("<pre class=out>garbage &lt;b&gt;</pre>"), "{page}");
}

#[test]
fn an_output_over_the_limit_says_what_is_left_out() {
    let long = "é".repeat(1 << 20);
    let finished = line(
        4,
        &format!(
            r#"tool_finished","tool":{{"id":"t","name":"x","kind":"other"}},"outcome":"ok","output":"{long}""#
        ),
    );
    let page = page(&finished);
    assert!(
        page.len() < super::MAX_OUTPUT * 2 && page.contains("bytes left out …"),
        "{}",
        page.len()
    );
}

#[test]
fn a_text_over_the_limit_of_deltas_is_whole() {
    let delta = |n: u64| {
        line(
            n,
            &format!(
                r#"text_delta","block":"b1","kind":"answer","text":"{}\n""#,
                format!("word{n} ").repeat(9000)
            ),
        )
    };
    let mut events = line(1, r#"turn_started","runtime":"x""#);
    (100..160).for_each(|n| events.push_str(&delta(n)));
    let page = page(&events);
    for n in 100..160 {
        assert_eq!(page.matches(&format!("word{n} ")).count(), 9000, "{n}");
    }
}

#[test]
fn links_are_followed_and_images_are_not_shown() {
    let text = "[a](https://a.example/?x=1&y=2) ![pic](https://b.example/p.png) <https://c.example> see https://d.example/x_y. [r](src/a.rs) [bad](javascript:alert) me@x.example <me@y.example>";
    let page = page(&answer(text));
    let links: Vec<&str> =
        page.split("href=\"").skip(1).map(|l| l.split('"').next().unwrap()).collect();
    assert_eq!(
        links,
        [
            "https://a.example/?x=1&amp;y=2",
            "https://b.example/p.png",
            "https://c.example",
            "https://d.example/x_y",
            "mailto:me@y.example"
        ]
    );
    assert!(
        page.contains("image: pic</a>") && page.contains("r <code class=target>src/a.rs</code>"),
        "{page}"
    );
    assert!(page.contains("bad <code class=target>javascript:alert</code>"), "{page}");
}

#[test]
fn the_classes_are_those_of_the_table() {
    let events = format!("{CALLS}{END}");
    let page = page(&events);
    let shown: u64 = page
        .split("data-ms=")
        .skip(1)
        .map(|ms| ms.split('>').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(shown, 5000);
    assert!(page.contains("<li data-ms=3000><i class=c2></i>tools <b>3.0s</b></li>"), "{page}");
}

#[test]
fn a_log_line_of_a_sub_agent_opens_no_frame_and_stands_in_the_summary() {
    let events = [
        line(2, r#"tool_started","tool":{"id":"t1","name":"Task","kind":"think","title":"count"}"#),
        line(3, r#"status","parent":"t1","kind":"progress","message":"reading <b>on""#),
        line(4, r#"tool_finished","tool":{"id":"t1","name":"Task","kind":"think"},"outcome":"ok""#),
        answer("outer"),
    ]
    .concat();
    let (page, _) = export(Format::Html, &events);
    assert!(!page.contains("Sub-agent"), "{page}");
    assert!(page.contains("<summary>Log · progress: reading &lt;b&gt;on</summary>"), "{page}");
}
