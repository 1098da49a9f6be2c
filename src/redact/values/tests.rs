//! Properties of the forms: whatever encodes a value, one of its forms stands in the result.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

/// A value of 8 bytes to about 4 KiB, with whatever an encoder treats in its own way.
fn value() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        6 => proptest::char::range('!', '~'),
        1 => prop::sample::select(vec!['"', '\\', '/', '<', '&', '=', '+', '%', ' ', '\'', '~', '*']),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => prop::sample::select(vec!['ä', 'ß', 'é', '密', '\u{2028}', '😀', '\u{7f}', '\u{85}']),
        1 => any::<char>(),
    ];
    let length = prop_oneof![9 => 8..40_usize, 1 => 40..1000_usize];
    length.prop_flat_map(move |n| prop::collection::vec(c.clone(), n)).prop_map(String::from_iter)
}

/// True if one of the forms stands in a text.
fn holds(forms: &[Vec<u8>], text: &str) -> bool {
    forms.iter().any(|form| memchr::memmem::find(text.as_bytes(), form).is_some())
}

/// JSON with all characters beyond ASCII escaped, as Python's json.dumps writes it.
fn python(text: &str) -> String {
    let mut json = String::new();
    for c in serde_json::to_string(text).unwrap().chars() {
        match c {
            ' '..='~' => json.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|u| json += &format!("\\u{u:04x}")),
        }
    }
    json
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_value_in_json_in_json_is_found(value in value(), before in ".{0,8}", behind in ".{0,8}") {
        let forms = forms(&value).unwrap();
        let mut text = format!("{before}{value}{behind}");
        prop_assert!(holds(&forms, &text));
        for level in 1..=3 {
            let plain = serde_json::to_string(&text).unwrap();
            let ascii = python(&text);
            let slash = plain.replace('/', "\\/");
            prop_assert!(holds(&forms, &plain), "level {level}: {plain}");
            prop_assert!(holds(&forms, &ascii), "level {level}: {ascii}");
            prop_assert!(holds(&forms, &slash), "level {level}: {slash}");
            text = [plain, ascii, slash][level % 3].clone();
        }
    }

    #[test]
    fn a_value_in_base64_is_found_at_each_alignment(value in value()) {
        let forms = forms(&value).unwrap();
        for before in 0..6 {
            for behind in 0..6 {
                let text = ["x".repeat(before).as_str(), &value, &"y".repeat(behind)].concat();
                prop_assert!(holds(&forms, &STANDARD.encode(&text)), "{before} {behind}");
                prop_assert!(holds(&forms, &URL_SAFE_NO_PAD.encode(&text)), "{before} {behind}");
            }
        }
    }

    #[test]
    fn a_value_in_hexadecimal_digits_is_found(value in value()) {
        let forms = forms(&value).unwrap();
        let lower: String = value.bytes().map(|b| format!("{b:02x}")).collect();
        for digits in [lower.clone(), lower.to_uppercase()] {
            let text = ["0x", digits.as_str(), "00"].concat();
            prop_assert!(holds(&forms, &text), "{text}");
        }
    }

    #[test]
    fn forms_are_few_long_enough_and_different(value in value()) {
        let forms = forms(&value).unwrap();
        prop_assert!(forms.len() <= MOST_FORMS, "{}", forms.len());
        prop_assert!(forms.iter().all(|form| form.len() >= SHORTEST));
        prop_assert_eq!(forms.iter().collect::<HashSet<_>>().len(), forms.len());
        prop_assert_eq!(&forms[0], value.as_bytes());
    }
}

#[cfg(feature = "http")]
proptest! {
    #[test]
    fn a_value_that_is_percent_encoded_is_found(value in value()) {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
        const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!')
            .remove(b'~').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
        const QUOTE: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
        const FORM: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');
        let forms = forms(&value).unwrap();
        let component = utf8_percent_encode(&value, COMPONENT).to_string();
        prop_assert!(holds(&forms, &component), "{component}");
        prop_assert!(holds(&forms, &utf8_percent_encode(&value, QUOTE).to_string()));
        let form = utf8_percent_encode(&value, FORM).to_string().replace(' ', "+");
        prop_assert!(holds(&forms, &form), "{form}");
    }
}

#[test]
fn what_common_encoders_write_is_among_the_forms() {
    let value = "a\"b\\c/d<é>+'😀\u{1f}\n";
    let forms = forms(value).unwrap();
    for written in [
        // serde_json, JavaScript
        r#"a\"b\\c/d<é>+'😀\u001f\n"#,
        // Python
        r#"a\"b\\c/d<\u00e9>+'\ud83d\ude00\u001f\n"#,
        // PHP
        r#"a\"b\\c\/d<\u00e9>+'\ud83d\ude00\u001f\n"#,
        // Jackson
        r#"a\"b\\c/d<\u00E9>+'\uD83D\uDE00\u001F\n"#,
        // Go
        r#"a\"b\\c/d\u003cé\u003e+'😀\u001f\n"#,
        // Gson
        r#"a\"b\\c/d\u003cé\u003e+\u0027😀\u001f\n"#,
        // System.Text.Json
        r"a\u0022b\\c/d\u003C\u00E9\u003E\u002B\u0027\uD83D\uDE00\u001F\n",
        // Python, in serde_json, in serde_json
        r#"a\\\\\\\"b\\\\\\\\c/d<\\\\u00e9>+'\\\\ud83d\\\\ude00\\\\u001f\\\\n"#,
        // encodeURIComponent
        "a%22b%5Cc%2Fd%3C%C3%A9%3E%2B'%F0%9F%98%80%1F%0A",
        // Python's quote
        "a%22b%5Cc/d%3C%C3%A9%3E%2B%27%F0%9F%98%80%1F%0A",
        // HttpUtility.UrlEncode
        "a%22b%5cc%2fd%3c%c3%a9%3e%2b%27%f0%9f%98%80%1f%0a",
    ] {
        assert!(holds(&forms, written), "{written}");
    }
    assert!(holds(&super::forms("two words").unwrap(), "two+words"));
    assert!(holds(&super::forms("two words").unwrap(), "two%20words"));
}

#[test]
fn the_value_with_the_most_forms_stays_within_the_bound() {
    let value = "\"\\/<>&='+` é\u{2028}😀\u{1f}\u{7f}ä~*!()#?:@$,%;";
    let count = forms(value).unwrap().len();
    assert!((100..=MOST_FORMS).contains(&count), "{count}");
    // Itself, base64 at three alignments, hexadecimal digits.
    assert_eq!(forms("abcdefgh").unwrap().len(), 1 + 3 + 1);
}

#[test]
fn a_value_that_is_too_short_or_too_long_is_refused() {
    assert_eq!(forms("1234567"), Err(Refusal::TooShort));
    assert!(forms("12345678").is_ok());
    assert!(forms(&"x".repeat(LONGEST)).is_ok());
    assert_eq!(forms(&"x".repeat(LONGEST + 1)), Err(Refusal::TooLong));
}

#[test]
fn a_file_gives_its_whole_and_its_lines() {
    assert_eq!(of_file("correct horse\n").unwrap(), ["correct horse"]);
    assert_eq!(
        of_file("\u{feff}first-secret\r\nshort\r\nsecond-secret\r\n\r\n").unwrap(),
        ["first-secret\r\nshort\r\nsecond-secret", "first-secret", "second-secret",]
    );
    let pem = format!("-----BEGIN X-----\n{0}\n-----END X-----\n", "MIIE".repeat(16));
    assert_eq!(of_file(&pem).unwrap(), [pem.trim_end(), &"MIIE".repeat(16)]);
    assert_eq!(of_file("short\nline\n").unwrap(), ["short\nline"]);
    assert_eq!(of_file("short\n"), Err(Refusal::TooShort));
    assert_eq!(of_file(""), Err(Refusal::TooShort));
    assert_eq!(of_file(&"x".repeat(LONGEST + 1)), Err(Refusal::TooLong));
    let many = "0123456789\n".repeat(LONGEST);
    assert_eq!(of_file(&many).unwrap(), ["0123456789"]);
}

#[test]
fn a_file_of_assignments_gives_the_values_of_secret_names() {
    let text = "NODE_ENV=production\nexport DB_PASSWORD='correct horse'\nAPI_TOKEN=\"abcdefghij\"\nQUJDREVGRw==\n";
    let values = of_file(text).unwrap();
    for value in ["correct horse", "abcdefghij", "QUJDREVGRw==", "NODE_ENV=production"] {
        assert!(values.iter().any(|v| v == value), "{value}");
    }
    assert!(!values.iter().any(|v| v == "production"));
}

#[test]
fn only_variables_that_look_secret_are_values() {
    let variables = [
        ("OPENAI_API_KEY", "abcdefgh-1"),
        ("DB_PASSWORD", "correct horse\n"),
        ("GH_TOKEN", "abcdefgh-2"),
        ("GITHUB_TOKEN", "abcdefgh-2"),
        ("AWS_SECRET_ACCESS_KEY", "/abcdefgh/3"),
        // no secret by their names
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/user"),
        ("LANG", "de_DE.UTF-8"),
        ("TOKEN_FILE", "/run/secrets/token"),
        // no secret by their values
        ("PIN_TOKEN", "short"),
        ("MAX_TOKENS", "1000000000"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/home/user/key.json"),
        ("SSH_KEY", "~/.ssh/id_ed25519"),
        ("WINDOWS_KEY", r"C:\Users\a\key.pem"),
        ("COOKIE_AUTH", "Disabled"),
        ("OTHER_TOKEN", "$OPENAI_API_KEY"),
    ];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let found = of_environment(owned);
    let found: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        found,
        [
            ("env:OPENAI_API_KEY", "abcdefgh-1"),
            ("env:DB_PASSWORD", "correct horse"),
            ("env:GH_TOKEN", "abcdefgh-2"),
            ("env:AWS_SECRET_ACCESS_KEY", "/abcdefgh/3"),
        ]
    );
}
