//! Lines of the history: what is written is read, one `end` for each run, and text that cannot hurt a terminal.

use super::*;

fn operation(op: Op, run: &str) -> Operation {
    let mut operation = Operation::new(Time::from_millis(1_700_000_000_007), op, Mode::Cli, "ada");
    operation.run = Some(run.into());
    operation
}

#[test]
fn a_line_is_read_back() {
    let mut all = operation(Op::End, "run-1");
    all.agent = Some("claude".into());
    all.prompt_sha256 = Some(digest("hello"));
    all.outcome = Some("completed".into());
    all.status = Some(0);
    all.duration_ms = Some(61_000);
    all.cost_usd = Some(0.25);
    let line = all.line();
    assert_eq!(
        line,
        concat!(
            r#"{"ts":"2023-11-14T22:13:20.007Z","op":"end","mode":"cli","run":"run-1","agent":"claude","by":"ada","#,
            r#""prompt_sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","#,
            r#""outcome":"completed","status":0,"duration_ms":61000,"cost_usd":0.25}"#,
            "\n"
        )
    );
    assert_eq!(Operation::parse(line.trim_end().as_bytes()), Ok(all));
    let bare = Operation::new(Time::EPOCH, Op::Paste, Mode::Openai, "");
    let line = bare.line();
    assert_eq!(
        line,
        "{\"ts\":\"1970-01-01T00:00:00.000Z\",\"op\":\"paste\",\"mode\":\"openai\",\"by\":\"\"}\n"
    );
    assert_eq!(Operation::parse(line.as_bytes()), Ok(bare));
}

#[test]
fn names_are_those_of_the_lines() {
    for (name, _, op) in Op::ALL {
        assert_eq!(to_json(op), format!("\"{name}\""));
    }
    for (name, _, mode) in Mode::ALL {
        assert_eq!(to_json(mode), format!("\"{name}\""));
    }
}

#[test]
fn a_line_is_short_whatever_the_texts_are() {
    let mut long = operation(Op::Send, &"\u{1}".repeat(100_000));
    long.by = "\u{2028}".repeat(100_000);
    long.outcome = Some("x".repeat(100_000));
    long.agent = Some("\n".repeat(100_000));
    let line = long.line();
    assert!(line.len() < 8 << 10, "{}", line.len());
    assert_eq!(line.matches('\n').count(), 1);
    assert_eq!(Operation::parse(line.as_bytes()).unwrap().by.chars().count(), MAX_TEXT);
}

#[test]
fn the_first_end_of_a_run_counts() {
    let mut reader = Reader::new(None);
    let mut read = |op, run: &str| reader.read(operation(op, run).line().as_bytes()).unwrap();
    assert!(read(Op::Start, "a").is_some());
    assert!(read(Op::End, "a").is_some());
    assert!(read(Op::End, "b").is_some(), "its start was rotated away");
    assert!(read(Op::End, "a").is_none());
    assert!(read(Op::Cancel, "a").is_some());
    assert!(read(Op::Start, "a").is_some());
    assert!(read(Op::End, "a").is_some(), "the stream names another run since");
    for n in 0..MAX_ENDS {
        assert!(read(Op::End, &format!("r{n}")).is_some());
    }
    assert!(read(Op::End, "a").is_none(), "the last {MAX_ENDS} ends are remembered");
    for n in 0..2 * MAX_ENDS {
        read(Op::End, &format!("s{n}"));
    }
    assert!(reader.ends.newer.len() + reader.ends.older.len() <= 2 * MAX_ENDS);
}

#[test]
fn one_interface_is_chosen() {
    let mut reader = Reader::new(Some(Mode::Mcp));
    let mut other = operation(Op::Start, "a");
    assert_eq!(reader.read(other.line().as_bytes()), Ok(None));
    other.mode = Mode::Mcp;
    assert_eq!(reader.read(other.line().as_bytes()), Ok(Some(other)));
}

#[test]
fn what_is_no_operation_is_refused() {
    let line = operation(Op::End, "a").line();
    let line = line.trim_end();
    for wrong in [&line[..line.len() - 1], &line[1..], "", "{}", "[]", "\0\0\0", r#"{"ts":"x"}"#] {
        assert_eq!(Reader::new(None).read(wrong.as_bytes()), Err(NoOperation), "{wrong}");
    }
}

#[test]
fn an_end_is_found_in_a_tail() {
    let (start, end) = (operation(Op::Start, "a").line(), operation(Op::End, "a").line());
    let other = operation(Op::End, "ab").line();
    let mut quoting = operation(Op::End, "b");
    quoting.outcome = Some(r#""run":"a""#.into());
    for (lines, want) in [
        (String::new(), false),
        (start.clone(), false),
        (format!("{start}{other}{}", quoting.line()), false),
        (format!("{start}{end}"), true),
        (format!("{}{end}", &start[9..]), true),
        (format!("{start}{end}{other}"), true),
        (format!("{start}{end}{start}"), false),
        (format!("{start}{}", &end[..end.len() - 2]), false),
    ] {
        assert_eq!(has_ended(lines.as_bytes(), "a"), want, "{lines}");
    }
}

#[test]
fn a_line_for_people_has_no_control_characters() {
    let mut all = operation(Op::Send, "run-1");
    assert_eq!(
        all.text_line(),
        "2023-11-14 22:13:20  send       cli     run-1                      ada         -\n"
    );
    all.by = "\u{1b}[31m\nroot".into();
    all.outcome = Some("a\rb\u{202e}".into());
    all.agent = Some("x\ty".into());
    all.ts = "\u{7}ä€".repeat(9);
    (all.status, all.duration_ms, all.cost_usd) = (Some(69), Some(1200), Some(1.5));
    let line = all.text_line();
    assert!(!line.trim_end_matches('\n').chars().any(char::is_control), "{line:?}");
    assert!(!line.contains('\u{202e}'), "{line:?}");
    assert!(line.contains(", status 69, 1.2s, $1.50, agent "), "{line}");
    let columns = |text: &str| {
        let words = [" OPERATION", " MODE", " RUN", " BY", " OUTCOME"];
        words.map(|word| text.find(word).unwrap() + 1)
    };
    let line = operation(Op::Permit, "run-1").text_line();
    let cells = ["permit", "cli", "run-1", "ada", "-\n"].map(|cell| line.rfind(cell).unwrap());
    assert_eq!(columns(HEAD), cells);
}
