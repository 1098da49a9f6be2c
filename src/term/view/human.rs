//! Events as a page for people: text on arrival, everything else in a line of its own.

use super::call::Input;
use super::layout::{Flow, Layout, PIECE, Pace, Who, voice_of};
use super::log::{Log, LoggedTool, Severity};
use super::page::Page;
use super::streams::{LineKind, Missing, OpenTool, ShownBlock, Stream, Streams, Turn};
use super::turn_result::TurnResult;
use super::words::{MAX_TITLE, duration, folder, longest, one_line, usage_and_cost, width};
use super::{Face, Format, Options, TextBytes, Tools, status, tool};
use crate::codec::Fields;
use crate::event::{Delta, Event, Raw, Type};
use crate::stage::Io;
use crate::term::ci::Fold;
use crate::term::marks::Forbidden;
use crate::term::style::{Look, Paint};
use crate::text::escapes;
use crate::time::Time;
use crate::timing::Step;

/// Columns that are kept for the end of a call behind its start.
const CALL_END: usize = 16;

/// Narrowest terminal in which text is broken at words, in columns.
const MIN_WRAP: usize = 20;

/// Lines of a call's output with `--tools output`.
const MAX_LINES: usize = 1000;

/// Longest name of a call whose start stands elsewhere, in columns.
const MAX_SHOWN: usize = 60;

#[derive(Debug, Default)]
pub(super) struct Human {
    streams: Streams,
    columns: Option<usize>,
    reasoning: bool,
    tools: Tools,
    /// Stream and text of the last line if it was progress or usage, which is not repeated.
    last: Option<(String, String)>,
    /// The rest of a line over the limit.
    long: Option<Flow>,
    log: Option<Log>,
}

impl Human {
    pub(super) fn new(options: &Options) -> Self {
        let columns = options.width.map(usize::from);
        let log = options.format.system().map(|system| Log::new(system, options.process));
        let (reasoning, tools) = (options.reasoning, options.tools);
        Self { columns, reasoning, tools, log, ..Self::default() }
    }
}

pub(super) fn layout(options: &Options) -> Layout {
    let live = options.format == Format::Tty;
    let pace = match options.format {
        Format::Tty => Pace::Live,
        Format::Github | Format::Gitlab => Pace::WholeLines,
        _ => Pace::Lines,
    };
    Layout {
        paint: Paint { colour: options.colour },
        pace,
        wrap: options.width.map(usize::from).filter(|w| (live || options.wraps) && *w >= MIN_WRAP),
        bytes: TextBytes::Sanitised,
        forbidden: Forbidden::OwnLines,
        gutter: options.gutter || options.format.system().is_some(),
    }
}

impl Face for Human {
    fn delta(&mut self, page: &mut Page, event: &Event<'_>, delta: &Delta<'_>) {
        let label = delta.label.map(Raw::decode);
        let (kind, id) = (delta.kind.decode(), delta.block.decode());
        let flow = Flow::new(self.streams.flow_id(), look_of(&kind));
        let (stream, mut who) = self.streams.enter(event, label.as_deref());
        if delta.parent.is_none() {
            stream.on_text();
        }
        if kind == "reasoning" && !self.reasoning {
            return;
        }
        who.nests(delta.parent.map(Raw::decode).as_deref());
        set_apart(page, stream, &who, kind_of(flow.look));
        let block = stream.block_or(&id, flow);
        let text = block.take(delta.text);
        page.flow(&who, &mut block.flow, &text);
        self.last = None;
    }

    fn event(&mut self, page: &mut Page, event: &Event<'_>, body: &Fields<'_>, _io: &mut Io) {
        let flow =
            Flow::new(self.streams.flow_id(), look_of(&body.text("kind").unwrap_or_default()));
        let label = body.text("label");
        let (stream, mut who) = self.streams.enter(event, label.as_deref());
        who.nests(body.text("parent").as_deref());
        let mut on = Entry {
            page,
            last: &mut self.last,
            columns: self.columns,
            tools: self.tools,
            log: self.log.as_mut(),
            name: event.stream.as_deref().unwrap_or_default(),
            id: flow.id,
            stream,
            who,
        };
        match event.kind {
            Type::BlockFinal => on.step(Step::Text),
            Type::Status if event.seq.is_some() => on.step(Step::of_status(body)),
            _ => {}
        }
        match event.kind {
            Type::TurnStarted => on.turn_started(body, event.turn),
            Type::BlockFinal if flow.look == Look::Dim && !self.reasoning => {}
            Type::BlockFinal => on.block_final(body, flow),
            Type::ToolStarted => on.tool_started(body),
            Type::ToolFinished => on.tool_finished(body),
            Type::Status => on.status(body),
            Type::TurnCompleted | Type::TurnFailed | Type::TurnCancelled => {
                on.end_turn(event.kind, body);
            }
            Type::TextDelta | Type::Other => {
                let name = body.text("type").unwrap_or_default();
                on.line(&[(Look::Dim, &format!("({})", one_line(&name, on.columns)))]);
            }
        }
    }

    /// A line that is no event, moved to `out` piece by piece, since it may be long.
    fn malformed(&mut self, page: &mut Page, bytes: &[u8], out: &mut Vec<u8>) {
        let origin = Who::default();
        let mut flow = Flow::new(self.streams.flow_id(), Look::Dim);
        self.last = None;
        page.begin(&origin, flow.id, &[(Look::Warn, "? ")]);
        for piece in bytes.trim_ascii_end().chunks(PIECE) {
            page.flow_bytes(&origin, &mut flow, piece);
            page.hand_on(out);
        }
        page.finish(&origin, &mut flow);
    }

    /// A piece of a line over the limit.
    fn long(&mut self, page: &mut Page, bytes: &[u8], out: &mut Vec<u8>) {
        let origin = Who::default();
        let mut flow = self.long.take().unwrap_or_else(|| {
            let notice = "? a line too long to look at, as it is:";
            page.line(&origin, &[(Look::Warn, notice)]);
            Flow::new(self.streams.flow_id(), Look::Dim)
        });
        self.last = None;
        for piece in bytes.chunks(PIECE) {
            page.flow_bytes(&origin, &mut flow, piece);
            page.hand_on(out);
        }
        if bytes.last() == Some(&b'\n') {
            page.finish(&origin, &mut flow);
        } else {
            self.long = Some(flow);
        }
    }

    /// The input has ended: every open turn was cut off.
    fn end(&mut self, page: &mut Page, _io: &mut Io) {
        if let Some(mut flow) = self.long.take() {
            page.finish(&Who::default(), &mut flow);
        }
        page.end();
        for (who, took) in self.streams.unfinished() {
            let TurnResult { look, mark, rest } = TurnResult::truncated(took);
            page.line(&who, &[(look, &mark), (Look::Plain, &rest)]);
            if let Some(log) = &mut self.log {
                log.annotate(page, &who, Severity::Error, ("turn cut off", rest.trim()));
            }
        }
    }
}

/// Adds an empty line where a voice goes on with lines of another kind, and a head before its reasoning.
fn set_apart(page: &mut Page, stream: &mut Stream, who: &Who, next: LineKind) {
    if page.mute {
        return;
    }
    let (voice, last) = std::mem::replace(&mut stream.last, (who.voice.1, next));
    if voice == who.voice.1 && last != LineKind::Other && last != next {
        page.blank(who);
    }
    if next == LineKind::Reasoning && (voice, last) != (who.voice.1, next) {
        page.line(who, &[(Look::Dim, "(reasoning)")]);
    }
}

fn kind_of(look: Look) -> LineKind {
    if look == Look::Dim { LineKind::Reasoning } else { LineKind::Text }
}

fn look_of(kind: &str) -> Look {
    if kind == "reasoning" { Look::Dim } else { Look::Plain }
}

/// One event on its way to the page.
struct Entry<'a> {
    page: &'a mut Page,
    last: &'a mut Option<(String, String)>,
    columns: Option<usize>,
    tools: Tools,
    log: Option<&'a mut Log>,
    name: &'a str,
    /// Number for a line of the page.
    id: u64,
    stream: &'a mut Stream,
    who: Who,
}

impl Entry<'_> {
    fn line(&mut self, spans: &[(Look, &str)]) {
        *self.last = None;
        self.page.line(&self.who, spans);
    }

    /// Takes the step of an event for the timing of the turn, in which only the main agent counts.
    fn step(&mut self, step: Step<'_>) {
        if !self.who.nested {
            self.stream.on_step(step);
        }
    }

    /// Columns that are left beside the marks before a line and `taken` more.
    fn room(&self, taken: usize) -> Option<usize> {
        let marks = self.who.label.as_ref().map_or(0, |l| width(l) + 3)
            + if self.who.nested { 2 } else { 0 }
            + if self.page.stamp.is_some() { 9 } else { 0 };
        self.columns.map(|c| c.saturating_sub(marks + taken))
    }

    fn turn_started(&mut self, body: &Fields<'_>, turn: Option<u64>) {
        self.stream.turn = Some(Turn::new(self.stream.now()).within(folder(body)));
        self.page.gather(self.who.voice.0, None);
        self.forget_open();
        let field = |before: &str, key: &str| {
            body.text(key).map_or_else(String::new, |t| format!("{before}{}", one_line(&t, None)))
        };
        let head = field(" ", "runtime") + &field(" ", "model");
        let session = field(" session ", "session");
        let turn = turn.filter(|n| *n > 1).map_or_else(String::new, |n| format!("  (turn {n})"));
        self.line(&[
            (Look::Good, "[RUNNING]"),
            (Look::Plain, head.trim_end()),
            (Look::Dim, &session),
            (Look::Dim, &turn),
        ]);
        if let Some(prompt) = body.text("prompt").filter(|p| !p.trim().is_empty()) {
            let prompt = one_line(&prompt, self.room(8));
            self.line(&[(Look::Dim, "prompt: "), (Look::Dim, &prompt)]);
        }
    }

    fn block_final(&mut self, body: &Fields<'_>, flow: Flow) {
        let id = body.text("block").unwrap_or_default();
        let text = body.text("text").unwrap_or_default();
        *self.last = None;
        if !text.is_empty() {
            set_apart(self.page, self.stream, &self.who, kind_of(flow.look));
        }
        let replaces =
            body.text("supersedes").map(|b| format!("(replaces {})", one_line(&b, None)));
        let known = self.stream.close_block(&id);
        let (part, seen) = (body.raw("part").is_some(), known.is_some());
        if let (Some(note), false) = (&replaces, seen) {
            self.line(&[(Look::Dim, note)]);
        }
        let mut block = known.unwrap_or_else(|| ShownBlock::new(&id, flow));
        let missing = if part { Missing::Tail(text.as_ref()) } else { block.missing(&text) };
        let rest = match missing {
            Missing::Tail(tail) => tail,
            Missing::Head(head) => {
                self.line(&[(Look::Dim, "(what came before that:)")]);
                head
            }
            Missing::Whole(whole) => {
                self.line(&[(Look::Dim, "(in full, for some of it was missed:)")]);
                whole
            }
        };
        self.page.flow(&self.who, &mut block.flow, rest);
        self.page.finish(&self.who, &mut block.flow);
        if let (Some(note), true) = (&replaces, seen) {
            self.line(&[(Look::Dim, note)]);
        }
    }

    fn tool_started(&mut self, body: &Fields<'_>) {
        set_apart(self.page, self.stream, &self.who, LineKind::Tool);
        let Some(tool) = body.object("tool") else {
            return self.line(&[(Look::Mark, "→ "), (Look::Name, "tool")]);
        };
        let id = tool.text("id").unwrap_or_default();
        let kind = tool.text("kind").unwrap_or_default();
        let (name, files) = (tool::short_name(&tool), tool::paths(&tool));
        let changes = matches!(kind.as_ref(), "edit" | "delete" | "move") && !files.is_empty();
        let (look, what) = match kind.as_ref() {
            "delete" if changes => (Look::Bad, files),
            _ if changes => (Look::File, files),
            _ => (Look::Plain, tool::title(&tool)),
        };
        let end = self.columns.map_or(0, |columns| CALL_END.min(columns / 4));
        let what = one_line(self.stream.local(&kind, &what), self.room(width(&name) + 3 + end));
        let gap = if what.is_empty() { "" } else { " " };
        let most = if self.log.is_some() { MAX_TITLE } else { MAX_SHOWN };
        let shown = one_line(&format!("{name}{gap}{what}"), Some(most));
        self.step(Step::ToolStarted(&id));
        self.stream.start_tool(&id, self.id, shown);
        *self.last = None;
        let spans = [(Look::Mark, "→ "), (Look::Name, &*name), (Look::Plain, gap), (look, &*what)];
        let input = match self.tools {
            Tools::Input | Tools::Full => Input::of_tool(&tool, &tool::title(&tool)),
            Tools::Line | Tools::Output => Input::None,
        };
        let lines = input.lines();
        if lines.is_empty() {
            return self.page.begin(&self.who, self.id, &spans);
        }
        let now = self.seconds(None);
        if let Some(log) = &mut self.log {
            let title = format!("→ {name}{gap}{what}");
            return log.section(self.page, &self.who, (&title, now, now), (Fold::Closed, &lines));
        }
        let lines: Vec<_> =
            lines.iter().map(|line| (input.look(line), format!("\n{line}"))).collect();
        let lines = lines.iter().map(|(look, line)| (*look, line.as_str()));
        self.line(&spans.into_iter().chain(lines).collect::<Vec<_>>());
    }

    fn tool_finished(&mut self, body: &Fields<'_>) {
        let tool = body.object("tool");
        let id = tool.as_ref().and_then(|t| t.text("id")).unwrap_or_default();
        self.page.gather(self.who.voice.0, Some(voice_of(&id)));
        self.step(Step::ToolFinished(&id));
        let started = self.stream.finish_tool(&id);
        let took = self.took(body, started.as_ref().and_then(|tool| tool.began));
        let took = took.map_or_else(String::new, |ms| format!(" {}", duration(ms)));
        let (look, mark, word) = tool::outcome(body);
        let output = match self.tools {
            Tools::Line | Tools::Input if mark == "✗" => {
                tool::first_lines(body.raw("output"), body.integer("exit_code"))
            }
            Tools::Line | Tools::Input => Vec::new(),
            Tools::Output => tool::output_lines(body.raw("output"), MAX_LINES),
            Tools::Full => tool::output_lines(body.raw("output"), usize::MAX),
        };
        *self.last = None;
        let name = tool::shown(started.as_ref(), tool.as_ref(), MAX_SHOWN);
        if let Some(log) = self.log.take() {
            let title = format!("→ {name} {mark}{word}{took}");
            return self.log_tool(
                log,
                started,
                &LoggedTool { title: &title, mark, output: &output },
            );
        }
        let output: String = output.iter().flat_map(|line| ["\n", line]).collect();
        if let Some(started) = &started {
            let end = format!(" {mark}{word}");
            let spans = [(look, &*end), (Look::Dim, &*took), (Look::Dim, &*output)];
            if self.page.end_with(&self.who, started.line, &spans) {
                return;
            }
        }
        set_apart(self.page, self.stream, &self.who, LineKind::Tool);
        self.line(&[
            (look, &format!("{mark} ")),
            (Look::Name, &name),
            (look, &word),
            (Look::Dim, &took),
            (Look::Dim, &output),
        ]);
    }

    /// Shows a finished call in the log of a CI system.
    fn log_tool(&mut self, log: &mut Log, started: Option<OpenTool>, call: &LoggedTool<'_>) {
        let line = started.as_ref().map(|started| started.line);
        if line.is_none_or(|line| !self.page.take_back(&self.who, line)) {
            // The line of its start is in the log already.
            set_apart(self.page, self.stream, &self.who, LineKind::Tool);
        }
        let times = (self.seconds(started.and_then(|started| started.began)), self.seconds(None));
        log.tool(self.page, &self.who, call, times);
    }

    /// A time, or that of the event, in seconds since 1970.
    fn seconds(&self, time: Option<Time>) -> u64 {
        time.or(self.stream.now()).map_or(0, Time::as_millis) / 1000
    }

    fn status(&mut self, body: &Fields<'_>) {
        let (look, text) = self.stream.without_known_steps(status::line(body));
        if let Some(tokens) = text.strip_prefix("usage: ") {
            return self.stream.tokens = tokens.to_owned();
        }
        let progress = body.text("kind").as_deref() == Some("progress");
        let known = || progress && self.stream.runs(&body.text("message").unwrap_or_default());
        if text.is_empty() || known() {
            return;
        }
        let last = progress.then(|| (self.name.to_owned(), text.clone()));
        if last.is_none() || *self.last != last {
            self.line(&[(look, &text)]);
            *self.last = last;
        }
    }

    /// Duration in milliseconds: as the runtime has it, else by `ts`.
    fn took(&self, body: &Fields<'_>, began: Option<Time>) -> Option<u64> {
        body.count("duration_ms").or_else(|| self.stream.since(began).filter(|ms| *ms > 0))
    }

    fn end_turn(&mut self, kind: Type, body: &Fields<'_>) {
        let turn = self.stream.turn.take();
        let took = self.took(body, turn.as_ref().and_then(|turn| turn.began));
        let TurnResult { look, mark, rest } = TurnResult::of(kind, body, took);
        self.page.gather(self.who.voice.0, None);
        let breakdown = turn.and_then(|turn| turn.breakdown(self.stream.now()));
        let usage = self.stream.tokens_or(usage_and_cost(body));
        let behind = [usage, breakdown.map_or_else(String::new, |of| longest(&of))];
        let behind = behind.iter().filter(|text| !text.is_empty());
        let behind: String = behind.flat_map(|text| ["  ", text]).collect();
        self.line(&[(look, &mark), (Look::Plain, &rest), (Look::Dim, &behind)]);
        let severity = match kind {
            Type::TurnFailed => Some((Severity::Error, "turn failed")),
            Type::TurnCancelled => Some((Severity::Warning, "turn cancelled")),
            _ => None,
        };
        if let (Some(log), Some((severity, title))) = (&mut self.log, severity) {
            log.annotate(self.page, &self.who, severity, (title, rest.trim()));
        }
        if let Some(tail) = body.text("stderr_tail").filter(|t| !t.trim().is_empty()) {
            let tail = escapes::plain(&tail);
            self.line(&[(Look::Dim, &format!("stderr:\n{}", tail.trim_end()))]);
        }
        self.forget_open();
    }

    /// Blocks and tools never outlive their turn.
    fn forget_open(&mut self) {
        self.stream.blocks.clear();
        self.stream.tools.clear();
        self.stream.last = (0, LineKind::Other);
    }
}
