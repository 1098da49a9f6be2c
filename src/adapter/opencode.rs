//! opencode: `opencode run --format json`, whose only end is the reason of the last step, and the events of its server
//! (`/event`), with each text in deltas and again as a whole. Every session of a server has a stream of its own.
//!
//! Source: recordings of both. The prompt is a text part like any other on the server, so the role of its message decides.

mod server;
#[cfg(test)]
mod tests;

use super::prelude::*;
use std::collections::HashMap;

use server::Server;

pub(super) const SPEC: Spec = Spec {
    name: "opencode",
    aliases: &["opencode-server"],
    versions: "run and server captures of 2026",
    about: "opencode, run --format json, and its server's events",
    usage: "opencode run --format json PROMPT",
    commands: &["opencode"],
    flags: &["--format"],
    keys: "additions agent assistantMessageID cache callID completed created deletions diff diffs \
        directory end executed exit exitCode field files finish info isRetryable loaded \
        messageID metadata mode modelID next parentID part partID preview projectID prompt \
        properties providerID read reasoning reasoningID responseBody responseHeaders root \
        sessionID slug snapshot start state statusCode structured textID time tokens tool total \
        truncated updated variant write x-request-id",
    detect,
    new: |_| Box::new(Opencode::default()),
    ..Spec::LINES
};

fn detect(value: &Value) -> Match {
    let event = value.get("payload").unwrap_or(value);
    let type_ = event.text("type");
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| type_.starts_with(prefix));
    let sure = match type_ {
        // The newer interface has an event's properties in `data`.
        _ if event.at("data").is_object() && starts(&["session.next.", "server."]) => true,
        _ if event.at("properties").is_object() => {
            starts(&["server.", "session.", "message.", "permission."])
        }
        "step_start" | "step_finish" | "text" | "tool_use" | "reasoning" => {
            value.has("sessionID") && value.has("part")
        }
        "error" => value.has("sessionID") && value.has("error"),
        _ => false,
    };
    if sure { Match::Sure } else { Match::No }
}

/// The properties of a server's event; null if it has none.
fn properties(event: &Value) -> &Value {
    let props = event.get("properties").or(event.get("data"));
    props.filter(|props| props.is_object()).unwrap_or(&Value::Null)
}

#[derive(Default)]
struct Opencode {
    /// Usage and cost of the turn of `opencode run`.
    spent: UsageAndCost,
    server: Sessions,
}

impl Runtime for Opencode {
    fn on_message(&mut self, _: &str, value: Value, emit: &mut Emit<'_>) {
        let event = value.get("payload").unwrap_or(&value);
        if properties(event).is_object() {
            self.server.event(event, emit);
        } else {
            self.line(&value, emit);
        }
    }
}

impl Opencode {
    /// Takes the next line of `opencode run`.
    fn line(&mut self, value: &Value, emit: &mut Emit<'_>) {
        let (type_, part) = (value.text("type"), value.at("part"));
        match (type_, part.opt_text("text")) {
            ("step_start", _) if emit.turn_open() => {}
            ("step_start", _) => {
                self.spent = UsageAndCost::default();
                emit.begin(None, value.opt_text("sessionID"));
            }
            ("text" | "reasoning", whole @ Some(_)) => {
                emit.finish_block(&text(text_kind(type_), part.text("id")), whole);
            }
            ("tool_use", _) if part.is_object() => {
                start_tool(part, emit);
                finish_tool(part, emit);
            }
            ("step_finish", _) if emit.turn_open() => {
                step(part, &mut self.spent, emit);
                match part.opt_text("reason") {
                    Some("tool-calls") => {}
                    Some(reason) => emit.complete(reason, None, &std::mem::take(&mut self.spent)),
                    None => {
                        let message = "the step ended without a reason";
                        emit.status("warning", message, value.clone());
                    }
                }
            }
            ("error", _) => fail(value.get("error").unwrap_or(value), &mut self.spent, emit),
            _ => emit.other(type_, value),
        }
    }
}

/// Adds the usage and cost of a step.
fn step(part: &Value, spent: &mut UsageAndCost, emit: &mut Emit<'_>) {
    spend(spent, usage(part.at("tokens")).map(with_cache), part.f64("cost"));
    emit.report_spent(spent);
}

fn fail(error: &Value, spent: &mut UsageAndCost, emit: &mut Emit<'_>) {
    let spent = std::mem::take(spent);
    match error.text("name") {
        aborted @ "MessageAbortedError" => emit.cancelled(aborted, None, &spent),
        _ => emit.fail(why(error), &spent),
    }
}

/// The kind of a text by the name of its part or of its event.
fn text_kind(name: &str) -> TextKind {
    if name.starts_with("reasoning") { TextKind::Reasoning } else { TextKind::Answer }
}

fn start_tool(part: &Value, emit: &mut Emit<'_>) {
    let (id, name, state) = (part.text("callID"), part.text("tool"), part.at("state"));
    let (input, title) = (state.get("input"), state.opt_text("title"));
    emit.start_tool(&Call { id, name, input, title, ..Call::default() });
}

fn finish_tool(part: &Value, emit: &mut Emit<'_>) {
    let state = part.at("state");
    let (error, time, metadata) = (state.text("error"), state.at("time"), state.at("metadata"));
    let exit_code = metadata.i64("exit").or(metadata.i64("exitCode"));
    let times = time.u64("start").zip(time.u64("end"));
    emit.finish_tool(&Done {
        id: part.text("callID"),
        name: part.text("tool"),
        outcome: match state.text("status") {
            "completed" if matches!(exit_code, None | Some(0)) => "ok",
            "error" if error.contains("rejected permission") => "denied",
            "error" if error.contains("aborted") => "cancelled",
            "completed" | "error" => "error",
            _ => "unknown",
        },
        output: state.get("error").or(state.get("output")),
        exit_code,
        duration_ms: times.map(|(start, end)| end.saturating_sub(start)),
        ..Done::default()
    });
}

/// The failure of an error: `{name, data: {message, statusCode}}`, or a string.
fn why(error: &Value) -> Failure<'static> {
    let data = error.at("data");
    let message = data.opt_text("message").or(error.opt_text("message")).or(error.as_str());
    failure(message.unwrap_or_default(), error.text("name"), data.u64("statusCode"))
}

/// Limit of remembered sessions of sub-agents; past that all are forgotten.
const MAX_CHILDREN: usize = 4096;

/// Sessions by stream: each has the stream of its place in the list, in the order of their first messages. The events of a
/// sub-agent's session are only noted, in the stream of the session to which it belongs.
#[derive(Default)]
struct Sessions {
    all: Vec<Server>,
    /// Sub-agents' sessions, with the streams where they are noted.
    children: HashMap<String, usize>,
    /// The stream of the last event that was not only noted.
    last: usize,
}

impl Sessions {
    /// Takes the next event, in the stream of its session.
    fn event(&mut self, event: &Value, emit: &mut Emit<'_>) {
        let (type_, props) = (event.text("type"), properties(event));
        let (stream, own) = self.route(type_, props);
        let server = self.all.get_mut(stream).filter(|_| own);
        emit.in_stream(stream, |emit| match server {
            Some(server) => server.event(event, emit),
            None => emit.status("info", &format!("another session: {type_}"), props.clone()),
        });
    }

    /// The stream of an event; `false` if it is only noted there.
    fn route(&mut self, type_: &str, props: &Value) -> (usize, bool) {
        let (info, part) = (props.at("info"), props.at("part"));
        // A message has an id and a parent too: its own, and the message that it answers.
        let session = if type_.starts_with("session.") { info } else { &Value::Null };
        let id = props.opt_text("sessionID").or(part.opt_text("sessionID"));
        let id = id.or(info.opt_text("sessionID")).or(session.opt_text("id"));
        if let (Some(child), Some(parent)) = (id, session.opt_text("parentID")) {
            let stream = self.known(parent).unwrap_or(self.last);
            if self.children.len() >= MAX_CHILDREN {
                self.children.clear();
            }
            self.children.insert(child.to_owned(), stream);
        }
        if let Some(stream) = id.and_then(|id| self.children.get(id)) {
            return (*stream, false);
        }
        let speaks = type_.starts_with("message.") || type_ == "session.error";
        let named = self.all.iter().any(|server| server.session.is_some());
        let stream = match id.map(|id| (id, self.known(id))) {
            Some((_, Some(stream))) => stream,
            Some((id, None)) if speaks => match self.begin(id) {
                Some(stream) => stream,
                None => return (self.last, false),
            },
            Some(_) if named => return (self.last, false),
            _ => self.last,
        };
        if self.all.is_empty() {
            self.all.push(Server::default());
        }
        self.last = stream;
        (stream, true)
    }

    fn known(&self, id: &str) -> Option<usize> {
        self.all.iter().position(|server| server.session.as_deref() == Some(id))
    }

    /// Stream of a session at its first message: that of earlier messages without a name, or a new one; `None` past
    /// [`MAX_STREAMS`].
    fn begin(&mut self, id: &str) -> Option<usize> {
        let unnamed = self.all.iter().position(|server| server.session.is_none());
        let stream = unnamed.unwrap_or(self.all.len());
        if unnamed.is_none() && stream < MAX_STREAMS {
            self.all.push(Server::default());
        }
        self.all.get_mut(stream)?.session = Some(id.to_owned());
        Some(stream)
    }
}
