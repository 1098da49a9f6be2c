//! Tests of the form of the index.

use super::*;

#[test]
fn head_and_records_are_read_as_they_were_written() {
    let head = IndexHead { epoch: 7, boot: [3; 16], close: Close::Clean };
    assert_eq!(IndexHead::parse(&head.bytes()), Some(head));
    let record = Record { run: run_key("a", "b"), offset: 1 << 40, length: 77 };
    assert_eq!(Record::parse(&record.bytes()), Some(record));
    assert_eq!(record.end(), (1 << 40) + 78);
    for bit in 0..RECORD_LENGTH * 8 {
        let mut bytes = record.bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Record::parse(&bytes), None, "{bit}");
    }
    assert_eq!(Record::parse(&[0; RECORD_LENGTH]), None);
    assert_eq!(Record::parse(&record.bytes()[1..]), None);
    let mut torn = head.bytes();
    torn[9] ^= 1;
    assert_eq!(IndexHead::parse(&torn), None);
    assert_eq!(IndexHead::parse(&head.bytes()[..63]), None);
}

#[test]
fn a_position_is_read_as_it_was_written() {
    let position = Position { epoch: 0xab, number: 12 };
    assert_eq!(position.to_string(), "00000000000000ab.12");
    assert_eq!(Position::parse("00000000000000ab.12"), Some(position));
    for wrong in [
        "",
        "ab.12",
        "00000000000000ab",
        "00000000000000ab.",
        "00000000000000ab.+1",
        "+0000000000000ab.1",
        "run@7",
    ] {
        assert_eq!(Position::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn an_order_goes_on_unless_a_power_cut_may_have_cut_it() {
    let head = |close| IndexHead { epoch: 1, boot: [1; 16], close };
    assert!(head(Close::Open).goes_on([1; 16]));
    assert!(!head(Close::Open).goes_on([2; 16]));
    assert!(head(Close::Clean).goes_on([2; 16]));
}

#[test]
fn two_runs_of_one_name_differ() {
    assert_ne!(run_key("a", "1"), run_key("a", "2"));
    assert_ne!(run_key("a", "1"), run_key("b", "1"));
}
