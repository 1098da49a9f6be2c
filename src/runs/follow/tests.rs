//! Lines that a reader gets who starts at each place of a file, in batches of any size.

use super::*;
use crate::exit::Exit;
use crate::runs::cursor::Cursor;

fn line(stream: &str, seq: u64, rest: &str) -> String {
    format!(
        "{{\"v\":1,\"type\":{rest},\"stream\":\"{stream}\",\"seq\":{seq},\"ts\":\"2026-01-01T00:00:0{seq}.000Z\"}}\n"
    )
}

/// Lines of a run with two streams: 0 to 9.
fn lines() -> Vec<String> {
    let turn = |n: u64| format!("\"turn_started\",\"turn\":{n},\"runtime\":\"x\"");
    vec![
        line("s", 1, r#""status","kind":"session","data":{"control":{"pid":1,"word":"w"}}"#),
        line("s", 2, &turn(1)),
        line("s:2", 1, &turn(1)),
        "garbage\n".to_owned(),
        line("s:2", 2, r#""turn_completed","turn":1,"stop":"end""#),
        line("s", 3, r#""text_delta","turn":1,"block":"b1","kind":"answer","text":"x""#),
        "{\"v\":1,\"type\":\"status\",\"kind\":\"heartbeat\"}\n".to_owned(),
        line("s", 4, r#""turn_failed","turn":1,"error":{"code":"rate_limited","message":"m"}"#),
        line("s:2", 5, r#""status","kind":"info""#),
        line("s", 5, r#""status","kind":"exit","data":{"code":1,"killed":false}"#),
    ]
}

/// Output of a follower that reads `size` bytes at a time and at first finds a file that ends at `length`.
fn shown(start: StartAt, length: usize, size: usize) -> String {
    let (file, mut out) = (lines().concat().into_bytes(), Vec::new());
    let mut follow = Follow::new(start, length as u64);
    let (mut outcome, mut cursor) = (Outcome::default(), Cursor::at(0));
    let mut want = size;
    for end in [length, file.len()] {
        loop {
            let place = usize::try_from(cursor.place()).unwrap();
            let to = end.min(place + want);
            let batch = cursor.take(&file[place..to]).unwrap();
            want = if batch.bytes.is_empty() { want * 2 } else { size };
            if batch.bytes.is_empty() && to == end {
                break;
            }
            follow.take(Time::EPOCH, batch, &mut outcome, &mut out);
        }
        assert_eq!(follow.is_over(), end == file.len());
        follow.caught_up(Time::EPOCH, &mut out);
    }
    assert_eq!(outcome.exit(), Exit::RateLimited);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_name_of_a_place() {
    assert_eq!(StartAt::parse("start"), Ok(StartAt::Start));
    assert_eq!(StartAt::parse("now"), Ok(StartAt::Now));
    assert_eq!(StartAt::parse("17"), Ok(StartAt::Seq(17)));
    for wrong in ["", "+1", "-1", "then", "99999999999999999999"] {
        assert!(StartAt::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn from_the_start_every_byte_passes() {
    let all = lines().concat();
    for size in [1, 7, 100, 10_000] {
        for length in (0..all.len()).step_by(13) {
            assert_eq!(shown(StartAt::Start, length, size), all);
        }
    }
}

#[test]
fn from_a_number_all_that_follows_passes() {
    for size in [1, 100, 10_000] {
        for (seq, from) in [(0, 0), (1, 0), (2, 1), (3, 5), (4, 7), (5, 9), (6, 10)] {
            let want = lines()[from..].concat();
            assert_eq!(shown(StartAt::Seq(seq), 300, size), want, "from {seq}");
        }
    }
}

#[test]
fn from_now_a_gap_and_what_is_open_come_first() {
    let lines = lines();
    let gap = |seq| {
        format!(
            "{{\"v\":1,\"type\":\"status\",\"stream\":\"s\",\"ts\":\"2026-01-01T00:00:0{seq}.000Z\",\"kind\":\"gap\",\
             \"message\":\"earlier events of this run are not shown\",\"data\":{{\"from_seq\":1,\"to_seq\":{seq}}}}}\n"
        )
    };
    for size in [1, 100, 10_000] {
        for read in 0..=lines.len() {
            let length = lines[..read].concat().len();
            // A line whose end is not written yet is still to come.
            for length in [length, length + usize::from(read < lines.len())] {
                let repeated: Vec<usize> = match read {
                    0 => vec![],
                    1 => vec![0],
                    3 | 4 => vec![0, 1, 2],
                    2 | 5..8 => vec![0, 1],
                    _ => vec![0],
                };
                let seq = lines[..read].iter().filter(|l| l.contains(r#""s","seq""#)).count();
                let gap = if read == 0 { String::new() } else { gap(seq) };
                let repeated: String = repeated.into_iter().map(|n| lines[n].as_str()).collect();
                let want = format!("{gap}{repeated}{}", lines[read..].concat());
                assert_eq!(shown(StartAt::Now, length, size), want, "{read} lines, {size} bytes");
            }
        }
    }
}
