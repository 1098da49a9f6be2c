//! A tool call as a transcript keeps it: name and title, input as a difference, a list or text, and output as text.

use std::borrow::Cow;

use super::status;
use super::tool::{self, first_lines, outcome};
use super::words::{count, duration, one_line};
use crate::codec::{self, Fields};
use crate::term::style::Look;
use crate::text::{ceil, escapes, floor};
use crate::time::Time;
use crate::timing::{Step, Timing};

/// Bytes of a call's input that are kept until it ends.
pub(crate) const MAX_INPUT: usize = 64 << 10;

/// Bytes of a call's output that are looked at; past that its beginning and its end.
const MAX_OUTPUT: usize = 1 << 20;

/// Depth to which JSON becomes text.
const MAX_DEPTH: usize = 4;

/// Bytes of a line of a text's beginning or end, where the lines are limited.
const MAX_LINE: usize = 400;

/// Unchanged lines that are shown around a change.
const CONTEXT: usize = 3;

/// Keys of the text before and after an edit.
const EDITS: [(&str, &str); 4] = [
    ("old_string", "new_string"),
    ("old_str", "new_str"),
    ("oldText", "newText"),
    ("old_text", "new_text"),
];

/// An open call.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) id: String,
    /// Id of the call whose sub-agent makes this one.
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) input: Input,
    pub(crate) began: Option<Time>,
    /// True if its sub-agent has been written.
    pub(crate) nests: bool,
    /// Timing of its sub-agent.
    pub(crate) inner: Option<Timing>,
}

/// Input of a call, at most [`MAX_INPUT`] of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Input {
    /// Nothing that the title does not say.
    #[default]
    None,
    /// Lines that begin with `+`, `-` or a space.
    Change(String),
    /// Entries that begin with a box, such as `[x] `.
    List(Vec<String>),
    Text(String),
}

/// End of a call.
#[derive(Debug, Default)]
pub(crate) struct Finish<'a> {
    pub(crate) look: Look,
    pub(crate) mark: &'static str,
    /// Words behind the title: exit status and the like, then the duration.
    pub(crate) words: String,
    /// First lines of a failed call's output.
    pub(crate) failure: String,
    pub(crate) output: Option<Cow<'a, str>>,
}

impl Call {
    pub(crate) fn new(body: &Fields<'_>, tool: &Fields<'_>, began: Option<Time>) -> Self {
        let title = tool::title(tool);
        Self {
            id: tool.text("id").unwrap_or_default().into_owned(),
            parent: body.text("parent").map(Cow::into_owned),
            name: tool::name(tool),
            input: Input::of_tool(tool, &title),
            title: one_line(&title, None),
            began,
            nests: false,
            inner: None,
        }
    }

    /// Takes an event of its sub-agent.
    pub(crate) fn on_step(&mut self, now: Option<Time>, step: Step<'_>) {
        let (Some(began), Some(now)) = (self.began, now) else { return };
        let inner = self.inner.get_or_insert_with(|| Timing::new(began.as_millis()));
        inner.on_step(now.as_millis(), step);
    }

    /// Time of its sub-agent by classes, the longest first; empty if there is none or no time.
    pub(crate) fn inner_time(&mut self, now: Option<Time>) -> String {
        let Some((inner, now)) = self.inner.take().zip(now) else { return String::new() };
        let classes = inner.end(now.as_millis()).longest();
        let classes = classes.iter().map(|(name, ms)| format!("{name} {}", duration(*ms)));
        classes.collect::<Vec<_>>().join(", ")
    }

    /// Bytes that it holds.
    pub(crate) fn size(&self) -> usize {
        let input = match &self.input {
            Input::None => 0,
            Input::Change(text) | Input::Text(text) => text.len(),
            Input::List(entries) => entries.iter().map(String::len).sum(),
        };
        let ids = self.id.len() + self.parent.as_ref().map_or(0, String::len);
        let inner = self.inner.as_ref().map_or(0, Timing::size);
        size_of::<Self>() + input + self.name.len() + self.title.len() + ids + inner
    }
}

impl<'a> Finish<'a> {
    pub(crate) fn of(body: &Fields<'a>, took: String) -> Self {
        let (look, mark, words) = outcome(body);
        let output = body.raw("output");
        let failed = look == Look::Bad || body.text("outcome").as_deref() == Some("denied");
        let failure =
            if failed { first_lines(output, body.integer("exit_code")) } else { Vec::new() };
        let output =
            output.map(|raw| readable(raw, MAX_DEPTH)).filter(|text| !text.trim().is_empty());
        let words = [words.trim(), &took].into_iter().filter(|word| !word.is_empty());
        let words = words.collect::<Vec<_>>().join(", ");
        Self { look, mark, words, failure: failure.join("\n"), output: output.map(cleaned) }
    }

    /// End of a call that nothing has ended.
    pub(crate) fn missing() -> Self {
        let words = "not finished".to_owned();
        Self { look: Look::Warn, mark: "-", words, ..Self::default() }
    }
}

/// A text as a terminal would leave it; of a long one the beginning and the end.
fn cleaned(text: Cow<'_, str>) -> Cow<'_, str> {
    let text = match Cut::bytes(&text, MAX_OUTPUT) {
        Cut { left_out: None, .. } => text,
        cut => Cow::Owned(cut.joined()),
    };
    match text {
        Cow::Borrowed(text) => escapes::plain(text),
        Cow::Owned(text) => Cow::Owned(escapes::plain(&text).into_owned()),
    }
}

impl Input {
    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Change(text) | Self::Text(text) => text.lines().collect(),
            Self::List(entries) => entries.iter().map(String::as_str).collect(),
        }
    }

    /// Look of one of its lines.
    pub(crate) fn look(&self, line: &str) -> Look {
        match (self, line.as_bytes().first()) {
            (Self::Change(_), Some(b'+')) => Look::Good,
            (Self::Change(_), Some(b'-')) => Look::Bad,
            _ => Look::Dim,
        }
    }

    /// Input of a tool with this title.
    pub(crate) fn of_tool(tool: &Fields<'_>, title: &str) -> Self {
        tool.raw("input").map_or(Self::None, |raw| Self::of(raw, tool, title))
    }

    fn of(raw: &str, tool: &Fields<'_>, title: &str) -> Self {
        let inner = codec::text(raw)
            .filter(|text| text.trim_start().starts_with('{') && codec::is_json(text));
        let raw = inner.as_deref().unwrap_or(raw);
        let fields = Fields::parse(raw.trim()).unwrap_or(Fields(Vec::new()));
        if let Some(entries) =
            ["todos", "plan"].iter().map(|key| fields.list(key)).find(|list| is_plan(list))
        {
            return Self::List(entries.into_iter().take(200).map(status::plan_entry).collect());
        }
        if let Some(change) = change(raw, &fields, tool).filter(|text| !text.is_empty()) {
            return Self::Change(limited(change));
        }
        let known =
            fields.0.iter().filter(|(_, value)| !matches!(*value, "null" | "\"\"" | "[]" | "{}"));
        let mut values = known.map(|(_, value)| codec::text(value).unwrap_or((*value).into()));
        match (values.next(), values.next()) {
            (None, _) if !fields.0.is_empty() || raw.trim() == "{}" => Self::None,
            (Some(only), None) if only.trim() == title || tool::command(only.trim()) == title => {
                Self::None
            }
            _ => match readable(raw, MAX_DEPTH) {
                text if text.trim().is_empty() || text.trim() == title => Self::None,
                text => Self::Text(limited(text.into_owned())),
            },
        }
    }
}

/// The text, or its beginning and its end with a note between them.
fn limited(text: String) -> String {
    match Cut::bytes(&text, MAX_INPUT) {
        Cut { left_out: None, .. } => text,
        cut => cut.joined(),
    }
}

/// True for a list of objects with a status each.
fn is_plan(list: &[&str]) -> bool {
    let has_status =
        |raw: &&str| Fields::parse(raw).is_ok_and(|entry| entry.raw("status").is_some());
    !list.is_empty() && list.iter().all(has_status)
}

/// The change that the input of an edit makes, as lines that begin with `+`, `-` or a space.
fn change(raw: &str, fields: &Fields<'_>, tool: &Fields<'_>) -> Option<String> {
    if let Some(change) = replaced(fields) {
        return Some(change);
    }
    for key in ["edits", "changes", "content"] {
        let list: Vec<_> =
            fields.list(key).into_iter().filter_map(|item| Fields::parse(item).ok()).collect();
        let each = |edit: &Fields<'_>| {
            let change = replaced(edit).or_else(|| edit.text("diff").map(Cow::into_owned))?;
            let path =
                edit.text("path").map_or_else(|| "@@".to_owned(), |path| format!("@@ {path}"));
            Some(format!("{path}\n{change}"))
        };
        let changes: Vec<_> = list.iter().filter_map(each).collect();
        if !changes.is_empty() && changes.len() == list.len() {
            return Some(changes.join("\n"));
        }
    }
    let is_patch = |text: &str| {
        ["*** Begin Patch", "diff --git ", "--- ", "@@ "].iter().any(|s| text.starts_with(s))
    };
    let patch = ["patch", "diff", "unified_diff", "input"].iter().find_map(|key| fields.text(key));
    if let Some(patch) = patch.or_else(|| codec::text(raw)).filter(|text| is_patch(text)) {
        return Some(patch.into_owned());
    }
    let is_edit = tool.text("kind").as_deref() == Some("edit");
    let text =
        ["content", "file_text"].iter().find_map(|key| fields.text(key)).filter(|_| is_edit)?;
    Some(marked("+", text.lines()))
}

/// The lines that an edit takes away and puts in, with a few of those that stay around them.
fn replaced(edit: &Fields<'_>) -> Option<String> {
    let (old, new) = EDITS.iter().find_map(|(old, new)| {
        Some((
            edit.text(old).or_else(|| edit.raw(old).is_none().then(Cow::default))?,
            edit.text(new)?,
        ))
    })?;
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (old.len() - same).min(new.len() - same);
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (end, new_end) = (old.len() - tail, new.len() - tail);
    let parts = [
        marked(" ", old[same.saturating_sub(CONTEXT)..same].iter().copied()),
        marked("-", old[same..end].iter().copied()),
        marked("+", new[same..new_end].iter().copied()),
        marked(" ", old[end..(end + CONTEXT).min(old.len())].iter().copied()),
    ];
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
}

fn marked<'a>(mark: &str, lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("{mark}{line}")).collect::<Vec<_>>().join("\n")
}

/// JSON as text: a string without its quotes, a line for each field, the text of content items.
fn readable(raw: &str, depth: usize) -> Cow<'_, str> {
    if let Some(text) = codec::text(raw) {
        return text;
    }
    let Some(depth) = depth.checked_sub(1) else { return raw.into() };
    if let Ok(fields) = Fields::parse(raw) {
        let content =
            fields.text("type").filter(|kind| matches!(kind.as_ref(), "text" | "content"));
        if let Some(text) =
            content.and_then(|_| fields.raw("text").or_else(|| fields.raw("content")))
        {
            return readable(text, depth);
        }
        let known = fields.0.iter().filter(|(_, value)| *value != "null");
        let lines = known.map(|(key, value)| match readable(value, depth) {
            text if text.contains('\n') => format!("{key}:\n{text}"),
            text => format!("{key}: {text}"),
        });
        return lines.collect::<Vec<_>>().join("\n").into();
    }
    match codec::list(raw) {
        items if items.is_empty() => raw.into(),
        items => items
            .into_iter()
            .map(|item| readable(item, depth))
            .collect::<Vec<_>>()
            .join("\n")
            .into(),
    }
}

/// A text's beginning and end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut<'a> {
    pub(crate) head: Cow<'a, str>,
    /// Words for what stands between them.
    pub(crate) left_out: Option<String>,
    pub(crate) tail: Cow<'a, str>,
}

impl<'a> Cut<'a> {
    fn whole(text: &'a str) -> Self {
        Self { head: text.into(), left_out: None, tail: "".into() }
    }

    /// At most `limit` bytes, half of them of the end.
    pub(crate) fn bytes(text: &'a str, limit: usize) -> Self {
        if text.len() <= limit {
            return Self::whole(text);
        }
        let (end, start) = (floor(text, limit / 2), ceil(text, text.len() - limit / 2));
        let left_out = Some(format!("… {} bytes left out …", count((start - end) as u64)));
        Self { head: text[..end].into(), left_out, tail: text[start..].into() }
    }

    /// At most `limit` lines from the beginning and as many from the end, none of them over [`MAX_LINE`].
    pub(crate) fn lines(text: &'a str, limit: usize) -> Self {
        let text = text.trim_end();
        let shorter = |line: &str| match line.len().checked_sub(MAX_LINE) {
            None | Some(0..100) => line.to_owned(),
            Some(more) => format!("{} … {more} bytes left out", &line[..floor(line, MAX_LINE)]),
        };
        let joined =
            |lines: &[&str]| lines.iter().map(|line| shorter(line)).collect::<Vec<_>>().join("\n");
        let lines: Vec<&str> = text.lines().collect();
        // A note of one line left out would be as long as the line.
        let Some(more) = lines.len().checked_sub(2 * limit).filter(|more| *more > 1) else {
            return Self { head: joined(&lines).into(), left_out: None, tail: "".into() };
        };
        let left_out = Some(format!("… {more} lines left out …"));
        Self {
            head: joined(&lines[..limit]).into(),
            left_out,
            tail: joined(&lines[limit + more..]).into(),
        }
    }

    /// All of it as one text.
    pub(crate) fn joined(&self) -> String {
        match &self.left_out {
            None => self.head.to_string(),
            Some(note) => format!("{}\n{note}\n{}", self.head, self.tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(tool: &str) -> Input {
        let line = format!(r#"{{"tool":{tool}}}"#);
        let body = Fields::parse(&line).expect("an object");
        Call::new(&body, &body.object("tool").expect("a tool"), None).input
    }

    fn change(text: &str) -> Input {
        Input::Change(text.to_owned())
    }

    #[test]
    fn an_edit_is_lines_that_go_and_come() {
        let edit = r#"{"kind":"edit","input":{"file_path":"a","old_string":"a\nb\nc\nd\ne\nf","new_string":"a\nb\nc\nd\nE\nE\nf"}}"#;
        assert_eq!(input(edit), change(" b\n c\n d\n-e\n+E\n+E\n f"));
        let edits = r#"{"kind":"edit","input":{"edits":[{"oldText":"x","newText":"y"},{"oldText":null,"newText":"z"}]}}"#;
        assert_eq!(input(edits), change("@@\n-x\n+y\n@@\n+z"));
        let write = r#"{"kind":"edit","input":{"file_path":"a","content":"x\ny\n"}}"#;
        assert_eq!(input(write), change("+x\n+y"));
        let patch =
            r#"{"kind":"edit","input":{"changes":[{"path":"b","diff":"@@ -1 +1 @@\n-a\n+b"}]}}"#;
        assert_eq!(input(patch), change("@@ b\n@@ -1 +1 @@\n-a\n+b"));
        assert_eq!(
            input(r#"{"kind":"edit","input":"*** Begin Patch\n+x"}"#),
            change("*** Begin Patch\n+x")
        );
    }

    #[test]
    fn what_the_title_says_is_not_repeated() {
        assert_eq!(input(r#"{"title":"make","input":{"command":"cd /x && make"}}"#), Input::None);
        assert_eq!(input(r#"{"input":{}}"#), Input::None);
        assert_eq!(
            input(r#"{"title":"make","input":{"command":"make","timeout":5}}"#),
            Input::Text("command: make\ntimeout: 5".into())
        );
        assert_eq!(
            input(
                r#"{"input":{"todos":[{"content":"a","status":"completed"},{"content":"b","status":"pending"}]}}"#
            ),
            Input::List(vec!["[x] a".into(), "[ ] b".into()])
        );
    }

    #[test]
    fn output_is_text() {
        let of = |raw| readable(raw, MAX_DEPTH).into_owned();
        assert_eq!(
            of(
                r#"[{"type":"text","text":"a"},{"type":"content","content":{"type":"text","text":"b"}}]"#
            ),
            "a\nb"
        );
        assert_eq!(of(r#"{"stdout":"a\nb","code":0,"x":null}"#), "stdout:\na\nb\ncode: 0");
        assert_eq!(of("[]"), "[]");
    }

    #[test]
    fn a_cut_says_how_much_is_left_out() {
        let cut = Cut::bytes("aaéébb", 5);
        assert_eq!((cut.head.as_ref(), cut.tail.as_ref()), ("aa", "bb"));
        assert_eq!(cut.left_out.as_deref(), Some("… 4 bytes left out …"));
        assert_eq!(Cut::lines("1\n2\n3\n4\n5\n", 1).joined(), "1\n… 3 lines left out …\n5");
        assert_eq!(Cut::lines("1\n2\n3\n", 1).joined(), "1\n2\n3");
        let long = "x".repeat(1000);
        assert_eq!(Cut::lines(&long, 1).joined(), format!("{} … 600 bytes left out", &long[..400]));
    }
}
