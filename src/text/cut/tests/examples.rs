//! Texts and the parts that they must become.

use crate::text::cut::{Cutter, Fences, Options, Pace, Part, cut};
use crate::text::units::{Limit, Limits, Unit};

#[test]
fn neither_a_heading_nor_a_table_header_is_taken_apart_while_its_line_fits() {
    let bodies = |text: &str, limits: &[(Unit, usize)]| {
        let limits: Vec<Limit> = limits.iter().map(|&(unit, max)| Limit { unit, max }).collect();
        let options = Options {
            limits: Limits::new(&limits),
            min: None,
            pace: Pace::Full,
            fences: Fences::Lines,
        };
        let parts = cut(text, &options);
        parts.into_iter().map(|part| part.body).collect::<Vec<_>>()
    };
    let one_line = [(Unit::Bytes, 400), (Unit::LineFeeds, 0)];
    let table = bodies("x\n| name | b |\n|---|---|\n| 1 | 2 |\n", &one_line);
    assert_eq!(table, ["x", "| name | b |", "|---|---|", "| 1 | 2 |"]);
    let heading = bodies("A longer heading here\n====\nafter", &one_line);
    assert_eq!(heading, ["A longer heading here", "====", "after"]);
    let wide = "| column number one | column number two | three |\n|-------------------|-------------------|-------|\n| 1 | 2 | 3 |\n";
    let first = wide.lines().next().unwrap();
    assert_eq!(bodies(wide, &[(Unit::Codepoints, 90)])[0], first);
}

/// The parts of a text at so many code points.
fn at(max: usize, text: &str) -> Vec<Part> {
    let limits = Limits::new(&[Limit { unit: Unit::Codepoints, max }]);
    cut(text, &Options { limits, min: None, pace: Pace::Full, fences: Fences::Lines })
}

/// The parts of a text at 340 bytes and one line.
fn one_line(text: &str, pace: Pace) -> Vec<Part> {
    cut(text, &line_options(pace))
}

fn line_options(pace: Pace) -> Options {
    let limits = [Limit { unit: Unit::Bytes, max: 340 }, Limit { unit: Unit::LineFeeds, max: 0 }];
    Options { limits: Limits::new(&limits), min: None, pace, fences: Fences::Lines }
}

fn bodies(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| &*part.body).collect()
}

#[test]
fn a_run_of_line_feeds_is_left_out_wherever_it_stands() {
    for feed in ["\n", "\r\n", " \n"] {
        let run = feed.repeat(3000);
        let parts = at(100, &format!("{run}Begin.{run}Middle.{run}"));
        assert_eq!(bodies(&parts), ["Begin.", "Middle."]);
        assert_eq!(parts[0].lead, run);
        assert_eq!((&parts[0].glue, &parts[1].glue), (&run, &run));
        let one = one_line(&format!("{run}Begin.{run}Middle.{run}"), Pace::Full);
        assert_eq!(bodies(&one), ["Begin.", "Middle."]);
    }
    let code = at(100, &format!("```\na\n{}b\n```\n", "\n".repeat(3000)));
    assert_eq!(bodies(&code), ["```\na", "b\n```\n"]);
    assert_eq!((&*code[0].close, &*code[1].open), ("\n```", "```\n"));
}

#[test]
fn spaces_longer_than_the_limit_are_left_out() {
    let run = " ".repeat(3000);
    let parts = at(100, &format!("a{run}b{run}\n{run}c"));
    assert_eq!(bodies(&parts), ["a", "b", "c"]);
    assert!(parts.iter().all(|part| part.lead.is_empty()));
}

#[test]
fn white_space_alone_is_one_part_of_nothing() {
    for text in ["", "\n\n", " \u{3000}\n", "\r\n\r\n"] {
        for parts in [at(100, text), one_line(text, Pace::Eager)] {
            assert_eq!(parts.len(), 1);
            assert!(parts[0].is_blank() && parts[0].last);
            assert_eq!(parts[0].glue, text);
        }
    }
}

#[test]
fn a_long_run_of_line_feeds_costs_no_more_than_its_length() {
    let run = "\n".repeat(1_000_000);
    let mut parts = Vec::new();
    let limits = Limits::new(&[Limit { unit: Unit::Utf16, max: 2000 }]);
    let mut cutter =
        Cutter::new(Options { limits, min: None, pace: Pace::Eager, fences: Fences::Lines });
    for piece in [&format!("a{run}"), &run, "b"] {
        cutter.push(piece, |part| parts.push(part));
    }
    assert!(cutter.lines.whole.len() < 4);
    cutter.finish(|part| parts.push(part));
    assert_eq!(bodies(&parts), ["a", "b"]);
}

#[test]
fn a_part_of_one_line_holds_no_carriage_return_and_no_nul() {
    let parts = one_line("hello\rQUIT :bye\r\nworld\0again\u{1}end\r", Pace::Full);
    assert_eq!(bodies(&parts), ["hello", "QUIT :bye", "world", "again", "end"]);
    let glue: String = parts.iter().map(|part| &*part.glue).collect();
    assert_eq!(glue, "\r\r\n\0\u{1}\r");
}

#[test]
fn an_eager_part_of_code_in_one_line_does_not_depend_on_slices() {
    let text = format!("```\n{} \n\nz", "y".repeat(340));
    for len in [1, 2, 345, 346, 347] {
        let mut parts = Vec::new();
        let whole = one_line(&text, Pace::Eager);
        let mut cutter = Cutter::new(line_options(Pace::Eager));
        let (head, tail) = text.split_at(len);
        cutter.push(head, |part| parts.push(part));
        cutter.push(tail, |part| parts.push(part));
        cutter.finish(|part| parts.push(part));
        assert_eq!(parts, whole, "{len}");
    }
}

#[test]
fn a_link_between_angle_brackets_stays_whole() {
    for link in ["<https://example.com/report|a quarterly report>", "<t:1:R>", "<@U012 name b>"] {
        let words = "word ".repeat(19);
        let parts = at(100, &format!("{words}{link} tail"));
        assert!(parts[1].body.starts_with(link), "{parts:#?}");
    }
    // A comparison is no link.
    assert_eq!(at(20, "if a <b and c then d> e")[0].body, "if a <b and c then");
}

#[test]
fn a_quoted_line_that_is_cut_goes_on_quoted() {
    let words = "Some words of a quote. ".repeat(12);
    let parts = at(100, &format!("> {words}\n\nend"));
    assert!(parts.len() > 2);
    assert!(parts[1].open == "> " && parts[2].open == "> ", "{parts:#?}");
    assert_eq!(at(100, &format!("- {words}"))[1].open, "");
    // As does a line of the quote that has no mark of its own.
    let lazy = at(60, &format!("> {}\ngoes on without a mark\n\nend", &words[..50]));
    assert_eq!((&*lazy[1].open, &*lazy[1].body), ("> ", "goes on without a mark\n\nend"));
}

#[test]
fn a_fence_in_a_deep_list_item_is_opened_in_a_list_item_again() {
    let code = "    command --option\n".repeat(9);
    let parts = at(100, &format!("1. Do:\n    ```sh\n{code}    ```\n\nend"));
    assert_eq!(parts[1].open, "-   ```sh\n");
    assert_eq!(parts[1].close, "\n    ```");
    let nested = format!(
        "- a\n  - b\n    - c\n      ```sh\n{}      ```\n",
        code.replace("    c", "      c")
    );
    assert_eq!(at(100, &nested)[1].open, " -    ```sh\n");
}

#[test]
fn a_text_without_spaces_is_cut_behind_its_marks() {
    let parts = at(40, &"キャッシュが更新されていないことを発見し、".repeat(5));
    assert!(parts.iter().all(|part| part.body.ends_with('、')), "{parts:#?}");
    let parts = at(40, &"यह पहला वाक्य है।यह दूसरा वाक्य है।".repeat(5));
    assert!(parts.iter().all(|part| part.body.ends_with('।')), "{parts:#?}");
    let parts = at(40, &"他看见了，但是没有说话；".repeat(9));
    assert!(parts.iter().all(|part| part.body.ends_with(['，', '；'])), "{parts:#?}");
}

#[test]
fn a_line_that_ends_in_a_colon_stays_with_what_it_announces() {
    let text = "A first paragraph, long enough to stand.\n\n**Do this:**\n\n- one thing to do\n- another thing to do\n";
    let parts = at(80, text);
    assert_eq!(parts[0].body, "A first paragraph, long enough to stand.");
    let sentence =
        at(60, "A sentence that ends. The steps are these:\n\n- one thing to do\n- more\n");
    assert_eq!(sentence[0].body, "A sentence that ends.");
}

#[test]
fn what_looks_like_links_costs_no_more_than_its_length() {
    for piece in ["[a](", "![a][", "http://", "` `` ", "<a:", "[a](((("] {
        let text = piece.repeat(60_000 / piece.len());
        let limits = Limits::new(&[Limit { unit: Unit::Bytes, max: 16_000 }]);
        let parts =
            cut(&text, &Options { limits, min: None, pace: Pace::Full, fences: Fences::Lines });
        assert!(parts.len() < 6);
    }
}

/// The parts of a text at so many code points where fences are found anywhere.
fn anywhere(max: usize, text: &str) -> Vec<Part> {
    let limits = Limits::new(&[Limit { unit: Unit::Codepoints, max }]);
    cut(text, &Options { limits, min: None, pace: Pace::Full, fences: Fences::Anywhere })
}

fn sent(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| format!("{}{}{}", part.open, part.body, part.close)).collect()
}

const PROSE: &str = "A sentence explains in plain words what it does. ";

#[test]
fn a_fence_that_is_closed_behind_its_last_line_of_code_is_closed_there() {
    let code = "value = compute()\n".repeat(9);
    let text = format!("```py\n{code}end()```\n\n{}", PROSE.repeat(9));
    let parts = sent(&anywhere(120, &text));
    assert!(parts[0].starts_with("```py\n") && parts[0].ends_with("()\n```"), "{parts:#?}");
    assert!(parts[1].starts_with("```py\nvalue") && parts[1].ends_with("end()```"), "{parts:#?}");
    assert!(parts[2..].iter().all(|part| !part.contains("```")), "{parts:#?}");
    // CommonMark ends no fence there: all that follows is code.
    let all = sent(&at(120, &text));
    assert!(all[2..].iter().all(|part| part.starts_with("```py\n") && part.ends_with("\n```")));
}

#[test]
fn a_fence_that_opens_in_the_middle_of_a_line_is_closed_and_opened_again() {
    let code = "value = compute()\n".repeat(9);
    let text = format!("Run this: ```sh\n{code}```\n\n{}", PROSE.repeat(4));
    let parts = sent(&anywhere(120, &text));
    assert!(parts[0].starts_with("Run this: ```sh\nvalue"), "{parts:#?}");
    assert!(parts[0].ends_with("()\n```") && parts[1].starts_with("```sh\nvalue"), "{parts:#?}");
    assert!(parts[2..].iter().all(|part| !part.contains("```")), "{parts:#?}");
}

#[test]
fn code_on_one_line_that_is_longer_than_a_part_is_closed_and_opened_again() {
    let text = format!("*Result*\n```{}```\n*End*", "q".repeat(400));
    let parts = sent(&anywhere(100, &text));
    assert_eq!(parts[0], "*Result*");
    assert_eq!(parts[1], format!("```{}\n```", "q".repeat(93)));
    assert_eq!(parts[2], format!("```\n{}\n```", "q".repeat(92)));
    assert!(parts.last().unwrap().ends_with("q```\n*End*"), "{parts:#?}");
    // As inline code is, which has no lines of its own.
    for parts in [at(100, &text), at(100, &text.replace("```", "`"))] {
        let code: Vec<&Part> = parts.iter().filter(|part| part.body.contains('q')).collect();
        let mark =
            if text.contains("```") && parts[1].body.starts_with("```") { "```" } else { "`" };
        assert!(code[1..].iter().all(|part| part.open == mark), "{parts:#?}");
        assert!(code[..code.len() - 1].iter().all(|part| part.close == mark), "{parts:#?}");
    }
}

#[test]
fn a_mark_that_nothing_closes_is_text() {
    for text in [
        format!("Code begins with ``` and then it goes on. {}", PROSE.repeat(9)),
        format!("Close it with ```\n{}", PROSE.repeat(9)),
        format!("Write `` ``` `` or \\``` before it. {}", PROSE.repeat(9)),
    ] {
        let parts = anywhere(120, &text);
        assert!(
            parts.iter().all(|part| part.open.is_empty() && part.close.is_empty()),
            "{parts:#?}"
        );
    }
    // Nor do tildes open anything there.
    let tildes = anywhere(60, &format!("~~~\n{}", PROSE.repeat(5)));
    assert!(tildes.iter().all(|part| part.open.is_empty()), "{tildes:#?}");
}

#[test]
fn backticks_and_what_is_escaped_are_not_taken_apart() {
    let text = format!("{}```", "x".repeat(15));
    assert_eq!(bodies(&at(16, &text)), ["x".repeat(15).as_str(), "```"]);
    let text = format!("{}\\*y", "x".repeat(15));
    assert_eq!(bodies(&at(16, &text)), ["x".repeat(15).as_str(), "\\*y"]);
}
