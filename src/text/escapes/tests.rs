//! What is left of what a terminal was told, and that neither cuts nor garbage change it.

use proptest::prelude::*;

use super::*;

fn text(bytes: &[u8]) -> String {
    let mut escapes = Escapes::default();
    let mut text = escapes.feed(bytes);
    text.push_str(&escapes.end());
    text
}

/// The same by the parser alone, one character after the other.
fn by_chars(text: &str) -> String {
    let mut line = Line { in_sequence: true, ..Line::default() };
    Parser::new().advance(&mut line, text.as_bytes());
    line.release();
    line.out
}

#[test]
fn lines_end_in_a_line_feed() {
    assert_eq!(text(b"one\r\ntwo\nthree"), "one\ntwo\nthree");
    assert_eq!(text(b"a\r\r\n\r\n\nb"), "a\n\n\nb");
    assert_eq!(text(b"a\x0bb\x0cc\x1bEd\xc2\x85e"), "a\nb\nc\nd\ne");
}

#[test]
fn escapes_go() {
    assert_eq!(text(b"\x1b[1;31mred\x1b[0m \x1b[?25lx\x1b(By"), "red xy");
    assert_eq!(text(b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link"), "alink");
    assert_eq!(text(b"\x1bPq#0;2;0\x1b\\a\x1b_apc\x1b\\b\x1b^pm\x1b\\c"), "abc");
    assert_eq!(text(b"a\x00\x07\x7f\x0e\xc2\x9bb"), "ab");
}

#[test]
fn a_tab_stays() {
    assert_eq!(text(b"a\tb\n"), "a\tb\n");
}

#[test]
fn of_progress_the_last_state_is_left() {
    assert_eq!(text(b"10%\r20%\r100%\n"), "100%\n");
    assert_eq!(text(b"100%\r\x1b[K5%\r\n"), "5%\n");
    assert_eq!(text(b"loading\r\x1b[Kdone\n"), "done\n");
    assert_eq!(text(b"loading\r\x1b[K\n"), "\n");
    assert_eq!(text(b"loading\x1b[2K\x1b[1Gdone\n"), "done\n");
    assert_eq!(text(b"loading, long\x1b[Gdone\n"), "done\n");
    assert_eq!(text(b"10%\r20%\r"), "20%");
}

#[test]
fn a_line_is_edited() {
    assert_eq!(text(b"|\x08/\x08-\x08 \x08done\n"), "done\n");
    assert_eq!(text(b"_\x08N_\x08O\n"), "NO\n");
    assert_eq!(text(b"abc\x08\x08\n"), "abc\n");
    assert_eq!(text(b"abc\x08\x08\x1b[Kx\n"), "ax\n");
    assert_eq!(text(b"abc\x1b[2D\x1b[1@x\n"), "axbc\n");
    assert_eq!(text(b"abc\x1b[3D\x1b[2Px\n"), "x\n");
    assert_eq!(text(b"abc\x1b[3D\x1b[2X\n"), "  c\n");
    assert_eq!(text(b"a\x1b[2Cb\x1b[6Gc\n"), "a  b c\n");
    assert_eq!(text(b"a\x1b[999Cb\x1b[9999Gc\n"), "abc\n");
    assert_eq!(text(b"\x08\x08a\n"), "a\n");
}

#[test]
fn a_wide_character_has_two_columns() {
    assert_eq!(text("ab日\x08\x08  \x08\x08c\r\n".as_bytes()), "abc \n");
    assert_eq!(text("日本\x1b[2Gx\n".as_bytes()), " x本\n");
    assert_eq!(text("日本\ra\n".as_bytes()), "a\n");
    assert_eq!(text("日本\x1b[4Da\n".as_bytes()), "a 本\n");
    assert_eq!(text("ab本\x1b[3D日\n".as_bytes()), "a日 \n");
}

#[test]
fn a_place_is_saved_and_a_character_repeated() {
    assert_eq!(text(b"Load \x1b7 10%\x1b8\x1b7 20%\x1b8\x1b7 30%\x1b8\r\n"), "Load  30%\n");
    assert_eq!(text(b"Load \x1b[s1%\x1b[u2%\n"), "Load 2%\n");
    assert_eq!(text(b"[=\x1b[4b]\n"), "[=====]\n");
    assert_eq!(text(b"\x1b[9bx\x1b8\n"), "x\n");
}

#[test]
fn another_line_is_another_line() {
    assert_eq!(text(b"one\x1b[5;1Htwo\x1b[Athree\x1b[2Jfour"), "one\ntwo\nthree\nfour");
    assert_eq!(text(b"\x1b[2J\x1b[Hone\n\x1b[A\x1b[Btwo\n"), "one\ntwo\n");
}

#[test]
fn a_long_line_is_not_held() {
    let mut escapes = Escapes::default();
    let mut seen = 0;
    for _ in 0..100 {
        seen += escapes.feed(&[b'x'; 1000]).len();
    }
    assert!(seen > 90_000, "{seen}");
    assert_eq!(seen + escapes.end().len(), 100_000);
}

#[test]
fn an_endless_escape_takes_no_memory() {
    let mut escapes = Escapes::default();
    let _ = escapes.feed(b"\x1b]0;");
    for _ in 0..1000 {
        assert_eq!(escapes.feed(&[b'x'; 10_000]), "");
    }
    assert_eq!(escapes.feed(b"\x07after\n"), "after\n");
}

#[test]
fn a_character_that_is_cut_off_is_replaced() {
    assert_eq!(text("a\u{20ac}".as_bytes()), "a\u{20ac}");
    assert_eq!(text(b"a\xe2\x82"), "a\u{fffd}");
    assert_eq!(text(b"a\xe2\x82\x1b[mb"), "a\u{fffd}b");
}

/// What terminals are told, and what they are not.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"\r",
        b"\n",
        b"\r\n",
        b"\x08",
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x07",
        b"\x1b\\",
        b"\x1b[K",
        b"\x1b[2K",
        b"\x1b[3C",
        b"\x1b[2D",
        b"\x1b[9G",
        b"\x1b[2@",
        b"\x1b[P",
        b"\x1b[3X",
        b"\x1b[300C",
        b"\x1b7",
        b"\x1b8",
        b"\x1b[s",
        b"\x1b[u",
        b"\x1b[3b",
        b"\xe6\x97\xa5",
        b"\x1b[5;5H",
        b"\x1b[2J",
        b"\x1b[1;31m",
        b"\x1b[?1049h",
        b"\x9b",
        b"\xc2\x9b",
        b"\xc2\x85",
        b"\x18",
        b"\x1a",
        b"\x7f",
        b"\t",
        b"\xe2\x82\xac",
        b"\xf0\x9f\x91\xa9",
        b"\xe2\x82",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        2 => "[a-z0-9;? ]{1,6}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(bytes in pieces(), cuts in prop::collection::vec(1_usize..7, 1..20)) {
        let mut escapes = Escapes::default();
        let (mut sliced, mut rest) = (String::new(), bytes.as_slice());
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            sliced.push_str(&escapes.feed(now));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        sliced.push_str(&escapes.end());
        prop_assert_eq!(sliced, text(&bytes));
    }

    #[test]
    fn runs_are_their_characters(bytes in pieces(), long in prop::sample::select(vec!["", "x", "日", "é", "\t", "x日"]),
        times in 1300_usize..4200, more in pieces()) {
        let long = long.repeat(times);
        let said = [&*String::from_utf8_lossy(&bytes), &long, &String::from_utf8_lossy(&more)].concat();
        prop_assert_eq!(text(said.as_bytes()), by_chars(&said));
        prop_assert_eq!(plain(&said), by_chars(&said));
    }

    #[test]
    fn no_control_is_left(bytes in pieces()) {
        let text = text(&bytes);
        let control = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        prop_assert_eq!(control, None, "{:?}", text);
    }

    #[test]
    fn plain_text_is_left_alone(lines in prop::collection::vec("[^\\p{C}]{0,30}", 0..5)) {
        let plain = lines.join("\n");
        prop_assert_eq!(text(plain.as_bytes()), plain);
    }
}
