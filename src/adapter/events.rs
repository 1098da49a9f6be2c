//! Generic events of small agents: `{"type", "data", "timestamp"}`, as lines or as server-sent events. The fields of `data`
//! have many names; an error ends the turn only if nothing follows it.

use super::prelude::*;

pub(super) const SPEC: Spec = Spec {
    name: "events",
    aliases: &["generic"],
    versions: "by its documentation",
    about: "generic events: type, data, timestamp",
    usage: "any agent that prints {\"type\":..,\"data\":..,\"timestamp\":..}",
    keys: "percent",
    detect,
    new: |_| Box::new(Events::default()),
    ..Spec::FRAMES
};

fn detect(value: &Value) -> Match {
    let known = "thought tool_use tool_result session_start progress info error complete";
    match known.split(' ').any(|known| known == value.text("type")) && value.has("data") {
        true if value.has("timestamp") => Match::Sure,
        true => Match::Maybe,
        false => Match::No,
    }
}

#[derive(Default)]
struct Events {
    /// Tools without a result: id and name.
    open: Vec<(String, String)>,
    count: u64,
}

/// Limit of remembered tools without a result.
const MAX_OPEN: usize = 1024;

impl Runtime for Events {
    fn on_message(&mut self, event: &str, value: Value, emit: &mut Emit<'_>) {
        let data = value.at("data");
        let type_ = value.opt_text("type").unwrap_or(event);
        emit.input.error = (type_ == "error").then(|| emit.failure(data));
        match type_ {
            "session_start" => self.start(data, emit),
            "thought" | "thinking" | "reasoning" => self.whole(TextKind::Reasoning, data, emit),
            "text" | "message" | "answer" | "response" | "output" => {
                self.whole(TextKind::Answer, data, emit);
            }
            "tool_use" | "tool_call" => self.tool_use(data, emit),
            "tool_result" => self.tool_result(data, emit),
            "complete" => complete(data, emit),
            "error" | "progress" => {
                emit.status(type_, words(data).unwrap_or_default(), data.clone());
            }
            _ => emit.status("info", words(data).unwrap_or(type_), value.clone()),
        }
    }

    fn on_end(&mut self, tail: Tail, emit: &mut Emit<'_>) -> TurnVerdict {
        if tail != Tail::Clean {
            emit.input.error = None;
        }
        TurnVerdict::MissingResult
    }
}

/// The text of an event for people.
fn words(data: &Value) -> Option<&str> {
    let keys = ["text", "content", "message", "thought", "result", "summary", "error"];
    data.as_str().or_else(|| keys.into_iter().find_map(|key| data.opt_text(key)))
}

/// The first of these fields that is there.
fn first<'v>(data: &'v Value, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| data.non_null(key))
}

fn string<'v>(data: &'v Value, keys: &[&str]) -> &'v str {
    first(data, keys).and_then(Value::as_str).unwrap_or_default()
}

fn tool(data: &Value) -> (&str, &str) {
    let id = string(data, &["id", "tool_use_id", "tool_call_id", "call_id"]);
    (id, string(data, &["name", "tool", "tool_name"]))
}

impl Events {
    fn start(&mut self, data: &Value, emit: &mut Emit<'_>) {
        let some = |keys: &[&str]| Some(string(data, keys)).filter(|s| !s.is_empty());
        emit.start_turn(&TurnStarted {
            model: some(&["model"]).map(Into::into),
            session: some(&["session_id", "sessionId", "id"]).map(Into::into),
            cwd: some(&["cwd"]).map(Into::into),
            prompt: some(&["prompt", "task"]).map(Into::into),
            ..TurnStarted::default()
        });
        self.open.clear();
    }

    fn whole(&mut self, kind: TextKind, data: &Value, emit: &mut Emit<'_>) {
        let Some(whole) = words(data) else { return emit.status("info", "", data.clone()) };
        self.count += 1;
        emit.finish_block(&text(kind, &self.count.to_string()), Some(whole));
    }

    fn tool_use(&mut self, data: &Value, emit: &mut Emit<'_>) {
        self.count += 1;
        let (id, name) = tool(data);
        let id = if id.is_empty() { format!("call_{}", self.count) } else { id.to_owned() };
        emit.tool(&id, name, first(data, &["input", "args", "arguments", "parameters"]));
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push((id, name.to_owned()));
    }

    /// A result names its call, or the tool, or neither: then it is the last call's.
    fn tool_result(&mut self, data: &Value, emit: &mut Emit<'_>) {
        let (id, name) = tool(data);
        let found = self.open.iter().rposition(|(theirs, called)| {
            if id.is_empty() { name.is_empty() || name == called } else { theirs == id }
        });
        let open = found.map(|at| self.open.remove(at));
        let (id, name) = open.as_ref().map_or((id, name), |(id, name)| (&**id, &**name));
        let failed = data.is("is_error")
            || data.get("success") == Some(&Value::Bool(false))
            || data.non_null("error").is_some()
            || ["error", "failed"].contains(&data.text("status"));
        let output = first(data, &["output", "result", "content", "error"]);
        let output = output.or(Some(data).filter(|data| data.is_string()));
        emit.tool_done(id, name, if failed { "error" } else { "ok" }, output);
    }
}

fn complete(data: &Value, emit: &mut Emit<'_>) {
    let failed = data.get("success") == Some(&Value::Bool(false));
    if emit.over() {
        emit.late(data);
    } else if failed || data.non_null("error").is_some() {
        emit.fail_with(data, &UsageAndCost::default());
    } else {
        let (cost_usd, duration_ms) = (data.f64("cost_usd"), data.u64("duration_ms"));
        let spent = UsageAndCost { cost_usd, duration_ms, ..UsageAndCost::default() };
        emit.complete("complete", words(data), &spent);
    }
}
