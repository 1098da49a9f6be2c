//! A tool call in a few words: the command itself, compact arguments, the first lines of a failed call's output.

use std::borrow::Cow;

use super::streams::OpenTool;
use super::words::{MAX_TITLE, count, one_line, width};
use crate::codec::{self, Fields};
use crate::term::style::Look;
use crate::text::{escapes, floor};

/// Fields of a tool's input that tell best what it does, the best first.
const TELLING: [&str; 10] = [
    "command",
    "cmd",
    "file_path",
    "path",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
    "text",
];

/// Longest argument, in columns, where there are several.
const MAX_ARGUMENT: usize = 40;

/// Arguments that are shown.
const MAX_ARGUMENTS: usize = 12;

/// Lines of a failed call's output that are shown.
pub(super) const MAX_LINES: usize = 3;

/// Bytes of that output that are read.
const MAX_OUTPUT: usize = 256 << 10;

/// Depth to which the text of an output is looked for.
const MAX_DEPTH: usize = 4;

pub(crate) fn name(tool: &Fields<'_>) -> String {
    let name = tool.text("name").filter(|name| !name.trim().is_empty());
    name.map_or_else(|| "tool".to_owned(), |name| one_line(&name, Some(64)))
}

/// Columns of a name that may stand before a command.
const MAX_NAME: usize = 12;

/// The name, or a prompt before a command whose tool has a long one, such as `command_execution`.
pub(super) fn short_name(tool: &Fields<'_>) -> String {
    let name = name(tool);
    let runs = || tool.text("kind").as_deref() == Some("execute") && !title(tool).is_empty();
    if width(&name) > MAX_NAME && runs() { "$".to_owned() } else { name }
}

/// The call on one line, without the tool's name: its title, else its arguments, else its files.
pub(crate) fn title(tool: &Fields<'_>) -> String {
    let title = tool.text("title").unwrap_or_default();
    let name = tool.text("name").unwrap_or_default();
    let title = without_name(title.trim(), name.trim());
    if !title.is_empty() {
        return command(title).into_owned();
    }
    let input = tool.raw("input").map(arguments).unwrap_or_default();
    match input.as_str() {
        "" => paths(tool),
        // Some runtimes have the command as the name.
        same if same == name.trim() => String::new(),
        _ => input,
    }
}

/// A call in a few words, as at its start if that was seen.
pub(super) fn shown(
    started: Option<&OpenTool>,
    tool: Option<&Fields<'_>>,
    columns: usize,
) -> String {
    match (started, tool) {
        (Some(started), _) => started.shown.clone(),
        (None, Some(tool)) => {
            let shown = format!("{} {}", short_name(tool), title(tool));
            one_line(&shown, Some(columns))
        }
        (None, None) => "tool".to_owned(),
    }
}

/// Outcome of a call: look, mark, and the words behind the mark with a space before them.
pub(crate) fn outcome(body: &Fields<'_>) -> (Look, &'static str, String) {
    let outcome = body.text("outcome").unwrap_or_default();
    match (outcome.as_ref(), body.integer("exit_code")) {
        ("ok", None | Some(0)) => (Look::Good, "✓", String::new()),
        ("ok", Some(code)) => (Look::Good, "✓", format!(" exit {code}")),
        ("error", Some(code)) => (Look::Bad, "✗", format!(" exit {code}")),
        ("error", None) => (Look::Bad, "✗", String::new()),
        ("denied" | "cancelled", _) => (Look::Warn, "-", format!(" {outcome}")),
        ("unknown" | "", _) if body.raw("synthetic") == Some("true") => {
            (Look::Warn, "-", " not finished".to_owned())
        }
        ("unknown" | "", _) => (Look::Dim, "-", " outcome unknown".to_owned()),
        (other, _) => (Look::Warn, "-", format!(" {}", one_line(other, None))),
    }
}

/// A title without the tool's name at its beginning.
fn without_name<'a>(title: &'a str, name: &str) -> &'a str {
    let parts = title.split_at_checked(name.len());
    match parts.filter(|(head, _)| head.eq_ignore_ascii_case(name)) {
        Some((_, rest)) if rest.is_empty() || rest.starts_with([' ', ':']) => {
            rest.trim_start_matches(':').trim_start()
        }
        _ => title,
    }
}

/// The files that a tool names, at most three of them.
pub(super) fn paths(tool: &Fields<'_>) -> String {
    let paths = tool.texts("paths");
    let mut shown = paths.iter().take(3).map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
    if let Some(more) = paths.len().checked_sub(3).filter(|n| *n > 0) {
        shown.push_str(&format!(" and {more} more"));
    }
    shown
}

/// A tool's input: the most telling field, then the other arguments; of a command the command alone.
fn arguments(input: &str) -> String {
    if let Some(text) = codec::text(input) {
        // Some runtimes give the arguments as JSON in a string.
        return if codec::is_json(&text) && text.trim_start().starts_with(['{', '[']) {
            arguments(text.trim())
        } else {
            command(text.trim()).into_owned()
        };
    }
    let Ok(fields) = Fields::parse(input) else {
        return compact(input);
    };
    let Some((key, telling)) =
        TELLING.iter().find_map(|key| Some((*key, words(fields.raw(key)?)?)))
    else {
        return compact(input);
    };
    if matches!(key, "command" | "cmd") {
        return command(telling.trim()).into_owned();
    }
    let rest = Fields(fields.0.into_iter().filter(|(k, _)| k.as_ref() != key).collect());
    format!("{} {}", telling.trim(), pairs(&rest)).trim().to_owned()
}

/// A string, or a list of strings as a command line.
fn words(value: &str) -> Option<Cow<'_, str>> {
    let text = match codec::text(value) {
        Some(text) => text,
        None => codec::list(value)
            .into_iter()
            .filter_map(codec::text)
            .collect::<Vec<_>>()
            .join(" ")
            .into(),
    };
    (!text.trim().is_empty()).then_some(text)
}

/// JSON for people: `city=Paris unit=C`, `a, b, c`, a string without its quotes.
pub(super) fn compact(json: &str) -> String {
    match Fields::parse(json) {
        Ok(fields) => pairs(&fields),
        Err(_) => value(json, MAX_TITLE),
    }
}

/// `key=value` of each field.
fn pairs(fields: &Fields<'_>) -> String {
    let known = fields.0.iter().filter(|(_, v)| !matches!(*v, "null" | "\"\"" | "[]" | "{}"));
    let mut out = Vec::new();
    for (key, raw) in known.clone().take(MAX_ARGUMENTS) {
        let mut value = value(raw, MAX_ARGUMENT);
        if value.contains(' ') && raw.starts_with('"') {
            value = format!("\"{value}\"");
        }
        out.push(format!("{}={value}", one_line(key, Some(MAX_ARGUMENT))));
    }
    if known.count() > MAX_ARGUMENTS {
        out.push("…".to_owned());
    }
    out.join(" ")
}

/// A value in at most so many columns; an object shows its keys only.
fn value(raw: &str, columns: usize) -> String {
    if let Some(text) = codec::text(raw) {
        return one_line(&text, Some(columns));
    }
    let shown = match Fields::parse(raw) {
        Ok(fields) => {
            let keys = fields.0.iter().take(MAX_ARGUMENTS).map(|(key, _)| key.as_ref());
            format!("({})", keys.collect::<Vec<_>>().join(" "))
        }
        Err(_) => match codec::list(raw).as_slice() {
            [] => raw.to_owned(),
            items if items.iter().any(|item| item.starts_with(['{', '['])) => {
                format!("({} item{})", items.len(), if items.len() == 1 { "" } else { "s" })
            }
            items => {
                let items = items.iter().take(MAX_ARGUMENTS);
                items.map(|item| value(item, MAX_ARGUMENT)).collect::<Vec<_>>().join(", ")
            }
        },
    };
    one_line(&shown, Some(columns))
}

/// A command line without the shell that runs it and without `cd ... &&` before it: `/bin/zsh -lc 'cd /x && make'` is `make`.
pub(crate) fn command(line: &str) -> Cow<'_, str> {
    let line = match in_shell(line) {
        Some(script) => Cow::Owned(script),
        None => Cow::Borrowed(line),
    };
    let mut rest = line.as_ref();
    while let Some(next) = behind_cd(rest) {
        rest = next;
    }
    if rest.len() == line.len() { line } else { Cow::Owned(rest.to_owned()) }
}

/// The script of `sh -c SCRIPT` in any of its forms.
fn in_shell(line: &str) -> Option<String> {
    let (program, mut rest) = line.split_once(' ')?;
    let program = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
    let program = program.trim_end_matches(".exe");
    match program {
        "env" => return in_shell(rest.trim_start()),
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "fish" | "ash" => {}
        "cmd" | "powershell" | "pwsh" => {}
        _ => return None,
    }
    loop {
        let (flag, after) = rest.trim_start().split_once(' ')?;
        rest = after.trim_start();
        let flag = flag.to_ascii_lowercase();
        let script = match flag.strip_prefix(['-', '/'])? {
            "c" | "command" | "k" => true,
            flags => !flag.starts_with("--") && flags.ends_with('c') && flags.len() <= 4,
        };
        if script {
            return Some(unquoted(rest));
        }
        // Flags with a value.
        if matches!(flag.as_str(), "-executionpolicy" | "-o") {
            rest = rest.split_once(' ')?.1;
        }
    }
}

/// Inside of a text that is one quoted word; any other text unchanged.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inside = |quote: char| text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
    if let Some(inside) = inside('\'') {
        return inside.replace(r"'\''", "'").replace(r#"'"'"'"#, "'");
    }
    let Some(inside) = inside('"') else {
        return text.to_owned();
    };
    let (mut out, mut chars) = (String::new(), inside.chars());
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('"' | '\\' | '$' | '`'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// The command behind `cd DIR &&` or `cd DIR;`, if there is one.
fn behind_cd(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("cd ")?;
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, '&') if rest[at..].starts_with("&&") => return nonempty(&rest[at + 2..]),
            (None, ';') => return nonempty(&rest[at + 1..]),
            (None, '|' | '&' | '\n' | '(' | '`') => return None,
            _ => {}
        }
    }
    None
}

fn nonempty(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// First lines of a failed call's output. Empty ones and one that only repeats the exit status are left out.
pub(crate) fn first_lines(output: Option<&str>, exit_code: Option<i64>) -> Vec<String> {
    let status = exit_code.map_or_else(String::new, |code| format!("Exit code {code}"));
    let told = |line: &&str| !line.trim().is_empty() && line.trim() != status;
    let lines = lines(output, told, MAX_LINES);
    lines.iter().map(|line| one_line(line, None)).collect()
}

/// Lines of a call's output, at most `most` and one that counts the others.
pub(super) fn output_lines(output: Option<&str>, most: usize) -> Vec<String> {
    lines(output, |_| true, most)
}

fn lines(output: Option<&str>, shows: impl Fn(&&str) -> bool, most: usize) -> Vec<String> {
    let Some(text) = output.and_then(|raw| output_text(raw, MAX_DEPTH)) else {
        return Vec::new();
    };
    let head = escapes::plain(&text[..floor(&text, MAX_OUTPUT)]);
    let mut lines = head.trim_end().lines().filter(shows);
    let mut shown: Vec<_> = lines.by_ref().take(most).map(|l| l.trim_end().to_owned()).collect();
    match (lines.count(), text.len().saturating_sub(MAX_OUTPUT)) {
        (0, 0) => {}
        (1, 0) => shown.push("… 1 more line".to_owned()),
        (more, 0) => shown.push(format!("… {more} more lines")),
        (0, bytes) => shown.push(format!("… {} more bytes", count(bytes as u64))),
        (more, bytes) => {
            shown.push(format!("… {more} more lines and {} more bytes", count(bytes as u64)));
        }
    }
    shown
}

/// Text of a tool's output: a string, or the text inside an object or a list of content.
fn output_text(raw: &str, depth: usize) -> Option<Cow<'_, str>> {
    if let Some(text) = codec::text(raw) {
        return Some(text).filter(|text| !text.trim().is_empty());
    }
    let depth = depth.checked_sub(1)?;
    let Ok(fields) = Fields::parse(raw) else {
        let texts = codec::list(raw).into_iter().filter_map(|item| output_text(item, depth));
        let text = texts.collect::<Vec<_>>().join("\n");
        return (!text.is_empty()).then_some(text.into());
    };
    ["error", "stderr", "message", "output", "text", "content", "stdout", "result"]
        .iter()
        .find_map(|key| output_text(fields.raw(key)?, depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_the_shell_that_runs_it() {
        let cases = [
            (r#"/bin/zsh -lc "cd /home/u/repo && pytest -x -k \"a b\"""#, r#"pytest -x -k "a b""#),
            ("bash -lc 'cd \"/a b\" && make test'", "make test"),
            ("/usr/bin/env bash -c make", "make"),
            ("sh -e -c 'ls; pwd'", "ls; pwd"),
            ("bash -lc cd /x && cargo test", "cargo test"),
            ("cd /a && cd b; make", "make"),
            (r"powershell.exe -NoProfile -Command 'Get-ChildItem'", "Get-ChildItem"),
            ("cmd.exe /c dir", "dir"),
            ("bash -c 'echo it'\\''s'", "echo it's"),
            ("cd /a", "cd /a"),
            ("cd a || exit", "cd a || exit"),
            ("bash script.sh -c x", "bash script.sh -c x"),
            ("make test", "make test"),
            ("shell -c x", "shell -c x"),
        ];
        for (line, want) in cases {
            assert_eq!(command(line), want, "{line}");
        }
    }

    fn title_of(tool: &str) -> String {
        title(&Fields::parse(tool).expect("a tool is an object"))
    }

    #[test]
    fn a_call_without_a_title_shows_its_arguments() {
        let cases = [
            (r#"{"name":"get_weather","input":{"city":"Paris","unit":"C"}}"#, "city=Paris unit=C"),
            (r#"{"name":"Bash","input":{"command":"cd /x && make","timeout":5}}"#, "make"),
            (r#"{"name":"shell","input":{"command":["bash","-lc","cd /x && make"]}}"#, "make"),
            (
                r#"{"name":"Read","input":{"file_path":"a.rs","offset":10,"limit":null}}"#,
                "a.rs offset=10",
            ),
            (r#"{"name":"f","input":"{\"q\":\"rust async\",\"n\":3}"}"#, r#"q="rust async" n=3"#),
            (
                r#"{"name":"f","input":{"edits":[{"a":1}],"tags":["x","y"],"o":{"k":1,"l":2}}}"#,
                "edits=(1 item) tags=x, y o=(k l)",
            ),
            (r#"{"name":"f","input":{},"paths":["a","b"]}"#, "a, b"),
            (r#"{"name":"f","input":[1,2]}"#, "1, 2"),
        ];
        for (tool, want) in cases {
            assert_eq!(title_of(tool), want, "{tool}");
        }
    }

    #[test]
    fn a_long_name_makes_room_for_the_command() {
        let name = |tool: &str| short_name(&Fields::parse(tool).expect("a tool is an object"));
        let run = r#"{"name":"command_execution","kind":"execute","title":"make"}"#;
        assert_eq!(name(run), "$");
        assert_eq!(name(&run.replace("command_execution", "Bash")), "Bash");
        assert_eq!(name(&run.replace("make", "")), "command_execution");
        assert_eq!(name(&run.replace("execute", "other")), "command_execution");
    }

    #[test]
    fn a_title_does_not_repeat_the_name() {
        assert_eq!(title_of(r#"{"name":"Read","title":"Read src/a.rs"}"#), "src/a.rs");
        assert_eq!(title_of(r#"{"name":"Read file","title":"read file"}"#), "");
        assert_eq!(title_of(r#"{"name":"Read","title":"Reads"}"#), "Reads");
        let command = r#"{"name":"git log","title":"git log","input":{"command":"git log"}}"#;
        assert_eq!(title_of(command), "");
        assert_eq!(title_of(r#"{"name":"é","title":"e"}"#), "e");
    }

    #[test]
    fn a_failure_shows_its_first_lines_clean() {
        let raw = r#""one\r\n 10%\r 50%\r100%\r\n\u001b[31mtwo\u001b[0m\r\n\n3\n4\n5""#;
        let first = |raw, code| first_lines(raw, code).join("\n");
        assert_eq!(first(Some(raw), None), "one\n100%\ntwo\n… 3 more lines");
        let raw = r#"{"content":[{"type":"text","text":"no such file"}],"is_error":true}"#;
        assert_eq!(first(Some(raw), None), "no such file");
        assert_eq!(first(Some("{\"a\":1}"), None), "");
        assert_eq!(first(None, None), "");
        assert_eq!(first(Some(r#""Exit code 2\nno rule""#), Some(2)), "no rule");
    }

    #[test]
    fn an_output_is_shown_with_its_empty_lines_up_to_the_limit() {
        assert_eq!(output_lines(Some(r#""a\n\nb\n""#), 3), ["a", "", "b"]);
        assert_eq!(output_lines(Some(r#""a\n\nb\nc""#), 2), ["a", "", "… 2 more lines"]);
        let long = format!("\"{}\"", "x\\n".repeat(MAX_OUTPUT));
        let more = output_lines(Some(&long), 1).pop();
        assert_eq!(more.as_deref(), Some("… 131071 more lines and 262,144 more bytes"));
    }
}
