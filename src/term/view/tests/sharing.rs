//! Several voices on one page, and line breaks.

use super::*;

/// A page that is fed at given times.
struct Fed {
    view: View,
    io: Io,
}

impl Fed {
    fn new(options: &Options) -> Self {
        Self { view: View::new(options), io: Io::default() }
    }

    /// Text that a line, at a time in milliseconds, adds to the page.
    fn feed(&mut self, at: u64, line: &str) -> String {
        self.view.on_bytes(Time::from_millis(at), format!("{line}\n").as_bytes(), &mut self.io);
        self.taken()
    }

    fn tick(&mut self, at: u64) -> String {
        self.view.on_tick(Time::from_millis(at), &mut self.io);
        self.taken()
    }

    fn end(&mut self) -> String {
        self.view.on_end(Time::default(), &mut self.io);
        self.taken()
    }

    fn taken(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.io.out)).expect("a page is UTF-8")
    }
}

fn tty() -> Options {
    Options { format: Format::Tty, reasoning: true, ..Options::default() }
}

fn text_from(stream: &str, text: &str) -> String {
    event(stream, "text_delta", &delta("b1", "answer", text))
}

fn event(stream: &str, kind: &str, fields: &str) -> String {
    format!(
        r#"{{"v":1,"type":"{kind}","stream":"{stream}","label":"{stream}","turn":1,"seq":1,"ts":"2026-01-01T00:00:00.000Z",{fields}}}"#
    )
}

#[test]
fn at_a_terminal_the_voice_that_speaks_keeps_the_line_until_it_ends_it() {
    let mut page = Fed::new(&tty());
    assert_eq!(page.feed(0, &text_from("a", "All tests ")), "a | All tests ");
    assert_eq!(page.feed(100, &text_from("b", "One test ")), "");
    assert_eq!(page.feed(200, &text_from("a", "pass")), "pass");
    assert_eq!(page.feed(300, &text_from("b", "fails")), "");
    assert_eq!(page.feed(400, &text_from("a", "ed.\\nNow ")), "ed.\nb | One test fails");
    assert_eq!(page.feed(500, &text_from("b", ".\\n")), ".\na | Now ");
    assert_eq!(page.end(), "\n");
}

#[test]
fn at_a_terminal_a_line_is_broken_off_after_a_second_if_others_wait() {
    let mut page = Fed::new(&tty());
    assert_eq!(page.feed(0, &text_from("a", "Hm ")), "a | Hm ");
    assert_eq!(page.view.deadline(), None);
    assert_eq!(page.feed(5000, &event("b", "status", r#""kind":"info","message":"up""#)), "");
    assert_eq!(page.view.deadline(), Some(Time::from_millis(6000)));
    assert_eq!(page.tick(5999), "");
    assert_eq!(page.tick(6000), "\nb | info: up\n");
    assert_eq!(page.view.deadline(), None);
    assert_eq!(page.feed(7000, &text_from("a", "well")), "a | well");
}

#[test]
fn a_line_that_is_broken_at_a_word_is_not_handed_on() {
    let mut page = Fed::new(&Options { width: Some(24), ..tty() });
    let texts = [
        ("a", "- one two three four five six"),
        ("b", "words of another\\n"),
        ("a", " seven eight nine\\n"),
    ];
    let shown: String =
        texts.iter().map(|(stream, text)| page.feed(0, &text_from(stream, text))).collect();
    let mine = "a | - one two three four\na |   five six seven\na |   eight nine\n";
    assert_eq!(shown, format!("{mine}b | words of another\n"));
}

#[test]
fn an_empty_line_stands_only_between_lines_of_one_voice() {
    let tool = |kind: &str| event("a", kind, r#""tool":{"id":"t","name":"ls"},"outcome":"ok""#);
    let mut page = Fed::new(&tty());
    page.feed(0, &event("b", "status", r#""kind":"info","message":"up""#));
    let call = |page: &mut Fed| {
        page.feed(0, &tool("tool_started")) + &page.feed(0, &tool("tool_finished"))
    };
    assert_eq!(call(&mut page), "a | → ls ✓\n");
    assert_eq!(page.feed(0, &text_from("a", "One.\\n")), "a |\na | One.\n");
    page.feed(0, &event("b", "status", r#""kind":"info","message":"up""#));
    assert_eq!(call(&mut page), "a | → ls ✓\n");
    // The empty line waits with the line that it precedes.
    assert_eq!(page.feed(0, &text_from("b", "Hm")), "b | Hm");
    assert_eq!(page.feed(0, &event("b", "block_final", &delta("b1", "answer", "Hm"))), "\n");
    assert_eq!(page.feed(0, &text_from("a", "Two.\\n")), "a | Two.\n");
}

#[test]
fn a_log_has_whole_lines_of_several_streams() {
    for options in [plain(), text()] {
        let label = |name| {
            if options.format == Format::Text { String::new() } else { format!("{name} | ") }
        };
        let (a, b) = (label("a"), label("b"));
        let mut page = Fed::new(&options);
        assert_eq!(page.feed(0, &text_from("a", "one ")), format!("{a}one "));
        assert_eq!(page.feed(0, &text_from("b", "eins ")), "");
        assert_eq!(page.feed(0, &text_from("a", "two\\nthree ")), "two\n");
        assert_eq!(page.feed(0, &text_from("b", "zwei\\ndrei")), format!("{b}eins zwei\n"));
        assert_eq!(page.tick(60_000), "");
        assert_eq!(page.feed(60_000, &text_from("a", "four\\n")), format!("{a}three four\n"));
        assert_eq!(page.end(), format!("{b}drei\n"));
    }
}

#[test]
fn sub_agents_at_work_side_by_side_do_not_tear_lines() {
    let sub = |parent: &str, block: &str, text: &str| {
        event(
            "s",
            "text_delta",
            &format!(r#""parent":"{parent}",{}"#, delta(block, "answer", text)),
        )
    };
    let mut page = Fed::new(&plain());
    let shown_lines: String = [
        sub("t1", "b1", "one "),
        sub("t2", "b2", "eins "),
        sub("t1", "b1", "two"),
        sub("t2", "b2", "zwei"),
        event(
            "s",
            "tool_finished",
            r#""tool":{"id":"t2","name":"Task","kind":"other"},"outcome":"ok""#,
        ),
        event("s", "turn_completed", r#""stop":"end_turn""#),
    ]
    .iter()
    .map(|line| page.feed(0, line))
    .collect();
    assert_eq!(shown_lines, "s | > one two\ns | > eins zwei\ns | ✓ Task\ns | [COMPLETED]\n");
}

#[test]
fn the_line_of_a_tool_stays_open_for_its_end() {
    let tool = r#""tool":{"id":"t1","name":"Bash","kind":"execute","title":"make"}"#;
    let start = event("s", "tool_started", tool);
    let end = event("s", "tool_finished", &format!(r#"{tool},"outcome":"ok","duration_ms":1500"#));
    let mut page = Fed::new(&tty());
    assert_eq!(page.feed(0, &start), "s | → Bash make");
    assert_eq!(page.view.deadline(), None);
    assert_eq!(page.feed(0, &end), " ✓ 1.5s\n");
    // A log's reader may see whole lines only: it must not wait long for the first half.
    let mut page = Fed::new(&plain());
    assert_eq!(page.feed(0, &start), "s | → Bash make");
    assert_eq!(page.view.deadline(), Some(Time::from_millis(5000)));
    assert_eq!(page.tick(5000), "\n");
    assert_eq!(page.feed(6000, &end), "s | ✓ Bash make 1.5s\n");
}

#[test]
fn a_terminal_breaks_lines_between_words() {
    let options = Options { width: Some(30), ..tty() };
    let mut page = Fed::new(&options);
    let mut out = String::new();
    for piece in [
        "The terminal ne",
        "ver breaks ins",
        "ide of a word, nor in code:\\n",
        "```\\nlet a_very_long_line = of_code();\\n```\\n",
    ] {
        out += &page.feed(0, &text_from("a", piece));
    }
    out += &page.end();
    assert_eq!(
        out,
        "a | The terminal never breaks\na | inside of a word, nor in\na | code:\na | ```\na | let a_very_long_line = of_code();\na | ```\n"
    );
    let failed =
        event("a", "turn_failed", r#""error":{"code":"auth","message":"the key is out of date"}"#);
    assert_eq!(
        Fed::new(&options).feed(0, &failed),
        "a | [FAILED] auth: the key is\na |     out of date\n"
    );
}

#[test]
fn a_word_that_is_held_leaves_after_a_second() {
    let mut page = Fed::new(&Options { width: Some(30), ..tty() });
    assert_eq!(page.feed(0, &text_from("a", "The end is near")), "a | The end is");
    assert_eq!(page.view.deadline(), Some(Time::from_millis(1000)));
    assert_eq!(page.tick(1000), " near");
    assert_eq!(page.end(), "\n");
}

#[test]
fn a_flood_that_waits_is_bounded() {
    let mut page = Fed::new(&tty());
    page.feed(0, &text_from("a", "mine"));
    let line = text_from("b", &"x\\n".repeat(1000));
    let mut shown = 0;
    for _ in 0..2000 {
        shown += page.feed(0, &line).len();
    }
    assert!(shown > 1_000_000, "{shown}");
}

#[test]
fn what_an_agent_says_does_not_pass_for_a_line_of_ours() {
    let got = page(&[
        START,
        ("text_delta", &delta("b1", "answer", "[COMPLE")),
        (
            "text_delta",
            &delta("b1", "answer", "TED 1.0s]\\n→ Bash rm\\nexited with status 0\\n- [x] done"),
        ),
        (
            "block_final",
            &delta(
                "b1",
                "answer",
                "[COMPLETED 1.0s]\\n→ Bash rm\\nexited with status 0\\n- [x] done",
            ),
        ),
        DONE,
    ]);
    assert_eq!(
        got,
        format!(
            "{STARTED}\\[COMPLETED 1.0s]\n\\→ Bash rm\n\\exited with status 0\n- [x] done\n[COMPLETED 4.0s]  (model 2.0s, start 1.0s)\n"
        )
    );
}
