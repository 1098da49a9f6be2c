//! The guard writes field by field exactly the bytes of the bodies' own derives.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::codec::body;
use crate::event::{
    BlockFinal, ChangedFiles, Envelope, Status, TextDelta, ToolFinished, ToolStarted,
    TurnCancelled, TurnCompleted, TurnFailed, Usage,
};

/// The line as its structs write it.
fn rewritten(line: &str) -> String {
    fn of<'a, T: Deserialize<'a> + Serialize, U: Deserialize<'a> + Serialize>(
        line: &'a str,
    ) -> Vec<u8> {
        let envelope: Envelope<'_> = body(line).unwrap();
        let (first, more): (T, U) = (body(line).unwrap(), body(line).unwrap());
        let files: ChangedFiles<'_> = body(line).unwrap();
        let mut buf = Vec::new();
        Writer::default().emit(&mut buf, &envelope, |object| {
            object.fields_of(&first);
            object.fields_of(&files);
            object.fields_of(&more);
        });
        buf
    }
    #[derive(Serialize, Deserialize)]
    struct Nothing {}
    let envelope: Envelope<'_> = body(line).unwrap();
    let buf = match Type::parse(&envelope.type_) {
        Type::TurnStarted => of::<TurnStarted<'_>, Nothing>(line),
        Type::TextDelta => of::<TextDelta<'_>, Nothing>(line),
        Type::BlockFinal => of::<BlockFinal<'_>, Nothing>(line),
        Type::ToolStarted => of::<ToolStarted<'_>, Nothing>(line),
        Type::ToolFinished => of::<ToolFinished<'_>, Nothing>(line),
        Type::TurnCompleted => of::<TurnCompleted<'_>, UsageAndCost>(line),
        Type::TurnFailed => of::<TurnFailed<'_>, UsageAndCost>(line),
        Type::TurnCancelled => of::<TurnCancelled<'_>, UsageAndCost>(line),
        _ => of::<Status<'_>, Nothing>(line),
    };
    String::from_utf8(buf).unwrap()
}

proptest! {
    #[test]
    fn a_line_is_what_its_structs_write(
        (text, other) in (any::<String>(), any::<String>()),
        (maybe, perhaps) in (prop::option::of(any::<String>()), prop::option::of(any::<String>())),
        list in prop::collection::vec(any::<String>(), 0..3),
        (number, count) in (prop::option::of(any::<i64>()), prop::option::of(any::<u64>())),
        cost in prop::option::of(0.0..9.0f64), label in prop::option::of(any::<String>()),
    ) {
        let now = at(0);
        let json = serde_json::json!({"a\"b": [&maybe, &list, number], "c": &text}).to_string();
        let spent = UsageAndCost {
            usage: count.map(|count| Usage { input_tokens: Some(count), output_tokens: count.checked_sub(1), ..Usage::default() }),
            usage_total: None,
            cost_usd: cost,
            duration_ms: count,
        };
        let mut g = Guard::new(Config { stream: "s".into(), label, max_block: 64 });
        g.at(now).start_turn(&TurnStarted {
            runtime: text.as_str().into(),
            model: maybe.as_deref().map(Into::into),
            session: perhaps.as_deref().map(Into::into),
            cwd: maybe.as_deref().map(Into::into),
            prompt: perhaps.as_deref().map(Into::into),
            agent: maybe.as_deref().map(Into::into),
            tools: list.iter().map(Into::into).collect(),
        });
        g.at(now).delta(&answer("a"), &text);
        g.at(now).finish_block(&answer("a"), Some(&other));
        g.at(now).delta(&Text { parent: Some(&text), ..answer("b") }, &other);
        g.at(now).start_tool(&ToolStart {
            id: &text,
            name: &other,
            kind: "read",
            title: maybe.as_deref(),
            input: count.map(|_| json.as_str()),
            paths: &list,
            parent: perhaps.as_deref(),
        });
        g.at(now).finish_tool(&ToolEnd {
            id: &text,
            outcome: "ok",
            output: perhaps.as_ref().map(|_| json.as_str().into()),
            exit_code: number,
            duration_ms: count,
            ..ToolEnd::default()
        });
        g.at(now).start_tool(&ToolStart { id: "open", kind: "edit", paths: &list, ..ToolStart::default() });
        let notice = Notice { kind: &text, message: maybe.as_deref(), data: None, parent: perhaps.as_deref() };
        g.at(now).notice(&notice);
        g.at(now).notice(&Notice { data: serde_json::from_str(&json).ok(), ..notice.clone() });
        g.at(now).status_raw(&notice, &json);
        g.at(now).status_of(&notice, |data| {
            data.text("text", &other);
            data.texts("list", &list);
        });
        g.at(now).complete(&text, maybe.as_deref(), &spent);
        g.at(now).stderr(&other);
        let error = Failure { code: "auth".into(), message: text.as_str().into(), retry_at: perhaps.as_deref().map(Into::into) };
        g.at(now).fail(error, &spent);
        g.at(now).cancelled(&text, maybe.as_deref(), &spent);
        g.at(now).delta(&answer("c"), "c");
        g.at(now).end(&End { ended: Ended::Exited(1), verdict: TurnVerdict::ByExit });
        let written = String::from_utf8(std::mem::take(&mut g.out)).unwrap();
        let same: String = written.lines().map(rewritten).collect();
        prop_assert_eq!(written, same);
    }
}
