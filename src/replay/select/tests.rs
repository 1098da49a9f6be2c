//! Small recordings, and what of them is wanted.

use super::*;
use crate::codec;

fn line(stream: &str, type_: &str, turn: u64, seq: u64) -> String {
    let turn = if turn == 0 { String::new() } else { format!("\"turn\":{turn},") };
    format!(
        "{{\"v\":1,\"type\":\"{type_}\",\"stream\":\"{stream}\",{turn}\"seq\":{seq},\"ts\":\"2026-01-01T00:00:{seq:02}.000Z\",\"kind\":\"info\"}}"
    )
}

/// Two turns: numbers 2 to 4 and 6 to 8, a notice before each and behind the last.
fn recording() -> Vec<String> {
    let types = [
        ("status", 0),
        ("turn_started", 1),
        ("status", 1),
        ("turn_completed", 1),
        ("status", 0),
        ("turn_started", 2),
        ("new_type", 2),
        ("turn_failed", 2),
        ("status", 0),
    ];
    let numbered = (1u64..).zip(types);
    numbered.map(|(seq, (type_, turn))| line("s", type_, turn, seq)).collect()
}

/// The numbers of the events that are wanted.
fn wanted(options: Options, lines: &[String]) -> Vec<u64> {
    let mut select = Select::new(options);
    let (mut got, mut kept) = (Vec::new(), Vec::new());
    for line in lines {
        let event = codec::decode(line.as_bytes()).unwrap();
        let place = select.place(&event);
        match place {
            SelectPlace::Before => continue,
            SelectPlace::Perhaps { anew } => {
                if anew {
                    kept.clear();
                }
                kept.push(line);
                continue;
            }
            SelectPlace::Begins { kept: false } => kept.clear(),
            SelectPlace::Begins { kept: true } | SelectPlace::Within => {}
            SelectPlace::Behind => break,
        }
        for line in kept.drain(..).chain([line]) {
            let event = codec::decode(line.as_bytes()).unwrap();
            if select.keeps(&event) {
                got.push(event.seq.unwrap_or_default());
            }
        }
    }
    got
}

fn from(from: From) -> Options {
    Options { from, ..Options::default() }
}

#[test]
fn all_unless_it_is_said() {
    assert!(Options::default().is_all());
    assert_eq!(wanted(Options::default(), &recording()).len(), 9);
}

#[test]
fn a_number_begins_with_its_turn() {
    for (number, first) in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 6), (8, 6), (9, 9)] {
        let got = wanted(from(From::Seq(number)), &recording());
        let want: Vec<u64> = (first..=9).collect();
        assert_eq!(got, want, "from {number}");
    }
    assert!(wanted(from(From::Seq(10)), &recording()).is_empty());
}

#[test]
fn numbers_are_those_of_one_stream() {
    let mut lines = vec![line("other", "turn_started", 1, 20)];
    lines.extend(recording());
    let options = Options { stream: Some("s".into()), ..from(From::Seq(8)) };
    assert_eq!(wanted(options, &lines), [6, 7, 8, 9]);
}

#[test]
fn a_turn_too_long_to_keep_begins_with_the_number() {
    let mut select = Select::new(from(From::Seq(4)));
    let places: Vec<SelectPlace> = recording()
        .iter()
        .map(|line| {
            let place = select.place(&codec::decode(line.as_bytes()).unwrap());
            select.forget_turn();
            place
        })
        .collect();
    assert_eq!(places[3], SelectPlace::Begins { kept: false });
    assert!(select.begun && !select.undecided());
}

#[test]
fn moments_are_times_or_count_from_the_first_event() {
    let at =
        |seconds| Moment::At(Time::parse(&format!("2026-01-01T00:00:{seconds:02}.000Z")).unwrap());
    let after = |seconds| Moment::After(Duration::from_secs(seconds));
    let range = |since, until| Options { until: Some(until), ..from(From::Since(since)) };
    assert_eq!(wanted(range(at(3), at(5)), &recording()), [3, 4, 5]);
    assert_eq!(wanted(range(after(2), after(4)), &recording()), [3, 4, 5]);
    assert!(wanted(range(at(50), at(55)), &recording()).is_empty());
}

#[test]
fn turns_and_types() {
    let turn = Options { turn: Some(2), ..Options::default() };
    assert_eq!(wanted(turn, &recording()), [6, 7, 8]);
    let only = |list| Options { only: Types::parse(list), ..Options::default() };
    assert_eq!(wanted(only("turn_*"), &recording()), [2, 4, 6, 8]);
    assert_eq!(wanted(only("turn_failed,new*"), &recording()), [7, 8]);
    assert_eq!(wanted(only("?tatus"), &recording()), [1, 3, 5, 9]);
    assert_eq!(Types::parse("turn_*,"), None);
    assert_eq!(Types::parse("a b"), None);
}

#[test]
fn stars_match_what_they_must() {
    for (pattern, name, want) in [
        ("*", "", true),
        ("a*b*c", "axxbxxc", true),
        ("a*b*c", "axxbxx", false),
        ("*_*_*", "a_b", false),
        ("a?c", "abc", true),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(glob(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
    }
}
