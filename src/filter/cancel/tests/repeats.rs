//! A tool that has the same input and the same result again and again.

use super::*;

#[test]
fn a_tool_that_repeats_itself() {
    let options = only(|o| o.on_repeat = Some(3));
    let call = |s: &mut Script, at: u64, input: &str, output: &str| {
        let tool = r#""tool":{"id":"t","name":"Bash","kind":"execute""#;
        s.emit(at, "s", "tool_started", &format!(r#"{tool},"input":{input}}}"#));
        let end = format!(r#"{tool}}},"outcome":"error","output":"{output}""#);
        s.emit(at, "s", "tool_finished", &end);
    };
    let feed = |s: &mut Script| {
        for (at, output) in
            ["1 failed in 3 s", "1 failed in 4 s", "1 failed in 17 s", "more"].iter().enumerate()
        {
            call(s, at as u64, r#"{"command":"make"}"#, output);
        }
    };
    let want = [
        "0 turn_started",
        "0 tool t",
        "0 done t",
        "1 tool t",
        "1 done t",
        "2 tool t",
        "2 done t",
        "2 cancel_requested",
        "2 turn_cancelled",
    ];
    let why = "Bash had the same input and the same result 3 times (--on-repeat)";
    case(&options, feed, &want, why);
    untouched(&options, |s| {
        for at in 0..9 {
            call(s, at, r#"{"command":"make"}"#, ["ok", "failed"][at as usize % 2]);
        }
        for at in 9..18 {
            call(s, at, &format!("{{\"offset\":{at}}}"), "same");
        }
    });
}
