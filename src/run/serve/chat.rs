//! `POST /chat`: each message of a conversation is a run. What was said before stands in the files of its runs alone, so that a
//! conversation goes on in any server.

use std::io::Read;

use axum::response::Response;
use serde_json::json;

use super::events::{Wanted, of_run};
use super::problem::Problem;
use super::router::{Call, blocking, json as answer, located};
use super::runs::{self, Shown, agent, begin, busy, message_of};
use super::start::Start;
use super::{App, texts};
use crate::codec;
use crate::drive::{Input, MAX_ARGUMENT, MAX_MESSAGE};
use crate::export::{Format, Options, stage};
use crate::run::{Clock, new_word};
use crate::runs::history::Mode;
use crate::serve::agents::{Agent, check_session};
use crate::serve::conversation::{self, Sender};
use crate::serve::request::{self, check_prompt};
use crate::stage::Io;

/// Earlier runs that are read for an agent without sessions.
const MAX_RUNS: usize = 50;

/// Bytes of the events of an earlier run that are read.
const MAX_EVENTS: u64 = 8 << 20;

/// `POST /chat`.
pub(super) async fn chat(call: Call) -> Result<Response, Problem> {
    call.refuse_key()?;
    let wanted: request::Chat = call.json()?;
    check_prompt("message", &wanted.message).map_err(Problem::wrong)?;
    let id = wanted.conversation.clone().unwrap_or_else(|| format!("c{}", new_word()));
    conversation::check_id(&id).map_err(Problem::wrong)?;
    let wants_events = wanted.stream;
    let (app, name) = (call.app.clone(), id.clone());
    let run = blocking(move || next(&app, &name, wanted)).await?;
    let (stream, resumed) = (run.stream.clone().unwrap_or_default(), run.resumes.is_some());
    match begin(&call.app, run, None).await {
        Ok(_) => {}
        // Another message was faster, perhaps by another server: it has the number.
        Err(e) if e.is_taken() => return Err(busy(&stream)),
        Err(e) => return Err(e),
    }
    let response = match wants_events {
        true => of_run(&call.app, &stream, Wanted::all())?,
        false => answer(202, &json!({"conversation": id, "stream": stream, "resumed": resumed})),
    };
    Ok(located(response, &stream))
}

/// Run of the next message.
fn next(app: &App, id: &str, wanted: request::Chat) -> Result<Start, Problem> {
    let mut earlier: Vec<Shown> = runs::all(&app.state)?;
    earlier.retain(|run| run.info.conversation.as_deref() == Some(id));
    if let Some(live) = earlier.iter().find(|run| run.alive) {
        return Err(busy(&live.stream));
    }
    let last = earlier.first();
    let name = wanted.agent.as_deref().or(last.and_then(|run| run.info.agent.as_deref()));
    let agent = agent(app, name)?;
    let numbers = earlier.iter().filter_map(|run| conversation::number(id, &run.stream));
    let stream = conversation::stream(id, numbers.max().unwrap_or_default() + 1);
    let session = last.filter(|run| run.info.agent.as_deref() == Some(&*agent.name));
    let session = session.and_then(|run| Some((run.summary.session.clone()?, run.stream.clone())));
    // The agent has named it, and it may become a word of a command line.
    let session = session.filter(|(session, _)| check_session(session).is_ok());
    let mut run = Start {
        stream: Some(stream),
        context: wanted.context,
        conversation: Some(id.to_owned()),
        ..Start::new(Mode::Chat, &agent.name, agent.words.clone())
    };
    let continues = app.input(&agent.words).is_some_and(Input::continues_sessions);
    if let Some((session, of)) = session.filter(|_| agent.resuming.is_some() || continues) {
        run.words = agent.resume(&session).unwrap_or(run.words);
        run.session = Some(session).filter(|_| agent.resuming.is_none());
        run.resumes = Some(of);
        run.prompt = Some(wanted.message);
        return Ok(run);
    }
    let mut said = Vec::new();
    if earlier.len() > MAX_RUNS {
        said.push(conversation::left_out());
    }
    for run in earlier.iter().take(MAX_RUNS).rev() {
        said.extend(messages(app, run)?);
    }
    // Whether the agent will show a session is not known, and without one its messages must be.
    run.log_prompt = true;
    run.prompt = Some(conversation::prompt(&said, &wanted.message, room(app, &run)?));
    Ok(run)
}

/// Longest prompt of a run beside its stored texts, in bytes.
fn room(app: &App, run: &Start) -> Result<usize, Problem> {
    let most = if Agent::has_prompt(&run.words) { MAX_ARGUMENT } else { MAX_MESSAGE };
    let mut context = 0;
    // Where the command line names their files they do not follow the prompt.
    if !run.words.iter().any(|word| word == "{context}") {
        for reference in &run.context {
            let path = texts::path(app, reference)?;
            let length = std::fs::metadata(&path).map_or(0, |file| file.len());
            context += path.len() + 16 + usize::try_from(length).unwrap_or(usize::MAX / 2);
        }
    }
    Ok(most.saturating_sub(context))
}

/// Messages of an earlier run.
fn messages(app: &App, run: &Shown) -> Result<Vec<(Sender, String)>, Problem> {
    let Some(folder) = app.state.run(&run.stream)? else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    folder.events()?.take(MAX_EVENTS).read_to_end(&mut bytes).map_err(anyhow::Error::from)?;
    let mut said = Vec::new();
    if let Some(prompt) = &run.info.prompt {
        said.push((Sender::User, conversation::message(prompt).to_owned()));
    }
    for line in bytes.split(|byte| *byte == b'\n') {
        let text = codec::decode(line).ok().as_ref().and_then(message_of);
        if let Some(text) = text.as_deref().map(conversation::message)
            && !said.iter().any(|(_, known)| known == text)
        {
            said.push((Sender::User, text.to_owned()));
        }
    }
    let (mut text, mut io) = (stage(Options::of(Format::Text)), Io::default());
    let now = Clock::start().now();
    text.on_bytes(now, &bytes, &mut io);
    text.end(now, &mut io);
    said.push((Sender::Agent, String::from_utf8_lossy(&io.out).trim_end().to_owned()));
    Ok(said)
}
