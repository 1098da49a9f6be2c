//! Both paths of the codec agree, what is no event is located, what is written is read back.

use proptest::prelude::*;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use super::*;
use crate::event::{Envelope, TextDelta, Type};

const DELTA: &str = r#"{"v":1,"type":"text_delta","stream":"s:1","turn":1,"seq":3,"first_seq":2,"ts":"2026-01-01T00:00:00.000Z","label":"a \"b\"","parent":"t1","synthetic":true,"block":"b1","kind":"answer","text":"h\u00e9\nllo"}"#;

/// The event of a line in any key order.
fn general(line: &str) -> Result<Event<'_>, Malformed> {
    Fields::parse(line)?.event(line)
}

/// Fields as serde_json reads them.
impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<(Cow<'de, str>, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(12);
                while let Some(Str(key)) = map.next_key()? {
                    fields.push((key, map.next_value::<&'de RawValue>()?.get()));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Visit).map(Fields)
    }
}

/// [`decode`] by the general parser alone; a duplicate key is an error too.
pub(crate) fn decode_strict(line: &[u8]) -> Result<Event<'_>, Malformed> {
    let text = utf8(line)?;
    let fields = Fields::parse(text)?;
    if let Some(key) = fields.duplicate() {
        return Err(Malformed::new(0, format!("key {key:?} stands twice")));
    }
    fields.event(text)
}

#[test]
fn reads_every_field_of_a_delta() {
    let event = decode(DELTA.as_bytes()).unwrap();
    assert_eq!(Some(&event), read::scan(DELTA).as_ref());
    assert_eq!(event, general(DELTA).unwrap());
    let delta = event.delta.unwrap();
    assert_eq!(
        (event.kind, event.stream.as_deref(), event.turn, event.seq),
        (Type::TextDelta, Some("s:1"), Some(1), Some(3))
    );
    assert_eq!(
        (delta.first_seq, delta.synthetic, delta.block.0, delta.kind.0),
        (Some(2), true, "b1", "answer")
    );
    assert_eq!(
        (delta.text.decode().as_ref(), delta.label.unwrap().decode().as_ref()),
        ("hé\nllo", "a \"b\"")
    );
}

#[test]
fn locates_what_is_no_event() {
    for (line, offset, reason) in [
        ("", 0, "empty line"),
        ("  hello", 2, "not a JSON object"),
        ("[1]", 0, "not a JSON object"),
        (r#"{"v":1,"type":"status","seq":5,}"#, 31, "trailing comma"),
        (
            r#"{"type":"assistant"}"#,
            0,
            "no \"v\": not a canonical event (is `spile wrap` missing?)",
        ),
        (
            r#"{"v":2,"type":"status"}"#,
            5,
            "\"v\" is not 1, the contract version that this spile speaks",
        ),
        (r#"{"v":1}"#, 0, "no \"type\""),
        (r#"{"v":1,"type":"status","seq":"5"}"#, 29, "\"seq\" is not an integer of at least 1"),
        (r#"{"v":1,"type":"status","turn":0}"#, 30, "\"turn\" is not an integer of at least 1"),
        (
            r#"{"v":1,"type":"status","stream":"-x"}"#,
            32,
            "\"stream\" is not 1 to 64 of [A-Za-z0-9._:-]",
        ),
        (r#"{"v":1,"type":"status","synthetic":false}"#, 35, "\"synthetic\" is not true"),
    ] {
        assert_eq!(decode(line.as_bytes()), Err(Malformed::new(offset, reason)), "{line}");
    }
    assert_eq!(decode(b"{\"v\":1,\xff"), Err(Malformed::new(7, "invalid UTF-8")));
    let twice = br#"{"v":1,"type":"status","kind":"a","kind":"b"}"#;
    assert!(decode(twice).is_ok());
    assert_eq!(decode_strict(twice), Err(Malformed::new(0, "key \"kind\" stands twice")));
}

#[test]
fn lone_surrogates_survive() {
    let line = r#"{"v":1,"type":"text_delta","stream":"s","turn":1,"seq":1,"ts":"x","block":"b1","kind":"answer","text":"\ud83d"}"#;
    let event = decode(line.as_bytes()).unwrap();
    assert_eq!(event.delta.as_ref().unwrap().text.0, r"\ud83d");
    assert_eq!(event, general(line).unwrap());
    let mended = without_lone(line);
    let body: TextDelta<'_> = body(&mended).unwrap();
    assert_eq!(body.text, "\u{fffd}");
}

#[test]
fn no_lone_surrogate_is_written_within_raw_values() {
    let mut buf = Vec::new();
    let writer = Writer { mends_raw: true, ..Writer::default() };
    writer.emit(&mut buf, &Envelope::default(), |object| {
        object.json("input", r#"{"a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d"}"#);
    });
    let line = String::from_utf8(buf).unwrap();
    let want = "{\"a\":\"\u{fffd}\",\"b\":\"\\ud83d\\ude00\",\"c\":\"\\\\ud83d\"}";
    assert!(line.contains(want), "{line}");
}

#[test]
fn writes_separators_escaped_and_raw_values_on_one_line() {
    let mut buf = Vec::new();
    let raw: Box<RawValue> =
        serde_json::from_str("{\n \"a\":\t\"\u{2028}\",\r\n \"big\": 12345678901234567890.10 }")
            .unwrap();
    let envelope = Envelope { v: 1, type_: "status".into(), ..Envelope::default() };
    Writer::default().event(&mut buf, &envelope, &json!({"kind": "x\u{2029}", "data": raw}));
    let text = String::from_utf8(buf).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    assert!(
        text.contains("x\\u2029") && text.contains("\\u2028") && !text.contains('\u{2028}'),
        "{text}"
    );
}

#[test]
fn no_reader_of_what_is_written_sees_another_line_or_a_control() {
    let text = "a\u{85}b\u{9b}2J\u{80}\u{9f}\u{a0}é\u{2028}";
    let want = "a\\u0085b\\u009b2J\\u0080\\u009f\u{a0}é\\u2028";
    let mut buf = Vec::new();
    Writer::default().emit(&mut buf, &Envelope::default(), |object| {
        object.text("text", text);
        object.json("data", &format!("[\"{text}\"]"));
    });
    let line = String::from_utf8(buf).unwrap();
    assert_eq!(line.matches(want).count(), 2, "{line}");
    assert_eq!(on_one_line(text), want);
    assert_eq!(to_json(text), format!("\"{want}\""));
    assert!(matches!(on_one_line("é\u{a0}"), Cow::Borrowed(_)));
}

#[test]
fn half_a_character_is_written_as_the_replacement_character_only_where_it_is_expected() {
    let text = format!("a{}", replace_lone_surrogates(r#""\ud83d""#).unwrap().trim_matches('"'));
    let written = |lone_surrogates| {
        let mut buf = Vec::new();
        let writer = Writer { lone_surrogates, ..Writer::default() };
        writer.event(&mut buf, &Envelope::default(), &json!({"text": text}));
        String::from_utf8(buf).unwrap()
    };
    assert!(written(true).contains("\"text\":\"a\u{fffd}\""));
    assert!(written(false).contains(&format!(r#""text":"{text}""#)));
}

/// JSON text of a string with all sorts of escapes.
fn raw_string() -> impl Strategy<Value = String> {
    let unit = prop_oneof![
        4 => "[a-z é好😀]{1,6}",
        1 => prop::sample::select(vec![r"\n", r"\t", r#"\""#, r"\\", r"\/", r"\u0041", r"\ud83d\ude00", r"\ud83d", r"\u200d"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(unit, 1..5).prop_map(|units| units.concat())
}

proptest! {
    #[test]
    fn both_paths_agree_on_every_valid_line(
        type_ in prop::sample::select(vec!["text_delta", "block_final", "status", "turn_started", "news"]),
        (turn, seq, first) in (prop::option::of(1u64..9), prop::option::of(1u64..99), prop::option::of(1u64..99)),
        (label, parent) in (prop::option::of(raw_string()), prop::option::of(raw_string())),
        synthetic in any::<bool>(), text in raw_string(), extra in any::<bool>(), shuffle in any::<u64>(), cr in any::<bool>(),
    ) {
        let mut fields = vec![r#""v":1"#.to_owned(), format!(r#""type":"{type_}""#), r#""stream":"s1""#.to_owned()];
        fields.extend(turn.map(|n| format!(r#""turn":{n}"#)));
        fields.extend(seq.map(|n| format!(r#""seq":{n}"#)));
        fields.extend(first.map(|n| format!(r#""first_seq":{n}"#)));
        fields.push(r#""ts":"2026-01-01T00:00:00.000Z""#.to_owned());
        fields.extend(label.map(|l| format!(r#""label":"{l}""#)));
        fields.extend(parent.map(|p| format!(r#""parent":"{p}""#)));
        fields.extend(synthetic.then(|| r#""synthetic":true"#.to_owned()));
        fields.extend([r#""block":"b1""#.to_owned(), r#""kind":"answer""#.to_owned(), format!(r#""text":"{text}""#)]);
        fields.extend(extra.then(|| r#""x_more":{"a":[1,2]}"#.to_owned()));
        if shuffle % 2 == 0 {
            let n = fields.len();
            fields.rotate_left(usize::try_from(shuffle % 97).unwrap() % n);
        }
        let line = format!("{{{}}}{}", fields.join(","), if cr { "\r" } else { "" });
        let slow = general(&line).unwrap();
        prop_assert_eq!(decode(line.as_bytes()).unwrap(), slow);
        prop_assert_eq!(Cursor::read(&line, Fields::scan), serde_json::from_str(&line).ok());
    }

    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode(&line);
        let _ = decode_strict(&line);
    }

    #[test]
    fn a_mutated_line_is_read_or_refused(at in 0usize..280, byte in any::<u8>(), cut in 0usize..280) {
        let mut line = DELTA.as_bytes().to_vec();
        let n = line.len();
        line[at % n] = byte;
        line.truncate(n - cut % n / 3);
        if let (Ok(fast), Ok(text)) = (decode(&line), std::str::from_utf8(&line)) {
            prop_assert_eq!(Ok(fast), general(text));
        }
        if let Ok(text) = std::str::from_utf8(&line) {
            prop_assert_eq!(Cursor::read(text, Fields::scan), serde_json::from_str(text).ok());
        }
    }

    #[test]
    fn a_scan_reads_what_serde_reads(at in 0usize..200, byte in prop::sample::select(b"{}[]\",:\\-+.eE019 tfnu\t\n\r".to_vec()), whole in any::<bool>()) {
        let mut line = br#"{"a":{"b":[1,-2.5e+3,0,[],{}],"c\u0020": "d\"\u00e9"}, "\u0065" :[true , false,null],"f":{"g":{"\ud83dh":"\ud83d"}},"j":10.0E-2}"#.to_vec();
        let n = line.len();
        if !whole {
            line[at % n] = byte;
        }
        let text = std::str::from_utf8(&line).unwrap();
        prop_assert_eq!(Cursor::read(text, Fields::scan), serde_json::from_str(text).ok(), "{}", text);
    }

    #[test]
    fn the_head_and_its_texts_are_written_as_serde_has_them(
        (type_, block, text) in (any::<String>(), any::<String>(), any::<String>()),
        (stream, ts) in (prop::option::of(any::<String>()), prop::option::of(any::<String>())),
        (label, parent) in (prop::option::of(any::<String>()), prop::option::of(any::<String>())),
        (turn, seq, first_seq) in (prop::option::of(any::<u64>()), prop::option::of(any::<u64>()), prop::option::of(any::<u64>())),
        (lone_surrogates, synthetic) in (any::<bool>(), any::<bool>()),
        control in "[\\x00-\\x1f\"\\\\a\u{80}\u{85}\u{9f}\u{a0}\u{2028}\u{2029}\u{10fa3d}]{0,40}",
    ) {
        let cow = |text: Option<String>| text.map(Cow::Owned);
        let envelope = Envelope { v: 1, type_: type_.into(), stream: cow(stream), turn, seq, first_seq, ts: cow(ts),
            label: cow(label), parent: cow(parent), synthetic };
        let text = text + &control;
        let body = TextDelta { block: block.into(), kind: "answer".into(), text: text.as_str().into() };
        let writer = Writer { lone_surrogates, ..Writer::default() };
        let (mut ours, mut general, mut serde) = (Vec::new(), Vec::new(), Vec::new());
        writer.emit(&mut ours, &envelope, |object| {
            object.text("block", &body.block);
            object.text("kind", &body.kind);
            object.text("text", &body.text);
        });
        writer.event(&mut general, &envelope, &body);
        writer.write(&mut serde, &envelope);
        serde.pop();
        let fields = serde.len();
        writer.write(&mut serde, &body);
        serde[fields] = b',';
        serde.push(b'\n');
        prop_assert_eq!(&ours, &serde);
        prop_assert_eq!(&general, &serde);
    }

    #[test]
    fn what_is_written_is_read_back(text in any::<String>()) {
        let mut buf = Vec::new();
        let envelope = Envelope { v: 1, type_: "text_delta".into(), stream: Some("s".into()), turn: Some(1), seq: Some(1),
            ts: Some("2026-01-01T00:00:00.000Z".into()), ..Envelope::default() };
        Writer::default().event(&mut buf, &envelope, &TextDelta { block: "b1".into(), kind: "answer".into(), text: text.as_str().into() });
        buf.pop();
        let event = decode(&buf).unwrap();
        if !text.is_empty() {
            let delta = event.delta.unwrap();
            let decoded = delta.text.decode();
            prop_assert_eq!(decoded.as_ref(), text.as_str());
        }
        let body: TextDelta<'_> = body(event.line).unwrap();
        prop_assert_eq!(body.text.as_ref(), text.as_str());
    }
}
