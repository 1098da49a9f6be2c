//! Tests of definitions and of direct commands.

use super::*;

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_line_is_split_once_and_no_shell_sees_it() {
    for (line, want) in [
        ("make test", &["make", "test"][..]),
        ("  a \t b\n", &["a", "b"]),
        ("sh -c 'echo \"$1\"' x", &["sh", "-c", "echo \"$1\"", "x"]),
        (r#"a "b c" '' d\ e"#, &["a", "b c", "", "d e"]),
        (r#""a\"b" 'a\b'"#, &["a\"b", "a\\b"]),
        (
            "a;b $(c) `d` | e > f * ~ #g",
            &["a;b", "$(c)", "`d`", "|", "e", ">", "f", "*", "~", "#g"],
        ),
        ("", &[]),
    ] {
        assert_eq!(words(line), Ok(strings(want)), "{line}");
    }
    for line in ["a 'b", "a \"b", "a\\", "a \0"] {
        assert!(words(line).is_err(), "{line:?}");
    }
}

#[test]
fn the_first_agent_is_the_default_and_a_form_with_session_resumes() {
    let defined = strings(&["a=cat {prompt}", "claude", "a=cat --resume={session}"]);
    let agents = agents(&defined).unwrap();
    assert_eq!(agents[0].name, "a");
    assert!(Agent::has_prompt(&agents[0].words));
    assert_eq!(agents[0].resume("7"), Some(strings(&["cat", "--resume=7"])));
    assert_eq!(agents[1].words, ["claude"]);
    assert_eq!(agents[1].resume("x"), Some(strings(&["claude", "--resume=x"])));
}

#[test]
fn a_wrong_definition_is_refused() {
    for wrong in [
        &["unknown"][..],
        &["a="],
        &["=b"],
        &["a b=c"],
        &["-a=b"],
        &["a=b", "a=c"],
        &["a=b {session}"],
        &["claude", "claude=x"],
        &["a='"],
    ] {
        assert!(agents(&strings(wrong)).is_err(), "{wrong:?}");
    }
    assert!(commands(&strings(&["test"])).is_err());
    assert!(commands(&strings(&["t=a", "t=b"])).is_err());
}

#[test]
fn further_words_stand_only_where_the_definition_has_a_place() {
    let defined = strings(&["plain=make test", "some=make {args} -k", "any=make {args:any}"]);
    let commands = commands(&defined).unwrap();
    assert_eq!(commands[0].call(&[]), Ok(strings(&["make", "test"])));
    assert!(commands[0].call(&strings(&["x"])).is_err());
    assert_eq!(commands[1].call(&strings(&["a", "b;c"])), Ok(strings(&["make", "a", "b;c", "-k"])));
    assert!(commands[1].call(&strings(&["--file=/etc/passwd"])).is_err());
    assert!(commands[1].call(&strings(&["-"])).is_err());
    assert_eq!(commands[2].call(&strings(&["--fast"])), Ok(strings(&["make", "--fast"])));
}

#[test]
fn a_direct_command_has_a_name_and_words() {
    assert_eq!(direct("EXECUTE test --fast"), Ok(("test".into(), strings(&["--fast"]))));
    assert_eq!(direct("test"), Ok(("test".into(), Vec::new())));
    assert_eq!(direct("test 'a b'"), Ok(("test".into(), strings(&["a b"]))));
    for wrong in ["", "  ", "EXECUTE", "test '"] {
        assert!(direct(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_value_of_a_client_is_no_option_and_no_place() {
    for wrong in ["", "-", "--all", "a\nb", "{context}", "x{prompt}"] {
        assert!(check_session(wrong).is_err(), "{wrong:?}");
    }
    for right in ["t-77", "a b", "{session}", "ses_1.2/3"] {
        assert_eq!(check_session(right), Ok(()), "{right:?}");
    }
    let commands = commands(&strings(&["any=make {args:any}"])).unwrap();
    for wrong in ["{prompt}", "{context}", "a={prompt}"] {
        assert!(commands[0].call(&strings(&[wrong])).is_err(), "{wrong}");
    }
    assert_eq!(commands[0].call(&strings(&["{x}"])), Ok(strings(&["make", "{x}"])));
}
