//! A reader of a file that grows in pieces, is cut back to a complete line, and grows again.

use proptest::prelude::*;

use super::*;

/// Change of a file.
#[derive(Debug, Clone)]
enum Change {
    Append(Vec<u8>),
    /// Cut behind the last complete line.
    CutTail,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => prop::collection::vec(prop_oneof![1 => Just(b'\n'), 4 => any::<u8>()], 0..12).prop_map(Change::Append),
        1 => Just(Change::CutTail),
    ]
}

/// One read of at most `most` bytes.
fn read(cursor: &mut Cursor, file: &[u8], most: usize) -> Vec<(u64, Vec<u8>)> {
    let from = usize::try_from(cursor.place()).unwrap();
    let to = file.len().min(from + cursor.want().min(most));
    let batch = cursor.take(&file[from..to]).unwrap();
    assert_eq!(batch.offset, from as u64);
    batch.lines().map(|(offset, line)| (offset, line.to_vec())).collect()
}

proptest! {
    #[test]
    fn every_line_that_is_completed_comes_once_and_with_its_offset(
        changes in prop::collection::vec((change(), any::<bool>()), 0..40),
    ) {
        let (mut file, mut got) = (Vec::new(), Vec::new());
        let mut cursor = Cursor::at(0);
        for (change, reads) in changes {
            match change {
                Change::Append(bytes) => file.extend(bytes),
                Change::CutTail => file.truncate(memrchr(b'\n', &file).map_or(0, |feed| feed + 1)),
            }
            if reads {
                got.extend(read(&mut cursor, &file, usize::MAX));
                prop_assert!(cursor.place() == 0 || file[cursor.place() as usize - 1] == b'\n');
            }
        }
        got.extend(read(&mut cursor, &file, usize::MAX));
        let mut want = Vec::new();
        let mut offset = 0;
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            if let Some(text) = line.strip_suffix(b"\n") {
                want.push((offset, text.to_vec()));
            }
            offset += line.len() as u64;
        }
        prop_assert_eq!(got, want);
    }
}

#[test]
fn a_line_that_is_longer_than_a_read_is_read_with_a_longer_one() {
    let line = vec![b'x'; 5 * READ];
    let file = [b"a\n", line.as_slice(), b"\nb\n"].concat();
    let mut cursor = Cursor::at(0);
    let mut lines = Vec::new();
    for _ in 0..6 {
        lines.extend(read(&mut cursor, &file, usize::MAX));
    }
    assert_eq!(lines, [(0, b"a".to_vec()), (2, line), (5 * READ as u64 + 3, b"b".to_vec())]);
    assert_eq!(cursor, Cursor::at(file.len() as u64));
}

#[test]
fn a_torn_line_is_not_taken_for_a_long_one() {
    let mut cursor = Cursor::at(0);
    for _ in 0..100 {
        assert!(cursor.take(b"torn").unwrap().bytes.is_empty());
    }
    assert_eq!(cursor, Cursor::at(0));
}

#[test]
fn a_line_over_the_limit_is_refused_at_its_offset() {
    let file = vec![0; MAX_LINE + 1];
    let mut cursor = Cursor::at(7);
    let refused = (0..20).find_map(|_| cursor.take(&file[..cursor.want()]).err());
    assert_eq!(refused, Some(LineTooLong(7)));
    assert_eq!(cursor.want(), file.len());
}
