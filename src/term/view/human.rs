//! Events as a page for people: text as it comes, everything else in a line of its own.

use super::page::{Flow, Page, Who};
use super::streams::{Missing, Stream, Streams, Turn};
use super::verdict::Verdict;
use super::words::{duration, one_line, paths, spent, title, width};
use super::{Options, status};
use crate::codec::Fields;
use crate::event::{Event, Type};
use crate::term::style::{Look, Paint};

/// How many lines of a failed tool's output are shown.
const MAX_OUTPUT: usize = 3;

/// What the last line of the page is, where that matters for the next one; with the stream's id.
#[derive(Debug, PartialEq, Eq)]
enum Last {
    /// The start of the tool with this id: its end need not name it.
    Tool(String, String),
    /// Progress in these words: it need not be said again.
    Progress(String, String),
}

/// The page and what must be known to go on with it.
#[derive(Debug)]
pub(super) struct Human {
    pub(super) page: Page,
    streams: Streams,
    columns: Option<usize>,
    reasoning: bool,
    last: Option<Last>,
    /// The line that is too long to be looked at.
    long: Option<Flow>,
}

impl Human {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            page: Page::new(Paint::new(options.colour)),
            streams: Streams::default(),
            columns: options.width.map(usize::from),
            reasoning: options.reasoning,
            last: None,
            long: None,
        }
    }

    /// A `text_delta`.
    pub(super) fn delta(&mut self, event: &Event<'_>) {
        let Some(delta) = &event.delta else {
            return;
        };
        let label = delta.label.map(crate::event::Raw::decode);
        let (kind, id) = (delta.kind.decode(), delta.block.decode());
        let flow = Flow::new(self.streams.flow_id(), look_of(&kind));
        let name = event.stream.as_deref().unwrap_or_default();
        let (stream, mut who) = self.streams.enter(name, label.as_deref(), event.time());
        if kind == "reasoning" && !self.reasoning {
            return;
        }
        who.nested = delta.parent.is_some();
        if stream.block(&id).is_none() {
            stream.open_block(&id, flow);
        }
        if let Some(block) = stream.block(&id) {
            let text = block.take(delta.text);
            self.page.flow(&who, &mut block.flow, &text);
            self.last = None;
        }
    }

    /// Any other event.
    pub(super) fn event(&mut self, event: &Event<'_>, body: &Fields<'_>) {
        let flow =
            Flow::new(self.streams.flow_id(), look_of(&body.text("kind").unwrap_or_default()));
        let name = event.stream.as_deref().unwrap_or_default();
        let label = body.text("label");
        let (stream, mut who) = self.streams.enter(name, label.as_deref(), event.time());
        who.nested = body.text("parent").is_some();
        let mut on = Entry {
            page: &mut self.page,
            last: &mut self.last,
            columns: self.columns,
            name,
            stream,
            who,
        };
        match event.kind {
            Type::TurnStarted => on.turn_started(body, event.turn),
            Type::BlockFinal if flow.look == Look::Dim && !self.reasoning => {}
            Type::BlockFinal => on.block_final(body, flow),
            Type::ToolStarted => on.tool_started(body),
            Type::ToolFinished => on.tool_finished(body),
            Type::Status => on.status(body),
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                let verdict = Verdict::of(event.kind, body, on.turn_took(body));
                on.end_turn(&verdict, body);
            }
            Type::TextDelta | Type::Other => {
                let name = body.text("type").unwrap_or_default();
                on.say(&[(Look::Dim, &format!("({})", one_line(&name, on.columns)))]);
            }
        }
    }

    /// A line that is no event.
    pub(super) fn malformed(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.last = None;
        self.page.line(&Who::default(), &[(Look::Warn, "? "), (Look::Dim, text.trim_end())]);
    }

    /// A piece of a line that is too long to be looked at.
    pub(super) fn long(&mut self, bytes: &[u8]) {
        let nobody = Who::default();
        let mut flow = self.long.take().unwrap_or_else(|| {
            let notice = "? a line too long to look at, as it is:";
            self.page.line(&nobody, &[(Look::Warn, notice)]);
            Flow::new(self.streams.flow_id(), Look::Dim)
        });
        self.last = None;
        self.page.flow_bytes(&nobody, &mut flow, bytes);
        if bytes.last() == Some(&b'\n') {
            self.page.finish(&nobody, &mut flow);
        } else {
            self.long = Some(flow);
        }
    }

    /// The input has ended: a turn that is open was cut off.
    pub(super) fn end(&mut self) {
        if let Some(mut flow) = self.long.take() {
            self.page.finish(&Who::default(), &mut flow);
        }
        self.page.end_line();
        for (who, took) in self.streams.unfinished() {
            let Verdict { look, mark, rest } = Verdict::truncated(took);
            self.page.line(&who, &[(look, &mark), (Look::Plain, &rest)]);
        }
    }
}

/// How text of this kind looks.
fn look_of(kind: &str) -> Look {
    if kind == "reasoning" { Look::Dim } else { Look::Plain }
}

/// One event on its way to the page.
struct Entry<'a> {
    page: &'a mut Page,
    last: &'a mut Option<Last>,
    columns: Option<usize>,
    name: &'a str,
    stream: &'a mut Stream,
    who: Who,
}

impl Entry<'_> {
    fn say(&mut self, spans: &[(Look, &str)]) {
        *self.last = None;
        self.page.line(&self.who, spans);
    }

    /// The columns that are left beside what stands before a line and `taken` more.
    fn room(&self, taken: usize) -> Option<usize> {
        let marks = self.who.label.as_ref().map_or(0, |l| width(l) + 3)
            + if self.who.nested { 2 } else { 0 };
        self.columns.map(|c| c.saturating_sub(marks + taken))
    }

    fn turn_started(&mut self, body: &Fields<'_>, turn: Option<u64>) {
        self.stream.turn = Some(Turn { began: self.stream.now });
        self.forget_open();
        let mut head = String::from(" ");
        for part in ["runtime", "model"].iter().filter_map(|k| body.text(k)) {
            head.push_str(&one_line(&part, None));
            head.push(' ');
        }
        let session = body
            .text("session")
            .map_or_else(String::new, |s| format!(" session {}", one_line(&s, None)));
        let turn = turn.filter(|n| *n > 1).map_or_else(String::new, |n| format!("  (turn {n})"));
        self.say(&[
            (Look::Good, "[RUNNING]"),
            (Look::Plain, head.trim_end()),
            (Look::Dim, &session),
            (Look::Dim, &turn),
        ]);
        if let Some(prompt) = body.text("prompt").filter(|p| !p.trim().is_empty()) {
            let prompt = one_line(&prompt, self.room(8));
            self.say(&[(Look::Dim, "prompt: "), (Look::Dim, &prompt)]);
        }
    }

    fn block_final(&mut self, body: &Fields<'_>, flow: Flow) {
        let id = body.text("block").unwrap_or_default();
        let text = body.text("text").unwrap_or_default();
        *self.last = None;
        let replaces =
            body.text("supersedes").map(|b| format!("(replaces {})", one_line(&b, None)));
        let (part, seen) = (body.raw("part").is_some(), self.stream.block(&id).is_some());
        if let (Some(note), false) = (&replaces, seen) {
            self.say(&[(Look::Dim, note)]);
        }
        if !seen {
            self.stream.open_block(&id, flow);
        }
        let Some(mut block) = self.stream.close_block(&id) else {
            return;
        };
        let missing = if part { Missing::Tail(text.as_ref()) } else { block.missing(&text) };
        let rest = match missing {
            Missing::Nothing => "",
            Missing::Tail(tail) => tail,
            Missing::Head(head) => {
                self.say(&[(Look::Dim, "(what came before that:)")]);
                head
            }
            Missing::Whole(whole) => {
                self.say(&[(Look::Dim, "(in full, for some of it was missed:)")]);
                whole
            }
        };
        self.page.flow(&self.who, &mut block.flow, rest);
        self.page.finish(&self.who, &mut block.flow);
        if let (Some(note), true) = (&replaces, seen) {
            self.say(&[(Look::Dim, note)]);
        }
    }

    fn tool_started(&mut self, body: &Fields<'_>) {
        let Some(tool) = body.object("tool") else {
            return self.say(&[(Look::Dim, "→ a tool")]);
        };
        let id = tool.text("id").unwrap_or_default();
        self.stream.start_tool(&id);
        let name = tool_name(&tool);
        let files = paths(&tool);
        let kind = tool.text("kind").unwrap_or_default();
        let changes = matches!(kind.as_ref(), "edit" | "delete" | "move") && !files.is_empty();
        let (look, what) = if changes {
            let look = if kind == "delete" { Look::Bad } else { Look::File };
            (look, files)
        } else {
            (Look::Plain, title(&tool))
        };
        let what = one_line(&what, self.room(width(&name) + 3));
        let gap = if what.is_empty() { "" } else { " " };
        self.say(&[(Look::Mark, "→ "), (Look::Name, &name), (Look::Plain, gap), (look, &what)]);
        *self.last = Some(Last::Tool(self.name.to_owned(), id.into_owned()));
    }

    fn tool_finished(&mut self, body: &Fields<'_>) {
        let tool = body.object("tool");
        let id = tool.as_ref().and_then(|t| t.text("id")).unwrap_or_default();
        let took = self.stream.finish_tool(&id);
        let took = body.count("duration_ms").or(took);
        let named =
            !matches!(self.last, Some(Last::Tool(s, i)) if s.as_str() == self.name && *i == id);
        let name = match &tool {
            Some(tool) if named => format!("{} ", tool_name(tool)),
            _ => String::new(),
        };
        let outcome = body.text("outcome").unwrap_or_default();
        let (look, word) = match (outcome.as_ref(), body.integer("exit_code")) {
            ("ok", None | Some(0)) => (Look::Good, "ok".into()),
            ("ok", Some(code)) => (Look::Good, format!("ok (exit {code})")),
            ("error", Some(code)) => (Look::Bad, format!("✗ exit {code}")),
            ("error", None) => (Look::Bad, "✗ error".into()),
            ("denied" | "cancelled", _) => (Look::Warn, format!("- {outcome}")),
            ("unknown" | "", _) if body.raw("synthetic") == Some("true") => {
                (Look::Warn, "- not finished".into())
            }
            ("unknown" | "", _) => (Look::Dim, "- outcome unknown".into()),
            (other, _) => (Look::Warn, format!("- {}", one_line(other, None))),
        };
        let took = took.map_or_else(String::new, |ms| format!(" {}", duration(ms)));
        let output = match outcome.as_ref() {
            "error" => last_lines(body),
            _ => String::new(),
        };
        self.say(&[
            (Look::Mark, "← "),
            (Look::Name, &name),
            (look, &word),
            (Look::Dim, &took),
            (Look::Dim, &output),
        ]);
    }

    fn status(&mut self, body: &Fields<'_>) {
        let (look, text) = status::line(body);
        if text.is_empty() {
            return;
        }
        let progress = body.text("kind").as_deref() == Some("progress");
        let last = progress.then(|| Last::Progress(self.name.to_owned(), text.clone()));
        if last.is_none() || *self.last != last {
            self.say(&[(look, &text)]);
            *self.last = last;
        }
    }

    /// How long the turn took, in milliseconds: as the runtime says, else by `ts`.
    fn turn_took(&self, body: &Fields<'_>) -> Option<u64> {
        let began = self.stream.turn.and_then(|t| t.began);
        body.count("duration_ms").or_else(|| self.stream.since(began))
    }

    fn end_turn(&mut self, verdict: &Verdict, body: &Fields<'_>) {
        let spent = spent(body);
        let gap = if spent.is_empty() { "" } else { "  " };
        self.say(&[
            (verdict.look, &verdict.mark),
            (Look::Plain, &verdict.rest),
            (Look::Plain, gap),
            (Look::Dim, &spent),
        ]);
        if let Some(tail) = body.text("stderr_tail").filter(|t| !t.trim().is_empty()) {
            self.say(&[(Look::Dim, &format!("stderr:\n{}", tail.trim_end()))]);
        }
        self.stream.turn = None;
        self.forget_open();
    }

    /// Blocks and tools never outlive their turn.
    fn forget_open(&mut self) {
        self.stream.blocks.clear();
        self.stream.tools.clear();
    }
}

fn tool_name(tool: &Fields<'_>) -> String {
    tool.text("name")
        .filter(|n| !n.trim().is_empty())
        .map_or_else(|| "tool".to_owned(), |n| one_line(&n, Some(64)))
}

/// The last lines of what a tool gave, each after a line feed.
fn last_lines(body: &Fields<'_>) -> String {
    let Some(output) = body.text("output") else {
        return String::new();
    };
    let lines: Vec<&str> = output.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(MAX_OUTPUT);
    lines.iter().skip(from).map(|l| format!("\n{}", one_line(l.trim_end(), None))).collect()
}
