//! What the kill tests of the ledger replay.

/// A recording of two runs side by side, as long as a short session.
pub fn recording() -> String {
    let mut lines = Vec::new();
    for stream in ["one", "two"] {
        let mut seq = 0;
        let mut say = |type_: &str, rest: &str| {
            seq += 1;
            lines.push((seq, format!(
                r#"{{"v":1,"type":"{type_}","stream":"{stream}","turn":1,"seq":{seq},"ts":"2026-01-01T00:00:00.{seq:03}Z",{rest}}}"#
            )));
        };
        say("turn_started", r#""runtime":"text""#);
        for block in 1..=5 {
            let thought =
                format!(r#""block":"b{}","kind":"reasoning","text":"hm {block}""#, block * 2 - 1);
            say("text_delta", &thought);
            say("block_final", &thought);
            let mut text = String::new();
            for n in 0..60 {
                let piece =
                    format!("Sentence {n} of block {block} in {stream}, of which there are many. ");
                let body = format!(r#""block":"b{}","kind":"answer","text":"{piece}""#, block * 2);
                say("text_delta", &body);
                text.push_str(&piece);
            }
            say(
                "block_final",
                &format!(r#""block":"b{}","kind":"answer","text":"{text}""#, block * 2),
            );
            for n in 0..5 {
                let tool =
                    format!(r#""tool":{{"id":"t{block}-{n}","name":"sh","kind":"execute"}}"#);
                say("tool_started", &tool);
                say("tool_finished", &format!(r#"{tool},"outcome":"ok""#));
            }
        }
        say("turn_completed", r#""stop":"end_turn""#);
    }
    lines.sort_by_key(|(seq, _)| *seq);
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line + "\n").collect();
    lines.concat()
}
