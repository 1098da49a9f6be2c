//! Routes of runs: start, list, one, remove, and direct commands.

use std::borrow::Cow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use serde_json::{Value, json};

use super::control::Live;
use super::problem::Problem;
use super::router::{Call, IDEMPOTENCY_KEY, blocking, json as answer, located};
use super::start::{self, Start, check_room};
use super::{App, control, events};
use crate::codec::{self, Fields, is_stream_id};
use crate::event::{Event, Type};
use crate::named::Named;
use crate::run::Clock;
use crate::run::state::{Removed, RunFolder, StateFolder};
use crate::runs::history::{Mode, Op, Operation, digest};
use crate::runs::info::{RunInfo, State, Summary};
use crate::serve::agents::{self, Agent};
use crate::serve::conversation;
use crate::serve::place::Tag;
use crate::serve::request::{self, StartRun};

/// Longest idempotency key, in bytes.
const MAX_KEY: usize = 255;

/// Time from the last event of a run to its summary.
const SUMMARY_WITHIN: Duration = Duration::from_secs(1);

/// Bytes at the beginning of an event file in which the first prompt is looked for, and the length that is shown.
const PROMPT: (usize, usize) = (64 << 10, 200);

/// Runs of a list without a limit, and its largest limit.
const LIST: (usize, usize) = (100, 1000);

/// Run as the routes show it.
pub(super) struct Shown {
    pub stream: String,
    pub alive: bool,
    pub info: RunInfo,
    pub summary: Summary,
    /// `None` for a run that is over or does not answer.
    live: Option<Live>,
}

impl Shown {
    /// Looks at a run; one whose wrap has died is closed.
    pub(super) fn look(run: &RunFolder) -> Result<Self, Problem> {
        let over = run.settle()?;
        let is_over = over.is_some();
        let mut summary =
            over.map_or_else(|| run.summary().unwrap_or_default(), |over| over.summary);
        let until = Instant::now() + SUMMARY_WITHIN;
        // Whoever has seen the end of a run finds it over: the summary follows at once.
        while !is_over
            && !summary.state.is_over()
            && run.ends_with("exit")
            && Instant::now() < until
        {
            std::thread::sleep(Duration::from_millis(5));
            summary = run.summary().unwrap_or_default();
        }
        let alive = !is_over && !summary.state.is_over();
        let live = if alive { control::live(run) } else { None };
        if let Some(live) = &live {
            // The summary is that of the last turn that has ended.
            summary.state = live.state;
        }
        let info = run.info().unwrap_or_default();
        Ok(Self { stream: run.stream().to_owned(), alive, info, summary, live })
    }

    /// The run as JSON. The run token is the server's affair.
    pub(super) fn json(&self, state: &StateFolder) -> Value {
        let tag = Tag::of(&self.stream, &self.info.control).to_string();
        let mut all = json!({"stream": self.stream, "alive": self.alive, "tag": tag});
        if let Some(live) = &self.live {
            all["idle_ms"] = live.idle_ms.into();
            all["questions"] = live.questions.clone();
        }
        if let Some(prompt) = self.info.prompt.clone().or_else(|| first_prompt(state, &self.stream))
        {
            let prompt = conversation::message(&prompt).trim_start();
            all["title"] = prompt.chars().take(PROMPT.1).collect::<String>().into();
        }
        let info = serde_json::to_value(&self.info).unwrap_or_default();
        let summary = serde_json::to_value(&self.summary).unwrap_or_default();
        for (name, value) in info.as_object().into_iter().chain(summary.as_object()).flatten() {
            if name != "control" {
                all[name] = value.clone();
            }
        }
        all
    }
}

/// First prompt among the events at the beginning of a run, or the beginning of it.
fn first_prompt(state: &StateFolder, stream: &str) -> Option<String> {
    let file = state.run(stream).ok()??.events().ok()?;
    let mut head = vec![0; PROMPT.0];
    let read = file.read_at(&mut head, 0).ok()?;
    head.truncate(read);
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    lines.into_iter().find_map(|line| match line.ends_with(b"\n") {
        true => prompt_of(line.trim_ascii_end()),
        false => cut_prompt(line),
    })
}

/// Prompt in an event.
fn prompt_of(line: &[u8]) -> Option<String> {
    let event = codec::decode(line).ok()?;
    match event.kind {
        Type::TurnStarted => Fields::parse(event.line).ok()?.text("prompt").map(Cow::into_owned),
        _ => message_of(&event),
    }
}

/// Text of a message to the agent.
pub(super) fn message_of(event: &Event<'_>) -> Option<String> {
    if event.kind != Type::Status || codec::value_of(event.line, "kind") != Some("\"message\"") {
        return None;
    }
    let data = Fields::parse(codec::value_of(event.line, "data")?).ok()?;
    data.text("text").map(Cow::into_owned)
}

/// Beginning of the prompt in the beginning of a `message`.
fn cut_prompt(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (before, text) = line.split_once("\"data\":{\"text\":\"")?;
    // An escape that is cut is no string.
    let ends = text.char_indices().map(|(at, _)| at).skip(PROMPT.1).take(12);
    let whole = |end: usize| codec::text(&format!("\"{}\"", &text[..end])).map(Cow::into_owned);
    before.contains("\"kind\":\"message\"").then(|| ends.into_iter().find_map(whole)).flatten()
}

/// Opens a run by the `id` of the path.
pub(super) fn find(state: &StateFolder, id: &str) -> Result<RunFolder, Problem> {
    let missing = || Problem::not_found("run");
    if !is_stream_id(id) {
        return Err(missing());
    }
    state.run(id)?.ok_or_else(missing)
}

/// `POST /runs`.
pub(super) async fn start(call: Call) -> Result<Response, Problem> {
    let wanted: StartRun = call.json()?;
    wanted.check().map_err(Problem::wrong)?;
    let most = call.app.options.max_runs;
    if wanted.each.is_some_and(|each| usize::from(each) > most) {
        return Err(Problem::wrong(format!("each is at most {most} here: so many runs may live")));
    }
    let agent = agent(&call.app, wanted.agent.as_deref())?;
    let resuming = wanted.session.as_deref().and_then(|session| agent.resume(session));
    // Without a command line that resumes, the agent's protocol continues the session.
    let session = wanted.session.filter(|_| resuming.is_none());
    let words = resuming.unwrap_or(agent.words);
    let key = call.header(&IDEMPOTENCY_KEY).map(str::to_owned);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        return Err(Problem::wrong(format!(
            "Idempotency-Key has 1 to {MAX_KEY} printable characters"
        )));
    }
    let run = Start {
        prompt: Some(wanted.prompt),
        context: wanted.context,
        label: wanted.label,
        cwd: wanted.cwd,
        each: wanted.each.unwrap_or(1),
        limits: wanted.limits,
        session,
        conversation: wanted.conversation,
        request: key.is_some().then(|| digest(&call.body)),
        ..Start::new(Mode::Runs, &agent.name, words)
    };
    let streams = begin(&call.app, run, key).await?;
    Ok(started(&streams))
}

/// `POST /direct`.
pub(super) async fn direct(call: Call) -> Result<Response, Problem> {
    call.refuse_key()?;
    let wanted: request::Direct = call.json()?;
    let (name, words) = agents::direct(&wanted.command).map_err(Problem::wrong)?;
    let command = call.app.options.commands.iter().find(|command| command.name == name);
    let command = command.ok_or_else(|| Problem::not_found("command"))?;
    let words = command.call(&words).map_err(Problem::wrong)?;
    let streams = begin(&call.app, Start::new(Mode::Direct, &name, words), None).await?;
    match (wanted.stream, streams.first()) {
        (true, Some(stream)) => events::of_run(&call.app, stream, events::Wanted::all()),
        _ => Ok(started(&streams)),
    }
}

/// Agent of a name; the default one without a name.
pub(super) fn agent(app: &App, name: Option<&str>) -> Result<Agent, Problem> {
    let agents = &app.options.agents;
    let found = match name {
        None => agents.first(),
        Some(name) => agents.iter().find(|agent| agent.name == name),
    };
    found.cloned().ok_or_else(|| Problem::not_found("agent"))
}

/// Starts a run, unless another one of its conversation lives.
fn start_run(app: &App, run: &Start) -> Result<Vec<String>, Problem> {
    if let Some(conversation) = &run.conversation {
        check_idle(app, conversation)?;
    }
    start::start(app, run)
}

/// Checks that no run of this conversation lives.
fn check_idle(app: &App, conversation: &str) -> Result<(), Problem> {
    for stream in app.state.streams()? {
        let Some(run) = app.state.run(&stream)? else { continue };
        let info = run.info().unwrap_or_default();
        if info.conversation.as_deref() == Some(conversation) && Shown::look(&run)?.alive {
            return Err(busy(&stream));
        }
    }
    Ok(())
}

/// Refusal of a message while another one has no answer.
pub(super) fn busy(stream: &str) -> Problem {
    Problem::new(409, format!("the conversation waits for the answer of {stream}"))
}

/// Starts runs, one request at a time. With a key each has its stream by it, so that none is started twice.
pub(super) async fn begin(
    app: &Arc<App>,
    run: Start,
    key: Option<String>,
) -> Result<Vec<String>, Problem> {
    let app = app.clone();
    let guard = app.clone();
    let _one = guard.starting.lock().await;
    if app.is_ending() {
        return Err(Problem::new(503, "the server shuts down"));
    }
    blocking(move || match key {
        None => start_run(&app, &run),
        Some(key) => start_keyed(&app, &run, &key),
    })
    .await
}

/// Starts the runs of a key that are missing: all of them, or none.
fn start_keyed(app: &App, run: &Start, key: &str) -> Result<Vec<String>, Problem> {
    let base = format!("k-{}", &digest(format!("token\0{key}"))[..40]);
    // A key for one run is another request than the same key for several.
    for other in [&base, &format!("{base}.1")] {
        is_there(app, run, other)?;
    }
    let streams: Vec<String> = match run.each {
        1 => vec![base],
        each => (1..=each).map(|index| format!("{base}.{index}")).collect(),
    };
    let mut missing = Vec::new();
    for stream in &streams {
        if !is_there(app, run, stream)? {
            missing.push(stream);
        }
    }
    if !missing.is_empty() {
        check_room(app, missing.len())?;
    }
    for stream in missing {
        let one = Start { stream: Some(stream.clone()), each: 1, ..run.clone() };
        if let Err(e) = start_run(app, &one)
            // Another server may have been faster.
            && !is_there(app, run, stream)?
        {
            return Err(e);
        }
    }
    Ok(streams)
}

/// True if the run of a key exists; a conflict if another request has started it.
fn is_there(app: &App, run: &Start, stream: &str) -> Result<bool, Problem> {
    let Some(found) = app.state.run(stream)? else { return Ok(false) };
    match found.info() {
        Some(info) if info.request == run.request => Ok(true),
        _ => Err(Problem::new(409, "this Idempotency-Key was used for another request")),
    }
}

/// Answer to a start.
fn started(streams: &[String]) -> Response {
    let first = streams.first().map(String::as_str).unwrap_or_default();
    located(answer(202, &json!({"stream": first, "streams": streams})), first)
}

/// `GET /runs`.
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let known = |name: &str| State::by_name(name).ok_or("there is no such state");
    let state = call.parsed("state", known)?;
    let limit = limit(&call, LIST)?;
    let runs = blocking(move || {
        let mut runs = all(&call.app.state)?;
        if let Some(before) = call.query("before") {
            let place = runs.iter().position(|run| run.stream == before);
            runs.drain(..=place.ok_or_else(|| Problem::not_found("run"))?);
        }
        let wanted = |name: &str, value: &Option<String>| {
            call.query(name).is_none_or(|wanted| value.as_deref() == Some(wanted))
        };
        runs.retain(|run| {
            state.is_none_or(|state| run.summary.state == state)
                && wanted("label", &run.info.label)
                && wanted("agent", &run.info.agent)
        });
        let state = &call.app.state;
        Ok(runs.iter().take(limit).map(|run| run.json(state)).collect::<Vec<_>>())
    });
    Ok(answer(200, &json!({"runs": runs.await?})))
}

/// All runs, the last started first.
pub(super) fn all(state: &StateFolder) -> Result<Vec<Shown>, Problem> {
    let mut runs = Vec::new();
    for stream in state.streams()? {
        runs.extend(state.look(&stream, |run| Ok(Shown::look(&run)?))?);
    }
    runs.sort_by(|a, b| (&b.info.started, &b.stream).cmp(&(&a.info.started, &a.stream)));
    Ok(runs)
}

/// `limit` of the query.
pub(super) fn limit(call: &Call, (usual, most): (usize, usize)) -> Result<usize, Problem> {
    let limit = call.parsed("limit", |text| {
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| format!("limit is a number from 1 to {most}"))
    });
    Ok(limit?.unwrap_or(usual))
}

/// `GET /runs/{id}`.
pub(super) async fn one(call: Call) -> Result<Response, Problem> {
    blocking(move || {
        let state = &call.app.state;
        Ok(answer(200, &Shown::look(&find(state, call.param("id"))?)?.json(state)))
    })
    .await
}

fn lives() -> Problem {
    Problem::new(409, "the run lives: cancel it first")
}

/// `DELETE /runs/{id}`.
pub(super) async fn delete(call: Call) -> Result<Response, Problem> {
    blocking(move || {
        let app = &call.app;
        let run = find(&app.state, call.param("id"))?;
        if Shown::look(&run)?.alive {
            return Err(lives());
        }
        let context = run.info().unwrap_or_default().context;
        match app.state.remove(run.stream())? {
            Removed::Done => app.state.remove_contexts(&context, None)?,
            Removed::No if app.state.run(run.stream())?.is_some() => return Err(lives()),
            Removed::No => return Err(Problem::not_found("run")),
        }
        let mut operation = Operation::new(Clock::start().now(), Op::Prune, Mode::Runs, "http");
        operation.run = Some(run.stream().to_owned());
        operation.outcome = Some("removed".into());
        app.state.note(&operation);
        Ok(answer(200, &json!({"stream": run.stream(), "removed": true})))
    })
    .await
}
